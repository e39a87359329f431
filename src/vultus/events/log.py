"""Reading the table of events: by person, camera and time, and on from a certain event."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vultus.gallery.database import Database
from vultus.gallery.schema import events


@dataclass(frozen=True)
class EventFilter:
    """Which events; None: any. person: a name as it was told then, or a stranger's label."""

    group: str | None = None
    person: str | None = None
    camera: str | None = None

    def fits(self, event: dict[str, Any]) -> bool:
        """Whether an event is one of these."""
        who = (event["person"], event["stranger"])
        return (
            (self.group is None or event["group"] == self.group)
            and (self.person is None or self.person in who)
            and (self.camera is None or event["camera"] == self.camera)
        )

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """The same for the database."""
        found: list[sa.ColumnElement[bool]] = []
        if self.group is not None:
            found.append(events.c.group_name == self.group)
        if self.person is not None:
            found.append(sa.or_(events.c.person == self.person, events.c.stranger == self.person))
        if self.camera is not None:
            found.append(events.c.camera == self.camera)
        return found


Name = tuple[str, int]  # visit and sequence
ALL = EventFilter()


class EventLog:
    """Events in the order in which they were written; on PostgreSQL by their times.

    A table of SQLite numbers its rows itself. On PostgreSQL an event that is written late, after
    one that happened later, may stand before an event that was read already.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def has(self, name: Name) -> bool:
        """Whether this event is there."""
        with self._database.read() as connection:
            return _place(connection, name) is not None

    def known(self, names: Sequence[Name]) -> set[Name]:
        """Those of these events that are there."""
        visits = sorted({visit for visit, _ in names})
        query = sa.select(events.c.visit, events.c.sequence).where(events.c.visit.in_(visits))
        with self._database.read() as connection:
            return {(row.visit, row.sequence) for row in connection.execute(query)} & set(names)

    def find(
        self,
        wanted: EventFilter = ALL,
        *,
        since: datetime.datetime | None = None,
        until: datetime.datetime | None = None,
        after: Name | None = None,
        newest_first: bool = False,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """Events as they were told, schema 1.

        Args:
            since, until: of the event's own time; until is not included.
            after: go on behind this event, in the order that is asked for.

        Raises:
            LookupError: there is no event `after`.
        """
        query = sa.select(events.c.body).where(*wanted.conditions()).limit(limit)
        if since is not None:
            query = query.where(events.c.time >= _plain(since))
        if until is not None:
            query = query.where(events.c.time < _plain(until))
        with self._database.read() as connection:
            order = _order(connection)
            if after is not None:
                place = _place(connection, after)
                if place is None:
                    raise LookupError(after)
                here = sa.tuple_(*order)
                bound = sa.tuple_(*(sa.literal(value) for value in place))
                query = query.where(here < bound if newest_first else here > bound)
            query = query.order_by(*(c.desc() if newest_first else c for c in order))
            return [row.body for row in connection.execute(query)]


def _order(connection: sa.Connection) -> list[sa.ColumnElement[Any]]:
    if connection.dialect.name == "sqlite":
        return [sa.literal_column("events.rowid", sa.Integer)]
    return [events.c.time, events.c.visit, events.c.sequence]


def _place(connection: sa.Connection, name: Name) -> tuple[Any, ...] | None:
    query = sa.select(*_order(connection)).where(
        events.c.visit == name[0], events.c.sequence == name[1]
    )
    row = connection.execute(query.select_from(events)).one_or_none()
    return None if row is None else tuple(row)


def _plain(moment: datetime.datetime) -> datetime.datetime:
    return moment.astimezone(datetime.timezone.utc).replace(tzinfo=None)
