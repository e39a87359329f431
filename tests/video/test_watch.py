"""`vultus.watch`: what it hands out, what it leaves behind, and how it ends."""

from __future__ import annotations

import csv
import json
import shutil
import threading
import time
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path

import av
import pytest

import vultus
from tests.events.sinks import RecordingSink
from tests.shared import shared
from tests.video import scenes
from tests.video.scenes import FilmSource, Part, film, no_thread_left, scene_analyzer
from vultus.errors import GalleryMissing, GroupUnknown, SourceMissing, StorageError, UsageError
from vultus.events.visit import Visit
from vultus.gallery.gallery import Gallery
from vultus.imaging.load import load
from vultus.video import watching as watching_module
from vultus.video.replay import replay
from vultus.video.session import judge_of
from vultus.video.strangers import SessionStrangers
from vultus.video.track_file import TrackReader

TWO = [Part("ada", 0.5, 2.0), Part("cyd", 1.0, 3.0, x=150, speed=10)]


@pytest.fixture(scope="module")
def yard(tmp_path_factory):
    """Copied, never used."""
    return film(tmp_path_factory.mktemp("film") / "yard.mp4", TWO, 4)


@pytest.fixture
def clip(tmp_path, yard):
    """Four seconds: ada from 0.5 to 2, a stranger from 1 to 3."""
    return Path(shutil.copy2(yard, tmp_path / "yard.mp4"))


def told(events):
    return [(event.type, event.who) for event in events]


def lines_of(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


# what comes out


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("enter", [("enter", "ada"), ("enter", "unknown-0001")]),
        ("exit", [("exit", "ada"), ("exit", "unknown-0001")]),
        (
            "all",
            [
                ("enter", "ada"),
                ("enter", "unknown-0001"),
                ("exit", "ada"),
                ("exit", "unknown-0001"),
            ],
        ),
    ],
)
def test_each_visit_once_or_every_event(family, clip, on, expected):
    with vultus.watch(clip, group="family", gallery=family, on=on) as watching:
        assert told(watching) == expected


def test_an_event_says_who_where_and_when(family, clip):
    start = datetime(2026, 11, 21, 9, 30, tzinfo=timezone(timedelta(hours=1)))
    found = list(vultus.watch(clip, group="family", gallery=family, started_at=start))
    ada, stranger = found
    assert all(isinstance(visit, Visit) for visit in found)
    assert (ada.person, ada.stranger, ada.camera, ada.group) == ("ada", None, "yard", "family")
    assert (stranger.person, stranger.stranger) == (None, "unknown-0001")
    assert ada.probability > 0.9
    assert ada.start == start + timedelta(seconds=0.5)
    assert ada.end == start + timedelta(seconds=1.9)
    assert ada.seconds == pytest.approx(1.4)
    assert ada.zone is None
    assert ada.why["rule"] == "named"
    assert ada.best_shot.quality > 0.2
    assert ada.best_shot.picture is None  # nobody asked for pictures


def test_the_camera_may_have_another_name(family, clip):
    found = list(vultus.watch(clip, group="family", gallery=family, camera="Hof ü"))
    assert {visit.camera for visit in found} == {"Hof ü"}


def test_without_a_group_everybody_may_be_a_stranger(tmp_path, film_settings, clip):
    with Gallery(settings=film_settings, analyzer=scene_analyzer(film_settings)) as empty:
        found = list(vultus.watch(clip, gallery=empty))
        assert sorted(visit.who for visit in found) == ["unknown-0001", "unknown-0002"]
        assert {visit.group for visit in found} == {"default"}


