"""Cameras in the database."""

from __future__ import annotations

import logging

import pytest

from vultus.errors import CameraExists, CameraUnknown
from vultus.gallery.audit import AuditStore, acting_as
from vultus.gallery.database import Database
from vultus.gallery.schema import cameras
from vultus.server.cameras.options import options_of
from vultus.server.cameras.store import CameraStore


@pytest.fixture
def database(tmp_path):
    made = Database(str(tmp_path / "people.db"))
    yield made
    made.close()


def camera(name="door", **options):
    return options_of({"name": name, "source": "rtsp://user:geheim@host/1", **options})


def test_cameras_are_there_after_a_restart(database, tmp_path):
    store = CameraStore(database)
    assert store.all() == []
    with acting_as("the-admin"):
        store.add(camera("yard"))
        store.add(camera("door", masks=[[[0, 0], [1, 0], [1, 1]]]))
        store.replace(camera("yard", enabled=False))
    database.close()
    again = CameraStore(Database(str(tmp_path / "people.db")))
    assert [record.options for record in again.all()] == [
        camera("door", masks=[[[0, 0], [1, 0], [1, 1]]]),
        camera("yard", enabled=False),
    ]
    assert again.get("door").created_at.tzinfo is not None
    again.remove("door")
    assert [record.name for record in again.all()] == ["yard"]
    told = AuditStore(database).find()
    assert [(change.action, change.subject) for change in told] == [
        ("camera.remove", "door"),
        ("camera.change", "yard"),
        ("camera.add", "door"),
        ("camera.add", "yard"),
    ]
    assert told[-1].actor == "the-admin"


def test_one_name_is_one_camera(database):
    store = CameraStore(database)
    store.add(camera())
    with pytest.raises(CameraExists):
        store.add(camera(enabled=False))
    assert store.get("door").options.enabled


def test_nobody_is_changed_who_is_not_there(database):
    store = CameraStore(database)
    store.add(camera("yard"))
    with pytest.raises(CameraUnknown):
        store.get("door")
    with pytest.raises(CameraUnknown):
        store.replace(camera("door"))
    with pytest.raises(CameraUnknown):
        store.remove("door")


def test_one_that_makes_no_sense_does_not_hide_the_others(database, caplog):
    store = CameraStore(database)
    for name in ("door", "yard"):
        store.add(camera(name))
    with database.write() as connection:
        strange = cameras.update().where(cameras.c.name == "door")
        connection.execute(strange.values(options={"name": "door", "newer": True}))
    with caplog.at_level(logging.ERROR):
        assert [record.name for record in store.all()] == ["yard"]
    assert "door" in caplog.text
    store.remove("door")
