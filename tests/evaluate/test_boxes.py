from __future__ import annotations

import json

import numpy as np
import pytest

from vultus.errors import UsageError
from vultus.evaluate import boxes as module
from vultus.evaluate.boxes import read_boxes, read_points

ROW = "78 221 7 8 2 0 0 0 0 0"
INVALID = "10 20 30 40 2 0 0 1 0 0"
NOTHING = "0 0 0 0 0 0 0 0 0 0"


@pytest.fixture
def write(tmp_path):
    def write_it(text):
        path = tmp_path / "marks"
        path.write_text(text if isinstance(text, str) else json.dumps(text), "utf-8")
        return path

    return write_it


def test_json(write):
    found = read_boxes(write({"a/ä.jpg": [[1, 2, 3.5, 4]], "none.jpg": []}))
    assert list(found) == ["a/ä.jpg", "none.jpg"]
    assert found["a/ä.jpg"].boxes.tolist() == [[1, 2, 3.5, 4]]
    assert found["a/ä.jpg"].ignored.tolist() == [False]
    assert found["none.jpg"].boxes.shape == (0, 4)


def test_wider_face(write):
    text = f"0--Parade/a.jpg\n2\n{ROW}\n{INVALID}\n0--Parade/b.jpg\n1\n{ROW}\n"
    found = read_boxes(write(text))
    assert list(found) == ["0--Parade/a.jpg", "0--Parade/b.jpg"]
    assert found["0--Parade/a.jpg"].boxes.tolist() == [[78, 221, 85, 229], [10, 20, 40, 60]]
    assert found["0--Parade/a.jpg"].ignored.tolist() == [False, True]


@pytest.mark.parametrize("zeros", ["", NOTHING + "\n", "0 0 0 0\n"])
def test_a_picture_without_a_face_may_have_a_line_of_zeros(write, zeros):
    found = read_boxes(write(f"a.jpg\n0\n{zeros}b.jpg\n1\n{ROW}\n"))
    assert found["a.jpg"].boxes.shape == (0, 4)
    assert len(found["b.jpg"].boxes) == 1
    assert list(read_boxes(write(f"a.jpg\n0\n{zeros}"))) == ["a.jpg"]


def test_faces_without_area_are_ignored(write):
    found = read_boxes(write("a.jpg\n2\n5 5 0 9 0 0 0 0 0 0\n5 5 9 9\r\n"))
    assert found["a.jpg"].ignored.tolist() == [True, False]


def test_names_may_hold_spaces_and_the_file_a_mark_of_its_encoding(write):
    assert list(read_boxes(write(f"\ufeffmy photos/a b.jpg\n1\n{ROW}"))) == ["my photos/a b.jpg"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no picture"),
        ("a.jpg\n", "after line 1 the number of faces"),
        ("a.jpg\nmany\n", "line 2: the number of faces is expected, found 'many'"),
        ("a.jpg\n-1\n", "line 2: the number of faces"),
        ("a.jpg\n99999999999\n", "line 2: the number of faces"),
        (f"a.jpg\n2\n{ROW}\n", "after line 3 a line"),
        ("a.jpg\n1\n1 2 3\n", "line 3: 4 or 10 numbers are expected, found '1 2 3'"),
        ("a.jpg\n1\n1 2 3 x\n", "line 3: 4 or 10 numbers"),
        ("a.jpg\n1\nnan 2 3 4\n", "line 3: 4 or 10 numbers"),
        ("a.jpg\n1\n1 2 inf 4\n", "line 3: 4 or 10 numbers"),
        ("a.jpg\n1\n1 2 -3 4\n", "line 3: width and height"),
        (f"a.jpg\n1\n{ROW}\n{ROW}\n", "line 4: the name of a picture is expected"),
        (f"a.jpg\n1\n{ROW}\n\n\na.jpg\n1\n{ROW}\n", "line 6: a.jpg is there twice"),
    ],
)
def test_refuses_malformed_text_with_the_line(write, text, message):
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        read_boxes(write(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("{}", "names no picture"),
        ('{"a": 1}', "a has no list"),
        ('{"a": [[1, 2, 3]]}', "mark 1 of a is not 4 finite numbers"),
        ('{"a": [[1, 2, 3, 4], [1, 2, NaN, 4]]}', "mark 2 of a is not 4"),
        ('{"a": [[1, 2, Infinity, 4]]}', "mark 1 of a is not 4"),
        ('{"a": [[1, 2, true, 4]]}', "mark 1 of a is not 4"),
        ('{"a": [[1, 2, "3", 4]]}', "mark 1 of a is not 4"),
        ('{"a": [[1, 2, 1e99, 4]]}', "mark 1 of a is not 4"),
        ('{"a": [[0, 0, 2, 2], [1, 2, 1, 4]]}', "box 2 of a has no area"),
        ('{"a": [[5, 5, 4, 4]]}', "box 1 of a has no area"),
        ("{" + '"a": ' + "[" * 100_000, "no JSON"),
    ],
)
def test_refuses_malformed_json(write, text, message):
    with pytest.raises(UsageError, match=message):
        read_boxes(write(text))


def test_refuses_what_cannot_be_read(tmp_path, write, monkeypatch):
    for path in (tmp_path, tmp_path / "nothing", tmp_path / "a\0b"):
        with pytest.raises(UsageError, match="cannot be read"):
            read_boxes(path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        read_boxes(tmp_path / "binary")
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    with pytest.raises(UsageError, match="larger than"):
        read_boxes(write(f"a.jpg\n1\n{ROW}"))


def test_too_many_marks(write, monkeypatch):
    monkeypatch.setattr(module, "MAX_MARKS", 2)
    with pytest.raises(UsageError, match="at most 2 marks"):
        read_boxes(write({"a": [[0, 0, 1, 1]] * 3}))
    with pytest.raises(UsageError, match="line 2"):
        read_boxes(write("a.jpg\n3\n"))


def test_points(write):
    found = read_points(write({"a.jpg": [[219, 105], [304.5, 251]], "b.jpg": []}))
    assert np.array_equal(found["a.jpg"], [[219, 105], [304.5, 251]])
    assert found["b.jpg"].shape == (0, 2)


@pytest.mark.parametrize("text", ["[]", '{"a": [[1]]}', '{"a": [[1, NaN]]}', "a.jpg\n1\n1 2\n"])
def test_refuses_what_are_no_points(write, text):
    with pytest.raises(UsageError, match="cannot be used"):
        read_points(write(text))
