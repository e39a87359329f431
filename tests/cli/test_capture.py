from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared import shared
from vultus.imaging.load import load


@pytest.fixture
def clip() -> Path:
    """Ten seconds; one person alone from the second second to the eighth."""
    return shared("videos/hamilton_short.mp4")


def test_pictures_are_taken_and_enrolled(run, clip, tmp_path):
    ran = run("capture", "lin", "--source", clip, "-n", 2, "--group", "stage", "-f", "json")
    assert ran.code == 0
    kept = [record for record in ran.records if record["picture"]]
    assert [record["picture"] for record in kept] == [
        str(Path("people/lin") / name) for name in ("0001.jpg", "0002.jpg")
    ]
    for record in kept:
        assert (record["person"], record["group"], record["new"]) == ("lin", "stage", True)
        assert record["quality"] > 0
        assert record["refused"] == []
        assert load(tmp_path / record["picture"]).shape == (360, 640, 3)
    (person,) = run("people", "list", "-f", "json").records
    assert (person["group"], person["person"], person["faces"]) == ("stage", "lin", 2)
    assert "2 pictures taken" in ran.stderr
    assert "enrolled into 'stage'" in ran.stderr


def test_without_a_group_nothing_is_enrolled(run, clip, tmp_path):
    ran = run("capture", "lin", "--source", clip, "-n", 1, "--out", "deep/er")
    assert ran.code == 0
    assert "deep/er/lin/0001.jpg" in ran.stdout.replace("\\", "/")
    assert "refused: " in ran.stdout  # the first one
    assert "enrolled" not in ran.stdout + ran.stderr
    assert not (tmp_path / "gallery").exists()


def test_enroll_alone_means_the_default_group(run, clip):
    run("capture", "lin", "--source", clip, "-n", 1, "--enroll")
    assert run("people", "list", "-f", "json").records[0]["group"] == "default"


def test_taken_again_the_numbers_continue(run, clip):
    for number in (1, 2):
        ran = run("capture", "lin", "--source", clip, "-n", 1, "-f", "json")
        assert ran.records[-1]["picture"].endswith(f"{number:04d}.jpg")


def test_fewer_than_asked_for_is_a_failure_and_those_are_kept(run, clip, tmp_path):
    ran = run("capture", "lin", "--source", clip, "-n", 50, "--interval", 3, "-f", "json")
    assert ran.code == 1
    kept = [record for record in ran.records if record["picture"]]
    assert 0 < len(kept) == len(list((tmp_path / "people" / "lin").iterdir()))
    assert [round(record["media_time"]) for record in ran.records] == [0, 3, 6, 9]


def test_a_video_without_a_face_is_a_failure(run, tmp_path):
    from tests.video.clips import write_clip

    clip = write_clip(tmp_path / "empty.mp4", 10)
    ran = run("capture", "lin", "--source", clip)
    assert ran.code == 1
    assert "there is no face" in ran.stdout
    assert "0 pictures taken" in ran.stderr
    assert not (tmp_path / "people").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["lin", "--source", "gone.mp4"], 6),
        (["../lin", "--source", "gone.mp4"], 2),
        (["", "--source", "gone.mp4"], 2),
        (["lin", "--count", "0"], 2),
        (["lin", "--interval", "-1"], 2),
        (["lin", "--group", "a\nb", "--source", "gone.mp4"], 2),
    ],
)
def test_what_makes_no_sense_is_refused(run, arguments, code):
    ran = run("capture", *arguments)
    assert ran.code == code
    assert "Traceback" not in ran.stderr


def test_a_place_that_cannot_be_written_ends_it(run, clip, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    ran = run("capture", "lin", "--source", clip, "--out", "file")
    assert ran.code == 5
    assert "storage_failed" in ran.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_a_window_without_a_display_is_refused(run, clip, monkeypatch):
    pytest.importorskip("sdl2.dll", reason="needs the extra: pip install 'vultus[window]'")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    ran = run("capture", "lin", "--source", clip, "--window")
    assert ran.code == 2
    assert "no display" in ran.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_ends_it_and_sums_up(clip, tmp_path):
    program = shutil.which("vultus", path=str(Path(sys.executable).parent))
    command = [program or "vultus", "capture", "lin", "--source", str(clip)]
    command += ["--interval", "0", "--count", "1000"]
    environment = {**os.environ, "VULTUS_GALLERY": str(tmp_path / "people.db")}
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    lines, told = process.communicate(timeout=30)
    assert process.returncode == 1
    assert len(lines.splitlines()) < 200  # of 275 frames
    assert "pictures taken" in told
    assert "Traceback" not in told
