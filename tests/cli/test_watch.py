"""`vultus watch`, as it is typed."""

from __future__ import annotations

import csv
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import av
import numpy as np
import pytest
from rich.console import Console

from tests.events.servers import free_port
from tests.events.sinks import wait_for
from tests.shared import shared
from tests.video.clips import write_clip, write_sound
from tests.video.rtsp import RtspServer
from tests.video.scenes import Part, enroll, film, no_thread_left, scene_analyzer
from vultus.cli import options
from vultus.cli.watch_board import describe, status_table
from vultus.gallery.gallery import Gallery
from vultus.video import watching
from vultus.video.watcher import CameraStatus

ROOT = Path(__file__).parents[2]
HIDDEN = "s3cret"
TWO = [Part("ada", 0.5, 2.0), Part("cyd", 1.0, 3.0, x=150, speed=10)]


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory):
    """A gallery file with ada and bob in `family`; copied, never used."""
    path = tmp_path_factory.mktemp("enrolled") / "people.db"
    with Gallery(path, analyzer=scene_analyzer()) as made:
        enroll(made, "ada", "bob")
    return path


@pytest.fixture(scope="module")
def yard(tmp_path_factory):
    """Copied, never used."""
    return film(tmp_path_factory.mktemp("film") / "yard.mp4", TWO, 4)


@pytest.fixture
def clip(tmp_path, yard):
    """Four seconds: ada from 0.5 to 2, a stranger from 1 to 3."""
    return Path(shutil.copy2(yard, tmp_path / "yard.mp4"))


@pytest.fixture
def watch(run, tmp_path, enrolled, monkeypatch):
    """Run a command; faces are coloured squares, and ada and bob are in `family`."""
    monkeypatch.setenv("VULTUS_EVENTS__OUTBOX", str(tmp_path / "outbox.db"))
    monkeypatch.setenv("VULTUS_EVENTS__TIMEOUT_S", "1")
    monkeypatch.setattr(
        watching, "analyzer_for", lambda cameras, settings: scene_analyzer(settings)
    )
    monkeypatch.setattr(
        options, "make_analyzer", lambda settings, mirror=None: scene_analyzer(settings)
    )
    (tmp_path / "gallery").mkdir()
    shutil.copy(enrolled, tmp_path / "gallery" / "people.db")

    def run_it(*arguments, **more):
        with no_thread_left():
            return run(*arguments, **more)

    yield run_it
    log = logging.getLogger("vultus")
    log.handlers.clear()  # they hold the captured stderr of this test


def events_of(ran):
    return [record for record in ran.records if "status" not in record and "sink" not in record]


def told(records):
    return [(each["type"], each["person"] or each["stranger"]) for each in records]


ALL = [
    ("enter", "ada"),
    ("enter", "unknown-0001"),
    ("exit", "ada"),
    ("exit", "unknown-0001"),
]


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


def config(tmp_path, text):
    path = tmp_path / "cameras.toml"
    path.write_text(text)
    return path


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


# what is refused


@pytest.mark.parametrize(
    "given",
    [
        ["--zone", "door"],
        ["--zone", "=0,0 1,0 1,1"],
        ["--zone", "door=0,0 1,0"],
        ["--zone", "door=0,0 1,0 2,2"],
        ["--zone", "door=a,b c,d e,f"],
        ["--mask", "0,0 1,0"],
        ["--mask", "m=0,0 1,0 1,1"],
        ["--mask", ""],
        ["--fps", "0"],
        ["--fps", "x"],
        ["--min-face", "1"],
        ["--confirm", "0"],
        ["--absence", "0"],
        ["--seconds", "0"],
        ["--started-at", "yesterday"],
        ["--record", "out.txt"],
        ["--to", "gopher://host"],
        ["--to", "events.txt"],
        ["--camera", "x" * 101],
        ["--far", "2"],
    ],
    ids=" ".join,
)
def test_senseless_options(watch, tmp_path, given):
    ran = watch("watch", tmp_path / "none.mp4", *given)
    assert ran.code == 2, ran.stderr
    assert "Traceback" not in ran.stderr


def test_nothing_to_watch(watch):
    assert watch("watch").code == 2
    assert watch("watch", "").code in (2, 6)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("gone.mp4", "source_missing"),
        ("talk.m4a", "source_not_video"),
        ("text.mp4", "source_not_video"),
        ("97", "source_missing"),
        ("gopher://host/x", "source_unknown"),
        (f"rtsp:ada:{HIDDEN}@host/stream", "source_unknown"),
        (f"gopher://ada:{HIDDEN}@host/x?token={HIDDEN}", "source_unknown"),
        (f"ada:{HIDDEN}@host", "source_missing"),
    ],
)
def test_sources_that_cannot_be_had(watch, tmp_path, source, code):
    write_sound(tmp_path / "talk.m4a")
    (tmp_path / "text.mp4").write_text("this is no video" * 50)
    ran = watch("watch", source, "-f", "json", "--to", "events.jsonl")
    assert ran.code == 6
    (error,) = [record["error"] for record in ran.records if "error" in record]
    assert error["code"] == code
    human = watch("watch", source)
    assert human.code == 6
    assert f"[{code}]" in human.stderr
    assert "Traceback" not in human.stderr
    assert HIDDEN not in ran.stdout + ran.stderr + human.stdout + human.stderr


