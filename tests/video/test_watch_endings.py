"""`vultus.watch`: what is refused at once, and ending early."""

from __future__ import annotations

import gc
import json
import threading
import time
from datetime import datetime

import pytest

import vultus
from tests.video.scenes import FilmSource, Part, no_thread_left
from tests.video.told import lines_of, told
from vultus.errors import GalleryMissing, GroupUnknown, SourceMissing, StorageError, UsageError

# refused at once


def refuse(error, **options):
    """The call itself raises, before a source is opened."""
    with no_thread_left(), pytest.raises(error) as caught:
        vultus.watch("/nowhere/at/all.mp4", **options)
    return caught.value


@pytest.mark.parametrize("to", ["gopher://host", "events.txt", "", "mqtt://", "jsonl:"])
def test_a_senseless_sink(family, film_settings, to):
    error = refuse(UsageError, group="family", gallery=family, to=[to])
    assert error.hint


def test_the_good_sinks_beside_a_senseless_one_are_closed(family, tmp_path):
    refuse(UsageError, gallery=family, to=[str(tmp_path / "e.jsonl"), "gopher://host"])


def test_one_sink_twice(family, tmp_path):
    refuse(UsageError, gallery=family, to=[str(tmp_path / "e.jsonl")] * 2)


def test_a_rate_of_false_matches_beside_a_gallery(family):
    """It has its own, and must not be ignored in silence."""
    refuse(UsageError, gallery=family, far=1e-4)


def test_no_camera_at_all(family):
    with pytest.raises(UsageError):
        vultus.watch_cameras([], gallery=family)


def test_an_unknown_group(family):
    assert "'strangers'" in str(refuse(GroupUnknown, group="strangers", gallery=family))


def test_a_group_without_any_gallery(tmp_path):
    refuse(GalleryMissing, group="family", gallery=tmp_path / "none.db")


@pytest.mark.parametrize(
    "polygon",
    [
        [(0, 0), (1, 1)],
        [(0, 0), (2, 0), (0, 1)],
        [(0, 0), (float("nan"), 0), (0, 1)],
        [],
        [(1,)] * 3,
    ],
)
def test_senseless_zones_and_masks(family, polygon):
    refuse(UsageError, gallery=family, zones={"door": polygon})
    refuse(UsageError, gallery=family, masks=[polygon])


@pytest.mark.parametrize("on", ["leave", "", None, "EXIT"])
def test_senseless_on(family, on):
    refuse(UsageError, gallery=family, on=on)


@pytest.mark.parametrize("name", ["out.txt", "out", "out.jpg"])
def test_a_senseless_ending_of_the_recording(family, tmp_path, name):
    refuse(UsageError, gallery=family, record=tmp_path / name)


def test_a_recording_over_its_own_source(family, clip):
    before = clip.read_bytes()
    with pytest.raises(UsageError):
        list(vultus.watch(clip, gallery=family, record=clip))
    assert clip.read_bytes() == before


def test_tracks_that_cannot_be_written(family, clip, tmp_path):
    (tmp_path / "file").write_text("")
    with no_thread_left(), pytest.raises(StorageError):
        list(vultus.watch(clip, gallery=family, tracks=tmp_path / "file" / "tracks.jsonl"))


@pytest.mark.parametrize("source", ["", "   "])
def test_an_empty_source(family, source):
    with pytest.raises(vultus.VultusError):
        list(vultus.watch(source, gallery=family))


def test_a_start_without_a_zone(family, clip):
    with pytest.raises(UsageError):
        list(vultus.watch(clip, gallery=family, started_at=datetime(2026, 1, 1)))


def test_a_missing_file_is_told_while_iterating(family, tmp_path):
    watching = vultus.watch(tmp_path / "gone.mp4", gallery=family)
    with pytest.raises(SourceMissing):
        next(watching)
    (status,) = watching.status
    assert status.state == "failed"
    assert "gone.mp4" in status.error


def test_a_file_with_a_long_name(family, tmp_path, clip):
    long = clip.rename(tmp_path / f"{'n' * 200}.mp4")
    assert len(list(vultus.watch(long, group="family", gallery=family))) == 2


# ending early


def test_breaking_off_ends_open_visits_everywhere(family, tmp_path, play):
    source = FilmSource([Part("ada", x=10), Part("cyd", x=150, speed=0)], 60.0)
    play(yard=source)
    events = tmp_path / "events.jsonl"
    with (
        no_thread_left(),
        vultus.watch(
            "yard", group="family", gallery=family, on="enter", to=[str(events)]
        ) as watching,
    ):
        assert [next(watching).who, next(watching).who] == ["ada", "unknown-0001"]
    assert source.closed
    assert {(line["type"], line["person"] or line["stranger"]) for line in lines_of(events)} == {
        ("enter", "ada"),
        ("enter", "unknown-0001"),
        ("exit", "ada"),
        ("exit", "unknown-0001"),
    }
    assert [visit.type for visit in family.visits.find(group="family")] == ["exit", "exit"]


