"""What is written into and read from the gallery's tables. Every method is one transaction."""

from __future__ import annotations

import datetime
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from PIL import Image as Pillow

from vultus.errors import (
    FaceExists,
    FaceUnknown,
    GalleryInvalid,
    GalleryMissing,
    GroupExists,
    PersonExists,
    PersonUnknown,
    UsageError,
)
from vultus.faces.embedder import EMBEDDING_SIZE
from vultus.gallery.audit import note, note_face, note_person
from vultus.gallery.database import Database
from vultus.gallery.rows import (
    check_name,
    find_group,
    find_person,
    group_id_of,
    insert_group,
    inserted,
    now,
    person_id_of,
    touch,
    unknown_group,
    update_person,
)
from vultus.gallery.schema import faces, groups, persons, visits
from vultus.gallery.thresholds import COLUMNS, GroupThreshold, threshold_of
from vultus.gallery.visits import forget_visits


@dataclass(frozen=True)
class Group:
    id: int
    name: str
    revision: int
    people: int
    faces: int
    threshold: GroupThreshold | None = None


class Revision(NamedTuple):
    """What changes with a group. Its id and when it was made tell it from others.

    SQLite gives the id of a removed group to the next one, whose number may be the same.
    """

    id: int
    number: int
    made_at: datetime.datetime
    threshold: GroupThreshold | None


@dataclass(frozen=True)
class Person:
    id: int
    name: str
    group: str
    faces: int
    enrolled_at: str
    guid: str = ""


@dataclass(frozen=True)
class FaceRecord:
    """One enrolled face. embedding: (d,) float32; box: x, y, width, height in pixels."""

    person: str
    model: str
    embedding: NDArray[np.float32]
    source: str
    digest: str
    box: tuple[float, float, float, float]
    quality: float
    crop: bytes | None = None
    enrolled_at: datetime.datetime | None = None
    id: int | None = None
    guid: str | None = None
    person_guid: str | None = None


