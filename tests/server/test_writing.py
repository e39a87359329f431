"""Changes of the database wait in threads of their own."""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.fakes import picture, png
from tests.server.api.quick import PNG, enrol, headers_of, path_of, quick_server
from tests.server.jobs.zips import photo, zip_bytes
from vultus.errors import GalleryBusy
from vultus.gallery.audit import AuditStore
from vultus.server import writing
from vultus.server.api.routes import routes as native_routes
from vultus.server.azure.routes import routes as azure_routes
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


NATIVE = [
    ("POST", "/api/v1/groups", {"json": {"name": "new"}}),
    ("PATCH", path_of("none"), {"json": {"name": "new"}}),
    ("DELETE", path_of("none"), {}),
    ("PATCH", path_of("team", "none"), {"json": {"name": "new"}}),
    ("POST", path_of("team", "none", "move"), {"json": {"group": "new"}}),
    ("POST", path_of("team", "none", "merge"), {"json": {"into": "ada"}}),
    ("DELETE", path_of("team", "none"), {}),
    ("DELETE", path_of("team", "ada", "faces", "none"), {}),
    ("DELETE", path_of("team") + "/strangers?unseen_days=1", {}),
    ("PATCH", path_of("team") + "/strangers/unknown-0001", {"json": {"ignored": True}}),
    ("DELETE", path_of("team") + "/strangers/unknown-0001", {}),
    ("POST", path_of("team") + "/strangers/unknown-0001/name", {"json": {"person": "eve"}}),
    ("DELETE", "/api/v1/visits?before=2020-01-01T00:00:00Z", {}),
    ("POST", "/api/v1/keys", {"json": {"name": "new", "role": "viewer"}}),
    ("DELETE", "/api/v1/keys/none", {}),
    ("GET", path_of("team") + "/export", {}),  # is noted in the audit
    ("POST", "/api/v1/jobs/none/cancel", {}),
    ("DELETE", "/api/v1/jobs/none", {}),
    ("POST", path_of("team", "bob", "faces"), {"content": png(picture("bob")), "headers": PNG}),
    ("POST", path_of("team") + "/enrolments", {"content": zip_bytes({"cyd/1.png": photo("cyd")})}),
]
CAMERAS = [
    ("POST", "/api/v1/cameras", {"json": {"name": "door", "source": "rtsp://127.0.0.1:9/door"}}),
    ("DELETE", "/api/v1/cameras/none", {}),
]


def test_no_change_of_the_native_api_stops_those_who_read(tmp_path):
    """More of them than there are threads for readers, several times each."""
    with quick_server(tmp_path) as live, ThreadPoolExecutor(90) as pool:
        enrol(live, "team", "ada")
        viewer, services = headers_of(live, "viewer"), live.services
        with closing(sqlite3.connect(services.gallery.database.path)) as other:
            other.execute("BEGIN IMMEDIATE")
            asked = [
                pool.submit(live.client.request, method, path, **options)
                for method, path, options in (NATIVE + CAMERAS) * 4
            ]
            waiting = (services.writers, len(NATIVE)), (services.camera_changes, len(CAMERAS))
            for writers, changes in waiting:
                while writers.pending < 4 * changes:
                    assert not any(each.done() for each in asked)
                    time.sleep(0.01)
            person = live.client.get(path_of("team", "ada")).json()
            assert person["face_count"] == 1
            assert live.client.get("/api/v1/visits", headers=viewer).status_code == 200
            assert live.client.get("/metrics", headers=viewer).status_code == 200
            other.rollback()
        assert {each.result().status_code for each in asked} <= {200, 201, 202, 204, 404, 409}
        assert live.client.get(path_of("team", "bob")).json()["face_count"] == 1


def test_no_request_waits_for_a_thread_but_to_read():
    """Whoever changes something has to go through the writers; whoever may what needs no thread."""
    assert len(native_routes) > 50
    for route in native_routes:
        if route.methods != {"GET"}:
            assert inspect.iscoroutinefunction(route.endpoint), route.path
        for needed in route.dependant.dependencies:
            assert inspect.iscoroutinefunction(needed.call), route.path
    assert len(azure_routes) > 50
    for route in azure_routes:
        if route.methods != {"GET"}:
            assert inspect.iscoroutinefunction(route.endpoint.__wrapped__), route.path


def test_a_change_that_has_begun_is_waited_for(tmp_path):
    """Whoever gives up, as the server does when it stops, may take away what the change needs."""
    begun, go_on = threading.Event(), threading.Event()

    def change():
        begun.set()
        go_on.wait(10)
        (tmp_path / "done").touch()
        raise GalleryBusy("too late to be told")

    async def both():
        writers = Writers(threads=1)
        first = asyncio.ensure_future(writers.run(change))
        second = asyncio.ensure_future(writers.run((tmp_path / "never").touch))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        for each in (first, second):
            each.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert not first.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert [path.name for path in tmp_path.iterdir()] == ["done"]
        assert not writers.pending
        writers.close()

    asyncio.run(both())


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
