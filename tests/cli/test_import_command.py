from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
from PIL import Image

from tests.fakes import fake_analyzer, picture
from tests.migrate.files import encodings
from tests.models.test_arrays_pickle import RAN, Exploit
from vultus.cli import options
from vultus.gallery.gallery import Gallery

ROWS = encodings(3)
KNOWN = {"encodings": ROWS, "names": ["ada", "bob", "ada"]}


@pytest.fixture
def squares(monkeypatch):
    """Faces are coloured squares; no model is loaded."""
    made = lambda settings, mirror=None: fake_analyzer(settings)  # noqa: E731
    monkeypatch.setattr(options, "make_analyzer", made)


@pytest.fixture
def known(tmp_path):
    path = tmp_path / "encodings.pickle"
    path.write_bytes(pickle.dumps(KNOWN))
    return path


def draw(path, *people, shade=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(*people, shade=shade)).save(path)


def people_of(run, group="default"):
    listed = run("people", "list", "--group", group, "-f", "json").records
    return {row["person"]: row["faces"] for row in listed}


def test_encodings_are_enrolled_once(run, known):
    ran = run("import", "encodings", known, "--group", "friends", "-f", "json")
    assert ran.code == 0
    assert [record["new"] for record in ran.records] == [True] * 3
    assert ran.records[1] == {
        "person": "bob",
        "group": "friends",
        "source": "encodings.pickle#2",
        "new": True,
        "quality": 0.0,
        "warnings": [],
    }
    assert people_of(run, "friends") == {"ada": 2, "bob": 1}
    again = run("import", "encodings", known, "--group", "friends", "-f", "json")
    assert again.code == 0
    assert [record["new"] for record in again.records] == [False] * 3
    assert people_of(run, "friends") == {"ada": 2, "bob": 1}


def test_people_see_lines_a_table_and_the_sum(run, known):
    ran = run("import", "encodings", known)
    assert ran.stdout.splitlines()[0] == "ada: encodings.pickle#1"
    table = [line.split() for line in ran.stderr.splitlines()]
    assert table[:3] == [["person", "new", "known", "failed"], ["ada", "2"], ["bob", "1"]]
    assert "3 faces enrolled into 'default'" in ran.stderr
    assert run("import", "encodings", known, "-f", "quiet").stdout == ""


def test_a_dry_run_writes_nothing(run, known, tmp_path):
    ran = run("import", "encodings", known, "--dry-run", "-f", "json")
    assert ran.code == 0
    assert [record["new"] for record in ran.records] == [True] * 3
    assert all(record["dry_run"] for record in ran.records)
    assert not (tmp_path / "gallery" / "people.db").exists()
    run("import", "encodings", known)
    ran = run("import", "encodings", known, "--dry-run", "-f", "json")
    assert [record["new"] for record in ran.records] == [False] * 3


@pytest.mark.parametrize("dry", [True, False])
def test_the_same_encoding_twice(run, tmp_path, dry):
    path = tmp_path / "twice.pickle"
    rows, names = ROWS[[0, 0, 0]], ["ada", "ada", "bob"]
    path.write_bytes(pickle.dumps((rows, names)))
    ran = run("import", "encodings", path, "-f", "json", *(["--dry-run"] if dry else []))
    assert ran.code == 1
    first, second, third = ran.records
    assert (first["new"], second["new"]) == (True, False)
    assert third["error"]["code"] == "face_exists"


def test_an_entry_that_fails_leaves_the_others_and_the_status_says_so(run, tmp_path):
    path = tmp_path / "some.pickle"
    path.write_bytes(pickle.dumps({"ada": ROWS[0], "bob": np.full(128, np.nan), "": ROWS[1]}))
    ran = run("import", "encodings", path, "-f", "json")
    assert ran.code == 1
    codes = [record.get("error", {}).get("code") for record in ran.records]
    assert codes == [None, "import_invalid", "usage"]
    assert ran.records[1]["source"] == "some.pickle#2"
    assert people_of(run) == {"ada": 1}


def test_a_hostile_pickle_runs_nothing(run, tmp_path):
    RAN.clear()
    path = tmp_path / "evil.pickle"
    path.write_bytes(pickle.dumps({"encodings": [Exploit()], "names": ["ada"]}))
    ran = run("import", "encodings", path)
    assert ran.code == 1
    assert "run_here" in ran.stderr
    assert "import_invalid" in ran.stderr
    assert not RAN


def test_embeddings_of_another_model(run, tmp_path):
    np.savez(tmp_path / "arcface.npz", encodings=np.ones((2, 512)), names=["a", "b"])
    ran = run("import", "encodings", tmp_path / "arcface.npz", "-f", "json")
    assert ran.code == 4
    assert ran.records[0]["error"]["code"] == "model_mismatch"


def test_names_beside_the_encodings(run, tmp_path):
    np.save(tmp_path / "faces.npy", ROWS)
    (tmp_path / "names.txt").write_text("ada\nbob\nada\n")
    ran = run("import", "encodings", tmp_path / "faces.npy", "--names", tmp_path / "names.txt")
    assert ran.code == 0
    assert people_of(run) == {"ada": 2, "bob": 1}


