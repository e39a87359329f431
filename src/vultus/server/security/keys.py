"""Keys of the API: made here, shown once, kept as digests."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from typing import cast

import anyio
import sqlalchemy as sa

from vultus.errors import GalleryMissing, KeyExists, KeyUnknown, UsageError
from vultus.gallery.audit import note
from vultus.gallery.database import Database
from vultus.gallery.rows import inserted, now
from vultus.gallery.schema import api_keys
from vultus.server.security.roles import ROLES, Principal, Role

_PREFIX = "vultus_"
_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}\Z")
# Whoever has the key of the settings; the audit could not tell another one of that name apart.
SETTINGS_NAME = "settings"
# How long a revoked key may go on in another process than the one that revoked it.
_FRESH_S = 2.0
_THREADS = 4


@dataclass(frozen=True)
class KeyRecord:
    """A key without the key itself."""

    name: str
    role: Role
    created_at: datetime.datetime
    revoked_at: datetime.datetime | None


class KeyStore:
    """Keys by name. They have 256 random bits, so one round of SHA-256 keeps them safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, role: Role) -> str:
        """A new key; this is the only time it is seen.

        Raises:
            KeyExists: the name is taken, also by a revoked key. UsageError: name or role make
                no sense.
        """
        if not _NAME.match(name) or name == SETTINGS_NAME:
            raise UsageError(
                f"{name!r} is no name for a key.",
                "Use 1 to 64 letters, digits, dots, dashes, underscores and spaces, "
                f"and not {SETTINGS_NAME!r}.",
            )
        if role not in ROLES:
            raise UsageError(f"There is no role {role!r}.", f"Choose of: {', '.join(ROLES)}.")
        key = _PREFIX + secrets.token_urlsafe(_BYTES)
        with self._database.write(create=True) as connection:
            taken = sa.select(api_keys.c.id).where(api_keys.c.name == name)
            if connection.execute(taken).scalar() is not None:
                raise KeyExists(f"There is a key {name!r} already.", "Choose another name.")
            inserted(
                connection, api_keys, name=name, role=role, digest=digest(key), created_at=now()
            )
            note(connection, "key.create", name, role)
        return key

    def records(self) -> list[KeyRecord]:
        """All keys that ever were, by name."""
        query = sa.select(api_keys).order_by(api_keys.c.name)
        try:
            with self._database.read() as connection:
                return [_record(row) for row in connection.execute(query)]
        except GalleryMissing:
            return []

    def revoke(self, name: str) -> None:
        """The key is worth nothing from now on. Raises KeyUnknown."""
        with self._database.write() as connection:
            mine = sa.and_(api_keys.c.name == name, api_keys.c.revoked_at.is_(None))
            changed = connection.execute(api_keys.update().where(mine).values(revoked_at=now()))
            if not changed.rowcount:
                raise KeyUnknown(f"There is no key {name!r} in use.", "Look at the list of keys.")
            note(connection, "key.revoke", name)

    def valid(self) -> dict[str, Principal]:
        """Whose each valid digest is."""
        query = sa.select(api_keys).where(
            api_keys.c.revoked_at.is_(None), api_keys.c.role.in_(list(ROLES))
        )
        try:
            with self._database.read() as connection:
                return {
                    row.digest: Principal(row.name, cast("Role", row.role))
                    for row in connection.execute(query)
                }
        except GalleryMissing:
            return {}


class KeyRing:
    """Tells whose a key is, without asking the database for each request.

    Args:
        given: a key from the settings, with the role admin.
    """

    def __init__(self, store: KeyStore, given: str | None = None) -> None:
        self._store = store
        self._given = None if given is None else digest(given)
        self._known: dict[str, Principal] = {}
        self._read_at = -_FRESH_S
        self._reading: asyncio.Task[dict[str, Principal]] | None = None
        self._threads: anyio.CapacityLimiter | None = None

    async def whose(self, key: str) -> Principal | None:
        """Whose a key is; None where it is nobody's."""
        asked = digest(key)
        if self._given is not None and hmac.compare_digest(asked, self._given):
            return Principal(SETTINGS_NAME, "admin")
        return (await self._fresh()).get(asked)

    def forget(self) -> None:
        """Read the keys again at the next request; may be called from any thread."""
        self._read_at = -_FRESH_S
        self._reading = None

    async def _fresh(self) -> dict[str, Principal]:
        if time.monotonic() - self._read_at <= _FRESH_S:
            return self._known
        reading = self._reading
        if reading is None or reading.done():
            # many requests at once ask once, and all wait for the answer
            self._reading = reading = asyncio.create_task(self._read())
        return await asyncio.shield(reading)

    async def _read(self) -> dict[str, Principal]:
        began = time.monotonic()
        if self._threads is None:
            # threads of its own, since every request waits for this
            self._threads = anyio.CapacityLimiter(_THREADS)
        known = await anyio.to_thread.run_sync(self._store.valid, limiter=self._threads)
        if self._reading is asyncio.current_task():  # else they were changed meanwhile
            self._known, self._read_at = known, began
        return known


def digest(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _record(row: sa.Row[tuple[object, ...]]) -> KeyRecord:
    utc = datetime.timezone.utc
    revoked = row.revoked_at
    return KeyRecord(
        name=row.name,
        role=row.role,
        created_at=row.created_at.replace(tzinfo=utc),
        revoked_at=None if revoked is None else revoked.replace(tzinfo=utc),
    )