class Store:
    """Groups, persons and faces by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # groups

    def groups(self, *, after: str | None = None, limit: int | None = None) -> list[Group]:
        """All groups by name, or a page of them: at most `limit` behind the name `after`."""
        query = _group_query().order_by(groups.c.name).limit(limit)
        if after is not None:
            query = query.where(groups.c.name > after)
        with self._database.read() as connection:
            return [_group(row) for row in connection.execute(query)]

    def group(self, name: str) -> Group:
        with self._database.read() as connection:
            row = connection.execute(_group_query().where(groups.c.name == name)).one_or_none()
            if row is None:
                raise unknown_group(connection, name)
            return _group(row)

    def create_group(self, name: str) -> None:
        name = check_name(name, "group")
        with self._database.write(create=True) as connection:
            if find_group(connection, name) is not None:
                raise GroupExists(f"There is a group {name!r} already.", "Choose another name.")
            insert_group(connection, name)
            note(connection, "group.create", name)

    def rename_group(self, name: str, new_name: str) -> None:
        new_name = check_name(new_name, "group")
        with self._database.write() as connection:
            group_id = group_id_of(connection, name)
            if find_group(connection, new_name) not in (None, group_id):
                raise GroupExists(f"There is a group {new_name!r} already.", "Choose another name.")
            connection.execute(groups.update().where(groups.c.id == group_id).values(name=new_name))
            note(connection, "group.rename", name, f"to {new_name}")

    def remove_group(self, name: str) -> list[str]:
        """Remove a group with all its people and visits; returns the visits' pictures."""
        with self._database.write() as connection:
            group_id = group_id_of(connection, name)
            pictures = forget_visits(connection, visits.c.group_id == group_id)
            connection.execute(groups.delete().where(groups.c.id == group_id))
            note(connection, "group.remove", name)
            return pictures

    def revision(self, group: str) -> Revision:
        """What changes with the group; cheap enough to ask before every search."""
        with self._database.read() as connection:
            row = connection.execute(_REVISION, {"name": group}).one_or_none()
            if row is None:
                raise unknown_group(connection, group)
            return Revision(row.id, row.revision, row.created_at, threshold_of(row))

    # people

    def people(
        self, group: str | None = None, *, after: str | None = None, limit: int | None = None
    ) -> list[Person]:
        """People by group and name, or a page of one group: `limit` behind the name `after`."""
        query = _person_query().order_by(groups.c.name, persons.c.name).limit(limit)
        with self._database.read() as connection:
            if group is not None:
                query = query.where(persons.c.group_id == group_id_of(connection, group))
            if after is not None:
                query = query.where(persons.c.name > after)
            return [_person(row) for row in connection.execute(query)]

    def person(self, group: str, name: str) -> Person:
        with self._database.read() as connection:
            group_id = group_id_of(connection, group)
            person_id = person_id_of(connection, group_id, name, group)
            return _person(
                connection.execute(_person_query().where(persons.c.id == person_id)).one()
            )

    def person_of_guid(self, guid: str) -> Person:
        """The person with this id, in whatever group."""
        with self._database.read() as connection:
            query = _person_query().where(persons.c.guid == guid.lower())
            row = connection.execute(query).one_or_none()
        if row is None:
            raise PersonUnknown(f"There is no person {guid!r}.", "Removed people leave no trace.")
        return _person(row)

    def rename_person(self, group: str, name: str, new_name: str) -> None:
        new_name = check_name(new_name, "person")
        with self._database.write() as connection:
            group_id = group_id_of(connection, group)
            person_id = person_id_of(connection, group_id, name, group)
            if find_person(connection, group_id, new_name) not in (None, person_id):
                raise PersonExists(
                    f"There is a {new_name!r} in {group!r} already.",
                    "If both are one person, merge them.",
                )
            update_person(connection, person_id, name=new_name, title=None)
            note_person(connection, "person.rename", person_id)
            touch(connection, group_id)

    def move_person(self, group: str, name: str, new_group: str) -> None:
        """Move a person to another group, which is made when it is not there."""
        new_group = check_name(new_group, "group")
        with self._database.write() as connection:
            group_id = group_id_of(connection, group)
            person_id = person_id_of(connection, group_id, name, group)
            target = find_group(connection, new_group) or insert_group(connection, new_group)
            if target != group_id and find_person(connection, target, name) is not None:
                raise PersonExists(
                    f"There is a {name!r} in {new_group!r} already.", "Rename one of them first."
                )
            update_person(connection, person_id, group_id=target)
            note_person(connection, "person.move", person_id, f"{group} to {new_group}")
            # the other group has not been trained with these faces
            connection.execute(
                faces.update().where(faces.c.person_id == person_id).values(trained=False)
            )
            _move_visits(connection, person_id, group_id=target)
            touch(connection, group_id, target)

    def merge_people(self, group: str, name: str, into: str) -> None:
        """Give all faces of `name` to `into`; `name` is gone then."""
        with self._database.write() as connection:
            group_id = group_id_of(connection, group)
            person_id = person_id_of(connection, group_id, name, group)
            target = person_id_of(connection, group_id, into, group)
            if target == person_id:
                raise UsageError("A person cannot be merged with itself.", "Name two people.")
            connection.execute(
                faces.update().where(faces.c.person_id == person_id).values(person_id=target)
            )
            _move_visits(connection, person_id, person_id=target)
            note_person(
                connection, "person.merge", person_id, f"into {_guid_of(connection, target)}"
            )
            connection.execute(persons.delete().where(persons.c.id == person_id))
            touch(connection, group_id)

    def remove_person(self, group: str, name: str) -> list[str]:
        """Remove a person with all faces and visits; returns the visits' pictures."""
        with self._database.write() as connection:
            group_id = group_id_of(connection, group)
            person_id = person_id_of(connection, group_id, name, group)
            pictures = forget_visits(connection, visits.c.person_id == person_id)
            note_person(connection, "person.remove", person_id, f"group {group}")
            connection.execute(persons.delete().where(persons.c.id == person_id))
            touch(connection, group_id)
            return pictures

    # faces

    def add_face(self, group: str, face: FaceRecord) -> int | None:
        """Add a face; group and person are made when they are not there.

        Returns the face's id, or None when this picture is this person's already.

        Raises:
            FaceExists: the same picture is another person's in this group.
        """
        with self._database.write(create=True) as connection:
            return add_face(connection, group, face)

    def add_faces(self, group: str, records: Sequence[FaceRecord]) -> int:
        """Add many faces in one transaction, all or none; returns how many were new."""
        with self._database.write(create=True) as connection:
            return sum(add_face(connection, group, record) is not None for record in records)

    def add_each(
        self, group: str, records: Sequence[FaceRecord]
    ) -> list[bool | FaceExists | UsageError]:
        """Add many faces in one transaction: for each whether it was new, or why it is not there.

        One that is refused leaves the others; what was answered is on disk.
        """
        answers: list[bool | FaceExists | UsageError] = []
        with self._database.write(create=True) as connection:
            for record in records:
                try:
                    answers.append(add_face(connection, group, record) is not None)
                except (FaceExists, UsageError) as refused:  # before anything of it was written
                    answers.append(refused)
        return answers

    def check_face(self, group: str, face: FaceRecord) -> bool:
        """Whether `add_face` would add a face; raises what it would raise. Nothing is written."""
        group, name = check_name(group, "group"), check_name(face.person, "person")
        try:
            with self._database.read() as connection:
                group_id = find_group(connection, group)
                owner = None if group_id is None else _owner_of(connection, group_id, face)
        except GalleryMissing:
            return True
        if owner not in (None, name):
            raise face_taken(face, str(owner), group)
        return owner is None

    def faces(
        self,
        group: str,
        *,
        person: str | None = None,
        guid: str | None = None,
        crops: bool = True,
    ) -> list[FaceRecord]:
        """All enrolled faces of a group, of one person or of one guid; crops only when wanted."""
        columns = [c for c in faces.c if crops or c is not faces.c.crop]
        query = sa.select(
            persons.c.name, persons.c.guid.label("person_guid"), *columns
        ).select_from(faces.join(persons))
        with self._database.read() as connection:
            group_id = group_id_of(connection, group)
            query = query.where(persons.c.group_id == group_id).order_by(faces.c.id)
            if person is not None:
                query = query.where(
                    persons.c.id == person_id_of(connection, group_id, person, group)
                )
            if guid is not None:
                query = query.where(faces.c.guid == guid.lower())
            return [_face_record(row) for row in connection.execute(query)]

    def remove_face(self, group: str, face: int | str, *, person: str | None = None) -> None:
        """Remove a face by its number or guid; where `person` is given it must be that one's."""
        with self._database.write() as connection:
            group_id = group_id_of(connection, group)
            mine = sa.select(persons.c.id).where(persons.c.group_id == group_id)
            if person is not None:
                mine = mine.where(persons.c.name == person)
            key = faces.c.guid == face.lower() if isinstance(face, str) else faces.c.id == face
            query = sa.select(faces.c.id).where(key, faces.c.person_id.in_(mine))
            face_id = connection.execute(query).scalar()
            if face_id is None:
                raise unknown_face(group, face)
            note_face(connection, "face.remove", face_id)
            connection.execute(faces.delete().where(faces.c.id == face_id))
            touch(connection, group_id)


