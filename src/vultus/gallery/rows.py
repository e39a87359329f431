"""Finding and writing single rows by name: what every store of the gallery needs."""

from __future__ import annotations

import datetime

import sqlalchemy as sa

from vultus.errors import GroupUnknown, PersonUnknown, UsageError
from vultus.gallery.schema import groups, persons

_MAX_NAME = 200


def check_name(name: str, what: str) -> str:
    """A name as it may stand in the gallery.

    Raises:
        UsageError: it is empty, too long, or has characters that cannot be shown.
    """
    cleaned = name.strip()
    if not cleaned or len(cleaned) > _MAX_NAME or any(_unusable(letter) for letter in cleaned):
        raise UsageError(
            f"{name[:_MAX_NAME]!r} is no name for a {what}.",
            f"Use 1 to {_MAX_NAME} characters without line breaks.",
        )
    return cleaned


def _unusable(letter: str) -> bool:
    """Control characters, and bytes of a file's name that are no letters."""
    return ord(letter) < 32 or 0xD800 <= ord(letter) <= 0xDFFF


def now() -> datetime.datetime:
    """UTC, without a zone, which is how the database keeps it."""
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


def inserted(connection: sa.Connection, table: sa.Table, **values: object) -> int:
    key = connection.execute(table.insert().values(**values)).inserted_primary_key
    return int(key[0]) if key is not None else 0


def insert_group(connection: sa.Connection, name: str) -> int:
    return inserted(connection, groups, name=name, created_at=now())


def update_person(connection: sa.Connection, person_id: int, **values: object) -> None:
    connection.execute(persons.update().where(persons.c.id == person_id).values(**values))


def touch(connection: sa.Connection, *group_ids: int) -> None:
    """Tell every index of these groups that it is stale."""
    connection.execute(
        groups.update().where(groups.c.id.in_(group_ids)).values(revision=groups.c.revision + 1)
    )


def find_group(connection: sa.Connection, name: str) -> int | None:
    return connection.execute(sa.select(groups.c.id).where(groups.c.name == name)).scalar()


def group_id_of(connection: sa.Connection, name: str) -> int:
    found = find_group(connection, name)
    if found is None:
        raise unknown_group(connection, name)
    return found


def unknown_group(connection: sa.Connection, name: str) -> GroupUnknown:
    known = [row[0] for row in connection.execute(sa.select(groups.c.name).limit(10))]
    there = ", ".join(repr(group) for group in known) or "none"
    return GroupUnknown(
        f"There is no group {name!r}; there are: {there}.",
        "Choose one of them, or enrol somebody into it.",
    )


def find_person(connection: sa.Connection, group_id: int, name: str) -> int | None:
    return connection.execute(
        sa.select(persons.c.id).where(persons.c.group_id == group_id, persons.c.name == name)
    ).scalar()


def person_id_of(connection: sa.Connection, group_id: int, name: str, group: str) -> int:
    found = find_person(connection, group_id, name)
    if found is None:
        raise PersonUnknown(
            f"There is no {name!r} in {group!r}.",
            "List the people of the group.",
        )
    return found
