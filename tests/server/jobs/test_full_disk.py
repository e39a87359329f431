"""Many people at once, and no room for all of them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.server.api.quick import path_of, quick_server
from tests.server.jobs.waiting import wait_until
from tests.server.jobs.zips import photo, zip_bytes
from vultus.gallery import database as database_module
from vultus.gallery.gallery import Gallery
from vultus.server.jobs import runner as runner_module

MANY = 60


class Disk:
    """Lets databases have so many pages, and raises then what a full disk raises."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pages = 2**30
        plain = database_module._sqlite_engine

        def limited(path):
            engine = plain(path)
            sa.event.listen(engine, "checkout", self._limit)
            return engine

        monkeypatch.setattr(database_module, "_sqlite_engine", limited)

    def _limit(self, connection, *_):
        connection.execute(f"PRAGMA max_page_count={self.pages}").close()


def test_a_bulk_enrolment_waits_for_room_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(runner_module, "_RETRY_S", 0.05)
    with Gallery(tmp_path / "people.db") as gallery:
        gallery.create_group("team")
        with gallery.database.read() as connection:
            there = connection.exec_driver_sql("PRAGMA page_count").scalar()
    disk = Disk(monkeypatch)
    files = {f"ada/{shade}.png": photo("ada", shade=shade) for shade in range(MANY)}
    with quick_server(tmp_path) as live:
        disk.pages = there + 6
        job = live.client.post(path_of("team") + "/enrolments", content=zip_bytes(files))
        assert job.status_code == 202, job.text
        where = job.headers["location"]

        def state():
            return live.client.get(where).json()

        wait_until(lambda: "error" in state(), "the end of the room")
        waiting = state()
        assert waiting["error"]["code"] == "storage_failed"
        assert "Free some space" in waiting["error"]["message"]
        assert str(tmp_path) not in str(waiting)
        assert waiting["state"] in ("queued", "running")
        assert 0 < waiting["done"] < MANY == waiting["total"]
        # who only reads notices nothing
        enrolled = live.client.get(path_of("team", "ada")).json()["face_count"]
        assert enrolled == waiting["done"]
        disk.pages = 2**30
        wait_until(lambda: state()["state"] == "succeeded", "the end of the job")
        assert "error" not in state()
        result = live.client.get(f"{where}/result").json()
        assert (result["enrolled"], result["failed"]) == (MANY, 0)
        assert live.client.get(path_of("team", "ada")).json()["face_count"] == MANY
        assert list(live.services.uploads.iterdir()) == []