def unknown_face(group: str, face: int | str) -> FaceUnknown:
    return FaceUnknown(
        f"There is no face {face} in {group!r}.",
        "Look at the faces of the person.",
    )


_REVISION = sa.select(groups.c.id, groups.c.revision, groups.c.created_at, *COLUMNS).where(
    groups.c.name == sa.bindparam("name")
)


def _group(row: sa.Row[Any]) -> Group:
    return Group(row.id, row.name, row.revision, row.people, row.faces, threshold_of(row))


def _group_query() -> sa.Select[Any]:
    people = sa.select(sa.func.count(persons.c.id)).where(persons.c.group_id == groups.c.id)
    enrolled = (
        sa.select(sa.func.count(faces.c.id))
        .select_from(faces.join(persons))
        .where(persons.c.group_id == groups.c.id)
    )
    return sa.select(
        groups.c.id,
        groups.c.name,
        groups.c.revision,
        people.scalar_subquery().label("people"),
        enrolled.scalar_subquery().label("faces"),
        *COLUMNS,
    )


def _person_query() -> sa.Select[Any]:
    enrolled = sa.select(sa.func.count(faces.c.id)).where(faces.c.person_id == persons.c.id)
    return sa.select(
        persons.c.id,
        persons.c.name,
        groups.c.name.label("group_name"),
        enrolled.scalar_subquery().label("enrolled"),
        persons.c.created_at,
        persons.c.guid,
    ).select_from(persons.join(groups))


