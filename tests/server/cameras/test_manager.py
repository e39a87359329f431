"""Cameras that come and go, each by itself."""

from __future__ import annotations

import threading

import pytest

from tests.events.sinks import wait_for
from tests.events.visits import visit
from tests.server.cameras.films import state_of, types_of, wait_for_state
from tests.video.scenes import FilmSource, LiveFilm, Part, no_thread_left, scene_analyzer
from vultus.errors import (
    CameraDown,
    CameraExists,
    CameraUnknown,
    GroupUnknown,
    SourceMissing,
    SourceUnknown,
    StorageError,
    UsageError,
)
from vultus.events.outbox import Outbox
from vultus.gallery.gallery import Gallery
from vultus.server.cameras import manager as module
from vultus.server.cameras.manager import CameraManager
from vultus.video.budget import Budget


def ada():
    return LiveFilm([Part("ada")])


def bob():
    return LiveFilm([Part("bob")])


def add(manager, name, **options):
    return manager.add({"name": name, "source": name, "group": "family", **options})


def test_a_camera_is_watched_until_it_is_removed(manager, play):
    play(door=ada)
    manager._ledger.open()  # stays until the end
    with no_thread_left():
        assert add(manager, "door").status.state in ("connecting", "live")
        wait_for(lambda: manager.view("door").status.present == ["ada"])
        wait_for(lambda: types_of(manager, "door") == [("enter", "ada")])
        manager.remove("door")
    wait_for(lambda: types_of(manager, "door") == [("enter", "ada"), ("exit", "ada")])
    with pytest.raises(CameraUnknown):
        manager.view("door")
    (visit,) = manager._gallery.visits.find(person="ada")
    assert (visit.camera, visit.type) == ("door", "exit")
    assert visit.pictures  # kept without being asked for


def test_what_fails_disturbs_nobody(manager, play):
    def broken():
        raise SourceMissing("There is no camera.", "")

    play(
        door=ada,
        yard=broken,
        path=lambda: FilmSource([Part("bob")], fail_at=20, error=OSError("x")),
    )
    add(manager, "door")
    wait_for_state(manager, "door", "live")
    before = manager._watched["door"].runner._watch
    add(manager, "yard")
    add(manager, "path")
    wait_for(lambda: manager.view("yard").restarts >= 2)
    wait_for(lambda: manager.view("path").restarts >= 1)
    assert manager.view("yard").status.state == "waiting"
    assert "no camera" in manager.view("yard").status.error
    assert manager.view("path").status.error == "An internal error: OSError."
    manager.remove("path")
    manager.remove("yard")
    assert manager._watched["door"].runner._watch is before
    assert (state_of(manager, "door"), manager.view("door").restarts) == ("live", 0)


def test_a_source_that_comes_later_is_watched_then(manager, play):
    tries = []

    def late():
        tries.append(1)
        if len(tries) < 3:
            raise SourceMissing("Not yet.", "")
        return FilmSource([Part("bob")], 2.0)

    play(door=late)
    add(manager, "door")
    wait_for_state(manager, "door", "ended")
    assert manager.view("door").restarts == 2
    wait_for(lambda: types_of(manager, "door") == [("enter", "bob"), ("exit", "bob")])


def test_stopped_and_started(manager, play):
    play(door=ada)
    add(manager, "door")
    wait_for(lambda: manager.view("door").status.present == ["ada"])
    view = manager.enable("door", enabled=False)
    assert (view.status.state, view.record.options.enabled) == ("stopped", False)
    wait_for(lambda: types_of(manager, "door")[-1:] == [("exit", "ada")])
    manager.enable("door", enabled=False)
    with pytest.raises(CameraDown, match="stopped"):
        manager.peephole("door")
    assert manager.enable("door", enabled=True).record.options.enabled
    wait_for(lambda: manager.view("door").status.present == ["ada"])
    running = manager._watched["door"].runner
    manager.enable("door", enabled=True)
    assert manager._watched["door"].runner is running  # it was running anyway


def test_one_that_has_ended_begins_anew_when_it_is_started(manager, play):
    runs = []
    play(door=lambda: runs.append(1) or FilmSource([Part("ada")], 1.0))
    add(manager, "door")
    wait_for_state(manager, "door", "ended")
    manager.enable("door", enabled=True)
    wait_for(lambda: len(runs) == 2 and state_of(manager, "door") == "ended")
    # the same recording tells nothing new
    wait_for(lambda: types_of(manager, "door") == [("enter", "ada"), ("exit", "ada")])


def test_other_options(manager, play):
    play(door=ada, yard=bob)
    add(manager, "door")
    wait_for(lambda: manager.view("door").status.present == ["ada"])
    view = manager.replace("door", {"source": "yard", "group": "family"})
    assert view.record.options.source == "yard"
    wait_for(lambda: manager.view("door").status.present == ["bob"])
    with pytest.raises(UsageError):
        manager.replace("door", {"source": "yard", "name": "other"})
    with pytest.raises(UsageError):
        manager.replace("door", {"source": ""})
    with pytest.raises(GroupUnknown):
        manager.replace("door", {"source": "yard", "group": "nobody"})
    assert manager.view("door").record.options.source == "yard"
    assert state_of(manager, "door") == "live"


def test_what_cannot_be_added(manager, play):
    play(door=ada)
    add(manager, "door", record="door.mp4")
    for options, error in (
        ({"name": "door"}, CameraExists),
        ({"name": "yard", "group": "nobody"}, GroupUnknown),
        ({"name": "yard", "source": "gopher://x"}, SourceUnknown),
        ({"name": "yard", "record": "door.mp4"}, UsageError),
        ({"name": "a/b"}, UsageError),
    ):
        with pytest.raises(error):
            add(manager, **{"name": "x", **options})
    assert [view.record.name for view in manager.views()] == ["door"]


