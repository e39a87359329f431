"""Who changed what about whom: a row a change, in the transaction of the change itself.

People are told by their guids only, never by name: what was forgotten stays forgotten.
"""

from __future__ import annotations

import datetime
import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa

from vultus.gallery.database import Database
from vultus.gallery.rows import now
from vultus.gallery.schema import audit, faces, persons

_actor: ContextVar[str | None] = ContextVar("vultus_actor", default=None)
_LONGEST = 200


@dataclass(frozen=True)
class AuditRecord:
    """One change. subject: the guid of a person or face, or the name of a group or list."""

    id: int
    at: datetime.datetime
    actor: str
    action: str
    subject: str | None
    detail: str | None


@contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """Everything that is changed inside was changed by `actor`."""
    token = _actor.set(actor[:_LONGEST])
    try:
        yield
    finally:
        _actor.reset(token)


def note(
    connection: sa.Connection, action: str, subject: str | None = None, detail: str | None = None
) -> None:
    """Write a row about a change, in its transaction."""
    connection.execute(
        audit.insert().values(
            at=now(),
            actor=_actor.get() or _local_user(),
            action=action,
            subject=None if subject is None else subject[:_LONGEST],
            detail=detail,
        )
    )


def note_person(
    connection: sa.Connection, action: str, person_id: int, detail: str | None = None
) -> None:
    """As `note`, about a person of the gallery."""
    guid = connection.execute(
        sa.select(persons.c.guid).where(persons.c.id == person_id)
    ).scalar_one()
    note(connection, action, guid, detail)


def note_face(connection: sa.Connection, action: str, face_id: int) -> None:
    """As `note`, about an enrolled face; its person is the detail."""
    row = connection.execute(
        sa.select(faces.c.guid, persons.c.guid.label("person"))
        .select_from(faces.join(persons))
        .where(faces.c.id == face_id)
    ).one()
    note(connection, action, row.guid, f"person {row.person}")


@cache
def _local_user() -> str:
    """Who runs this program, where nobody said who acts."""
    try:
        return f"local:{getpass.getuser()}"
    except (OSError, KeyError, ImportError):  # no such user, no such database of users
        return "local"


class AuditStore:
    """Reads what was noted; nothing takes it away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self,
        *,
        subject: str | None = None,
        actor: str | None = None,
        since: datetime.datetime | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[AuditRecord]:
        """Changes, the newest first; `before_id` goes on behind an earlier answer."""
        query = sa.select(audit).order_by(audit.c.id.desc()).limit(limit)
        if subject is not None:
            query = query.where(audit.c.subject == subject)
        if actor is not None:
            query = query.where(audit.c.actor == actor)
        if since is not None:
            moment = since.astimezone(datetime.timezone.utc).replace(tzinfo=None)
            query = query.where(audit.c.at >= moment)
        if before_id is not None:
            query = query.where(audit.c.id < before_id)
        with self._database.read() as connection:
            return [
                AuditRecord(
                    row.id,
                    row.at.replace(tzinfo=datetime.timezone.utc),
                    row.actor,
                    row.action,
                    row.subject,
                    row.detail,
                )
                for row in connection.execute(query)
            ]
