"""People and their persisted faces as Azure's clients see them: by guid, with any name."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from vultus.errors import FaceUnknown, PersonUnknown
from vultus.gallery.audit import note_face, note_person
from vultus.gallery.database import Database
from vultus.gallery.rows import find_person, inserted, now, touch, update_person
from vultus.gallery.schema import faces, new_guid, persons, visits
from vultus.gallery.store import FaceRecord
from vultus.gallery.visits import forget_visits
from vultus.gallery.wire_rows import (
    GroupKind,
    Page,
    PersistedFace,
    Row,
    container_row,
    embedding_bytes,
    same_guid,
)
from vultus.imaging.pictures import delete_pictures

_NAMELESS = "unnamed"
_FACE: list[sa.Column[Any]] = [faces.c.id, faces.c.guid, faces.c.user_data]


@dataclass(frozen=True)
class Member:
    """A person. title: the name on the wire, which others there may share."""

    guid: str
    title: str
    user_data: str | None
    face_guids: list[str] = field(default_factory=list)


class MemberStore:
    """People of containers. Every method is one transaction.

    All raise GroupUnknown, PersonUnknown and FaceUnknown for what is not there.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, kind: GroupKind, wire_id: str, title: str, *, user_data: str | None = None
    ) -> str:
        """A new person without a face; returns the guid."""
        with self._database.write() as connection:
            group = container_row(connection, kind, wire_id)
            name = _free_name(connection, group.id, title)
            guid = new_guid()
            person_id = inserted(
                connection,
                persons,
                group_id=group.id,
                name=name,
                created_at=now(),
                guid=guid,
                title=title if title != name else None,
                user_data=user_data or None,
            )
            note_person(connection, "person.create", person_id, f"group {group.name}")
            return guid

    def require(self, kind: GroupKind, wire_id: str, guid: str) -> None:
        """Raises GroupUnknown, PersonUnknown where there is no such person."""
        with self._database.read() as connection:
            member_row(connection, kind, wire_id, guid)

    def find(self, kind: GroupKind, wire_id: str, guid: str) -> Member:
        with self._database.read() as connection:
            person = member_row(connection, kind, wire_id, guid)
            return _members(connection, [person])[0]

    def page(self, kind: GroupKind, wire_id: str, page: Page) -> list[Member]:
        """By guid."""
        with self._database.read() as connection:
            group = container_row(connection, kind, wire_id)
            query = (
                sa.select(persons)
                .where(persons.c.group_id == group.id, persons.c.guid > same_guid(page.start))
                .order_by(persons.c.guid)
                .limit(page.top)
            )
            return _members(connection, list(connection.execute(query)))

    def update(
        self,
        kind: GroupKind,
        wire_id: str,
        guid: str,
        *,
        title: str | None = None,
        user_data: str | None = None,
    ) -> None:
        """Change what is given; an empty `user_data` takes it away."""
        changes: dict[str, str | None] = {}
        if user_data is not None:
            changes["user_data"] = user_data or None
        with self._database.write() as connection:
            person = member_row(connection, kind, wire_id, guid)
            renamed = title is not None and title != (person.title or person.name)
            if title is not None and renamed:
                name = _free_name(connection, person.group_id, title, of=person.id)
                changes |= {"name": name, "title": title if title != name else None}
            if not changes:
                return
            update_person(connection, person.id, **changes)
            note_person(connection, "person.update", person.id)
            if renamed:
                touch(connection, person.group_id)

    def delete(self, kind: GroupKind, wire_id: str, guid: str) -> None:
        """Remove a person with all faces, visits and their pictures."""
        with self._database.write() as connection:
            group = container_row(connection, kind, wire_id)
            person = _person_row(connection, group.id, guid)
            pictures = forget_visits(connection, visits.c.person_id == person.id)
            note_person(connection, "person.remove", person.id, f"group {group.name}")
            connection.execute(persons.delete().where(persons.c.id == person.id))
            touch(connection, group.id)
        delete_pictures(pictures)

    # persisted faces

    def add_face(
        self,
        kind: GroupKind,
        wire_id: str,
        guid: str,
        face: FaceRecord,
        *,
        user_data: str | None = None,
    ) -> str:
        """Give a person a face, which may be in there already; returns its guid.

        The person is `guid`, whatever name the record holds.
        """
        with self._database.write() as connection:
            person = member_row(connection, kind, wire_id, guid)
            face_guid = new_guid()
            face_id = _insert_face(connection, person.id, face, face_guid, user_data)
            note_face(connection, "face.enrol", face_id)
            touch(connection, person.group_id)
            return face_guid

    def face(self, kind: GroupKind, wire_id: str, guid: str, face_guid: str) -> PersistedFace:
        with self._database.read() as connection:
            person = member_row(connection, kind, wire_id, guid)
            row = _face_row(connection, person.id, face_guid)
            return PersistedFace(row.guid, row.user_data)

    def update_face(
        self, kind: GroupKind, wire_id: str, guid: str, face_guid: str, *, user_data: str | None
    ) -> None:
        """Change the face's data unless None; an empty text takes it away."""
        with self._database.write() as connection:
            person = member_row(connection, kind, wire_id, guid)
            row = _face_row(connection, person.id, face_guid)
            if user_data is not None:
                change = faces.update().where(faces.c.id == row.id)
                connection.execute(change.values(user_data=user_data or None))
                note_face(connection, "face.update", row.id)

    def delete_face(self, kind: GroupKind, wire_id: str, guid: str, face_guid: str) -> None:
        with self._database.write() as connection:
            person = member_row(connection, kind, wire_id, guid)
            row = _face_row(connection, person.id, face_guid)
            note_face(connection, "face.remove", row.id)
            connection.execute(faces.delete().where(faces.c.id == row.id))
            touch(connection, person.group_id)


