"""Groups as Azure's clients see them: person groups and large person groups, by their ids."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import sqlalchemy as sa

from vultus.errors import GroupExists
from vultus.gallery.audit import note
from vultus.gallery.database import Database
from vultus.gallery.matcher import Templates
from vultus.gallery.members import MemberStore, member_row
from vultus.gallery.rows import find_group, inserted, now
from vultus.gallery.schema import faces, groups, visits
from vultus.gallery.thresholds import GroupThreshold, threshold_of
from vultus.gallery.visits import forget_visits
from vultus.gallery.wire_rows import (
    KIND_NAMES,
    GroupKind,
    Page,
    Row,
    check_wire_id,
    container_row,
    find_container,
    is_wire_id,
    read_templates,
)
from vultus.imaging.pictures import delete_pictures

__all__ = ["Container", "ContainerStore", "GroupKind"]


@dataclass(frozen=True)
class Container:
    """A group as one kind of container. title: its name on the wire; group: its name here.

    recognition_model: what the client asked for when it made the group; None for one made here,
    which takes and compares faces whatever the client calls its model. threshold: its own.
    """

    kind: GroupKind
    wire_id: str
    title: str
    user_data: str | None
    recognition_model: str | None
    group: str
    threshold: GroupThreshold | None = None


class ContainerStore:
    """Containers by kind and id; `people` are those in them. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.people = MemberStore(database)

    def create(
        self,
        kind: GroupKind,
        wire_id: str,
        title: str,
        *,
        user_data: str | None = None,
        recognition_model: str | None = None,
    ) -> None:
        """Make an empty group; its name here is its id, or begins with it.

        Raises:
            UsageError: nothing can have this id. GroupExists: something has it.
        """
        check_wire_id(wire_id)
        with self._database.write(create=True) as connection:
            if find_container(connection, kind, wire_id) is not None:
                raise GroupExists(
                    f"There is a {KIND_NAMES[kind]} of this id already.", "Choose another id."
                )
            name = _free_name(connection, kind, wire_id)
            inserted(
                connection,
                groups,
                name=name,
                created_at=now(),
                kind=kind,
                wire_id=wire_id,
                title=title,
                user_data=user_data or None,
                recognition_model=recognition_model,
            )
            note(connection, "group.create", name)

    def find(self, kind: GroupKind, wire_id: str) -> Container:
        """Raises GroupUnknown."""
        with self._database.read() as connection:
            return _container(kind, container_row(connection, kind, wire_id))

    def page(self, kind: GroupKind, page: Page) -> list[Container]:
        """Those of this kind and those made here, by id."""
        with self._database.read() as connection:
            ids = _ids_by_wire_id(connection, kind)
            chosen = sorted(wire_id for wire_id in ids if wire_id > page.start)[: page.top]
            query = sa.select(groups).where(groups.c.id.in_([ids[each] for each in chosen]))
            found = [_container(kind, row) for row in connection.execute(query)]
        return sorted(found, key=lambda container: container.wire_id)

    def update(
        self,
        kind: GroupKind,
        wire_id: str,
        *,
        title: str | None = None,
        user_data: str | None = None,
    ) -> None:
        """Change what is given; an empty `user_data` takes it away. The name here stays.

        Raises:
            GroupUnknown: there is no such container.
        """
        changes: dict[str, str | None] = {}
        if title is not None:
            changes["title"] = title
        if user_data is not None:
            changes["user_data"] = user_data or None
        with self._database.write() as connection:
            row = container_row(connection, kind, wire_id)
            if changes:
                connection.execute(groups.update().where(groups.c.id == row.id).values(changes))
                note(connection, "group.update", row.name)

    def delete(self, kind: GroupKind, wire_id: str) -> None:
        """Remove a group with all its people, faces, strangers, visits and their pictures.

        Raises:
            GroupUnknown: there is no such container.
        """
        with self._database.write() as connection:
            row = container_row(connection, kind, wire_id)
            pictures = forget_visits(connection, visits.c.group_id == row.id)
            connection.execute(groups.delete().where(groups.c.id == row.id))
            note(connection, "group.remove", row.name)
        delete_pictures(pictures)

    def person_templates(
        self, kind: GroupKind, wire_id: str, person_guid: str, model: str
    ) -> Templates:
        """The faces that one person has now, trained or not; `persons` is the guid alone.

        Raises:
            GroupUnknown, PersonUnknown: there is no such group or person.
            ModelMismatch: another model made all of these faces.
        """
        with self._database.read() as connection:
            person = member_row(connection, kind, wire_id, person_guid)
            return read_templates(connection, faces.c.person_id == person.id, model)


def _container(kind: GroupKind, row: Row) -> Container:
    return Container(
        kind=kind,
        wire_id=row.wire_id or row.name,
        title=row.title or row.name,
        user_data=row.user_data,
        recognition_model=row.recognition_model,
        group=row.name,
        threshold=threshold_of(row),
    )


def _ids_by_wire_id(connection: sa.Connection, kind: GroupKind) -> dict[str, int]:
    """The row of each container of a kind; one made over the wire hides one made here."""
    query = sa.select(groups.c.id, groups.c.name, groups.c.wire_id)
    native = connection.execute(query.where(groups.c.kind.is_(None)))
    ids = {row.name: row.id for row in native if is_wire_id(row.name)}
    ids |= {row.wire_id: row.id for row in connection.execute(query.where(groups.c.kind == kind))}
    return ids


def _free_name(connection: sa.Connection, kind: GroupKind, wire_id: str) -> str:
    """The id itself, unless another group goes by that name here."""
    if find_group(connection, wire_id) is None:
        return wire_id
    what = KIND_NAMES[kind]
    more = (f"{wire_id} ({what} {number})" for number in itertools.count(2))
    names = itertools.chain([f"{wire_id} ({what})"], more)
    return next(name for name in names if find_group(connection, name) is None)
