from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from tests.migrate.files import encodings, of_python_2
from vultus.errors import ImportInvalid, ModelMismatch, UsageError
from vultus.gallery.gallery import Gallery
from vultus.migrate import encodings as module
from vultus.migrate.encodings import prepare_encoding, read_encodings

ROWS = encodings(3)
A, B, C = ROWS
NAMES = ["ada", "bob", "ada"]
LISTS = ROWS.tolist()

WITH_NAMES = {
    "columns": {"encodings": list(ROWS), "names": NAMES},
    "columns, one array": {"encodings": ROWS, "names": np.array(NAMES)},
    "columns, other words": {"known_face_encodings": ROWS, "known_face_names": NAMES},
    "columns, name alone": {"Encodings": LISTS, "name": NAMES},
    "columns of bytes": {b"encodings": ROWS, b"names": [n.encode() for n in NAMES]},
    "columns of rows in lists": {"encodings": [[A], [B], [C]], "names": NAMES},
    "more in it": {"encodings": ROWS, "names": NAMES, "paths": [None] * 3, "version": 1},
    "pair": (ROWS, NAMES),
    "pair in a list": [list(ROWS), NAMES],
    "pair, names first": (NAMES, LISTS),
    "rows": [{"name": n, "encoding": row} for n, row in zip(NAMES, ROWS, strict=True)],
    "pairs": list(zip(NAMES, ROWS, strict=True)),
    "pairs, encoding first": list(zip(LISTS, NAMES, strict=True)),
}


def save(path, value):
    path.write_bytes(pickle.dumps(value))
    return path


def told(entries):
    """Who has which encodings."""
    assert all(entry.error is None for entry in entries)
    return [(entry.person, entry.face.record.embedding) for entry in entries]


def check(entries, names=NAMES, rows=ROWS):
    found = told(entries)
    assert [name for name, _ in found] == names
    np.testing.assert_array_equal([row for _, row in found], rows.astype(np.float32))


@pytest.mark.parametrize("value", WITH_NAMES.values(), ids=WITH_NAMES)
def test_layouts_with_names(tmp_path, value):
    check(read_encodings(save(tmp_path / "known.pickle", value)))


