"""A database that is locked, or on a full disk: told, and nothing half-written."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa

from tests.server.api.quick import enrol, headers_of, path_of, problem_of, quick_server
from vultus.gallery import database as database_module
from vultus.gallery.gallery import Gallery

CHANGES = [
    ("POST", "/api/v1/groups", {"json": {"name": "new"}}),
    ("PATCH", path_of("team"), {"json": {"name": "new"}}),
    ("DELETE", path_of("team"), {}),
    ("PATCH", path_of("team", "ada"), {"json": {"name": "new"}}),
    ("POST", path_of("team", "ada", "move"), {"json": {"group": "new"}}),
    ("DELETE", path_of("team", "ada"), {}),
    ("GET", path_of("team") + "/export", {}),  # is noted in the audit
    ("POST", "/api/v1/keys", {"json": {"name": "new", "role": "admin"}}),
]


def test_a_locked_database_is_told_and_passes(tmp_path, monkeypatch):
    monkeypatch.setattr(database_module, "_BUSY_SECONDS", 0.05)
    with quick_server(tmp_path) as live:
        enrol(live, "team", "ada")
        viewer = headers_of(live, "viewer")
        with closing(sqlite3.connect(tmp_path / "people.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            refused = [live.client.request(m, path, **options) for m, path, options in CHANGES]
            refused.append(enrol(live, "team", "ada", shade=20))
            for answer in refused:
                assert problem_of(answer) == (503, "gallery_busy")
                assert answer.headers["retry-after"] == "5"
                assert str(tmp_path) not in answer.text
            # who only reads waits for nobody
            assert live.client.get(path_of("team", "ada")).json()["face_count"] == 1
            assert live.client.get("/metrics", headers=viewer).status_code == 200
            other.execute("ROLLBACK")
        assert live.client.get("/api/v1/groups").json()["groups"] == [
            {"name": "team", "person_count": 1, "face_count": 1}
        ]
        assert list(live.services.uploads.iterdir()) == []
        assert enrol(live, "team", "ada", shade=20).status_code == 200


@pytest.fixture
def small_database(monkeypatch):
    """Let databases have so many pages, which raises what a full disk raises."""
    plain = database_module._sqlite_engine

    def limit(pages):
        def limited(path):
            engine = plain(path)
            most = f"PRAGMA max_page_count={pages}"
            sa.event.listen(engine, "connect", lambda connection, _: connection.execute(most))
            return engine

        monkeypatch.setattr(database_module, "_sqlite_engine", limited)

    yield limit
    monkeypatch.undo()


def test_a_full_disk_is_told_and_what_was_answered_is_kept(tmp_path, small_database):
    path = tmp_path / "people.db"
    with Gallery(path) as gallery:
        gallery.create_group("team")
        with gallery.database.read() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    small_database(pages + 2)
    with quick_server(tmp_path) as live:
        answers = []
        for shade in range(60):
            answers.append(enrol(live, "team", "ada", shade=shade))
            if answers[-1].status_code != 200:
                break
        *enrolled, full = answers
        assert problem_of(full) == (507, "storage_failed")
        assert str(tmp_path) not in full.text
        assert "Free some space" in full.json()["error"]["message"]
        assert len(enrolled) > 3
        person = live.client.get(path_of("team", "ada")).json()
        assert person["face_count"] == len(person["faces"]) == len(enrolled)
        changes = live.client.get("/api/v1/audit", params={"limit": 1000}).json()["changes"]
        assert sum(change["action"] == "face.enrol" for change in changes) == len(enrolled)
    with Gallery(path) as gallery:
        assert len(gallery.faces_of("ada", group="team")) == len(enrolled)
