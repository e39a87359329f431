"""Several cameras at once: none knows of another, and what breaks one stops no other."""

from __future__ import annotations

import threading
import time

import pytest

import vultus
from tests.events.sinks import RecordingSink, wait_for
from tests.video.rtsp import RtspServer
from tests.video.scenes import (
    FilmSource,
    LiveFilm,
    Part,
    at_most,
    film,
    no_thread_left,
    open_files,
    scene_analyzer,
)
from vultus.errors import SourceMissing, UsageError
from vultus.gallery.gallery import Gallery
from vultus.video.camera import Camera
from vultus.video.sources.failures import FeedFailed
from vultus.video.sources.live import LiveReader

HIDDEN = "s3cret"


def cameras(*names, **values):
    return [Camera(name=name, source=name, group="family", **values) for name in names]


def by_camera(events):
    found = {}
    for event in events:
        found.setdefault(event.camera, []).append((event.type, event.who))
    return found


def test_each_has_its_own_events(family, play):
    play(
        door=FilmSource([Part("ada")], 2.0),
        yard=FilmSource([Part("bob", 0.5)], 3.0),
        roof=FilmSource([], 1.0),
    )
    with (
        no_thread_left(),
        vultus.watch_cameras(cameras("door", "yard", "roof"), gallery=family, on="all") as watching,
    ):
        assert by_camera(watching) == {
            "door": [("enter", "ada"), ("exit", "ada")],
            "yard": [("enter", "bob"), ("exit", "bob")],
        }
    assert [(s.camera, s.state, s.visits) for s in watching.status] == [
        ("door", "ended", 1),
        ("yard", "ended", 1),
        ("roof", "ended", 0),
    ]


def test_the_same_as_each_alone(family, play):
    """No track, look or visit of one has any weight in another."""
    scripts = {
        "door": [Part("ada", 0, 2), Part("cyd", 0.5, 3, x=200, speed=0)],
        "yard": [Part("cyd", 0, 1.5), Part("ada", 1, 3, x=200, speed=0)],
        "roof": [Part("bob", 0.3, 2.5)],
    }

    def run(names):
        play(**{name: FilmSource(scripts[name], 4.0) for name in names})
        found = vultus.watch_cameras(cameras(*names), gallery=family, on="all", remember=False)
        told = {}
        for event in found:
            told.setdefault(event.camera, []).append(
                (event.id, event.sequence, event.type, event.person, event.start, event.box)
            )
        return told

    alone = {}
    for name in scripts:
        alone |= run([name])
    assert run(scripts) == alone


def test_one_person_before_two_cameras_is_two_visits(family, play):
    play(door=FilmSource([Part("ada")], 2.0), yard=FilmSource([Part("ada")], 2.0))
    found = list(vultus.watch_cameras(cameras("door", "yard"), gallery=family))
    assert {(visit.camera, visit.who) for visit in found} == {("door", "ada"), ("yard", "ada")}
    assert len({visit.id for visit in found}) == 2


def test_a_stranger_has_one_label_for_all_cameras(family, play):
    play(door=FilmSource([Part("cyd")], 2.0))
    list(vultus.watch_cameras(cameras("door"), gallery=family))
    play(door=FilmSource([Part("cyd")], 2.0), yard=FilmSource([Part("cyd", 1)], 3.0))
    found = list(vultus.watch_cameras(cameras("door", "yard"), gallery=family))
    assert {visit.stranger for visit in found} == {"unknown-0001"}


def test_strangers_that_are_not_remembered_are_told_apart(family, play):
    """A label is one face, whichever camera saw it."""
    play(door=FilmSource([Part("cyd")], 2.0), yard=FilmSource([Part("eve")], 2.0))
    found = list(vultus.watch_cameras(cameras("door", "yard"), gallery=family, remember=False))
    assert sorted(visit.stranger for visit in found) == ["unknown-0001", "unknown-0002"]


def test_each_may_have_its_own_group(family, play):
    family.create_group("neighbours")
    play(door=FilmSource([Part("ada")], 2.0), yard=FilmSource([Part("ada")], 2.0))
    watched = [
        Camera(name="door", source="door", group="family"),
        Camera(name="yard", source="yard", group="neighbours"),
    ]
    found = {v.camera: (v.who, v.group) for v in vultus.watch_cameras(watched, gallery=family)}
    assert found == {"door": ("ada", "family"), "yard": ("unknown-0001", "neighbours")}


def test_two_with_one_name_are_refused(family, play, tmp_path):
    opened = []
    play(door=lambda: opened.append(1))
    with no_thread_left(), pytest.raises(UsageError, match="'door'"):
        vultus.watch_cameras(
            cameras("door", "door"), gallery=family, to=[str(tmp_path / "events.jsonl")]
        )
    assert not opened


