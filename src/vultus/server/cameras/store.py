"""The cameras of the server in the gallery's database."""

from __future__ import annotations

import datetime
import logging
from dataclasses import dataclass

import sqlalchemy as sa

from vultus.errors import CameraExists, CameraUnknown, GalleryMissing, UsageError
from vultus.gallery.audit import note
from vultus.gallery.database import Database
from vultus.gallery.rows import inserted, now
from vultus.gallery.schema import cameras
from vultus.server.cameras.options import CameraOptions, options_of, stored

log = logging.getLogger("vultus.server")


@dataclass(frozen=True)
class CameraRecord:
    """A camera as it was added."""

    options: CameraOptions
    created_at: datetime.datetime

    @property
    def name(self) -> str:
        return self.options.name


class CameraStore:
    """Cameras by name. What was answered is on disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[CameraRecord]:
        """By name; what somebody else wrote and makes no sense is left out, and logged."""
        query = sa.select(cameras).order_by(cameras.c.name)
        try:
            with self._database.read() as connection:
                rows = connection.execute(query).all()
        except GalleryMissing:
            return []
        found = []
        for row in rows:
            try:
                found.append(_record(row))
            except UsageError as error:  # the others are watched all the same
                log.error("camera %s is not watched: %s", row.name, error)
        return found

    def get(self, name: str) -> CameraRecord:
        """Raises CameraUnknown."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(cameras).where(cameras.c.name == name)).one_or_none()
        if row is None:
            raise _unknown(name)
        return _record(row)

    def add(self, options: CameraOptions) -> CameraRecord:
        """Raises CameraExists."""
        with self._database.write(create=True) as connection:
            taken = sa.select(cameras.c.id).where(cameras.c.name == options.name)
            if connection.execute(taken).scalar() is not None:
                raise CameraExists(
                    f"There is a camera {options.name!r} already.", "Choose another name."
                )
            inserted(
                connection, cameras, name=options.name, options=stored(options), created_at=now()
            )
            note(connection, "camera.add", options.name)
        return self.get(options.name)

    def replace(self, options: CameraOptions) -> CameraRecord:
        """Raises CameraUnknown."""
        with self._database.write() as connection:
            changed = connection.execute(
                cameras.update()
                .where(cameras.c.name == options.name)
                .values(options=stored(options))
            )
            if not changed.rowcount:
                raise _unknown(options.name)
            note(connection, "camera.change", options.name)
        return self.get(options.name)

    def remove(self, name: str) -> None:
        """Raises CameraUnknown."""
        with self._database.write() as connection:
            if not connection.execute(cameras.delete().where(cameras.c.name == name)).rowcount:
                raise _unknown(name)
            note(connection, "camera.remove", name)


def _unknown(name: str) -> CameraUnknown:
    return CameraUnknown(f"There is no camera {name!r}.", "List them: GET /api/v1/cameras.")


def _record(row: sa.Row[tuple[object, ...]]) -> CameraRecord:
    return CameraRecord(
        options_of(row.options), row.created_at.replace(tzinfo=datetime.timezone.utc)
    )