def test_two_runs_say_the_same(family, clip):
    runs = [
        list(
            vultus.watch(
                clip, group="family", gallery=family, on="all", remember=False, zones=ZONES
            )
        )
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len({visit.id for visit in runs[0]}) == 2


ZONES = {
    "left": [(0, 0), (0.4, 0), (0.4, 1), (0, 1)],
    "right": [(0.4, 0), (1, 0), (1, 1), (0.4, 1)],
}


def test_zones(family, play):
    play(yard=FilmSource([Part("ada", 0, 5, x=0, speed=40)], 5.0))
    found = list(vultus.watch("yard", group="family", gallery=family, zones=ZONES, on="all"))
    assert [(visit.type, visit.zone) for visit in found] == [
        ("enter", "left"),
        ("update", "right"),
        ("exit", "right"),
    ]


def test_outside_of_all_zones(family, play):
    play(yard=FilmSource([Part("ada", 0, 2, x=200, speed=0)], 2.0))
    (found,) = vultus.watch("yard", group="family", gallery=family, zones={"left": ZONES["left"]})
    assert found.zone == "outside"


def test_nobody_in_a_mask_is_seen(family, play):
    parts = [Part("ada", 0, 3, x=20, speed=0), Part("bob", 0, 3, x=220, speed=0)]
    play(yard=FilmSource(parts, 3.0))
    found = vultus.watch("yard", group="family", gallery=family, masks=[ZONES["left"]])
    assert told(found) == [("exit", "bob")]


def test_times_of_2997_frames_a_second_are_exact(family, tmp_path):
    clip = film(tmp_path / "ntsc.mp4", [Part("ada")], 2, rate=Fraction(30000, 1001))
    with vultus.watch(clip, group="family", gallery=family) as watching:
        (visit,) = watching
    assert watching.status[0].frames == 60
    assert visit.media_time == float(Fraction(57 * 1001, 30000))  # the last one that was due


def test_onlookers_see_every_frame_with_its_labels(family, clip):
    seen = []

    class Onlooker:
        closed = 0

        def show(self, frame, labels):
            seen.append((frame.index, [label.text.split(" ")[0] for label in labels]))
            return True

        def close(self):
            self.closed += 1

    onlooker = Onlooker()
    list(vultus.watch(clip, group="family", gallery=family, onlookers=[onlooker]))
    assert [index for index, _ in seen] == list(range(80))
    assert seen[5][1] == []
    assert seen[24][1] == ["ada", ""]
    assert seen[36][1] == ["ada", "unknown-0001"]
    assert onlooker.closed == 1


def test_an_onlooker_may_end_it(family, play):
    source = FilmSource([Part("ada")], 60.0)
    play(yard=source)

    class Onlooker:
        def show(self, frame, labels):
            return frame.index < 40

        def close(self):
            pass

    found = vultus.watch("yard", group="family", gallery=family, onlookers=[Onlooker()], on="all")
    assert told(found) == [("enter", "ada"), ("exit", "ada")]
    assert source.closed
    assert source.handed_out < 60


# galleries


def test_a_gallery_by_its_address(family, clip, film_settings, monkeypatch):
    """Opened for the call, and closed after it."""
    monkeypatch.setattr(
        watching_module, "analyzer_for", lambda cameras, settings: scene_analyzer(settings)
    )
    closed = []
    monkeypatch.setattr(Gallery, "close", lambda self: closed.append(self))  # noqa: PLW0108
    watching = vultus.watch(
        clip, group="family", gallery=film_settings.gallery, settings=film_settings
    )
    assert told(watching) == [("exit", "ada"), ("exit", "unknown-0001")]
    assert len(closed) == 1
    closed[0].database.close()


def test_a_gallery_of_the_caller_stays_open(family, clip):
    list(vultus.watch(clip, group="family", gallery=family))
    assert [person.name for person in family.people("family")] == ["ada", "bob"]


def test_remembered_visits_and_strangers(family, clip):
    found = list(vultus.watch(clip, group="family", gallery=family))
    kept = family.visits.find(group="family")
    assert [visit.id for visit in reversed(kept)] == [visit.id for visit in found]
    for record, visit in zip(reversed(kept), found, strict=True):
        assert (record.person, record.stranger) == (visit.person, visit.stranger)
        assert (record.start, record.end) == (visit.start, visit.end)
        assert (record.type, record.sequence) == ("exit", visit.sequence)
        assert record.camera == "yard"
    (stranger,) = family.strangers.strangers("family")
    assert (stranger.label, stranger.visits) == ("unknown-0001", 1)
    assert stranger.faces >= 1


def test_who_was_seen_before_keeps_the_label(family, play):
    for day in ("monday", "tuesday"):
        play(yard=FilmSource([Part("cyd"), Part("eve", x=150, speed=0)], 2.0))
        started = datetime(2026, 11, 23 if day == "monday" else 24, tzinfo=timezone.utc)
        found = list(
            vultus.watch("yard", group="family", gallery=family, camera=day, started_at=started)
        )
        labels = {visit.stranger for visit in found}
        assert labels == {"unknown-0001", "unknown-0002"}
    assert len(family.strangers.strangers("family")) == 2
    assert [each.visits for each in family.strangers.strangers("family")] == [2, 2]


def test_the_same_recording_again_is_in_the_history_once(family, clip):
    for _ in range(2):
        list(vultus.watch(clip, group="family", gallery=family))
    assert len(family.visits.find(group="family")) == 2


def test_nothing_is_remembered_when_not_wanted(family, clip):
    found = list(vultus.watch(clip, group="family", gallery=family, remember=False))
    assert told(found) == [("exit", "ada"), ("exit", "unknown-0001")]
    assert family.visits.find(group="family") == []
    assert family.strangers.strangers("family") == []


def test_nothing_is_written_where_no_gallery_was(tmp_path, film_settings, clip):
    with Gallery(settings=film_settings, analyzer=scene_analyzer(film_settings)) as empty:
        list(vultus.watch(clip, gallery=empty, remember=False))
    assert not Path(film_settings.gallery).exists()


def test_a_stranger_is_named_later_and_the_past_follows(family, clip, play):
    list(vultus.watch(clip, group="family", gallery=family))
    assert family.name_stranger("unknown-0001", "cyd", group="family") == 1
    assert {visit.person for visit in family.visits.find(group="family")} == {"ada", "cyd"}
    play(yard=FilmSource([Part("cyd")], 2.0))
    assert told(vultus.watch("yard", group="family", gallery=family)) == [("exit", "cyd")]


def test_a_stranger_who_is_ignored_is_not_announced(family, clip):
    list(vultus.watch(clip, group="family", gallery=family))
    family.strangers.ignore("family", "unknown-0001", ignored=True)
    found = vultus.watch(clip, group="family", gallery=family, on="all")
    assert told(found) == [("enter", "ada"), ("exit", "ada")]


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


# pictures, tracks, recordings


def test_the_picture_is_on_disk_before_the_event_that_names_it(family, tmp_path, play, sinks):
    missing, seen = [], []

    def check(deliveries):
        for delivery in deliveries:
            picture = delivery.event["best_shot"]["picture"]
            seen.append(picture)
            if not (picture and Path(picture).is_file() and load(Path(picture)).size):
                missing.append(delivery.event)

    sink = RecordingSink(before=check)
    sinks(recording=sink)
    play(yard=FilmSource([Part("ada", 0, 3), Part("cyd", 1, 4, x=150, speed=10)], 5.0))
    handed_out = vultus.watch(
        "yard",
        group="family",
        gallery=family,
        on="all",
        to=["recording"],
        snapshots=tmp_path / "shots",
    )
    for visit in handed_out:
        assert Path(visit.best_shot.picture).is_file()
    assert missing == []
    assert len(seen) == 4
    assert sink.closed
    annotated = list((tmp_path / "shots").glob("yard/*/*_annotated.jpg"))
    assert len(annotated) == len(set(seen))
    for record in family.visits.find(group="family"):
        assert record.pictures
        assert all(Path(picture).is_file() for picture in record.pictures)


def test_pictures_go_with_the_stranger(family, tmp_path, play):
    play(yard=FilmSource([Part("cyd", 0, 2)], 2.0))
    (visit,) = vultus.watch("yard", group="family", gallery=family, snapshots=tmp_path / "shots")
    assert Path(visit.best_shot.picture).is_file()
    family.forget_stranger("unknown-0001", group="family")
    assert not list((tmp_path / "shots").rglob("*.jpg"))
    assert family.visits.find(group="family") == []


def test_a_full_disk_for_pictures_does_not_end_the_watching(family, tmp_path, play, caplog):
    (tmp_path / "shots").write_text("no folder")
    play(yard=FilmSource([Part("ada"), Part("cyd", x=150, speed=0)], 2.0))
    found = list(vultus.watch("yard", group="family", gallery=family, snapshots=tmp_path / "shots"))
    assert told(found) == [("exit", "ada"), ("exit", "unknown-0001")]
    assert found[0].best_shot.picture is None
    assert len([r for r in caplog.records if "cannot be written" in r.getMessage()]) == 1


def test_an_old_picture_that_cannot_be_deleted_does_not_end_the_watching(
    family, tmp_path, play, caplog
):
    day = tmp_path / "shots" / "yard" / "2020-01-01"
    (day / "old-0.jpg" / "in the way").mkdir(parents=True)
    play(yard=FilmSource([Part("ada")], 2.0))
    camera = vultus.Camera(
        name="yard",
        source="yard",
        group="family",
        snapshots=tmp_path / "shots",
        snapshots_mb=0.000001,
    )
    found = list(vultus.watch_cameras([camera], gallery=family, settings=family.settings))
    assert told(found) == [("exit", "ada")]
    assert len([r for r in caplog.records if "cannot be deleted" in r.getMessage()]) == 1


def test_tracks_replayed_give_the_same_visits(family, clip, tmp_path):
    tracks = tmp_path / "tracks.jsonl"
    found = list(
        vultus.watch(
            clip, group="family", gallery=family, tracks=tracks, remember=False, zones=ZONES
        )
    )
    reader = TrackReader(tracks)
    assert (reader.header.camera, reader.header.group) == ("yard", "family")
    again = replay(
        reader,
        judge_of(family, "family", needed=True),
        SessionStrangers(family.calibrator),
        family.settings.video,
    )
    assert again == found


def test_everything_at_once(family, clip, tmp_path):
    """The record has the source's frames, the sinks have the same events."""
    files = {name: tmp_path / name for name in ("events.jsonl", "events.csv")}
    record, tracks = tmp_path / "out" / "annotated.mp4", tmp_path / "out" / "tracks.jsonl"
    with no_thread_left():
        found = list(
            vultus.watch(
                clip,
                group="family",
                gallery=family,
                on="all",
                to=[*map(str, files.values()), "sql"],
                zones=ZONES,
                masks=[[(0, 0), (0.1, 0), (0.1, 0.1)]],
                record=record,
                snapshots=tmp_path / "shots",
                tracks=tracks,
            )
        )
    names = [(visit.id, visit.sequence) for visit in found]
    assert [(line["visit"], line["sequence"]) for line in lines_of(files["events.jsonl"])] == names
    assert [line for line in lines_of(files["events.jsonl"])] == [v.to_dict() for v in found]
    with files["events.csv"].open(newline="", encoding="utf-8") as file:
        assert [(row["visit"], int(row["sequence"])) for row in csv.DictReader(file)] == names
    assert len(lines_of(tracks)) == 41
    with av.open(str(record)) as out, av.open(str(clip)) as source:
        times = [float(frame.time) for frame in out.decode(video=0)]
        assert times == pytest.approx([float(frame.time) for frame in source.decode(video=0)])


@pytest.fixture
def stage(tmp_path, analyzer):
    """The people of the shared photos, and the real networks."""
    photos = shared("photos/people")
    settings = scenes.settings_in(tmp_path)
    with Gallery(settings=settings, analyzer=analyzer) as made:
        for name in ("lin_manuel_miranda", "alex_lacamoire", "obama"):
            made.enroll(name, sorted((photos / name).iterdir())[:3], group="stage", largest=True)
        yield made


def test_a_real_clip(stage, tmp_path):
    """hamilton_short: one man is named, all others at most strangers; every part of it works."""
    clip = shared("videos/hamilton_short.mp4")
    events, record = tmp_path / "events.jsonl", tmp_path / "out.mp4"
    with (
        no_thread_left(),
        vultus.watch(
            clip,
            group="stage",
            gallery=stage,
            on="all",
            to=[str(events)],
            record=record,
            snapshots=tmp_path / "shots",
            tracks=tmp_path / "tracks.jsonl",
            settings=stage.settings,
        ) as watching,
    ):
        found = list(watching)
    named = {visit.person for visit in found if visit.person}
    assert "lin_manuel_miranda" in named
    assert named <= {"lin_manuel_miranda", "alex_lacamoire", "obama"}
    assert lines_of(events) == [visit.to_dict() for visit in found]
    for visit in found:
        assert Path(visit.best_shot.picture).is_file()
    with av.open(str(record)) as out, av.open(str(clip)) as source:
        stream, original = out.streams.video[0], source.streams.video[0]
        assert stream.average_rate == original.average_rate
        assert len(list(out.decode(stream))) == len(list(source.decode(original)))
        assert bool(out.streams.audio) == bool(source.streams.audio)
    (status,) = watching.status
    assert (status.state, status.error) == ("ended", None)
    assert status.frames > status.analysed > 0
    assert {visit.id for visit in stage.visits.find(group="stage", limit=1000)} == {
        visit.id for visit in found
    }
