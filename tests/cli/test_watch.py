"""`vultus watch`: what it says, of one camera and of several."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path

import av
import pytest

from tests.cli.watch_helpers import ALL, HIDDEN, config, events_of, told
from tests.events.servers import free_port
from tests.video.scenes import Part, film, scene_analyzer
from vultus.video import watching

# what it says


def test_a_line_an_event_and_a_summary(watch, clip):
    ran = watch("watch", clip, "--group", "family", "--started-at", "2026-11-21T08:30:00")
    assert ran.code == 0
    lines = ran.stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("2026-11-21 08:30:00  yard  enter   ada  ")
    assert lines[0].endswith("%")
    assert lines[1].endswith("yard  enter   unknown-0001")
    assert "exit    ada" in lines[2] and "after 1.4 s" in lines[2]
    assert "%" not in lines[3]
    assert "yard: 80 frames in " in ran.stderr
    assert "40 analysed" in ran.stderr
    assert "2 visits" in ran.stderr


def test_json(watch, clip):
    ran = watch("watch", clip, "-g", "family", "--format", "json")
    assert ran.code == 0
    found = events_of(ran)
    assert told(found) == ALL
    assert {event["schema"] for event in found} == {1}
    assert [event["sequence"] for event in found] == [0, 0, 1, 1]
    (status,) = [record["status"] for record in ran.records if "status" in record]
    assert (status["camera"], status["state"], status["frames"]) == ("yard", "ended", 80)
    assert status["counts"]["named"] == 1


def test_quiet(watch, clip, tmp_path):
    ran = watch("watch", clip, "-g", "family", "-f", "quiet", "--to", "events.jsonl")
    assert (ran.code, ran.stdout, ran.stderr) == (0, "", "")
    assert (tmp_path / "events.jsonl").read_text().count("\n") == 4


def test_times_in_the_configured_zone(watch, clip, monkeypatch):
    monkeypatch.setenv("VULTUS_VIDEO__TIME_ZONE", "Asia/Tokyo")
    ran = watch("watch", clip, "-g", "family", "--started-at", "2026-11-21T08:30:00Z")
    if ran.code == 2:  # typer takes no zone; the machine's is meant
        ran = watch("watch", clip, "-g", "family", "--started-at", "2026-11-21T08:30:00")
    assert ran.code == 0
    assert ran.stdout.startswith("2026-11-21 1")


def test_an_unknown_time_zone(watch, clip, monkeypatch):
    monkeypatch.setenv("VULTUS_VIDEO__TIME_ZONE", "Mars/Olympus")
    ran = watch("watch", clip, "-g", "family")
    assert ran.code == 2
    assert "Mars/Olympus" in ran.stderr


def test_events_go_to_several_sinks(watch, clip, tmp_path):
    ran = watch(
        "watch", clip, "-g", "family", "-f", "json",
        "--to", "events.jsonl", "--to", "events.csv", "--to", "sql",
    )  # fmt: skip
    assert ran.code == 0
    found = events_of(ran)
    written = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert written == found
    with (tmp_path / "events.csv").open(newline="") as file:
        assert [row["visit"] for row in csv.DictReader(file)] == [each["visit"] for each in found]


def test_events_on_standard_output(watch, clip):
    ran = watch("watch", clip, "-g", "family", "-f", "quiet", "--to", "-")
    assert told(ran.records) == ALL


def test_a_sink_that_is_down_is_told_of_and_its_events_are_kept(watch, clip):
    address = f"http://user:{HIDDEN}@127.0.0.1:{free_port()}/hook?token={HIDDEN}"
    ran = watch("watch", clip, "-g", "family", "--to", address)
    assert ran.code == 0
    assert "4 events wait for it and are kept" in ran.stderr
    assert HIDDEN not in ran.stdout + ran.stderr


def test_record_snapshots_and_tracks(watch, clip, tmp_path):
    ran = watch(
        "watch", clip, "-g", "family", "-f", "json",
        "--record", "out/film.mp4", "--snapshots", "shots", "--tracks", "tracks.jsonl",
        "--keep-days", "2", "--keep-mb", "5",
    )  # fmt: skip
    assert ran.code == 0
    with av.open(str(tmp_path / "out" / "film.mp4")) as made:
        assert sum(1 for _ in made.decode(video=0)) == 80
    for event in events_of(ran):
        assert Path(event["best_shot"]["picture"]).is_file()
    assert (tmp_path / "tracks.jsonl").read_text().count("\n") == 41


def test_the_picture_stands_in_the_line(watch, clip, tmp_path):
    ran = watch("watch", clip, "-g", "family", "--snapshots", "shots")
    picture = ran.stdout.splitlines()[0].split("  ")[-1]
    assert Path(picture).is_file()


def test_zones_masks_and_names(watch, clip):
    ran = watch(
        "watch", clip, "-g", "family", "-f", "json", "--camera", "Hof",
        "--zone", "left=0,0 0.4,0 0.4,1 0,1", "--zone", "far=0.9,0 1,0 1,1",
        "--mask", "0.4,0 1,0 1,1 0.4,1",
    )  # fmt: skip
    assert ran.code == 0
    assert told(events_of(ran)) == [("enter", "ada"), ("exit", "ada")]
    assert {(event["zone"], event["camera"]) for event in events_of(ran)} == {("left", "Hof")}


def test_fps_and_the_gates(watch, clip):
    ran = watch("watch", clip, "-g", "family", "-f", "json", "--fps", "5", "--min-face", "90")
    (status,) = [record["status"] for record in ran.records if "status" in record]
    assert (status["analysed"], status["visits"]) == (20, 0)
    assert status["counts"]["small"] == 2
    ran = watch("watch", clip, "-g", "family", "--min-face", "90")
    assert "Not recognised: 2 too small." in ran.stderr


def test_confirm_absence_and_cooldown(watch, tmp_path):
    twice = film(tmp_path / "twice.mp4", [Part("ada", 0, 1), Part("ada", 3, 4)], 5)
    count = {}
    for name, given in {
        "usual": [],
        "absence": ["--absence", "1"],
        "cooldown": ["--absence", "1", "--cooldown", "60"],
        "confirm": ["--absence", "1", "--confirm", "20"],
    }.items():
        ran = watch("watch", twice, "-g", "family", "-f", "json", *given)
        count[name] = len([event for event in events_of(ran) if event["type"] == "exit"])
    assert count == {"usual": 1, "absence": 2, "cooldown": 1, "confirm": 0}


def test_nothing_is_remembered_when_not_wanted(watch, clip):
    assert watch("watch", clip, "-g", "family", "--no-remember").code == 0
    assert watch("visits", "list", "-f", "json").records == []
    assert watch("strangers", "list", "-f", "json").records == []
    assert watch("watch", clip, "-g", "family").code == 0
    assert len(watch("visits", "list", "-f", "json").records) == 2


def test_it_ends_after_some_seconds(watch, tmp_path, monkeypatch):
    long = film(tmp_path / "long.mp4", [Part("ada")], 20, rate=5)
    began = time.monotonic()
    monkeypatch.setattr(
        watching, "analyzer_for",
        lambda cameras, settings: scene_analyzer(settings, detect=lambda: time.sleep(0.05)),
    )  # fmt: skip
    ran = watch("watch", long, "-g", "family", "--seconds", "0.8", "-f", "json")
    assert ran.code == 0
    assert told(events_of(ran)) == [("enter", "ada"), ("exit", "ada")]
    assert time.monotonic() - began < 6
    (status,) = [record["status"] for record in ran.records if "status" in record]
    assert status["frames"] < 100


# several cameras


def test_two_cameras_of_a_file(watch, tmp_path, clip):
    film(tmp_path / "door.mp4", [Part("bob", 0, 2)], 2)
    path = config(
        tmp_path,
        """
        to = ["events.jsonl"]
        group = "family"
        [video]
        analysis_fps = 5
        [[camera]]
        name = "yard"
        source = "yard.mp4"
        [[camera]]
        name = "door"
        source = "door.mp4"
        snapshots = "shots"
        zones = { all = [[0, 0], [1, 0], [1, 1], [0, 1]] }
        """,
    )
    ran = watch("watch", "--config", path, "--to", "events.csv", "-f", "json")
    assert ran.code == 0
    found = events_of(ran)
    assert told(each for each in found if each["camera"] == "door") == [
        ("enter", "bob"),
        ("exit", "bob"),
    ]
    assert told(each for each in found if each["camera"] == "yard") == ALL
    assert {each["zone"] for each in found} == {None, "all"}
    states = {
        record["status"]["camera"]: record["status"] for record in ran.records if "status" in record
    }
    assert {name: state["analysed"] for name, state in states.items()} == {"yard": 20, "door": 10}
    assert (tmp_path / "events.jsonl").read_text().count("\n") == 6
    assert (tmp_path / "events.csv").read_text().count("\n") == 7
    ran = watch("watch", "--config", path)
    assert len(ran.stdout.splitlines()) == 6
    assert "yard: 80 frames" in ran.stderr and "door: 40 frames" in ran.stderr


def test_one_that_is_missing_stops_no_other_and_is_told(watch, tmp_path, clip):
    path = config(
        tmp_path,
        """
        group = "family"
        [[camera]]
        name = "yard"
        source = "yard.mp4"
        [[camera]]
        name = "gone"
        source = "gone.mp4"
        """,
    )
    ran = watch("watch", "--config", path, "-f", "json")
    assert ran.code == 6
    records = [record for record in ran.records if "visit" in record]
    assert told(records) == ALL
    (error,) = [record["error"] for record in ran.records if "error" in record]
    assert error["code"] == "source_missing"
    states = {r["status"]["camera"]: r["status"] for r in ran.records if "status" in r}
    assert (states["yard"]["state"], states["gone"]["state"]) == ("ended", "failed")
    assert "gone.mp4" in states["gone"]["error"]
    ran = watch("watch", "--config", path)
    assert ran.code == 6
    assert len(ran.stdout.splitlines()) == 4
    assert "yard: 80 frames" in ran.stderr
    assert "gone.mp4 is not there" in ran.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "camera"),
        ("nonsense", "TOML"),
        ('[[camera]]\nname = "a"', "source"),
        ('[[camera]]\nname = "a"\nsource = "1"\ncolour = "red"', "colour"),
        ('[[camera]]\nname = "a"\nsource = "1"\n[[camera]]\nname = "a"\nsource = "2"', "'a'"),
        ('[[camera]]\nname = "a"\nsource = "1"\nzones = { z = [[0, 0]] }', "'z'"),
        ('[[camera]]\nname = "a"\nsource = "rtsp://u:${NOT_SET}@h/"', "NOT_SET"),
        ('to = ["gopher://x"]\n[[camera]]\nname = "a"\nsource = "1"', "gopher"),
        (f'[[camera]]\nname = "a"\nsource = ["rtsp://u:{HIDDEN}@h/"]', "source"),
        (f'sink = "mqtt://u:{HIDDEN}@h"\n[[camera]]\nname = "a"\nsource = "1"', "sink"),
    ],
)
def test_a_file_of_cameras_that_makes_no_sense(watch, tmp_path, text, expected):
    ran = watch("watch", "--config", config(tmp_path, text))
    assert ran.code == 2
    assert expected in ran.stderr
    assert HIDDEN not in ran.stderr


def test_a_file_of_cameras_that_is_missing(watch, tmp_path):
    assert watch("watch", "--config", tmp_path / "none.toml").code == 2


def test_options_of_one_camera_are_refused_beside_a_file(watch, tmp_path):
    path = config(tmp_path, '[[camera]]\nname = "a"\nsource = "1"')
    for given in (["--record", "x.mp4"], ["--zone", "a=0,0 1,0 1,1"], ["--group", "family"]):
        assert watch("watch", "--config", path, *given).code == 2
    assert watch("watch", "0", "--config", path).code == 2


def test_a_window_shows_one_camera(watch, tmp_path):
    cameras = "".join(f'[[camera]]\nname = "{n}"\nsource = "{n}"\n' for n in (1, 2))
    assert watch("watch", "--config", config(tmp_path, cameras), "--window").code == 2