def test_a_server_that_is_no_video(watch, tmp_path):
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>welcome</html>" * 100)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        address = f"http://ada:{HIDDEN}@127.0.0.1:{server.server_port}/page?token={HIDDEN}"
        ran = watch("watch", address, "-f", "json")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert ran.code == 6
    (error,) = [record["error"] for record in ran.records if "error" in record]
    assert error["code"] == "source_not_video"
    assert HIDDEN not in ran.stdout + ran.stderr


def test_an_unknown_group(watch, clip):
    ran = watch("watch", clip, "--group", "nobody", "-f", "json")
    assert ran.code == 4
    assert ran.records[0]["error"]["code"] == "group_unknown"


def test_no_gallery(watch, clip, tmp_path):
    ran = watch("watch", clip, "--group", "family", "--gallery", tmp_path / "none.db")
    assert ran.code == 4


def test_a_live_source_that_never_came_is_no_success(watch):
    address = f"rtsp://ada:{HIDDEN}@127.0.0.1:{free_port()}/door"
    ran = watch("watch", address, "--seconds", "1.2", "-f", "json")
    assert ran.code == 6
    (status,) = [record["status"] for record in ran.records if "status" in record]
    assert status["frames"] == 0
    assert HIDDEN not in ran.stdout + ran.stderr


def test_a_wrong_password(watch, tmp_path):
    clip = film(tmp_path / "rtsp.mp4", [Part("ada")], 1, rate=15)
    with RtspServer({"door": clip}, tmp_path / "served", user="ada", password=HIDDEN) as server:
        ran = watch("watch", server.address("door", password=f"{HIDDEN}-wrong"), "-f", "json")
        right = watch("watch", server.address("door"), "--seconds", "2", "-g", "family")
    assert ran.code == 6
    assert ran.records[0]["error"]["code"] == "source_denied"
    assert right.code == 0
    assert "enter   ada" in right.stdout
    assert HIDDEN not in ran.stdout + ran.stderr + right.stdout + right.stderr


# the board


def status(**changes):
    return CameraStatus("door", **changes)


def test_a_run_in_a_line():
    counts = {"small": 3, "grey": 2, "no_face": 7, "named": 1}
    text = describe(status(frames=100, analysed=40, visits=1, counts=counts), 12.34)
    assert "100 frames in 12.3 s" in text
    assert "40 analysed" in text
    assert "1 visit." in text
    assert text.endswith("Not recognised: 3 too small, 2 grey frames.")
    assert "keep up" not in text
    assert "could not keep up" in describe(status(frames=1, keeps_up=False), 1)
    assert "is not there" in describe(status(error="x.mp4 is not there."), 1)