def member_row(connection: sa.Connection, kind: GroupKind, wire_id: str, guid: str) -> Row:
    """The row of a person. Raises GroupUnknown, PersonUnknown."""
    return _person_row(connection, container_row(connection, kind, wire_id).id, guid)


def _person_row(connection: sa.Connection, group_id: int, guid: str) -> Row:
    query = sa.select(persons).where(
        persons.c.guid == same_guid(guid), persons.c.group_id == group_id
    )
    found = connection.execute(query).one_or_none()
    if found is None:
        raise PersonUnknown("There is no person of this id in the group.", "List its people.")
    return found


def _face_row(connection: sa.Connection, person_id: int, guid: str) -> Row:
    query = sa.select(*_FACE).where(faces.c.guid == same_guid(guid), faces.c.person_id == person_id)
    found = connection.execute(query).one_or_none()
    if found is None:
        raise FaceUnknown("The person has no face of this id.", "Look at the person's faces.")
    return found


def _members(connection: sa.Connection, people: list[Row]) -> list[Member]:
    guids: dict[int, list[str]] = {person.id: [] for person in people}
    query = (
        sa.select(faces.c.person_id, faces.c.guid)
        .where(faces.c.person_id.in_(guids))
        .order_by(faces.c.guid)
    )
    for row in connection.execute(query):
        guids[row.person_id].append(row.guid)
    return [
        Member(person.guid, person.title or person.name, person.user_data, guids[person.id])
        for person in people
    ]


def _insert_face(
    connection: sa.Connection, person_id: int, face: FaceRecord, guid: str, user_data: str | None
) -> int:
    x, y, width, height = face.box
    return inserted(
        connection,
        faces,
        person_id=person_id,
        model=face.model,
        embedding=embedding_bytes(face.embedding),
        source=face.source,
        digest=face.digest,
        box_x=x,
        box_y=y,
        box_width=width,
        box_height=height,
        quality=face.quality,
        crop=face.crop,
        enrolled_at=face.enrolled_at or now(),
        guid=guid,
        user_data=user_data or None,
    )


def _free_name(
    connection: sa.Connection, group_id: int, title: str, *, of: int | None = None
) -> str:
    """A name that can stand in the gallery and that nobody else has, as near as can be."""
    wished = _cleaned(title)
    if find_person(connection, group_id, wished) in (None, of):
        return wished
    namesakes = sa.select(sa.func.count()).where(
        persons.c.group_id == group_id,
        sa.or_(persons.c.title == title, persons.c.name == wished),
        persons.c.id != (of or 0),
    )
    # The numbers up to there are mostly taken; where one is free again it stays free.
    first = 1 + connection.execute(namesakes).scalar_one()
    names = (f"{wished} ({number})" for number in itertools.count(max(first, 2)))
    return next(name for name in names if find_person(connection, group_id, name) in (None, of))


def _cleaned(title: str) -> str:
    """A title without what cannot be shown; see `rows.check_name`."""
    shown = "".join(
        " " if ord(letter) < 32 or 0xD800 <= ord(letter) <= 0xDFFF else letter for letter in title
    )
    return shown.strip() or _NAMELESS
