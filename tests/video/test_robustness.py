"""Whatever raises, the call returns within two seconds with the cause, and nothing is left."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager

import pytest

import vultus
from tests.events.sinks import RecordingSink
from tests.video.scenes import (
    SIZE_WH,
    FailsAt,
    FilmSource,
    LiveFilm,
    Part,
    at_most,
    no_thread_left,
    open_files,
    room,
    scene,
    scene_analyzer,
    settings_in,
)
from vultus.errors import (
    DeliveryRefused,
    GalleryBusy,
    SourceLost,
    StorageError,
)
from vultus.gallery.gallery import Gallery
from vultus.video.snapshots import Snapshots
from vultus.video.sources.live import LiveReader

WHOLE_DAY = 86_400.0
LIMIT_S = 2.0


class Broken(Exception):
    """A mistake in a program."""


@contextmanager
def told_in_time(error, when=lambda: None):
    """The very error comes out, soon after it was raised; no thread is left."""
    with no_thread_left():
        with pytest.raises(type(error)) as caught:
            yield
        ended = time.monotonic()
    assert caught.value is error
    assert ended - (when() or ended) < LIMIT_S


def gallery_with(family, **before):
    """The same people; `before` see `scene_analyzer`."""
    return Gallery(settings=family.settings, analyzer=scene_analyzer(family.settings, **before))


class Looking:
    """An onlooker. before: called with every frame, may raise; ending: called at the end."""

    def __init__(self, before=lambda _: None, ending=lambda: None):
        self.closed = 0
        self._before, self._ending = before, ending

    def show(self, frame, labels):
        self._before(frame)
        return True

    def close(self):
        self.closed += 1
        self._ending()


def everything(tmp_path):
    """Options that open all there is to open."""
    return {
        "group": "family",
        "on": "all",
        "to": [str(tmp_path / "events.jsonl"), str(tmp_path / "events.csv")],
        "record": tmp_path / "record.mkv",
        "snapshots": tmp_path / "shots",
        "tracks": tmp_path / "tracks.jsonl",
    }


# one camera


@pytest.mark.parametrize("frame", [0, 1, 30])
@pytest.mark.parametrize(
    "error", [Broken("the source"), SourceLost("It broke off."), MemoryError()], ids=repr
)
def test_the_source_raises(family, play, tmp_path, frame, error):
    source = FilmSource([Part("ada")], 60.0, fail_at=frame, error=error)
    play(door=source)
    with told_in_time(error):
        list(vultus.watch("door", gallery=family, **everything(tmp_path)))
    assert source.closed
    assert not [name for name in open_files(tmp_path) if not name.startswith("people.db")]


def test_opening_the_source_raises(family, play):
    error = Broken("the driver")

    def open_it():
        raise error

    play(door=open_it)
    with told_in_time(error):
        next(vultus.watch("door", gallery=family))


@pytest.mark.parametrize("part", ["detect", "embed"])
@pytest.mark.parametrize("call", [1, 4])
def test_a_network_raises(family, play, tmp_path, part, call):
    fails = FailsAt(call, Broken(part))
    source = FilmSource([Part("ada")], 60.0)
    play(door=source)
    with (
        gallery_with(family, **{part: fails}) as people,
        told_in_time(fails._error, lambda: fails.at),
    ):
        list(vultus.watch("door", gallery=people, **everything(tmp_path)))
    assert source.closed
    assert not [name for name in open_files(tmp_path) if not name.startswith("people.db")]


def test_a_sink_raises(family, play, sinks):
    fails = FailsAt(1, Broken("a bug in a sink"))
    sink, other = RecordingSink(before=fails), RecordingSink("other")
    sinks(broken=sink, other=other)
    source = FilmSource([Part("ada")], WHOLE_DAY, pace_s=0.005)
    play(door=source)
    with told_in_time(fails._error, lambda: fails.at):
        list(vultus.watch("door", group="family", gallery=family, to=["broken", "other"]))
    assert source.closed
    assert sink.closed
    # whoever was there has left, and the sink that works was told
    assert [event.event["type"] for event in other.arrived] == ["enter", "exit"]
    assert [visit.type for visit in family.visits.find()] == ["exit"]


def test_a_sink_raises_while_nothing_happens(family, play, sinks):
    """It is told at the next frame, not with the next event."""
    fails = FailsAt(1, Broken("idle"))
    sink = RecordingSink()
    sink.idle = fails
    sinks(broken=sink)
    play(door=FilmSource([], WHOLE_DAY, pace_s=0.01))
    with told_in_time(fails._error, lambda: fails.at):
        list(vultus.watch("door", gallery=family, to=["broken"]))


def test_a_sink_raises_while_the_camera_is_down(family, play, sinks, film_settings):
    fails = FailsAt(1, Broken("idle"))
    sink = RecordingSink()
    sink.idle = fails
    sinks(broken=sink)

    silent = LiveFilm(show=lambda _: None)
    play(door=lambda: LiveReader("door", lambda: silent, film_settings.video))
    with told_in_time(fails._error, lambda: fails.at):
        list(vultus.watch("door", gallery=family, to=["broken"]))


def test_a_sink_raises_with_the_last_event(family, play, sinks):
    """Nobody iterates any more; closing tells it."""
    fails = FailsAt(2, Broken("the exit"))
    sinks(broken=RecordingSink(before=fails))
    play(door=FilmSource([Part("ada")], 2.0))
    with told_in_time(fails._error, lambda: fails.at):
        list(vultus.watch("door", group="family", gallery=family, to=["broken"]))


def test_a_sink_that_cannot_be_closed(family, play, sinks):
    sink = RecordingSink()
    sink.close = FailsAt(1, Broken("close"))
    sinks(broken=sink)
    play(door=FilmSource([Part("ada")], 1.0))
    with told_in_time(sink.close._error):
        list(vultus.watch("door", group="family", gallery=family, to=["broken"]))


def test_a_sink_that_refuses_or_is_down_ends_nothing(family, play, sinks):
    def refuse(_):
        raise DeliveryRefused("Never.")

    sinks(refusing=RecordingSink("refusing", refuse), other=RecordingSink("other"))
    play(door=FilmSource([Part("ada")], 2.0))
    with vultus.watch("door", group="family", gallery=family, to=["refusing", "other"]) as watching:
        assert [visit.who for visit in watching] == ["ada"]
    refusing, other = watching.sinks
    assert (refusing.set_aside, refusing.pending) == (2, 0)
    assert (other.set_aside, other.delivered) == (0, 2)


@pytest.mark.parametrize("frame", [1, 25])
def test_an_onlooker_raises(family, play, tmp_path, frame):
    fails = FailsAt(frame, Broken("window"))
    looking, other = Looking(fails), Looking()
    source = FilmSource([Part("ada")], 60.0)
    play(door=source)
    with told_in_time(fails._error, lambda: fails.at):
        list(
            vultus.watch("door", gallery=family, onlookers=[other, looking], **everything(tmp_path))
        )
    assert (source.closed, looking.closed, other.closed) == (1, 1, 1)
    assert not [name for name in open_files(tmp_path) if not name.startswith("people.db")]


def test_an_onlooker_that_cannot_be_closed_keeps_nothing_else_open(family, play):
    fails = FailsAt(1, Broken("close"))
    looking, other = Looking(ending=fails), Looking()
    source = FilmSource([Part("ada")], 1.0)
    play(door=source)
    with told_in_time(fails._error):
        list(vultus.watch("door", gallery=family, onlookers=[looking, other]))
    assert (source.closed, other.closed) == (1, 1)


def test_a_source_that_cannot_be_closed(family, play):
    source = FilmSource([Part("ada")], 1.0)
    source.close = FailsAt(1, Broken("close"))
    play(door=source)
    with told_in_time(source.close._error):
        list(vultus.watch("door", gallery=family))


def test_a_program_error_while_saving_pictures(family, play, tmp_path, monkeypatch):
    error = Broken("encoder")
    fails = FailsAt(1, error)
    monkeypatch.setattr(Snapshots, "save", fails)
    play(door=FilmSource([Part("ada")], 60.0))
    with told_in_time(error, lambda: fails.at):
        list(vultus.watch("door", gallery=family, **everything(tmp_path)))


def test_tracks_on_a_full_disk(family, play, tmp_path):
    full = tmp_path / "tracks.jsonl"
    full.symlink_to("/dev/full")
    source = FilmSource([Part("ada")], 60.0)
    play(door=source)
    with no_thread_left(), pytest.raises(StorageError, match=r"tracks\.jsonl"):
        list(vultus.watch("door", group="family", gallery=family, tracks=full))
    assert source.closed


def test_an_outbox_that_cannot_be_written(family, play, tmp_path, monkeypatch):
    from vultus.events.outbox import Outbox

    error = StorageError("The disk is full.")
    monkeypatch.setattr(Outbox, "put", FailsAt(1, error))
    play(door=FilmSource([Part("ada")], 60.0))
    with told_in_time(error):
        list(vultus.watch("door", gallery=family, **everything(tmp_path)))


def test_history_that_cannot_be_written_ends_nothing(family, play, sinks, caplog, monkeypatch):
    def busy(visit):
        raise GalleryBusy("The gallery is locked.")

    monkeypatch.setattr(family.visits, "record", busy)
    sink = RecordingSink()
    sinks(recording=sink)
    play(door=FilmSource([Part("ada", 0, 2), Part("bob", 1, 3, x=200, speed=0)], 3.0))
    found = list(vultus.watch("door", group="family", gallery=family, to=["recording"]))
    assert [visit.who for visit in found] == ["ada", "bob"]
    assert len(sink.arrived) == 4
    assert len([r for r in caplog.records if "not remembered" in r.getMessage()]) == 1


def test_a_gallery_that_fails_when_strangers_are_kept(family, play, sinks, monkeypatch):
    """The cause comes out; who was there has left all the same."""
    error = StorageError("The disk is full.")

    def fail(*_, **__):
        raise error

    sink = RecordingSink()
    sinks(recording=sink)
    monkeypatch.setattr(family.strangers, "learn", fail)
    monkeypatch.setattr(family.strangers, "add", fail)
    parts = [Part("ada"), Part("cyd", 1, x=200, speed=0)]
    play(door=FilmSource(parts, 60.0))
    with told_in_time(error):
        list(vultus.watch("door", group="family", gallery=family, to=["recording"]))
    assert [(each.event["type"], each.event["person"]) for each in sink.arrived] == [
        ("enter", "ada"),
        ("exit", "ada"),
    ]


def test_strangers_who_cannot_be_kept_better_end_nothing(family, play, sinks, monkeypatch, caplog):
    def busy(*_, **__):
        raise GalleryBusy("The gallery is locked.")

    sink = RecordingSink()
    sinks(recording=sink)
    monkeypatch.setattr(family.strangers, "learn", busy)
    parts = [Part("ada"), Part("cyd", x=120, speed=0), Part("eve", x=220, speed=0)]
    play(door=FilmSource(parts, 2.0))
    found = list(vultus.watch("door", group="family", gallery=family, to=["recording"]))
    assert [visit.who for visit in found] == ["ada", "unknown-0001", "unknown-0002"]
    assert len(sink.arrived) == 6
    assert "locked" in caplog.text


def test_who_iterates_raises(family, play, tmp_path):
    error = Broken("the caller")
    source = FilmSource([Part("ada")], 60.0)
    play(door=source)
    options = everything(tmp_path)
    with told_in_time(error), vultus.watch("door", gallery=family, **options) as watching:
        for _ in watching:
            raise error
    assert source.closed
    assert [visit.type for visit in family.visits.find()] == ["exit"]


def test_after_an_error_there_is_nothing_more(family, play):
    play(door=FilmSource([Part("ada")], 60.0, fail_at=5, error=Broken()))
    watching = vultus.watch("door", gallery=family)
    with pytest.raises(Broken):
        next(watching)
    assert list(watching) == []
    (status,) = watching.status
    assert (status.state, status.error) == ("failed", "Broken")
    watching.close()
    watching.stop()


# live


def test_a_mistake_in_a_live_source(family, play, film_settings):
    error = Broken("decoder")
    play(
        door=lambda: LiveReader(
            "door",
            lambda: LiveFilm([Part("ada")], fail_after_s=0.3, error=error),
            film_settings.video,
            patient=True,
        )
    )
    with told_in_time(error):
        list(vultus.watch("door", gallery=family))


def test_stopping_a_live_source(family, play, film_settings):
    play(door=lambda: LiveReader("door", lambda: LiveFilm([Part("ada")]), film_settings.video))
    with no_thread_left():
        with vultus.watch("door", group="family", gallery=family, on="all") as watching:
            assert next(watching).type == "enter"
            began = time.monotonic()
            watching.stop()
            assert [visit.type for visit in watching] == ["exit"]
        assert time.monotonic() - began < LIMIT_S + 1


def test_a_grey_camera_lets_people_leave(family, play, film_settings):
    """Frames that show nothing are skipped, and time passes all the same."""

    def show(seconds):
        if seconds > 1.0:
            return room() * 0 + 128
        return scene(seconds, [Part("ada")], SIZE_WH, int(seconds * 20))

    play(door=lambda: LiveReader("door", lambda: LiveFilm(show=show), film_settings.video))
    video = film_settings.video.model_copy(update={"absence_s": 0.6})
    with vultus.watch("door", group="family", gallery=family, video=video) as watching:
        check_left_in_time(watching)
    assert watching.status[0].counts["grey"] > 0


def check_left_in_time(watching):
    with at_most(8, watching.stop):
        left = next(watching)
    assert left.who == "ada"
    assert (left.time - left.end).total_seconds() < 4


def test_a_frozen_camera_lets_people_leave(family, play, film_settings):
    still = scene(0.5, [Part("ada", x=100, speed=0)])
    video = film_settings.video.model_copy(update={"absence_s": 0.4, "frozen_s": 0.8})

    def show(seconds):
        if seconds > 0.8:
            return still
        return scene(seconds, [Part("ada", x=100, speed=0)], SIZE_WH, int(seconds * 20))

    play(door=lambda: LiveReader("door", lambda: LiveFilm(show=show), video))
    with vultus.watch("door", group="family", gallery=family, video=video) as watching:
        check_left_in_time(watching)
    assert watching.status[0].counts["frozen"] > 0


def test_the_delay_of_a_live_source_is_bounded(family, play, film_settings):
    """Only to notice a queue or a hang: the limit is far above what it takes."""
    play(door=lambda: LiveReader("door", lambda: LiveFilm([Part("ada")]), film_settings.video))
    with vultus.watch("door", group="family", gallery=family, on="enter") as watching:
        event = next(watching)
        assert time.time() - event.time.timestamp() < 1.5
        (status,) = watching.status
        assert status.state == "live"
        assert 0 <= status.delay_s < 1.5


# chaos

PARTS = ("source", "detect", "embed", "sink", "onlooker", "caller", "tracks", "gallery")


@pytest.mark.parametrize("seed", range(24))
def test_anything_at_any_time(enrolled, play, sinks, tmp_path, monkeypatch, seed):
    """One to three cameras, and one part that raises at some time."""
    dice = random.Random(seed)
    part, cameras = PARTS[seed % len(PARTS)], dice.randint(1, 3)
    most = 4 if part == "sink" else 12
    fails = FailsAt(dice.randint(1, most), Broken(f"{part} {seed}"))
    sources = {
        f"c{n}": FilmSource([Part("ada", x=5 + 60 * n), Part("cyd", 0.5, x=200, speed=0)], 2.0)
        for n in range(cameras)
    }
    sink = RecordingSink(before=fails if part == "sink" else lambda _: None, batch=1)
    settings = settings_in(tmp_path)
    (tmp_path / "people.db").write_bytes(enrolled.read_bytes())
    looking = [Looking(fails)] if part == "onlooker" else []
    if part == "source":
        sources["c0"].fail_at, sources["c0"].error = dice.randint(0, 39), fails._error
    if part == "tracks":
        monkeypatch.setattr("vultus.video.track_file.TrackWriter.write", fails)
    play(**sources)
    sinks(recording=sink)
    before = {part: fails} if part in ("detect", "embed") else {}
    with Gallery(settings=settings, analyzer=scene_analyzer(settings, **before)) as people:
        if part == "gallery":
            decide = people.decide
            monkeypatch.setattr(people, "decide", lambda *a, **k: fails() or decide(*a, **k))
        watched = [
            vultus.Camera(name=name, source=name, group="family", tracks=tmp_path / f"{name}.jsonl")
            for name in sources
        ]
        with (
            no_thread_left(),
            pytest.raises(Broken) as caught,
            vultus.watch_cameras(
                watched, gallery=people, to=["recording"], on="all", onlookers=looking
            ) as watching,
        ):
            for _ in watching:
                if part == "caller":
                    fails()
            if part == "caller":  # fewer events than that
                raise fails._error
        assert caught.value is fails._error
        if fails.at is not None and cameras == 1:
            assert time.monotonic() - fails.at < LIMIT_S
        check_the_rest(part, watching, people, sink, sources)
    assert open_files(tmp_path) == []


def check_the_rest(part, watching, people, sink, sources):
    """Other cameras went on; nobody stays in, and nobody leaves who never came."""
    states = [status.state for status in watching.status]
    if part in ("source", "detect", "embed", "onlooker", "tracks", "gallery"):
        assert states.count("failed") == 1
        assert states.count("ended") == len(sources) - 1
        (failed,) = [status for status in watching.status if status.state == "failed"]
        assert part in failed.error
        whole = [status for status in watching.status if status.state == "ended"]
        assert all(status.frames == 40 and status.visits == 2 for status in whole)
    assert all(source.closed for source in sources.values())
    assert {visit.type for visit in people.visits.find(limit=1000)} <= {"exit"}
    if part != "sink":
        types = {}
        for each in sink.arrived:
            types.setdefault(each.event["visit"], []).append(each.event["type"])
        for told in types.values():
            assert (told[0], told[-1]) == ("enter", "exit")
            assert told.count("exit") == 1
    assert sink.closed