def test_not_too_many(manager, play, monkeypatch):
    monkeypatch.setattr(module, "MOST_CAMERAS", 2)
    for name in ("a", "b"):
        add(manager, name, enabled=False)
    with pytest.raises(UsageError, match="2 cameras"):
        add(manager, "c", enabled=False)


def test_nobody_is_there(manager):
    for ask in (
        lambda: manager.view("door"),
        lambda: manager.remove("door"),
        lambda: manager.enable("door", enabled=True),
        lambda: manager.replace("door", {"source": "x"}),
        lambda: manager.peephole("door"),
    ):
        with pytest.raises(CameraUnknown):
            ask()


def test_its_own_sinks_have_the_events_too(manager, play):
    play(door=lambda: FilmSource([Part("ada")], 1.0), yard=lambda: FilmSource([Part("bob")], 1.0))
    for name in ("door", "yard"):  # both into one file
        add(manager, name, to=["events.jsonl", "sql"])
    lines = manager.folder / "events.jsonl"
    wait_for(lambda: lines.exists() and lines.read_text().count("\n") == 4)
    assert lines.read_text().count('"door"') == 2
    wait_for(lambda: len(manager.events.find()) == 4)


def test_cameras_share_the_turns_of_the_server(film_settings, play):
    """No more analyses at once than the budget has turns, whatever the number of cameras."""
    lock, at_once, most = threading.Lock(), [0], [0]

    def detect():
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        threading.Event().wait(0.02)
        with lock:
            at_once[0] -= 1

    budget = Budget(1)
    play(a=ada, b=ada, c=bob)
    analyzer = scene_analyzer(film_settings, detect=detect)
    with Gallery(settings=film_settings, analyzer=analyzer) as gallery:
        manager = CameraManager(film_settings, gallery, budget)
        manager.start()
        for name in "abc":
            add(manager, name)
        wait_for(lambda: all(manager.view(name).status.analysed >= 5 for name in "abc"))
        assert most == [1]
        with budget.turn():
            before = [manager.view(name).status.analysed for name in "abc"]
            threading.Event().wait(0.2)
            assert [manager.view(name).status.analysed for name in "abc"] == before
        manager.close(10)


# the end, and after it


def test_at_the_end_everybody_leaves_and_everything_is_delivered(film_settings, play):
    play(door=ada, yard=bob)
    with Gallery(settings=film_settings, analyzer=scene_analyzer(film_settings)) as gallery:
        with no_thread_left():
            manager = CameraManager(film_settings, gallery, Budget(2))
            manager.start()
            for name in ("door", "yard"):
                add(manager, name)
            wait_for(lambda: all(view.status.present for view in manager.views()))
            manager.close(10)
        assert types_of(manager, "door") == [("enter", "ada"), ("exit", "ada")]
        assert types_of(manager, "yard") == [("enter", "bob"), ("exit", "bob")]
        with no_thread_left():
            again = CameraManager(film_settings, gallery, Budget(2))
            again.start()
            wait_for(lambda: all(view.status.present for view in again.views()))
            again.close(10)
        assert len(types_of(again, "door")) == 4


def test_visits_that_a_crash_cut_off_are_ended_whatever_became_of_their_camera(film_settings, play):
    with Outbox(film_settings.events.outbox) as outbox:
        for number, camera in ((1, "door"), (2, "gone"), (3, "off")):
            outbox.put(visit(number, camera=camera, person="ada"), [])
    play(door=ada)
    with Gallery(settings=film_settings, analyzer=scene_analyzer(film_settings)) as gallery:
        manager = CameraManager(film_settings, gallery, Budget(2))
        add(manager, "off", enabled=False)
        manager.store.add(module.options_of({"name": "door", "source": "door", "group": "family"}))
        manager.start()
        for camera in ("door", "gone", "off"):
            wait_for(lambda camera=camera: types_of(manager, camera)[:1] == [("exit", "ada")])
        (told,) = [e for e in manager.events.find() if e["camera"] == "gone"]
        assert told["why"] == {"rule": "interrupted"}
        manager.close(10)


def test_a_database_that_is_busy_at_the_start_is_asked_again(film_settings, play, monkeypatch):
    monkeypatch.setattr(module, "_RETRY_S", 0.05)
    play(door=ada)
    with Gallery(settings=film_settings, analyzer=scene_analyzer(film_settings)) as gallery:
        manager = CameraManager(film_settings, gallery, Budget(2))
        manager.store.add(module.options_of({"name": "door", "source": "door"}))
        tries, in_earnest = [], manager.store.all

        def busy():
            tries.append(1)
            if len(tries) < 3:
                raise StorageError("The disk is full.", "")
            return in_earnest()

        monkeypatch.setattr(manager.store, "all", busy)
        manager.start()
        wait_for(lambda: manager._watched and state_of(manager, "door") == "live")
        manager.close(10)


def test_an_outbox_that_cannot_be_used_is_told_and_tried_again(film_settings, play):
    play(door=ada)
    film_settings.events.outbox.mkdir()
    with Gallery(settings=film_settings, analyzer=scene_analyzer(film_settings)) as gallery:
        manager = CameraManager(film_settings, gallery, Budget(2))
        add(manager, "door")
        wait_for_state(manager, "door", "waiting")
        assert "outbox" in manager.view("door").status.error
        film_settings.events.outbox.rmdir()
        wait_for(lambda: types_of(manager, "door") == [("enter", "ada")])
        manager.close(10)
