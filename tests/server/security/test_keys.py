"""Keys: made, kept as digests, and told apart without asking the database each time."""

from __future__ import annotations

import asyncio
from threading import Event

import pytest
import sqlalchemy as sa

from vultus.errors import GalleryMissing, KeyExists, KeyUnknown, UsageError
from vultus.gallery.database import Database
from vultus.gallery.schema import api_keys, audit
from vultus.server.security import keys as keys_module
from vultus.server.security.keys import KeyRing, KeyStore, digest
from vultus.server.security.roles import Principal


@pytest.fixture
def database(address):
    made = Database(str(address))
    yield made
    made.close()


@pytest.fixture
def store(database):
    return KeyStore(database)


def whose(ring, *keys):
    async def ask():
        return await asyncio.gather(*(ring.whose(key) for key in keys))

    return asyncio.run(ask())


def test_only_a_digest_is_kept(store, address):
    key = store.create("door", "viewer")
    assert key.startswith("vultus_")
    assert len(key) == len("vultus_") + 43  # 256 bits
    assert store.create("yard", "viewer") != key
    for path in address.parent.iterdir():
        assert key.encode() not in path.read_bytes()
    assert store.valid()[digest(key)] == Principal("door", "viewer")


def test_records_tell_everything_but_the_key(store):
    assert store.records() == []
    store.create("b", "admin")
    store.create("a", "viewer")
    store.revoke("b")
    first, second = store.records()
    assert (first.name, first.role, first.revoked_at) == ("a", "viewer", None)
    assert second.revoked_at >= second.created_at
    assert second.created_at.utcoffset().total_seconds() == 0
    assert [principal.name for principal in store.valid().values()] == ["a"]


def test_a_name_is_given_once(store):
    store.create("door", "viewer")
    with pytest.raises(KeyExists):
        store.create("door", "admin")
    store.revoke("door")
    with pytest.raises(KeyExists):
        store.create("door", "admin")


@pytest.mark.parametrize(
    "name", ["", " ", " a", "a/b", "a\n", "a\nb", "-a", "x" * 65, "ä", "local:me", "settings"]
)
def test_what_is_no_name(store, name):
    with pytest.raises(UsageError):
        store.create(name, "admin")
    assert store.records() == []


def test_what_is_no_role(store):
    with pytest.raises(UsageError, match="viewer, operator, admin"):
        store.create("a", "root")


def test_what_is_not_there_cannot_be_revoked(store):
    with pytest.raises(GalleryMissing):
        store.revoke("door")
    store.create("door", "viewer")
    store.revoke("door")
    for name in ("door", "yard", "' OR 1=1 --"):
        with pytest.raises(KeyUnknown):
            store.revoke(name)


def test_changes_are_noted_without_the_key(store, database):
    key = store.create("door", "viewer")
    store.revoke("door")
    with database.read() as connection:
        rows = connection.execute(sa.select(audit).order_by(audit.c.id)).all()
    assert [(row.action, row.subject, row.detail) for row in rows] == [
        ("key.create", "door", "viewer"), ("key.revoke", "door", None),
    ]  # fmt: skip
    assert key not in str(rows)


def test_the_ring_knows_whose_a_key_is(store):
    key = store.create("door", "operator")
    ring = KeyRing(store, "of-the-settings")
    assert whose(ring, key, "of-the-settings", "other", "", "ключ", "\udc80") == [
        Principal("door", "operator"), Principal("settings", "admin"), None, None, None, None,
    ]  # fmt: skip
    assert whose(KeyRing(store), "of-the-settings") == [None]


def test_a_digest_is_no_key(store):
    assert whose(KeyRing(store), digest(store.create("door", "admin"))) == [None]


def test_a_gallery_that_is_not_there_has_no_keys(store):
    assert whose(KeyRing(store), "some-key") == [None]


class CountingStore:
    def __init__(self, store):
        self.asked = 0
        self._store = store

    def valid(self):
        self.asked += 1
        return self._store.valid()


def test_the_database_is_not_asked_for_each_request(store, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(keys_module.time, "monotonic", lambda: clock[0])
    key = store.create("door", "operator")
    counting = CountingStore(store)
    ring = KeyRing(counting)
    # requests that come together wait for one answer, and none is turned away meanwhile
    assert None not in whose(ring, *[key] * 10)
    assert None not in whose(ring, key)
    assert counting.asked == 1
    store.revoke("door")  # as another process does
    assert None not in whose(ring, key)
    clock[0] += 2.1
    assert whose(ring, key) == [None]
    assert counting.asked == 2


def test_forgetting_takes_effect_at_once(store):
    ring = KeyRing(store)
    old = store.create("old", "admin")
    assert None not in whose(ring, old)
    store.revoke("old")
    new = store.create("new", "admin")
    ring.forget()
    assert whose(ring, old, new) == [None, Principal("new", "admin")]


def test_forgetting_while_the_keys_are_read(store):
    """What was read before a key was revoked must not be believed after."""
    key = store.create("door", "admin")
    reading, go_on = Event(), Event()

    class SlowStore:
        def valid(self):
            found = store.valid()
            if not reading.is_set():
                reading.set()
                assert go_on.wait(10)
            return found

    ring = KeyRing(SlowStore())

    async def ask():
        first = asyncio.create_task(ring.whose(key))
        await asyncio.to_thread(reading.wait, 10)
        store.revoke("door")
        ring.forget()
        second = await ring.whose(key)
        go_on.set()
        return await first, second, await ring.whose(key)

    early, late, later = asyncio.run(ask())
    assert early == Principal("door", "admin")  # asked before
    assert (late, later) == (None, None)


def test_a_database_that_fails_lets_nobody_in_and_is_asked_again(store):
    key = store.create("door", "admin")

    class Failing:
        broken = True

        def valid(self):
            if self.broken:
                raise GalleryMissing("It is gone.")
            return store.valid()

    failing = Failing()
    ring = KeyRing(failing)
    for _ in range(2):
        with pytest.raises(GalleryMissing):
            whose(ring, key)
    failing.broken = False
    assert None not in whose(ring, key)


def test_keys_survive_a_table_with_a_strange_role(store, database):
    """A role of a newer Vultus is none that this one lets in."""
    key = store.create("door", "viewer")
    with database.write() as connection:
        connection.execute(api_keys.update().values(role="auditor"))
    assert whose(KeyRing(store), key) == [None]
