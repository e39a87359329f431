"""Face lists and large face lists: faces without people, to find similar ones among."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vultus.errors import FaceListExists, FaceUnknown
from vultus.gallery.audit import note
from vultus.gallery.database import Database
from vultus.gallery.rows import inserted, now
from vultus.gallery.schema import face_lists, listed_faces, new_guid
from vultus.gallery.store import FaceRecord
from vultus.gallery.wire_rows import (
    KIND_NAMES,
    ListKind,
    Page,
    PersistedFace,
    Row,
    check_wire_id,
    embedding_bytes,
    find_list,
    list_row,
    same_guid,
)

__all__ = ["FaceList", "FaceListStore", "ListKind"]

_FACE: list[sa.Column[Any]] = [
    listed_faces.c.id,
    listed_faces.c.guid,
    listed_faces.c.user_data,
]


@dataclass(frozen=True)
class FaceList:
    """A list without its faces. title: its name on the wire."""

    kind: ListKind
    wire_id: str
    title: str
    user_data: str | None
    recognition_model: str | None


class FaceListStore:
    """Face lists by kind and id. Every method is one transaction.

    All but `create` and `lists` raise FaceListUnknown, those about one face FaceUnknown too.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        kind: ListKind,
        wire_id: str,
        title: str,
        *,
        user_data: str | None = None,
        recognition_model: str | None = None,
    ) -> None:
        """Make an empty list.

        Raises:
            UsageError: nothing can have this id. FaceListExists: a list has it.
        """
        check_wire_id(wire_id)
        with self._database.write(create=True) as connection:
            if find_list(connection, kind, wire_id) is not None:
                raise FaceListExists(
                    f"There is a {KIND_NAMES[kind]} of this id already.", "Choose another id."
                )
            inserted(
                connection,
                face_lists,
                kind=kind,
                wire_id=wire_id,
                title=title,
                user_data=user_data or None,
                recognition_model=recognition_model,
                created_at=now(),
            )
            note(connection, "list.create", wire_id, kind)

    def find(self, kind: ListKind, wire_id: str) -> FaceList:
        with self._database.read() as connection:
            return _face_list(list_row(connection, kind, wire_id))

    def page(self, kind: ListKind, page: Page) -> list[FaceList]:
        """Those of this kind, by id."""
        query = (
            sa.select(face_lists)
            .where(face_lists.c.kind == kind, face_lists.c.wire_id > page.start)
            .order_by(face_lists.c.wire_id)
            .limit(page.top)
        )
        with self._database.read() as connection:
            return [_face_list(row) for row in connection.execute(query)]

    def update(
        self,
        kind: ListKind,
        wire_id: str,
        *,
        title: str | None = None,
        user_data: str | None = None,
    ) -> None:
        """Change what is given; an empty `user_data` takes it away."""
        changes: dict[str, str | None] = {}
        if title is not None:
            changes["title"] = title
        if user_data is not None:
            changes["user_data"] = user_data or None
        with self._database.write() as connection:
            row = list_row(connection, kind, wire_id)
            if changes:
                this = face_lists.update().where(face_lists.c.id == row.id)
                connection.execute(this.values(changes))
                note(connection, "list.update", wire_id, kind)

    def delete(self, kind: ListKind, wire_id: str) -> None:
        """Remove a list with all its faces."""
        with self._database.write() as connection:
            row = list_row(connection, kind, wire_id)
            connection.execute(face_lists.delete().where(face_lists.c.id == row.id))
            note(connection, "list.remove", wire_id, kind)

    # faces

    def add_face(
        self, kind: ListKind, wire_id: str, face: FaceRecord, *, user_data: str | None = None
    ) -> str:
        """Add a face, which may be in there already; returns its guid."""
        with self._database.write() as connection:
            row = list_row(connection, kind, wire_id)
            guid = new_guid()
            inserted(
                connection,
                listed_faces,
                list_id=row.id,
                guid=guid,
                model=face.model,
                embedding=embedding_bytes(face.embedding),
                user_data=user_data or None,
                quality=face.quality,
                enrolled_at=face.enrolled_at or now(),
            )
            note(connection, "list_face.add", guid, f"{kind} {wire_id}")
            _touch(connection, row.id)
            return guid

    def faces(self, kind: ListKind, wire_id: str, page: Page) -> list[PersistedFace]:
        """By guid."""
        with self._database.read() as connection:
            row = list_row(connection, kind, wire_id)
            query = (
                sa.select(listed_faces.c.guid, listed_faces.c.user_data)
                .where(
                    listed_faces.c.list_id == row.id, listed_faces.c.guid > same_guid(page.start)
                )
                .order_by(listed_faces.c.guid)
                .limit(page.top)
            )
            return [PersistedFace(*face) for face in connection.execute(query)]

    def face(self, kind: ListKind, wire_id: str, guid: str) -> PersistedFace:
        with self._database.read() as connection:
            row = _face_row(connection, list_row(connection, kind, wire_id).id, guid)
            return PersistedFace(row.guid, row.user_data)

    def update_face(
        self, kind: ListKind, wire_id: str, guid: str, *, user_data: str | None
    ) -> None:
        """Change the face's data unless None; an empty text takes it away."""
        with self._database.write() as connection:
            row = _face_row(connection, list_row(connection, kind, wire_id).id, guid)
            if user_data is not None:
                this = listed_faces.update().where(listed_faces.c.id == row.id)
                connection.execute(this.values(user_data=user_data or None))
                note(connection, "list_face.update", row.guid, f"{kind} {wire_id}")

    def delete_face(self, kind: ListKind, wire_id: str, guid: str) -> None:
        with self._database.write() as connection:
            list_id = list_row(connection, kind, wire_id).id
            row = _face_row(connection, list_id, guid)
            connection.execute(listed_faces.delete().where(listed_faces.c.id == row.id))
            note(connection, "list_face.remove", row.guid, f"{kind} {wire_id}")
            _touch(connection, list_id)


def _face_list(row: Row) -> FaceList:
    return FaceList(row.kind, row.wire_id, row.title, row.user_data, row.recognition_model)


def _face_row(connection: sa.Connection, list_id: int, guid: str) -> Row:
    query = sa.select(*_FACE).where(
        listed_faces.c.list_id == list_id, listed_faces.c.guid == same_guid(guid)
    )
    found = connection.execute(query).one_or_none()
    if found is None:
        raise FaceUnknown("The list has no face of this id.", "Look at the list's faces.")
    return found


def _touch(connection: sa.Connection, list_id: int) -> None:
    """Tell every index of this list that it is stale."""
    connection.execute(
        face_lists.update()
        .where(face_lists.c.id == list_id)
        .values(revision=face_lists.c.revision + 1)
    )
