from __future__ import annotations

import pytest

from vultus.errors import ImageNotFound, NothingToDo, UsageError
from vultus.evaluate import people as module
from vultus.evaluate.people import check_there, read_people


@pytest.fixture
def folder(tmp_path):
    for name in ("bob/1.jpg", "bob/deep/2.png", "ada/1.jpg", "a\u0308da/1.jpg", "ada/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "outside.jpg").write_bytes(b"")
    return tmp_path


def test_a_folder_a_person(folder):
    found = read_people(folder)
    assert found.names == ["ada", "bob", "äda"]  # one way of writing letters
    shown = [
        (found.names[target], path.name)
        for path, target in zip(found.paths, found.targets, strict=True)
    ]
    assert sorted(shown) == [("ada", "1.jpg"), ("bob", "1.jpg"), ("bob", "2.png"), ("äda", "1.jpg")]
    assert found.outside == 1


def test_only_people_with_enough_pictures(folder):
    found = read_people(folder).with_at_least(2)
    assert (found.names, found.targets.tolist()) == (["bob"], [0, 0])
    with pytest.raises(NothingToDo, match="Nobody has 3"):
        read_people(folder).with_at_least(3)


def test_refuses_what_is_no_set_of_people(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="no folder"):
        read_people(tmp_path / "nothing")
    with pytest.raises(NothingToDo):
        read_people(tmp_path)
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "1.jpg").write_bytes(b"")
    with pytest.raises(NothingToDo, match="not two people"):
        read_people(tmp_path)
    monkeypatch.setattr(module, "MAX_PICTURES", 0)
    with pytest.raises(UsageError, match="more than 0 pictures"):
        read_people(tmp_path)


def test_missing_pictures_are_counted_and_the_first_named(folder):
    check_there(["bob/1.jpg"], folder, folder / "pairs.tsv")
    names = ["bob/1.jpg", "bob", *(f"x{number}.jpg" for number in range(5)), "nul\0"]
    with pytest.raises(ImageNotFound) as raised:
        check_there(names, folder, folder / "pairs.tsv")
    assert "7 of the 8 pictures" in raised.value.message
    assert raised.value.message.endswith(": bob, x0.jpg, x1.jpg, ....")
