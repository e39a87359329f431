from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image


def enrol_folder(root: Path, picture: Image.Image, people: dict[str, int]) -> Path:
    """A folder a person; every picture has other pixels."""
    for name, count in people.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            size = 512 - 8 * number
            picture.resize((size, size)).save(root / name / f"{number}.png")
    return root


def test_a_folder_a_person(run, tmp_path, astronaut_picture):
    folder = enrol_folder(tmp_path / "people", astronaut_picture, {"eileen": 3})
    ran = run("enroll", folder, "--group", "crew", "--format", "json")
    assert ran.code == 0
    assert {record["person"] for record in ran.records} == {"eileen"}
    assert all(record["new"] and record["group"] == "crew" for record in ran.records)
    (person,) = run("people", "list", "--format", "json").records
    assert (person["group"], person["person"], person["faces"]) == ("crew", "eileen", 3)


def test_one_photo_a_person_named_after_the_file(run, photo, tmp_path):
    known = tmp_path / "known"
    known.mkdir()
    photo.rename(known / "Eileen Collins.jpg")
    run("enroll", known)
    assert run("people", "list", "-f", "json").records[0]["person"] == "Eileen Collins"


def test_a_name_for_all_pictures(run, photo, other_photo):
    ran = run("enroll", "--name", "eileen", photo, other_photo, "-f", "json")
    assert [record["person"] for record in ran.records] == ["eileen", "eileen"]


def test_a_name_and_a_folder_of_people_contradict(run, tmp_path, astronaut_picture):
    folder = enrol_folder(tmp_path / "people", astronaut_picture, {"a": 1})
    ran = run("enroll", folder, "--name", "b")
    assert ran.code == 2
    assert "usage" in ran.stderr


def test_the_same_photo_twice_is_noticed(run, photo, tmp_path):
    run("enroll", "--name", "eileen", photo)
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(photo.read_bytes())
    again = run("enroll", "--name", "eileen", copy)
    assert again.code == 0
    assert "was enrolled before" in again.stdout
    other = run("enroll", "--name", "somebody else", copy, "-f", "json")
    assert other.code == 1
    assert other.records[0]["error"]["code"] == "face_exists"


def test_pictures_without_one_face_are_refused_and_the_others_go_on(
    run, photo, blank, tmp_path, astronaut_picture
):
    twice = tmp_path / "twice.png"
    sheet = Image.new("RGB", (1024, 512))
    sheet.paste(astronaut_picture, (0, 0))
    sheet.paste(astronaut_picture.resize((400, 400)), (550, 50))
    sheet.save(twice)
    ran = run("enroll", "--name", "eileen", blank, twice, photo, "-f", "json")
    assert ran.code == 1
    codes = [record.get("error", {}).get("code") for record in ran.records]
    assert codes == ["no_face", "several_faces", None]
    largest = run("enroll", "--name", "eileen", twice, "--largest", "-f", "json")
    assert largest.code == 0
    assert largest.records[0]["new"]


def test_identify_has_the_promised_shape(run, photo, other_photo):
    run("enroll", "--name", "eileen", photo)
    ran = run("identify", other_photo, "--format", "json")
    assert ran.code == 0
    (record,) = ran.records
    assert set(record) == {"source", "faces"}
    (face,) = record["faces"]
    assert set(face) == {"box", "score", "person", "probability", "candidates", "why"}
    assert face["person"] == "eileen"
    assert face["probability"] > 0.9
    assert set(face["candidates"][0]) == {"person", "probability", "distance"}
    assert face["why"]["rule"] == "named"
    assert face["why"]["reference"] == str(photo)


def test_identify_draws_names(run, photo, other_photo, tmp_path):
    run("enroll", "--name", "eileen", photo)
    ran = run("identify", other_photo, "--annotate", tmp_path / "out")
    assert "eileen (" in ran.stdout
    assert (tmp_path / "out" / "mirrored.jpg").stat().st_size > 10_000


def test_a_stranger_stays_unnamed_with_the_reason(run, photo, shared_photos):
    people = shared_photos / "people"
    run("enroll", "--name", "eileen", photo)
    ran = run("identify", people / "obama" / "1.jpg", "-f", "json")
    (face,) = ran.records[0]["faces"]
    assert face["person"] is None
    assert face["probability"] < 0.1
    assert face["why"]["rule"] == "threshold"
    assert "too far from everybody" in run("identify", people / "obama" / "1.jpg").stdout


def test_everybody_known_is_named_in_group_photos_and_nobody_else(run, shared_photos):
    photos = shared_photos
    assert run("enroll", photos / "people", "--group", "friends").code == 0
    ran = run("identify", photos / "groups", "--group", "friends", "--format", "json")
    named = {
        Path(record["source"]).name: sorted(f["person"] for f in record["faces"] if f["person"])
        for record in ran.records
    }
    assert named.pop("obama_and_biden.jpg") == ["biden", "obama"]
    assert named.pop("two_people.jpg") == ["biden", "obama"]
    assert named.pop("kit_with_rose.jpg") == ["kit_harington", "rose_leslie"]
    assert set(map(tuple, named.values())) == {()}


def test_unknown_group_fails_before_the_work(run, photo):
    run("enroll", "--name", "eileen", photo, "--group", "crew")
    ran = run("identify", photo, "--group", "nobody", "--format", "json")
    assert ran.code == 4
    assert ran.records[0]["error"]["code"] == "group_unknown"
    assert "'crew'" in ran.records[0]["error"]["message"]


def test_no_gallery_yet(run, photo):
    ran = run("identify", photo)
    assert ran.code == 4
    assert "gallery_missing" in ran.stderr
    assert "Enrol somebody first" in ran.stderr


def test_a_gallery_that_is_no_database(run, photo, tmp_path):
    text = tmp_path / "text.db"
    text.write_text("I am no database, but I am long enough to look like one." * 50)
    ran = run("identify", photo, "--gallery", text)
    assert ran.code == 4
    assert "gallery_invalid" in ran.stderr
    assert text.read_text().startswith("I am no database")


def test_a_rate_of_false_matches_picks_the_threshold(run, photo, other_photo):
    run("enroll", "--name", "eileen", photo)
    loose = run("identify", other_photo, "--far", "1e-2", "-f", "json").records[0]["faces"][0]
    strict = run("identify", other_photo, "--far", "1e-4", "-f", "json").records[0]["faces"][0]
    assert loose["why"]["threshold"] > strict["why"]["threshold"]
    impossible = run("identify", other_photo, "--far", "1e-9")
    assert impossible.code == 2
    assert "not measured" in impossible.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals are different on Windows")
def test_interrupted_enrolment_keeps_what_it_reported(tmp_path, astronaut_picture):
    folder = enrol_folder(tmp_path / "people", astronaut_picture, {"eileen": 40})
    gallery = tmp_path / "people.db"
    command = [sys.executable, "-m", "vultus", "enroll", str(folder), "--gallery", str(gallery)]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert child.stdout is not None
    reported = [child.stdout.readline() for _ in range(5)]
    time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    rest, errors = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in errors
    reported += rest.splitlines()
    from vultus import Gallery

    with Gallery(gallery) as people:
        kept = people.faces_of("eileen")
    assert 5 <= len(reported) <= len(kept) < 40
