"""What all cameras of a call share, and what is settled before the first frame."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pytest

import vultus
from tests.events.sinks import RecordingSink, wait_for
from tests.events.visits import visit
from tests.video.scenes import FilmSource, Part, no_thread_left
from vultus.errors import GroupUnknown, ModelMismatch, UsageError
from vultus.events.dispatcher import Dispatcher
from vultus.events.outbox import Outbox
from vultus.gallery.gallery import Gallery
from vultus.settings import RuntimeSettings, Settings
from vultus.video.budget import Budget
from vultus.video.camera import Camera
from vultus.video.session import Session, analyzer_for, camera_name, judge_of
from vultus.video.watching import Watch, watch_cameras


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("0", "camera-0"),
        ("12", "camera-12"),
        ("/dev/video0", "video0"),
        ("clips/yard.mp4", "yard"),
        ("pictures/", "pictures"),
        (".", "camera"),
        ("rtsp://user:password@host/stream1", "camera"),
        ("https://host/video.m3u8?token=abc", "camera"),
        (f"{'n' * 300}.mp4", "n" * 100),
    ],
)
def test_what_a_source_is_called(source, name):
    assert camera_name(source) == name


@pytest.mark.parametrize(
    "source", ["rtsp:user:s3cret@host/s.mp4", "user:s3cret@host", "u:s3cret@h.tv"]
)
def test_a_password_is_no_part_of_a_name(source):
    assert "s3cret" not in camera_name(source)


@pytest.mark.parametrize(("cameras", "threads", "expected"), [(1, 0, 0), (2, 0, 1), (4, 3, 3)])
def test_several_cameras_share_the_cores(cameras, threads, expected):
    settings = Settings(runtime=RuntimeSettings(threads=threads))
    assert analyzer_for(cameras, settings).settings.runtime.threads == expected


def test_a_group_is_needed_only_where_it_is_named(tmp_path, family):
    with Gallery(tmp_path / "empty.db", analyzer=family.analyzer) as empty:
        judge = judge_of(empty, "default", needed=False)
        (decision,) = judge(np.zeros((1, 128), np.float32))
        assert (decision.person, decision.rule) == (None, "no_people")
    with pytest.raises(GroupUnknown):
        judge_of(family, "none", needed=True)(np.zeros((1, 128), np.float32))


def test_a_group_of_another_model_is_refused(family):
    judge = judge_of(family, "family", needed=False, model="another-model")
    with pytest.raises(ModelMismatch):
        judge(np.zeros((1, 128), np.float32))


def test_without_sinks_there_is_no_outbox(family):
    session = Session([Camera(name="door", source="x")], family.settings, gallery=family)
    session.close()
    assert not family.settings.events.outbox.exists()
    assert session.sinks == []


def test_closed_twice_and_the_sinks_are_still_known(family, sinks):
    sink = RecordingSink()
    sinks(recording=sink)
    with no_thread_left():
        session = Session(
            [Camera(name="door", source="x")], family.settings, gallery=family, to=["recording"]
        )
        session.close()
        session.close()
    (status,) = session.sinks
    assert (status.key, status.state, status.pending) == ("recording", "closed", 0)


def test_sinks_are_closed_where_the_outbox_cannot_be_had(family, sinks, tmp_path):
    sink = RecordingSink()
    sinks(recording=sink)
    (tmp_path / "outbox.db").mkdir()
    with no_thread_left(), pytest.raises(vultus.VultusError):
        Session([], family.settings, gallery=family, to=["recording"])
    assert sink.closed


def test_two_sinks_of_one_place(family, tmp_path):
    path = str(tmp_path / "events.jsonl")
    with pytest.raises(UsageError):
        Session([], family.settings, gallery=family, to=[path, f"jsonl:{path}"])


# what a crash left open


def left_open(family, **changes):
    """A process that was killed: it said `enter`, and never more."""
    entered = replace(visit("7"), camera="door", person="ada", group="family", **changes)
    with Outbox(family.settings.events.outbox) as outbox:
        outbox.put(entered, [])
    return entered


def test_visits_of_a_run_that_was_killed_are_ended_first(family, play, sinks):
    entered = left_open(family)
    sink = RecordingSink()
    sinks(recording=sink)
    play(door=FilmSource([Part("bob")], 2.0))
    before = datetime.now(timezone.utc)
    found = list(vultus.watch("door", group="family", gallery=family, to=["recording"], on="all"))
    assert [each.who for each in found] == ["bob", "bob"]
    first = sink.arrived[0].event
    assert (first["visit"], first["type"], first["sequence"]) == (entered.id, "exit", 1)
    assert first["why"] == {"rule": "interrupted"}
    assert first["end"] == entered.to_dict()["end"]  # when the face was last seen
    assert first["time"] >= before.strftime("%Y-%m-%dT%H:%M:%S")
    assert first["best_shot"] == entered.to_dict()["best_shot"]
    assert [each.event["type"] for each in sink.arrived] == ["exit", "enter", "exit"]
    (kept,) = family.visits.find(person="ada")
    assert (kept.id, kept.type) == (entered.id, "exit")
    with Outbox(family.settings.events.outbox) as outbox:
        assert outbox.open_visits("door") == []


def test_visits_of_other_cameras_are_ended_too(family, play, sinks):
    left_open(family)
    sink = RecordingSink()
    sinks(recording=sink)
    play(yard=FilmSource([], 1.0))
    list(vultus.watch("yard", gallery=family, to=["recording"]))
    (told,) = [delivery.event for delivery in sink.arrived]
    assert (told["camera"], told["type"]) == ("door", "exit")
    with Outbox(family.settings.events.outbox) as outbox:
        assert outbox.open_visits("door") == []


def test_it_is_ended_once(family, play, sinks):
    left_open(family)
    for number in range(2):
        sink = RecordingSink()
        sinks(recording=sink)
        play(door=FilmSource([], 1.0))
        list(vultus.watch("door", gallery=family, to=["recording"]))
        assert len(sink.arrived) == (1 if number == 0 else 0)


# the same addresses as everywhere


def test_events_wait_for_a_sink_that_is_down(family, play, tmp_path):
    """What cannot be delivered now is delivered by the next run, in order, with the same names."""
    folder = tmp_path / "share"
    address = f"jsonl:{folder}/events.jsonl"
    play(door=FilmSource([Part("ada")], 2.0))
    found = []
    with vultus.watch("door", group="family", gallery=family, to=[address], on="all") as watching:
        found.append(next(watching))
        wait_for(lambda: watching.sinks[0].delivered == 1)
        (folder / "events.jsonl").unlink(missing_ok=True)
        folder.rmdir()
        folder.write_text("unplugged")
        found += watching
    (status,) = watching.sinks
    assert status.pending == len([each for each in found if each.type == "exit"]) == 1
    folder.unlink()
    play(door=FilmSource([], 1.0))
    list(vultus.watch("door", gallery=family, to=[address]))
    lines = (folder / "events.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["exit"]


# shared with others of this process, as in a server


def test_turns_are_shared(family, play):
    """While somebody else has the only turn nothing is analysed."""
    budget = Budget(1)
    play(door=FilmSource([Part("ada")], 1.0))
    found = []
    camera = Camera(name="door", source="door", group="family", video=family.settings.video)
    watching = watch_cameras([camera], gallery=family, budget=budget)
    thread = threading.Thread(target=lambda: found.extend(watching))
    with budget.turn():
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert watching.status[0].analysed == 0
    thread.join(10)
    assert [visit.who for visit in found] == ["ada"]


def test_a_ledger_has_every_event_and_stays_open(family, play, sinks):
    table, own = RecordingSink("table"), RecordingSink("own")
    sinks(own=own)
    settings = family.settings
    with (
        Outbox(settings.events.outbox) as outbox,
        Dispatcher(outbox, [table], settings.events) as ledger,
    ):
        for name, to in (("door", ["own"]), ("yard", [])):
            play(**{name: FilmSource([Part("ada")], 1.0)})
            camera = Camera(name=name, source=name, group="family", video=settings.video)
            session = Session([camera], settings, gallery=family, to=to, ledger=ledger)
            list(Watch([camera], session, on="all"))
            assert not outbox.closed
        assert ledger.flush(10)
    assert [each.event["camera"] for each in table.arrived] == ["door"] * 2 + ["yard"] * 2
    assert [each.event["camera"] for each in own.arrived] == ["door"] * 2


def test_with_a_ledger_only_the_own_cameras_visits_are_ended(family, sinks):
    table, own = RecordingSink("table"), RecordingSink("own")
    sinks(own=own)
    settings = family.settings
    with (
        Outbox(settings.events.outbox) as outbox,
        Dispatcher(outbox, [table], settings.events) as ledger,
    ):
        for number, name in ((1, "door"), (2, "yard")):  # broken off in this very run
            ledger.put(replace(visit(number), camera=name, person="ada"))
        camera = Camera(name="door", source="x", group="family")
        session = Session([camera], settings, gallery=family, to=["own"], ledger=ledger)
        session.close()
        assert ledger.flush(10)
        assert [left.camera for left in outbox.open_visits()] == ["yard"]
    assert [(each.event["camera"], each.event["type"]) for each in own.arrived] == [
        ("door", "exit")
    ]
    assert len(table.arrived) == 3