def test_the_table_of_cameras():
    cameras = [
        status(
            state="live", fps=9.96, source_fps=25, delay_s=0.123, present=["ada", "bob"], visits=7
        ),
        status(state="waiting", error="The camera\x1b[31m is down."),
        status(state="live", keeps_up=False, counts={"small": 3, "blurred": 2, "no_face": 9}),
    ]
    console = Console(width=160, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    with console.file:
        console.print(status_table(cameras))
    text = console.export_text()
    for words in ("10.0", "25.0", "0.12 s", "ada, bob", "waiting", "is down.", "live, too slow"):
        assert words in text
    assert "\x1b" not in text
    assert " 5 " in text.splitlines()[-2]


# signals, crashes, full disks: in a process of its own


@contextmanager
def started(folder, *arguments, program="tests.cli.watch_program"):
    """Killed at the end, if it has not ended by itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", program, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "VULTUS_GALLERY": str(folder / "gallery" / "people.db"),
            "VULTUS_EVENTS__OUTBOX": str(folder / "outbox.db"),
        },
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def lines_of(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def place(tmp_path, enrolled):
    (tmp_path / "gallery").mkdir()
    shutil.copy(enrolled, tmp_path / "gallery" / "people.db")
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end_everybody_leaves(place, number):
    events = place / "events.jsonl"
    given = ["watch", "film:ada,bob", "-g", "family", "-f", "json", "--to", events]
    with started(place, *given) as process:
        first = json.loads(process.stdout.readline())
        second = json.loads(process.stdout.readline())
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    rest = [json.loads(line) for line in out.splitlines()]
    assert told([first, second]) == [("enter", "ada"), ("enter", "bob")]
    assert told(rest[:2]) == [("exit", "ada"), ("exit", "bob")]
    assert rest[2]["status"]["state"] == "ended"
    assert lines_of(events) == [first, second, *rest[:2]]
    assert "Traceback" not in err


def test_the_second_ctrl_c_insists(place):
    events = place / "events.jsonl"
    given = ["watch", "deaf:", "-g", "family", "--to", events]
    with started(place, *given) as process:
        assert "enter" in process.stdout.readline()
        time.sleep(1)  # now it hangs
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "Interrupted" in err
    assert "Traceback" not in err
    assert told(lines_of(events)) == [("enter", "ada"), ("exit", "ada")]


def check_kill(place, source, kills, group="family", seconds=2, program="tests.cli.watch_program"):
    """Killed in the middle of a visit, again and again; then once to the end."""
    events = place / "events.jsonl"
    arguments = ["watch", source, "--camera", "door", "-f", "json", "--to", events]
    arguments += ["-g", group] if group else []
    entered = []
    for _ in range(kills):
        with started(place, *arguments, program=program) as process:
            entered.append(json.loads(process.stdout.readline()))
            process.kill()
    with started(place, *arguments, "--seconds", seconds, program=program) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    seen = [json.loads(line) for line in out.splitlines()]
    written = lines_of(events)
    names = [(each["visit"], each["sequence"]) for each in written]
    assert len(names) == len(set(names))  # nothing twice
    by_visit = {}
    for each in written:
        by_visit.setdefault(each["visit"], []).append(each)
    for each in entered:
        story = by_visit[each["visit"]]
        assert [part["sequence"] for part in story] == list(range(len(story)))
        assert (story[0], story[-1]["type"]) == (each, "exit")
        assert story[-1]["why"] == {"rule": "interrupted"}
        assert story[-1]["end"] >= each["end"]
    for each in seen:
        assert "status" in each or each in written
    assert all(story[-1]["type"] == "exit" for story in by_visit.values())


def test_killed_in_the_middle_of_a_visit(place):
    check_kill(place, "film:ada", 1)
    with Gallery(place / "gallery" / "people.db", analyzer=scene_analyzer()) as people:
        assert {visit.type for visit in people.visits.find()} == {"exit"}


@pytest.mark.long
def test_killed_ten_times(place):
    check_kill(place, "film:ada,cyd", 10)


@pytest.mark.long
def test_the_real_program_before_a_real_stream(place, tmp_path):
    """`vultus watch` itself, with its own networks, killed and asked to end."""
    clip = shared("videos/hamilton_short.mp4")
    with RtspServer({"door": clip}, tmp_path / "served", user="ada", password=HIDDEN) as server:
        check_kill(place, server.address("door"), 2, group=None, seconds=6, program="vultus")
        given = ["watch", server.address("door"), "-f", "json"]
        with started(place, *given, program="vultus") as process:
            process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert HIDDEN not in out + err
    assert json.loads(out.splitlines()[-1])["status"]["state"] == "ended"


def test_a_full_disk_ends_the_recording_and_nothing_else(place, enrolled):
    """One clear error; the events are all there."""
    noise = np.random.default_rng(1)

    def frames():
        from tests.video.scenes import scene

        for index in range(80):
            image = scene(index / 20, TWO, (640, 360), index)
            image[270:] = noise.integers(0, 256, (90, 640, 1), np.uint8)  # grey snow
            yield image

    clip = write_clip(
        place / "yard.mp4", frames(), rate=20, size_wh=(640, 360),
        codec_options={"preset": "ultrafast", "crf": "4"},
    )  # fmt: skip
    limit = 600_000
    assert clip.stat().st_size > 2 * limit
    assert enrolled.stat().st_size < limit
    given = ["watch", clip, "-g", "family", "-f", "json", "--to", place / "events.jsonl"]
    given += ["--record", place / "out.mp4"]
    with started(place, f"limit={limit}", *given) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    found = [json.loads(line) for line in out.splitlines()]
    assert told(each for each in found if "visit" in each) == ALL
    assert found[-1]["status"]["frames"] == 80
    assert len([line for line in err.splitlines() if "cannot be written any further" in line]) == 1
    assert "Traceback" not in err
    assert len(lines_of(place / "events.jsonl")) == 4
    played = 0
    with av.open(str(place / "out.mp4")) as cut, suppress(av.error.InvalidDataError):
        for _ in cut.decode(video=0):  # its last frame is torn
            played += 1
    assert 0 < played < 80


def test_the_reader_goes_away(place):
    """`vultus watch ... | head -1` ends, without a traceback."""
    with started(place, "watch", "busy:", "-f", "json", "--absence", "0.3") as process:
        process.stdout.readline()
        process.stdout.close()
        wait_for(lambda: process.poll() is not None, 20)
        err = process.stderr.read()
    assert process.returncode == 1
    assert "Traceback" not in err