def as_json(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.decode() if isinstance(value, bytes) else value


@pytest.mark.parametrize("key", [key for key in WITH_NAMES if "bytes" not in key])
def test_the_same_layouts_in_json(tmp_path, key):
    path = tmp_path / "known.json"
    path.write_text(json.dumps(WITH_NAMES[key], default=as_json))
    check(read_encodings(path))


BY_NAME = {
    "one each": ({"ada": A, "bob": B}, ["ada", "bob"], [0, 1]),
    "lists": ({"ada": [A, C], "bob": [B]}, ["ada", "ada", "bob"], [0, 2, 1]),
    "matrices": ({"ada": ROWS[[0, 2]], "bob": ROWS[1:2]}, ["ada", "ada", "bob"], [0, 2, 1]),
    "plain numbers": ({"ada": LISTS[0], "bob": [LISTS[1]]}, ["ada", "bob"], [0, 1]),
    "numbers for names": ({17: A, np.int64(18): B}, ["17", "18"], [0, 1]),
    "letters of the world": ({"Zoë": A, "李小龙": B}, ["Zoë", "李小龙"], [0, 1]),
    "letters put together": ({"Zoe\u0308": A}, ["Zoë"], [0]),
    "spaces around": ({" ada ": A}, [" ada "], [0]),
}


@pytest.mark.parametrize(("value", "names", "rows"), BY_NAME.values(), ids=BY_NAME)
def test_a_dict_by_name(tmp_path, value, names, rows):
    check(read_encodings(save(tmp_path / "known.dat", value)), names, ROWS[rows])


def test_npz_with_columns_or_by_name(tmp_path):
    path = tmp_path / "known.npz"
    np.savez(path, encodings=ROWS, names=NAMES)
    check(read_encodings(path))
    np.savez(path, ada=A, bob=ROWS[1:])
    check(read_encodings(path), ["ada", "bob", "bob"])


def test_npy_of_a_dict_of_names(tmp_path):
    path = tmp_path / "known.npy"
    np.save(path, {"ada": A, "bob": B})
    check(read_encodings(path), ["ada", "bob"], ROWS[:2])


@pytest.mark.parametrize("binary", [True, False])
def test_python_2(tmp_path, binary):
    path = tmp_path / "old.pickle"
    path.write_bytes(of_python_2(["Zoë".encode(), b"\xe9tienne", b"bob"], ROWS, binary=binary))
    check(read_encodings(path), ["Zoë", "étienne", "bob"])


def as_text(path):
    path.write_text("\ufeffada\r\nbob\r\nada\r\n", "utf-8")


def as_lines(path):
    path.write_text("ada\nbob\nada")


def as_list(path):
    path.write_text(json.dumps(NAMES))


NAME_FILES = {
    "names.txt": as_text,
    "names": as_lines,
    "names.json": as_list,
    "names.npy": lambda path: np.save(path, NAMES),
    "names.pkl": lambda path: save(path, NAMES),
}


@pytest.mark.parametrize("file", NAME_FILES)
@pytest.mark.parametrize(
    "value", [ROWS, list(ROWS), {"encodings": ROWS}, [{"encoding": r} for r in ROWS]]
)
def test_names_beside_the_encodings(tmp_path, file, value):
    NAME_FILES[file](tmp_path / file)
    path = save(tmp_path / "known.pickle", value)
    check(read_encodings(path, tmp_path / file))
    with pytest.raises(ImportInvalid, match="without names"):
        read_encodings(path)


def test_one_encoding_and_one_name(tmp_path):
    np.save(tmp_path / "ada.npy", A)
    (tmp_path / "names.txt").write_text("ada\n")
    check(read_encodings(tmp_path / "ada.npy", tmp_path / "names.txt"), ["ada"], ROWS[:1])
    (tmp_path / "ada.json").write_text(json.dumps({"name": "ada", "encoding": LISTS[0]}))
    check(read_encodings(tmp_path / "ada.json"), ["ada"], ROWS[:1])


def test_names_that_are_there_twice_contradict(tmp_path):
    (tmp_path / "names.txt").write_text("ada\n")
    with pytest.raises(ImportInvalid, match="names of its own"):
        read_encodings(save(tmp_path / "a.pickle", {"ada": A}), tmp_path / "names.txt")


def test_a_file_of_names_that_is_none(tmp_path):
    path = save(tmp_path / "known.pickle", ROWS)
    (tmp_path / "latin.txt").write_bytes(b"\xe9tienne\n")
    (tmp_path / "dict.json").write_text("{}")
    for name, says in (("latin.txt", "UTF-8"), ("dict.json", "list of names"), ("no", "cannot be")):
        with pytest.raises(ImportInvalid, match=says):
            read_encodings(path, tmp_path / name)


WHOLE = {
    "lengths differ": (
        {"encodings": ROWS, "names": ["a"]},
        ImportInvalid,
        "3 encodings and 1 names",
    ),
    "no encodings": ({"encodings": [], "names": []}, ImportInvalid, "no encodings"),
    "an empty dict": ({}, ImportInvalid, "no encodings"),
    "an empty pair": (([], []), ImportInvalid, "no encodings"),
    "names alone": (["a", "b", "c"], ImportInvalid, "without names"),
    "text": ("ada", ImportInvalid, "holds a str"),
    "nothing": (None, ImportInvalid, "NoneType"),
    "a number": (7, ImportInvalid, "holds a int"),
    "columns of nothing": ({"encodings": 5, "names": 3}, ImportInvalid, "something else"),
    "512 numbers": ({"a": np.ones(512)}, ModelMismatch, "512 numbers.*ArcFace"),
    "4096 numbers": ({"encodings": np.ones((2, 4096)), "names": ["a", "b"]}, ModelMismatch, "4096"),
    "normalised": ({"a": A / 1.4, "b": B / 1.4}, ModelMismatch, "1.000.*OpenFace"),
    "of another scale": ({"a": A * 20}, ModelMismatch, "28.000"),
    "many of none": (np.zeros((10**15, 0)), ImportInvalid, "without names"),
}


@pytest.mark.parametrize(("value", "error", "says"), WHOLE.values(), ids=WHOLE)
def test_a_file_that_is_refused_as_a_whole(tmp_path, value, error, says):
    with pytest.raises(error, match=says):
        read_encodings(save(tmp_path / "known.pickle", value))


NAN = np.where(np.arange(128) == 7, np.nan, A)
SINGLE = {
    "not a number": ("a", NAN, "not finite"),
    "infinite": ("a", A * np.inf, "not finite"),
    "beyond floats": ("a", [10**400] * 128, "not finite"),
    "short": ("a", A[:127], "found 127"),
    "of zeros": ("a", np.zeros(128), "length"),
    "words": ("a", ["x"] * 128, "no encoding"),
    "words in an array": ("a", np.array(["x"] * 128), "no encoding"),
    "an array without dimensions": ("a", [np.array(1.5)], "found ndarray"),
    "a row of rows in a list": ("a", [np.ones((128, 2))], "found ndarray"),
    "large numbers": ("a", [1e300] * 128, "not finite"),
    "truths": ("a", [True] * 128, "no encoding"),
    "nothing": ("a", None, "NoneType"),
    "an empty list": ("a", [], "no encoding"),
    "no name": ("", A, "no name"),
    "a name of spaces": ("  ", A, "no name"),
    "a name that is none": (None, A, "no name"),
    "a name with a line break": ("a\nb", A, "no name"),
    "a name of half letters": ("a\udc80", A, "no name"),
    "a long name": ("a" * 201, A, "no name"),
}


@pytest.mark.parametrize(("name", "row", "says"), SINGLE.values(), ids=SINGLE)
def test_an_entry_that_cannot_be_taken_leaves_the_others(tmp_path, name, row, says):
    path = save(
        tmp_path / "known.pickle", {"encodings": [B, row, C], "names": ["bob", name, "cyd"]}
    )
    entries = read_encodings(path)
    errors = [entry for entry in entries if entry.error is not None]
    assert errors
    assert {entry.person for entry in entries if entry.error is None} == {"bob", "cyd"}
    assert all(isinstance(e.error, ImportInvalid | UsageError) and e.face is None for e in errors)
    assert says in str(errors[0].error)
    assert errors[0].source == "known.pickle#2"


def test_no_more_than_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_FACES", 2)
    with pytest.raises(ImportInvalid, match="more than 2 encodings"):
        read_encodings(save(tmp_path / "known.pickle", {"encodings": ROWS, "names": NAMES}))


def test_one_row_named_again_and_again_is_not_copied_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_NUMBERS", 50_000)
    for row in (np.ones(1000), [1.0] * 1000):
        shared = {"encodings": [row] * 100, "names": ["ada"] * 100}
        with pytest.raises(ImportInvalid, match="more than 50,000 numbers"):
            read_encodings(save(tmp_path / "known.pickle", shared))


def test_the_record_says_what_it_is():
    record = prepare_encoding(" ada ", A, "known.pickle#1").record
    assert (record.person, record.model, record.quality) == ("ada", "dlib-resnet-128", 0.0)
    assert record.digest == prepare_encoding("bob", A.astype(np.float32), "x").record.digest
    assert record.digest != prepare_encoding("ada", B, "x").record.digest


def test_they_are_found_again_and_survive_an_export(tmp_path):
    path = save(tmp_path / "known.pickle", {"encodings": ROWS, "names": NAMES})
    with Gallery(tmp_path / "people.db") as people:
        for entry in read_encodings(path):
            assert people.check(entry.face).new
            assert people.add(entry.face).new
            assert not people.check(entry.face).new
            assert not people.add(entry.face).new
        (decision,) = people.decide(B[None].astype(np.float32), "dlib-resnet-128")
        assert decision.person == "bob"
        assert people.person("ada").faces == 2
        people.export_group("default", tmp_path / "group.zip")
        assert people.import_group(tmp_path / "group.zip") == ("default", 0)
