"""Visits that were: who was before which camera, and when."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vultus.errors import VisitUnknown
from vultus.gallery.audit import note
from vultus.gallery.database import Database
from vultus.gallery.labels import label_number, stranger_label
from vultus.gallery.rows import find_group, find_person, group_id_of
from vultus.gallery.schema import events, groups, persons, strangers, visits


@dataclass(frozen=True)
class VisitRecord:
    """A visit as the gallery keeps it; times are UTC with their zone.

    type: of its last event, `exit` when it is over. pictures: paths, the newest last.
    """

    id: str
    group: str
    person: str | None
    stranger: str | None
    camera: str
    sequence: int
    type: str
    probability: float
    start: datetime.datetime
    end: datetime.datetime
    zone: str | None
    pictures: tuple[str, ...] = ()


class VisitStore:
    """Writes and finds visits. Names are looked up when asked, so they follow renaming."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, visit: VisitRecord) -> bool:
        """Write what is known of a visit now; older news than what is there is left out.

        Who was renamed meanwhile stays so. False: who it was has been removed from the gallery,
        and nothing is written.
        """
        with self._database.write(create=True) as connection:
            group_id = find_group(connection, visit.group)
            if group_id is None:
                return False
            row = connection.execute(
                sa.select(visits.c.sequence, visits.c.pictures).where(visits.c.id == visit.id)
            ).one_or_none()
            if row is not None and row.sequence > visit.sequence:
                return True
            who = _identity(connection, group_id, visit)
            values = {"group_id": group_id, **who, **_values(visit)}
            if row is None:
                if who:
                    connection.execute(visits.insert().values(id=visit.id, **values))
                return bool(who)
            kept = json.loads(row.pictures)
            fresh = [picture for picture in visit.pictures if picture not in kept]
            values["pictures"] = json.dumps(kept + fresh)
            connection.execute(visits.update().where(visits.c.id == visit.id).values(**values))
            return True

    def find(
        self,
        *,
        group: str | None = None,
        person: str | None = None,
        camera: str | None = None,
        since: datetime.datetime | None = None,
        until: datetime.datetime | None = None,
        after: tuple[datetime.datetime, str] | None = None,
        limit: int = 100,
    ) -> list[VisitRecord]:
        """Visits, the newest first. `person` is a name or a stranger's label.

        after: start and id of the last visit of a page; the next ones follow.

        Raises:
            GroupUnknown: there is no such group.
        """
        query = _all().order_by(visits.c.start_at.desc(), visits.c.id).limit(limit)
        if after is not None:
            start, last = _plain(after[0]), after[1]
            query = query.where(
                sa.or_(
                    visits.c.start_at < start,
                    sa.and_(visits.c.start_at == start, visits.c.id > last),
                )
            )
        with self._database.read() as connection:
            if group is not None:
                query = query.where(visits.c.group_id == group_id_of(connection, group))
            if person is not None:
                number = label_number(person)
                same = persons.c.name == person
                query = query.where(
                    same if number is None else sa.or_(same, strangers.c.number == number)
                )
            if camera is not None:
                query = query.where(visits.c.camera == camera)
            if since is not None:
                query = query.where(visits.c.end_at >= _plain(since))
            if until is not None:
                query = query.where(visits.c.start_at < _plain(until))
            return [_record(row) for row in connection.execute(query)]

    def get(self, visit: str) -> VisitRecord:
        """One visit by its id. Raises VisitUnknown."""
        with self._database.read() as connection:
            row = connection.execute(_all().where(visits.c.id == visit)).one_or_none()
        if row is None:
            raise VisitUnknown("There is no such visit.", "It may have been forgotten.")
        return _record(row)

    def forget(self, *, before: datetime.datetime) -> tuple[int, list[str]]:
        """Delete the visits that ended before; how many, and their pictures, for deletion."""
        old = visits.c.end_at < _plain(before)
        with self._database.write() as connection:
            count = connection.execute(
                sa.select(sa.func.count(visits.c.id)).where(old)
            ).scalar_one()
            pictures = forget_visits(connection, old)
            note(connection, "visits.forget", None, f"{count} before {before.isoformat()}")
            return count, pictures


def forget_visits(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[str]:
    """Delete visits with all their events; returns their pictures, for deletion."""
    pictures = [
        picture
        for row in connection.execute(sa.select(visits.c.pictures).where(which))
        for picture in json.loads(row[0])
    ]
    gone = sa.select(visits.c.id).where(which)
    connection.execute(events.delete().where(events.c.visit.in_(gone)))
    connection.execute(visits.delete().where(which))
    return pictures


def _all() -> sa.Select[Any]:
    return sa.select(
        visits, groups.c.name, persons.c.name.label("person"), strangers.c.number
    ).select_from(
        visits.join(groups)
        .outerjoin(persons, visits.c.person_id == persons.c.id)
        .outerjoin(strangers, visits.c.stranger_id == strangers.c.id)
    )


def _values(visit: VisitRecord) -> dict[str, Any]:
    return {
        "camera": visit.camera,
        "sequence": visit.sequence,
        "type": visit.type,
        "probability": visit.probability,
        "start_at": _plain(visit.start),
        "end_at": _plain(visit.end),
        "zone": visit.zone,
        "pictures": json.dumps(list(visit.pictures)),
    }


def _identity(
    connection: sa.Connection, group_id: int, visit: VisitRecord
) -> dict[str, int | None]:
    """The columns that say who it is; empty where that one is not in the gallery any more."""
    if visit.person is not None:
        person_id = find_person(connection, group_id, visit.person)
        return {} if person_id is None else {"person_id": person_id, "stranger_id": None}
    if visit.stranger is not None:
        stranger_id = _find_stranger(connection, group_id, visit.stranger)
        return {} if stranger_id is None else {"person_id": None, "stranger_id": stranger_id}
    return {"person_id": None, "stranger_id": None}


def _find_stranger(connection: sa.Connection, group_id: int, label: str) -> int | None:
    return connection.execute(
        sa.select(strangers.c.id).where(
            strangers.c.group_id == group_id, strangers.c.number == label_number(label)
        )
    ).scalar()


def _plain(moment: datetime.datetime) -> datetime.datetime:
    """UTC without a zone, which is how the database keeps it."""
    return moment.astimezone(datetime.timezone.utc).replace(tzinfo=None)


def _record(row: sa.Row[Any]) -> VisitRecord:
    return VisitRecord(
        id=row.id,
        group=row.name,
        person=row.person,
        stranger=None if row.number is None else stranger_label(row.number),
        camera=row.camera,
        sequence=row.sequence,
        type=row.type,
        probability=row.probability,
        start=row.start_at.replace(tzinfo=datetime.timezone.utc),
        end=row.end_at.replace(tzinfo=datetime.timezone.utc),
        zone=row.zone,
        pictures=tuple(json.loads(row.pictures)),
    )
