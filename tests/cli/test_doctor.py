"""`vultus doctor`: what a camera is worth."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.events.servers import free_port
from tests.shared import shared
from tests.video.clips import write_sound
from tests.video.rtsp import RtspServer
from tests.video.scenes import Part, film, no_thread_left, scene_analyzer
from vultus.cli import options
from vultus.video.doctor import BINS

HIDDEN = "s3cret"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def doctor(run, monkeypatch):
    """The command, for which faces are coloured squares."""
    monkeypatch.setattr(
        options, "make_analyzer", lambda settings, mirror=None: scene_analyzer(settings)
    )

    def run_it(*arguments):
        with no_thread_left():
            return run("doctor", *arguments)

    return run_it


def test_a_good_camera(doctor, tmp_path):
    clip = film(tmp_path / "good.mp4", [Part("ada", side=96)], 2)
    ran = doctor(clip)
    assert ran.code == 0
    lines = ran.stdout.splitlines()
    assert lines[0].endswith("good.mp4: 320x180, 20.0 frames a second, 1.9 seconds") or (
        "320x180, 20.0 frames a second" in lines[0]
    )
    assert "10 faces in 10 of 10 frames" in lines[1]
    assert lines[-1] == "Good: faces here are large, sharp and turned to the camera."
    assert any(line.startswith("face_px (median 96)") for line in lines)


def test_json_has_all_of_it(doctor, tmp_path):
    clip = film(tmp_path / "good.mp4", [Part("ada", side=96)], 2)
    (found,) = doctor(clip, "--format", "json").records
    assert (found["frames"], found["examined"], found["faces"]) == (40, 10, 10)
    assert found["size_wh"] == [320, 180]
    assert found["fps"] == pytest.approx(20)
    assert found["medians"]["face_px"] == 96
    assert set(found["histograms"]) == set(BINS) == set(found["bins"])
    for name, counts in found["histograms"].items():
        assert sum(counts) == 10
        assert len(counts) == len(found["bins"][name]) - 1
    assert found["share"] > 0
    assert found["bad_frames"] == {"grey": 0, "smeared": 0, "frozen": 0}


def test_small_faces_are_named_in_pixels(doctor, tmp_path):
    clip = film(tmp_path / "small.mp4", [Part("ada", side=30)], 2)
    ran = doctor(clip)
    assert "Faces here are 30 pixels wide: nobody can be identified; move closer" in ran.stdout
    clip = film(tmp_path / "middling.mp4", [Part("ada", side=50)], 2)
    assert "50 pixels wide: recognition works at times" in doctor(clip).stdout


def test_nobody_there(doctor, tmp_path):
    ran = doctor(film(tmp_path / "empty.mp4", [], 1))
    assert ran.code == 0
    assert ran.stdout.splitlines()[-1].startswith("No face was seen")
    assert "median" not in ran.stdout


def test_not_one_good_frame(doctor, tmp_path):
    path = tmp_path / "grey.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for _ in range(20):
            image = np.full((180, 320, 3), 128, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode(None))
    ran = doctor(path, "-f", "json")
    (found,) = ran.records
    assert found["bad_frames"]["grey"] == 5
    assert found["examined"] == 0
    assert any("Not one good frame" in sentence for sentence in found["verdict"])


def test_only_so_many_seconds(doctor, tmp_path):
    clip = film(tmp_path / "long.mp4", [Part("ada")], 4)
    (found,) = doctor(clip, "--seconds", "1", "-f", "json").records
    assert found["seconds"] == pytest.approx(1.0)
    assert found["frames"] == 21
    assert found["fps"] == pytest.approx(20.0)


def test_the_rate_is_not_rounded(doctor, tmp_path):
    clip = film(tmp_path / "ntsc.mp4", [Part("ada")], 2, rate=Fraction(30000, 1001))
    (found,) = doctor(clip, "-f", "json").records
    assert found["fps"] == pytest.approx(29.97, abs=0.005)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("gone.mp4", 6),
        ("talk.m4a", 6),
        ("97", 6),
        (f"gopher://ada:{HIDDEN}@host/x", 6),
    ],
)
def test_sources_that_cannot_be_had(doctor, tmp_path, source, code):
    write_sound(tmp_path / "talk.m4a")
    ran = doctor(source, "-f", "json")
    assert ran.code == code
    assert "error" in ran.records[0]
    assert HIDDEN not in ran.stdout + ran.stderr


@pytest.mark.parametrize("seconds", ["0", "-1", "x", "1e9"])
def test_senseless_seconds(doctor, seconds):
    assert doctor("clip.mp4", "--seconds", seconds).code == 2


def test_a_camera_that_is_down(doctor):
    address = f"rtsp://ada:{HIDDEN}@127.0.0.1:{free_port()}/door"
    ran = doctor(address, "--seconds", "1", "-f", "json")
    assert ran.code in (0, 6)
    assert HIDDEN not in ran.stdout + ran.stderr


def test_a_real_stream(doctor, tmp_path):
    clip = film(tmp_path / "rtsp.mp4", [Part("ada")], 2, rate=15)
    with RtspServer({"door": clip}, tmp_path / "served", user="ada", password=HIDDEN) as server:
        ran = doctor(server.address("door"), "--seconds", "2", "-f", "json")
    (found,) = ran.records
    assert found["faces"] > 3
    assert 8 < found["fps"] < 25
    assert found["size_wh"] == [320, 180]
    assert found["reconnects"] == 0
    assert HIDDEN not in ran.stdout + ran.stderr


def test_hamilton(run):
    """The real networks on a real clip: faces of all sizes, in words."""
    ran = run("doctor", shared("videos/hamilton_short.mp4"), "--seconds", "6", "-f", "json")
    assert ran.code == 0
    (found,) = ran.records
    assert found["size_wh"] == [640, 360]
    assert found["faces"] > 20
    assert 40 < found["medians"]["face_px"] < 160
    assert found["verdict"]
    assert found["fps"] == pytest.approx(29.97, abs=0.1)


def test_ctrl_c_ends_earlier_and_tells_what_it_saw(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.watch_program", "doctor", "film:ada", "--seconds", "60"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ},
    )  # fmt: skip
    with process:
        assert "looking for 60 seconds" in process.stderr.readline()
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "faces in" in out
    assert "Traceback" not in err