@pytest.mark.parametrize("what", ["record", "tracks"])
def test_two_that_write_into_one_file_are_refused(family, tmp_path, what):
    with pytest.raises(UsageError, match=what):
        vultus.watch_cameras(
            cameras("door", "yard", **{what: tmp_path / "one.mkv"}), gallery=family
        )


def test_one_fails_and_the_others_go_on(family, play):
    error = RuntimeError("a mistake")
    play(
        door=FilmSource([Part("ada")], 60.0, fail_at=30, error=error),
        yard=FilmSource([Part("bob")], 4.0, pace_s=0.005),
    )
    told = []
    watching = vultus.watch_cameras(cameras("door", "yard"), gallery=family, on="all")
    with no_thread_left(), pytest.raises(RuntimeError) as caught:
        for event in watching:
            told.append(event)
    assert caught.value is error
    assert by_camera(told) == {
        "door": [("enter", "ada"), ("exit", "ada")],
        "yard": [("enter", "bob"), ("exit", "bob")],
    }
    door, yard = watching.status
    assert (door.state, door.error) == ("failed", "a mistake")
    assert (yard.state, yard.error, yard.frames) == ("ended", None, 80)
    # who was before the camera that failed has left, too
    assert [visit.type for visit in family.visits.find(camera="door")] == ["exit"]


def test_one_cannot_be_opened_and_the_others_go_on(family, play, film_settings):
    def missing():
        raise SourceMissing("It is not there.")

    play(door=missing, yard=FilmSource([Part("bob")], 2.0))
    watching = vultus.watch_cameras(cameras("door", "yard"), gallery=family)
    with pytest.raises(SourceMissing):
        assert [visit.who for visit in watching] == ["bob"]
        next(watching)
    assert [status.state for status in watching.status] == ["failed", "ended"]
    assert "not there" in watching.status[0].error


def test_a_broken_sink_ends_all_with_the_cause(family, play, sinks):
    error = RuntimeError("a mistake in a sink")

    def fail(_):
        raise error

    sources = {name: FilmSource([Part("ada")], 86_400.0, pace_s=0.01) for name in ("door", "yard")}
    play(**sources)
    sinks(broken=RecordingSink(before=fail))
    began = time.monotonic()
    with no_thread_left(), pytest.raises(RuntimeError) as caught:
        list(vultus.watch_cameras(cameras("door", "yard"), gallery=family, to=["broken"]))
    assert caught.value is error
    assert time.monotonic() - began < 5
    assert all(source.closed for source in sources.values())


def test_stop_and_break_off(family, play, tmp_path):
    for stop in (True, False):
        sources = {n: FilmSource([Part("ada")], 86_400.0, pace_s=0.01) for n in ("door", "yard")}
        play(**sources)
        events = tmp_path / f"events-{stop}.jsonl"
        with (
            no_thread_left(),
            vultus.watch_cameras(
                cameras("door", "yard"), gallery=family, on="enter", to=[str(events)]
            ) as watching,
        ):
            assert {next(watching).camera, next(watching).camera} == {"door", "yard"}
            if stop:
                watching.stop()
                assert list(watching) == []
        assert all(source.closed for source in sources.values())
        assert events.read_text().count('"type":"exit"') == 2
        assert [status.state for status in watching.status] == ["ended", "ended"]
    assert [name for name in open_files(tmp_path) if not name.startswith("people.db")] == []


def test_closed_without_iterating(family, play):
    play(door=FilmSource(), yard=FilmSource())
    with no_thread_left():
        vultus.watch_cameras(cameras("door", "yard"), gallery=family).close()


# live


def live(film_settings, connect, *, patient=True):
    return lambda: LiveReader("camera", connect, film_settings.video, patient=patient)


def test_one_that_is_down_from_the_start_and_comes_later(family, play, film_settings):
    ready = threading.Event()

    def connect():
        if not ready.is_set():
            raise FeedFailed(SourceMissing("The camera cannot be reached."), passing=True)
        return LiveFilm([Part("bob")])

    play(
        door=live(film_settings, lambda: LiveFilm([Part("ada")])),
        yard=live(film_settings, connect),
    )
    with (
        no_thread_left(),
        vultus.watch_cameras(
            cameras("door", "yard"), gallery=family, on="enter", patient=True
        ) as watching,
    ):
        assert next(watching).who == "ada"
        wait_for(lambda: watching.status[1].state == "waiting")
        assert "cannot be reached" in watching.status[1].error
        assert watching.status[0].state == "live"
        ready.set()
        assert next(watching).who == "bob"
        assert (watching.status[1].state, watching.status[1].error) == ("live", None)