def _person(row: sa.Row[Any]) -> Person:
    since = row.created_at.isoformat() + "Z"
    return Person(row.id, row.name, row.group_name, row.enrolled, since, row.guid)


def _guid_of(connection: sa.Connection, person_id: int) -> str:
    return str(
        connection.execute(sa.select(persons.c.guid).where(persons.c.id == person_id)).scalar()
    )


def _move_visits(connection: sa.Connection, of_person: int, **values: int) -> None:
    connection.execute(visits.update().where(visits.c.person_id == of_person).values(**values))


def add_face(connection: sa.Connection, group: str, face: FaceRecord) -> int | None:
    group, name = check_name(group, "group"), check_name(face.person, "person")
    group_id = find_group(connection, group) or insert_group(connection, group)
    owner = _owner_of(connection, group_id, face)
    if owner == name:
        return None
    if owner is not None:
        raise face_taken(face, owner, group)
    person_id = find_person(connection, group_id, name)
    if person_id is None:
        person_id = inserted(connection, persons, group_id=group_id, name=name, created_at=now())
    x, y, width, height = face.box
    face_id = inserted(
        connection,
        faces,
        person_id=person_id,
        model=face.model,
        embedding=np.ascontiguousarray(face.embedding, "<f4").tobytes(),
        source=face.source,
        digest=face.digest,
        box_x=x,
        box_y=y,
        box_width=width,
        box_height=height,
        quality=face.quality,
        crop=face.crop,
        enrolled_at=face.enrolled_at or now(),
    )
    note_face(connection, "face.enrol", face_id)
    touch(connection, group_id)
    return face_id


def face_taken(face: FaceRecord, owner: str, group: str) -> FaceExists:
    return FaceExists(
        f"{face.source} is enrolled as {owner!r} in {group!r} already.",
        "One of the two names is wrong; remove or merge before enrolling it again.",
    )


def _owner_of(connection: sa.Connection, group_id: int, face: FaceRecord) -> str | None:
    """Whose this very face is in the group: the same picture, and boxes that share a centre."""
    rows = connection.execute(
        sa.select(persons.c.name, faces)
        .select_from(faces.join(persons))
        .where(
            persons.c.group_id == group_id,
            faces.c.digest == face.digest,
            faces.c.model == face.model,
        )
    )
    x, y = face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2
    for row in rows:
        inside_x = row.box_x <= x <= row.box_x + row.box_width
        if inside_x and row.box_y <= y <= row.box_y + row.box_height:
            return str(row[0])
    return None


def _face_record(row: sa.Row[Any]) -> FaceRecord:
    if len(row.embedding) != 4 * EMBEDDING_SIZE:
        raise GalleryInvalid(
            f"The enrolled face {row.id} is damaged.", "Restore the gallery from an export."
        )
    return FaceRecord(
        person=row[0],
        model=row.model,
        embedding=np.frombuffer(row.embedding, "<f4").astype(np.float32),
        source=row.source,
        digest=row.digest,
        box=(row.box_x, row.box_y, row.box_width, row.box_height),
        quality=row.quality,
        crop=getattr(row, "crop", None),
        enrolled_at=row.enrolled_at,
        id=row.id,
        guid=row.guid,
        person_guid=row.person_guid,
    )


def encode_crop(chip: NDArray[np.uint8]) -> bytes:
    """An aligned face, uint8 (size, size, 3), as PNG: nothing is lost for a later model."""
    buffer = io.BytesIO()
    Pillow.fromarray(chip).save(buffer, "PNG")
    return buffer.getvalue()
