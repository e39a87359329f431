from __future__ import annotations

import logging
from pathlib import Path

import pytest

from vultus.imaging.pictures import annotated_path, delete_pictures


@pytest.mark.parametrize(
    ("clean", "annotated"),
    [
        ("/shots/door/visit-0.jpg", "/shots/door/visit-0_annotated.jpg"),
        ("a.b.png", "a.b_annotated.png"),
        ("plain", "plain_annotated"),
    ],
)
def test_the_annotated_copy_lies_beside_the_clean_picture(clean, annotated):
    assert annotated_path(Path(clean)) == Path(annotated)


def pair(folder: Path, name: str) -> list[Path]:
    paths = [folder / f"{name}.jpg", folder / f"{name}_annotated.jpg"]
    for path in paths:
        path.touch()
    return paths


def test_both_are_deleted_and_nothing_else(tmp_path):
    mine, others = pair(tmp_path, "a"), pair(tmp_path, "aa")
    delete_pictures([str(mine[0])])
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_what_is_gone_already_is_no_error(tmp_path, caplog):
    mine = pair(tmp_path, "a")
    mine[0].unlink()
    delete_pictures([str(mine[0]), str(tmp_path / "never" / "was.jpg")])
    assert list(tmp_path.iterdir()) == []
    assert caplog.records == []


def test_what_cannot_be_deleted_is_told_and_the_others_are_deleted(tmp_path, caplog):
    (tmp_path / "a.jpg").mkdir()
    mine = pair(tmp_path, "b")
    with caplog.at_level(logging.WARNING):
        delete_pictures([str(tmp_path / "a.jpg"), str(mine[0])])
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]
    assert "a picture could not be deleted" in caplog.text
    assert str(tmp_path) not in caplog.text


def test_nothing_to_delete():
    delete_pictures([])


@pytest.mark.parametrize("name", ["passwd", "people.db", "key.pem", ".jpg\0"])
def test_what_is_no_picture_is_left_alone(tmp_path, name, caplog):
    if "\0" not in name:
        (tmp_path / name).touch()
    delete_pictures([str(tmp_path / name)])
    assert "no picture" in caplog.text
    assert [each.name for each in tmp_path.iterdir()] == ([] if "\0" in name else [name])
