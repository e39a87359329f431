from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def test_json_has_the_promised_shape(run, photo):
    ran = run("detect", photo, "--format", "json")
    assert ran.code == 0
    (record,) = ran.records
    assert set(record) == {"source", "width", "height", "faces"}
    assert (record["source"], record["width"], record["height"]) == (str(photo), 512, 512)
    (face,) = record["faces"]
    assert set(face) == {"box", "score", "landmarks", "quality"}
    assert set(face["box"]) == {"x", "y", "width", "height"}
    assert np.array(face["landmarks"]).shape == (5, 2)
    centre_x = face["box"]["x"] + face["box"]["width"] / 2
    centre_y = face["box"]["y"] + face["box"]["height"] / 2
    assert abs(centre_x - 222) < 20
    assert abs(centre_y - 117) < 25
    assert 0.85 <= face["score"] <= 1
    assert face["quality"]["score"] > 0.5


def test_people_get_a_line_a_face(run, photo):
    ran = run("detect", photo)
    assert f"{photo}: 1 face\n" in ran.stdout
    assert "score" in ran.stdout


def test_quiet_prints_nothing(run, photo, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    ran = run("detect", tmp_path, "--format", "quiet")
    assert (ran.code, ran.stdout, ran.stderr) == (0, "", "")


def test_folders_are_walked_and_other_files_counted(run, photo, tmp_path):
    nested = tmp_path / "album" / "more"
    nested.mkdir(parents=True)
    photo.rename(nested / "a.JPG")
    (tmp_path / "album" / "notes.txt").write_text("no picture")
    (tmp_path / "album" / ".hidden.jpg").write_bytes(b"not looked at")
    ran = run("detect", tmp_path / "album", "--format", "json")
    assert [Path(record["source"]).name for record in ran.records] == ["a.JPG"]
    assert "2 other files skipped" in ran.stderr


def test_a_bad_picture_fails_alone(run, photo, tmp_path):
    bad = tmp_path / "album"
    bad.mkdir()
    (bad / "1-text.jpg").write_text("I am no picture")
    (bad / "2-empty.png").write_bytes(b"")
    (bad / "3-cut.jpg").write_bytes(photo.read_bytes()[:9000])
    photo.rename(bad / "4-good.jpg")
    ran = run("detect", bad, "--format", "json")
    assert ran.code == 1
    *failed, good = ran.records
    assert [record["error"]["code"] for record in failed] == ["image_unreadable"] * 3
    assert all(set(record) == {"source", "error"} for record in failed)
    assert len(good["faces"]) == 1
    assert "3 failed" in ran.stderr


def test_a_missing_file_is_an_error_with_a_next_step(run, tmp_path):
    ran = run("detect", tmp_path / "nothing.jpg")
    assert ran.code == 1
    assert "image_not_found" in ran.stderr
    assert "Check the path" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_folder_without_pictures_says_so(run, tmp_path):
    (tmp_path / "empty").mkdir()
    ran = run("detect", tmp_path / "empty", "--format", "json")
    assert ran.code == 1
    assert ran.records[0]["error"]["code"] == "nothing_to_do"


@pytest.mark.parametrize("name", ["with space.jpg", "na\nme.jpg", "🙂 émoji.jpg", "it's.jpg"])
def test_any_file_name_is_fine(run, photo, tmp_path, name):
    odd = tmp_path / "odd"
    odd.mkdir()
    photo.rename(odd / name)
    assert run("detect", odd, "--format", "json").records[0]["source"] == str(odd / name)
    human = run("detect", odd, "--annotate", tmp_path / "out")
    assert human.code == 0
    assert len(human.stdout.splitlines()) == 2
    assert (tmp_path / "out" / name).exists()


def test_annotated_copies_differ_only_by_the_marks(run, photo, tmp_path):
    run("detect", photo, "--annotate", tmp_path / "out")
    before = np.asarray(Image.open(photo).convert("RGB")).astype(int)
    after = np.asarray(Image.open(tmp_path / "out" / "astronaut.jpg")).astype(int)
    assert before.shape == after.shape
    changed = (np.abs(before - after) > 60).any(axis=2)
    assert changed[40:200, 150:300].any()
    assert not changed[300:].any()


def test_annotated_copies_never_overwrite_each_other(run, photo, tmp_path):
    for kind in ("jpg", "png"):
        (tmp_path / "album").mkdir(exist_ok=True)
        Image.open(photo).save(tmp_path / "album" / f"same.{kind}")
    run("detect", tmp_path / "album", "--annotate", tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["same-2.jpg", "same.jpg"]


def test_an_annotation_folder_that_cannot_be_made_is_an_error(run, photo, tmp_path):
    (tmp_path / "file").write_text("in the way")
    ran = run("detect", photo, "--annotate", tmp_path / "file")
    assert ran.code == 5
    assert "storage_failed" in ran.stderr


def test_options_reach_the_detector(run, photo):
    assert run("detect", photo, "--min-face", 300, "-f", "json").records[0]["faces"] == []
    assert run("detect", photo, "--max-faces", 1, "-f", "json").records[0]["faces"]


def test_threads_give_the_same_answers_in_the_same_order(run, photo, tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    for number in range(8):
        Image.open(photo).resize((512 - 20 * number,) * 2).save(album / f"{number}.png")
    one = run("detect", album, "--format", "json", "--jobs", 1)
    many = run("detect", album, "--format", "json", "--jobs", 4)
    assert one.records == many.records
    assert len(one.records) == 8
