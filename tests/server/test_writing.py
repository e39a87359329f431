"""Changes of the database wait in threads of their own."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from vultus.errors import GalleryBusy
from vultus.gallery.audit import AuditStore
from vultus.server import writing
from vultus.server.writing import Writers

MANY = 60  # more than the threads in which requests are read


def test_while_the_gallery_is_locked_everything_else_goes_on(fresh):
    groups = "/face/v1.0/persongroups"
    key = {"X-Api-Key": fresh.services.keys.create("door", "operator")}
    with (
        closing(sqlite3.connect(fresh.services.gallery.database.path)) as other,
        ThreadPoolExecutor(MANY) as pool,
    ):
        other.execute("BEGIN IMMEDIATE")
        asked = [
            pool.submit(fresh.client.put, f"{groups}/g{n}", json={"name": "G"}) for n in range(MANY)
        ]
        while fresh.services.writers.pending < MANY:
            time.sleep(0.01)
        assert fresh.client.get(groups, headers=key).json() == []
        assert fresh.client.get("/ready").status_code in (200, 503)
        assert not any(each.done() for each in asked)
        other.rollback()
        assert {each.result().status_code for each in asked} == {200}
    assert len(fresh.client.get(groups).json()) == MANY
    noted = AuditStore(fresh.services.gallery.database).find(actor="settings", limit=MANY)
    assert {record.action for record in noted} == {"group.create"}


def test_what_waited_for_too_long_is_not_done(monkeypatch):
    monkeypatch.setattr(writing, "_PATIENCE_S", -1)
    with pytest.raises(GalleryBusy, match="cannot be changed for now"):
        asyncio.run(Writers().run(lambda: pytest.fail("it was done")))


def test_too_many_changes_are_refused(monkeypatch):
    monkeypatch.setattr(writing, "_MOST", 1)

    async def both():
        writers = Writers()
        first = asyncio.ensure_future(writers.run(lambda: time.sleep(0.2)))
        await asyncio.sleep(0)
        with pytest.raises(GalleryBusy, match="1 changes wait"):
            await writers.run(lambda: None)
        await first
        return await writers.run(lambda: "done")

    assert asyncio.run(both()) == "done"