def test_breaking_off_loses_no_event_of_the_same_moment(family, tmp_path, play):
    """Both leave at once; whoever takes only the first event still has both delivered."""
    parts = [Part("ada", 0, 1, x=10), Part("bob", 0, 1, x=150)]
    play(yard=FilmSource(parts, 3.0))
    events = tmp_path / "events.jsonl"
    with vultus.watch("yard", group="family", gallery=family, to=[str(events)]) as watching:
        next(watching)
    left = [line["person"] for line in lines_of(events) if line["type"] == "exit"]
    assert sorted(left) == ["ada", "bob"]
    assert [visit.type for visit in family.visits.find(group="family")] == ["exit", "exit"]


def test_breaking_off_at_the_first_of_two_who_come_together(family, tmp_path, play):
    """Nobody leaves who never came."""
    parts = [Part("ada", x=10, speed=0), Part("bob", x=150, speed=0)]
    play(yard=FilmSource(parts, 30.0))
    events = tmp_path / "events.jsonl"
    with vultus.watch(
        "yard", group="family", gallery=family, on="all", to=[str(events)]
    ) as watching:
        next(watching)
    by_visit = {}
    for line in lines_of(events):
        by_visit.setdefault(line["visit"], []).append((line["sequence"], line["type"]))
    assert list(by_visit.values()) == [[(0, "enter"), (1, "exit")]] * 2


def test_breaking_off_is_no_failure(family, play):
    play(yard=FilmSource([Part("ada")], 30.0))
    with vultus.watch("yard", group="family", gallery=family, on="enter") as watching:
        next(watching)
    (status,) = watching.status
    assert (status.state, status.error) == ("ended", None)


def test_a_loop_that_is_left_ends_it(family, play):
    """Nobody keeps the watching, and nobody has to."""
    source = FilmSource([Part("ada")], 30.0)
    play(yard=source)
    with no_thread_left():
        for visit in vultus.watch("yard", group="family", gallery=family, on="enter"):
            assert visit.who == "ada"
            break
        gc.collect()
    assert source.closed
    assert [visit.type for visit in family.visits.find()] == ["exit"]


def test_without_a_context_close_ends_it(family, play):
    source = FilmSource([Part("ada")], 30.0)
    play(yard=source)
    with no_thread_left():
        watching = vultus.watch("yard", group="family", gallery=family, on="enter")
        next(watching)
        watching.close()
        watching.close()
    assert source.closed
    assert next(watching, None) is None


def test_never_iterated_leaves_nothing_open(family, tmp_path, play):
    opened = []
    play(yard=lambda: opened.append(1))
    with no_thread_left():
        watching = vultus.watch(
            "yard",
            group="family",
            gallery=family,
            to=[str(tmp_path / "e.jsonl")],
            tracks=tmp_path / "tracks.jsonl",
        )
        watching.close()
    assert not opened
    (status,) = watching.status
    assert (status.state, status.frames) == ("connecting", 0)


def test_stop_from_another_thread(family, play):
    source = FilmSource([Part("ada")], 600.0, pace_s=0.02)
    play(yard=source)
    watching = vultus.watch("yard", group="family", gallery=family, on="all")
    threading.Timer(0.6, watching.stop).start()
    began = time.monotonic()
    with no_thread_left():
        assert told(watching) == [("enter", "ada"), ("exit", "ada")]
    assert time.monotonic() - began < 3
    assert watching.status[0].state == "ended"
    assert source.closed


def test_stop_before_the_first_frame(family, play):
    play(yard=FilmSource([Part("ada")], 600.0, pace_s=0.02))
    with no_thread_left(), vultus.watch("yard", group="family", gallery=family) as watching:
        watching.stop()
        assert list(watching) == []


def test_status_while_it_runs(family, play):
    play(yard=FilmSource([Part("ada", 0, 2), Part("cyd", 2, 4, x=200, speed=0)], 5.0))
    with vultus.watch("yard", group="family", gallery=family, on="all") as watching:
        (before,) = watching.status
        assert (before.camera, before.state, before.present) == ("yard", "connecting", [])
        next(watching)
        (during,) = watching.status
        assert (during.state, during.present, during.visits) == ("running", ["ada"], 1)
        assert 0 < during.analysed <= during.frames < 100
        assert list(watching)
        (after,) = watching.status
    assert (before.frames, before.state) == (0, "connecting")  # what was asked for stays as it was
    assert (during.state, during.visits) == ("running", 1)
    assert (after.state, after.present, after.visits, after.error) == ("ended", [], 2, None)
    assert (after.frames, after.analysed) == (100, 50)
    assert after.counts["named"] == 1
    assert after.counts["strangers"] == 1
    assert after.counts["no_face"] == 10
    assert json.dumps(after.to_dict())


def test_the_counts_say_why_nothing_was_recognised(family, play):
    play(yard=FilmSource([Part("ada", side=24)], 2.0))
    with vultus.watch("yard", group="family", gallery=family) as watching:
        assert list(watching) == []
    (status,) = watching.status
    assert status.counts["small"] == 1
    assert not status.counts.get("no_face")