def test_one_breaks_off_and_comes_back(family, play, film_settings):
    """While it is down its people leave; the other goes on all the time."""
    video = film_settings.video.model_copy(update={"absence_s": 0.5})
    connections = []

    def connect():
        connections.append(1)
        lost = FeedFailed(SourceMissing("The camera broke off."), passing=True)
        if len(connections) in (2, 3):
            raise lost
        return LiveFilm(
            [Part("ada")], fail_after_s=1.0 if len(connections) == 1 else None, error=lost
        )

    play(
        door=live(film_settings, connect),
        yard=live(film_settings, lambda: LiveFilm([Part("bob")])),
    )
    watched = cameras("door", "yard", video=video)
    with (
        no_thread_left(),
        vultus.watch_cameras(watched, gallery=family, on="all", patient=True) as watching,
    ):
        told = []
        for event in watching:
            told.append((event.camera, event.type, event.who))
            if told.count(("door", "enter", "ada")) == 2:
                break
    assert [each for each in told if each[0] == "door"] == [
        ("door", "enter", "ada"),
        ("door", "exit", "ada"),
        ("door", "enter", "ada"),
    ]
    assert [each for each in told if each[0] == "yard"] == [("yard", "enter", "bob")]
    assert watching.status[0].reconnects == 1
    assert watching.status[1].reconnects == 0


# a real server


@pytest.fixture
def rtsp_clip(tmp_path):
    return film(tmp_path / "rtsp.mp4", [Part("ada", x=20, speed=10)], 6, rate=15)


@pytest.fixture
def rtsp_family(family):
    video = family.settings.video.model_copy(
        update={"absence_s": 0.7, "read_timeout_s": 2.0, "open_timeout_s": 3.0}
    )
    settings = family.settings.model_copy(update={"video": video})
    with Gallery(settings=settings, analyzer=scene_analyzer(settings)) as made:
        yield made


@pytest.mark.long
def test_a_server_that_is_killed_and_comes_back(rtsp_family, rtsp_clip, tmp_path):
    """One dies in the middle while the other goes on; nothing of the password is ever seen."""
    clips = {"door": rtsp_clip}
    with (
        RtspServer(clips, tmp_path / "one", user="ada", password=HIDDEN) as one,
        RtspServer({"yard": rtsp_clip}, tmp_path / "two") as two,
    ):
        watched = [
            Camera(
                name=name,
                source=server.address(name),
                group="family",
                video=rtsp_family.settings.video,
            )
            for name, server in (("door", one), ("yard", two))
        ]
        events = tmp_path / "events.jsonl"
        told, states = [], []
        with (
            no_thread_left(5),
            vultus.watch_cameras(
                watched, gallery=rtsp_family, on="all", patient=True, to=[str(events)]
            ) as watching,
            at_most(90, watching.stop),
        ):
            for event in watching:
                told.append((event.camera, event.type, event.who))
                door, yard = watching.status
                states.append((door.state, door.error))
                if told.count(("door", "enter", "ada")) == 1 and len(told) == 2:
                    one.stop()
                if told[-1] == ("door", "exit", "ada"):
                    assert yard.state == "live"
                    analysed = yard.analysed
                    one.start()
                if told.count(("door", "enter", "ada")) == 2:
                    assert watching.status[1].analysed > analysed
                    break
        assert watching.status[0].reconnects == 1
        assert watching.status[1].reconnects == 0
    assert HIDDEN not in repr(states) + events.read_text() + repr(watching.status)


def test_a_real_stream_and_one_that_is_down(rtsp_family, rtsp_clip, tmp_path, caplog):
    with RtspServer({"door": rtsp_clip}, tmp_path / "served") as server:
        watched = [
            Camera(name="door", source=server.address("door"), group="family"),
            Camera(name="yard", source=f"rtsp://ada:{HIDDEN}@127.0.0.1:1/yard", group="family"),
        ]
        with (
            no_thread_left(5),
            vultus.watch_cameras(
                watched, gallery=rtsp_family, on="enter", patient=True
            ) as watching,
        ):
            event = next(watching)
            assert (event.camera, event.who) == ("door", "ada")
            assert time.time() - event.time.timestamp() < 1.5
            wait_for(lambda: watching.status[1].error)
            door, yard = watching.status
            assert door.state == "live"
            assert yard.state in ("waiting", "connecting")
            assert "cannot be reached" in yard.error
    assert HIDDEN not in repr(watching.status) + caplog.text
