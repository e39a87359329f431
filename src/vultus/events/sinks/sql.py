"""SQL: an event a row of the table `events`, in the gallery or in another database."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from vultus.errors import DeliveryFailed, DeliveryRefused, ExtraMissing, UsageError, VultusError
from vultus.events.private import make_file, make_folder
from vultus.events.sinks.sink import Delivery
from vultus.events.visit import moment_of
from vultus.gallery.database import Database
from vultus.gallery.schema import events, metadata
from vultus.redaction import key_of, redact_address, without_secrets

_KEY = ("visit", "sequence")


def _upsert(insert: sqlite.Insert | postgresql.Insert) -> sa.Insert:
    rest = {c.name: insert.excluded[c.name] for c in events.c if c.name not in _KEY}
    return insert.on_conflict_do_update(index_elements=_KEY, set_=rest)


_INSERT: dict[str, sa.Insert] = {
    "sqlite": _upsert(sqlite.insert(events)),
    "postgresql": _upsert(postgresql.insert(events)),
}


class SqlSink:
    """Writes events; another run over the same recording replaces what it told before."""

    batch = 100
    linger_s = 0.0

    def __init__(self, database: Database, address: str, key: str) -> None:
        self.key = key
        self._database = database
        self._address = address

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        try:
            with self._database.write(create=True) as connection:
                rows = [row(delivery.event) for delivery in deliveries]
                connection.execute(_INSERT[connection.dialect.name], rows)
        except VultusError as error:
            message = without_secrets(error.message, self._address)
            if _is_about_the_data(error.__cause__):
                raise DeliveryRefused(message) from None
            raise DeliveryFailed(message, error.hint) from None  # causes may name the password

    def check(self) -> None:
        """Open a file now, so that what is wrong with it is known before any video is."""
        if self._database.path is not None:
            with suppress(OSError):  # the database says in its own words what is wrong
                make_folder(self._database.path.parent)
                make_file(self._database.path)
            with self._database.write(create=True):
                pass

    def idle(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        self._database.close()


class _EventDatabase(Database):
    """A database with the one table, which is made where it is missing."""

    def _migrate(self, engine: sa.Engine) -> None:
        metadata.create_all(engine, tables=[events])


def open_sql(address: str, gallery_address: str | None) -> SqlSink:
    """address: of a database, a path, or empty for the gallery's own.

    Raises:
        UsageError: no address of an SQLite or PostgreSQL database, or it cannot be written.
        ExtraMissing: the database's driver is not installed.
    """
    chosen = address or gallery_address
    if not chosen:
        raise UsageError("There is no gallery to write events to.", "Give sql:ADDRESS.")
    if "://" in chosen:
        _check_driver(chosen)
    elif re.match(r"[^/\\]+:[^/\\]*@", chosen):  # no file is called so, and it would be shown
        raise UsageError(f"{redact_address(chosen)} lacks the :// of an address.", _HINT)
    database = _EventDatabase(chosen) if address else Database(chosen)
    place = key_of(chosen) if database.path is None else str(database.path.absolute())
    sink = SqlSink(database, chosen, f"sql:{place}")
    try:
        sink.check()
    except VultusError as error:
        sink.close()
        raise UsageError(without_secrets(error.message, chosen), error.hint) from None
    return sink


def row(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event as the table's columns; times are UTC without a zone, as in all tables."""
    box = event["box"]
    return {
        "visit": event["visit"],
        "sequence": event["sequence"],
        "type": event["type"],
        "time": _moment(event["time"]),
        "started_at": _moment(event["start"]),
        "ended_at": _moment(event["end"]),
        "camera": event["camera"],
        "group_name": event["group"],
        "person": event["person"],
        "stranger": event["stranger"],
        "probability": event["probability"],
        "media_time": event["media_time"],
        "box_x": box["x"],
        "box_y": box["y"],
        "box_width": box["width"],
        "box_height": box["height"],
        "zone": event["zone"],
        "picture": (event["best_shot"] or {}).get("picture"),
        "body": dict(event),
    }


def _moment(text: str) -> datetime:
    return moment_of(text).replace(tzinfo=None)


def _check_driver(address: str) -> None:
    shown = redact_address(address)
    try:
        dialect = sa.make_url(address).get_dialect()
        if dialect.name not in _INSERT:
            raise UsageError(f"{shown} is neither SQLite nor PostgreSQL.", _HINT)
        dialect.import_dbapi()
    except ImportError as error:
        raise ExtraMissing(
            f"The driver for {shown} is not installed.",
            'Install it (pip install "psycopg[binary]") and write postgresql+psycopg://...',
        ) from error
    except (sa.exc.ArgumentError, ValueError):
        raise UsageError(f"{shown} is no database address.", _HINT) from None


_HINT = "Give a path, or an address like postgresql+psycopg://user@host/database."


def _is_about_the_data(cause: BaseException | None) -> bool:
    """Whether another attempt would fail in the same way: a name too long, a forbidden letter."""
    return isinstance(cause, sa.exc.DataError | sa.exc.IntegrityError)
