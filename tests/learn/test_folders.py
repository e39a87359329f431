from __future__ import annotations

import os
import sys
import unicodedata

import pytest

from vultus.errors import UsageError
from vultus.learn import folders
from vultus.learn.folders import MAX_LABEL, read_classes


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def test_one_folder_a_class_at_any_depth(tmp_path):
    put(tmp_path, "b/1.jpg", "b/deep/2.PNG", "a/3.jpg", "a/notes.txt", "loose.jpg", ".git/4.jpg")
    (tmp_path / "empty").mkdir()
    found = read_classes(tmp_path)
    assert found.labels == ("a", "b", "empty")
    assert [path.name for path in found.paths] == ["3.jpg", "1.jpg", "2.PNG"]
    assert found.targets == [0, 1, 1]
    assert [found.count(place) for place in range(3)] == [1, 2, 0]
    assert found.outside == 1
    assert found.targets_of([2, 0]).tolist() == [1, 0]


@pytest.mark.parametrize("name", ["müde", "嬉しい", "50% [red] {x}", "new\nline", "-f", "🙂"])
def test_labels_may_hold_any_letters(tmp_path, name):
    put(tmp_path, f"{name}/1.jpg", "b/2.jpg")
    assert set(read_classes(tmp_path).labels) == {name, "b"}


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
def test_bytes_that_are_no_letters_become_printable(tmp_path):
    (tmp_path / os.fsdecode(b"m\xfcde")).mkdir()
    (label,) = read_classes(tmp_path).labels
    assert label == "m\\xfcde"
    label.encode("utf-8")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems hold them for one name")
def test_two_spellings_of_a_name_are_one_label(tmp_path):
    names = [unicodedata.normalize(form, "müde") for form in ("NFC", "NFD")]
    put(tmp_path, *(f"{name}/1.jpg" for name in names))
    found = read_classes(tmp_path)
    assert found.labels == (names[0],)
    assert found.count(0) == 2


@pytest.mark.parametrize("make", ["file", "missing", "empty", "pictures only", "a\0b"])
def test_what_is_no_folder_of_classes(tmp_path, make):
    place = tmp_path / make
    if make == "file":
        place.write_bytes(b"x")
    elif make in ("empty", "pictures only"):
        place.mkdir()
    if make == "pictures only":
        put(place, "1.jpg")
    with pytest.raises(UsageError, match="one folder a class"):
        read_classes(place)


def test_limits(tmp_path, monkeypatch):
    put(tmp_path, "a/1.jpg", "b/2.jpg", "c/3.jpg")
    monkeypatch.setattr(folders, "MAX_PICTURES", 2)
    with pytest.raises(UsageError, match="more than 2 pictures"):
        read_classes(tmp_path)
    with pytest.raises(UsageError, match="more than 2 folders"):
        read_classes(tmp_path, 2)
    put(tmp_path / "long", "x" * (MAX_LABEL + 1) + "/1.jpg")
    with pytest.raises(UsageError, match="characters"):
        read_classes(tmp_path / "long")
