"""What went wrong once: nothing is overwritten, lost, waited for or traced back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vultus import Gallery

UNIX = pytest.mark.skipif(os.name == "nt", reason="needs a Unix system")


def album_of(folder: Path, picture: Image.Image, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        picture.resize((512 - 16 * number,) * 2).save(folder / f"{number}.png")
    return folder


@UNIX
def test_data_reaches_a_file_while_a_bar_is_shown(tmp_path, astronaut_picture):
    import pty

    album = album_of(tmp_path / "album", astronaut_picture, 3)
    terminal, end = pty.openpty()
    with (tmp_path / "out.jsonl").open("wb") as target:
        command = [sys.executable, "-m", "vultus", "detect", str(album), "-f", "json"]
        done = subprocess.run(command, stdout=target, stderr=end, timeout=60, check=False)
    os.close(end)
    os.close(terminal)
    assert done.returncode == 0
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [len(json.loads(line)["faces"]) for line in lines] == [1, 1, 1]


def test_originals_are_never_annotated_over(run, tmp_path, astronaut_picture):
    album = tmp_path / "album"
    album.mkdir()
    astronaut_picture.save(album / "a.jpg")
    before = (album / "a.jpg").read_bytes()
    assert run("detect", album, "--annotate", album).code == 0
    assert (album / "a.jpg").read_bytes() == before
    assert (album / "a-2.jpg").exists()


def test_the_demo_leaves_other_galleries_alone(run, photo, tmp_path):
    place = tmp_path / "mine"
    place.mkdir()
    with Gallery(place / "people.db") as mine:
        mine.enroll("ada", photo)
    assert run("demo", "--out", place).code == 0
    with Gallery(place / "people.db") as mine:
        assert [person.name for person in mine.people()] == ["ada"]


def test_a_failed_embed_keeps_the_old_file(run, photo, tmp_path, monkeypatch):
    target = tmp_path / "faces.npz"
    assert run("embed", photo, "--out", target).code == 0
    monkeypatch.setenv("VULTUS_RUNTIME__PROVIDER", "cuda")
    assert run("embed", photo, "--out", target).code == 3
    assert len(np.load(target)["source"]) == 1


def test_embed_keeps_the_good_ones_where_some_fail(run, photo, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_text("text")
    assert run("embed", bad, photo, "--out", tmp_path / "faces.npz").code == 1
    assert np.load(tmp_path / "faces.npz")["source"].tolist() == [str(photo)]


@UNIX
def test_names_that_are_no_text(run, tmp_path, astronaut_picture):
    album = tmp_path / "album"
    album.mkdir()
    try:
        with (album / os.fsdecode(b"bad\xff\xfe.png")).open("wb") as file:
            astronaut_picture.save(file, "PNG")
    except OSError:
        pytest.skip("this file system refuses names that are no text")
    assert run("enroll", "--name", "ada", album, "-f", "json").code == 0
    assert run("identify", album, "-f", "json").records[0]["faces"][0]["person"] == "ada"
    assert run("embed", album, "--out", tmp_path / "faces.npz").code == 0
    assert run("enroll", album, "-g", "other").code == 1  # no name can be made of that
    assert run("enroll", "--name", "a\udcffb", album).code == 2


def test_the_same_photo_is_noticed_whatever_the_settings(run, photo, monkeypatch):
    run("enroll", "--name", "ada", photo)
    monkeypatch.setenv("VULTUS_DETECTION__MIN_FACE_PX", "33")
    assert run("enroll", "--name", "ada", photo, "-f", "json").records[0]["new"] is False
    assert run("enroll", "--name", "bob", photo).code == 1


def test_settings_reach_the_commands(run, photo, tmp_path, monkeypatch):
    close = tmp_path / "close.png"
    Image.open(photo).crop((188, 78, 256, 162)).save(close)
    found = {}
    for look in ("true", "false"):
        monkeypatch.setenv("VULTUS_DETECTION__SECOND_LOOK", look)
        monkeypatch.setenv("VULTUS_DETECTION__SCORE_THRESHOLD", "1.0")
        found[look] = len(run("detect", close, "-f", "json").records[0]["faces"])
    assert found == {"true": 1, "false": 0}


def test_a_mistyped_variable_is_refused(run, photo, monkeypatch):
    monkeypatch.setenv("VULTUS_DETECTOIN__MIN_FACE_PX", "40")
    ran = run("detect", photo)
    assert ran.code == 2
    assert "VULTUS_DETECTOIN__MIN_FACE_PX" in ran.stderr


@UNIX
def test_a_pipe_among_the_pictures_is_passed_over(run, photo, tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    os.mkfifo(album / "pipe.jpg")
    photo.rename(album / "photo.jpg")
    assert len(run("detect", album, "-f", "json").records) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_stdout(photo):
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "vultus", "detect", str(photo), "-f", "json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 5
    assert b"Traceback" not in done.stderr
    assert b"storage_failed" in done.stderr


def test_a_name_too_long_for_any_file(run):
    ran = run("detect", "x" * 300 + ".jpg", "-f", "json")
    assert ran.code == 1
    assert ran.records[0]["error"]["code"] == "image_unreadable"


def test_correcting_a_gallery_that_is_not_there_does_not_make_it(run, tmp_path):
    ran = run("people", "rename", "a", "b", "--gallery", tmp_path / "typo.db")
    assert ran.code == 4
    assert not (tmp_path / "typo.db").exists()


def test_a_folder_in_the_library(photo, tmp_path):
    folder = tmp_path / "people" / "ada"
    folder.mkdir(parents=True)
    photo.rename(folder / "1.jpg")
    with Gallery(tmp_path / "a.db") as people:
        assert [done.person for done in people.enroll("Ada", folder)] == ["Ada"]
    with Gallery(tmp_path / "b.db") as people:
        assert [done.person for done in people.enroll_folder(tmp_path / "people")] == ["ada"]


@pytest.mark.parametrize("option", [["-fjson"], ["-f", "json"], ["--format=json"]])
def test_errors_come_in_the_format_asked_for_however_it_is_written(run, tmp_path, option):
    ran = run("identify", tmp_path, "--gallery", tmp_path / "none.db", *option)
    assert ran.records[0]["error"]["code"] == "nothing_to_do"
