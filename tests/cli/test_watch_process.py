"""`vultus watch` in a process of its own: signals, crashes, full disks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import av
import numpy as np
import pytest

from tests.cli.watch_helpers import ALL, HIDDEN, ROOT, TWO, told
from tests.events.sinks import wait_for
from tests.shared import shared
from tests.video.clips import write_clip
from tests.video.rtsp import RtspServer
from tests.video.scenes import scene_analyzer
from vultus.gallery.gallery import Gallery

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
