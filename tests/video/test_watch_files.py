"""`vultus.watch`: pictures, tracks and recordings."""

from __future__ import annotations

import csv
from pathlib import Path

import av
import pytest

import vultus
from tests.events.sinks import RecordingSink
from tests.shared import shared
from tests.video import scenes
from tests.video.scenes import FilmSource, Part, no_thread_left
from tests.video.told import ZONES, lines_of, told
from vultus.gallery.gallery import Gallery
from vultus.imaging.load import load
from vultus.video.replay import replay
from vultus.video.session import judge_of
from vultus.video.strangers import SessionStrangers
from vultus.video.track_file import TrackReader

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