def test_encodings_and_pictures_are_searched_together(run, shared_photos, tmp_path, analyzer):
    """What face_recognition would have kept of obama and biden names them in a photo."""
    plain = type(analyzer)(analyzer.settings, mirror=False)
    stored = {
        name: [plain.analyze(path).embeddings[0].astype(float) for path in sorted(folder)[:1]]
        for name in ("obama", "biden")
        for folder in [list((shared_photos / "people" / name).glob("*.jpg"))]
    }
    path = tmp_path / "known.pickle"
    path.write_bytes(pickle.dumps(stored, 2))
    assert run("import", "encodings", path, "--group", "presidents").code == 0
    rose = sorted((shared_photos / "people" / "rose_leslie").glob("*.jpg"))[0]
    assert run("enroll", "--name", "rose", rose, "--group", "presidents").code == 0
    for photo, expected in (
        ("obama_and_biden.jpg", ["biden", "obama"]),
        ("two_people.jpg", ["biden", "obama"]),
        ("kit_with_rose.jpg", ["rose"]),
    ):
        source = shared_photos / "groups" / photo
        (record,) = run("identify", source, "--group", "presidents", "-f", "json").records
        assert sorted(f["person"] for f in record["faces"] if f["person"]) == expected
    (record,) = run("identify", shared_photos / "groups" / "obama_and_biden.jpg", "--group",
                    "presidents", "-f", "json").records  # fmt: skip
    references = {face["why"]["reference"] for face in record["faces"] if face["person"]}
    assert references == {"known.pickle#1", "known.pickle#2"}


def test_known_people_with_every_fault(run, squares, tmp_path):
    root = tmp_path / "known"
    draw(root / "ada.png", "ada")
    draw(root / "bob.png", "bob", "cyd")
    draw(root / "nobody.png")
    (root / "broken.jpg").write_bytes(b"no picture")
    (root / "empty.jpg").write_bytes(b"")
    (root / "notes.txt").write_text("x")
    ran = run("import", "folder", root, "-f", "json")
    assert ran.code == 1
    by_source = {os.path.relpath(record["source"], root): record for record in ran.records}
    assert by_source["ada.png"]["new"]
    codes = {name: row["error"]["code"] for name, row in by_source.items() if "error" in row}
    assert codes == {
        "bob.png": "several_faces",
        "nobody.png": "no_face",
        "broken.jpg": "image_unreadable",
        "empty.jpg": "image_unreadable",
    }
    assert (by_source["."]["skipped"], by_source["."]["files"]) == ("not a picture by its name", 1)
    assert run("import", "folder", root, "--largest").code == 1
    assert people_of(run) == {"ada": 1, "bob": 1}


def test_numbers_of_pictures(run, squares, tmp_path):
    draw(tmp_path / "known" / "ada.png", "ada")
    draw(tmp_path / "known" / "ada-2.png", "ada", shade=9)
    ran = run("import", "folder", tmp_path / "known", "--dry-run")
    assert "--numbered" in ran.stderr
    assert "2 faces would be enrolled" in ran.stderr
    assert run("import", "folder", tmp_path / "known", "--numbered").code == 0
    assert people_of(run) == {"ada": 2}


SYSTEMS = {
    "compreface": ("{name}/1.png", "notes.txt"),
    "double-take": ("train/{name}/1.png", "matches/1.png"),
    "frigate": ("clips/faces/{name}/1.webp", "clips/faces/train/1.webp"),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_people_of_other_systems(run, squares, tmp_path, system):
    place, other = SYSTEMS[system]
    for name in ("ada", "bob"):
        draw(tmp_path / "root" / place.format(name=name), name)
    draw(tmp_path / "root" / other.replace("txt", "png"), "cyd")
    dry = run("import", system, tmp_path / "root", "--group", "family", "--dry-run", "-f", "json")
    assert dry.code == 0
    assert [r["person"] for r in dry.records if "person" in r] == ["ada", "bob"]
    assert [r["files"] for r in dry.records if "skipped" in r] == [1]
    ran = run("import", system, tmp_path / "root", "--group", "family")
    assert ran.code == 0
    assert "skipped: " in ran.stdout
    assert people_of(run, "family") == {"ada": 1, "bob": 1}
    again = run("import", system, tmp_path / "root", "--group", "family", "-f", "json")
    assert [r["new"] for r in again.records if "new" in r] == [False, False]
    draw(tmp_path / "probe.png", "bob", shade=3)
    (found,) = run("identify", tmp_path / "probe.png", "--group", "family", "-f", "json").records
    assert found["faces"][0]["person"] == "bob"


@pytest.mark.parametrize("system", ["folder", *SYSTEMS])
def test_a_folder_that_is_not_there(run, tmp_path, system):
    ran = run("import", system, tmp_path / "missing")
    assert ran.code == 1
    assert "There is no folder" in ran.stderr
    assert "Expected" in ran.stderr


def test_a_group_that_is_no_name_fails_first(run, known):
    ran = run("import", "encodings", known, "--group", "a\nb")
    assert ran.code == 2


def test_an_import_cut_short_goes_on_where_it_ended(run, known, tmp_path):
    half = {"encodings": ROWS[:2], "names": ["ada", "bob"]}
    (tmp_path / "half.pickle").write_bytes(pickle.dumps(half))
    run("import", "encodings", tmp_path / "half.pickle")
    ran = run("import", "encodings", known, "-f", "json")
    assert [record["new"] for record in ran.records] == [False, False, True]
    with Gallery(tmp_path / "gallery" / "people.db") as people:
        assert len(people.faces_of("ada")) == 2
