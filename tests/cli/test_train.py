from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.fakes import picture
from tests.learn.networks import colour_analyzer, write_classes
from vultus.cli import options
from vultus.learn.head import load_head, networks_id

COLOURS = {"Happy": "ada", "müde [x]": "bob", "new\nline": "cyd"}


@pytest.fixture
def train(run, tmp_path, monkeypatch):
    """Train with networks that see colours alone."""
    monkeypatch.setattr(options, "make_analyzer", lambda settings, **_: colour_analyzer(settings))

    def run_it(*arguments):
        return run("train", "expression", *arguments)

    return run_it


@pytest.fixture
def images(tmp_path):
    return write_classes(tmp_path / "images", COLOURS)


def test_a_model_of_any_names(train, images, tmp_path):
    ran = train(images, "--out", tmp_path / "my.vultus", "-f", "json")
    assert ran.code == 0, ran.stderr
    (record,) = ran.records
    assert (record["images"], record["used"]) == (24, 24)
    assert record["labels"] == sorted(COLOURS)
    assert record["accuracy"] == record["balanced_accuracy"] == 1
    assert record["confusion"]["Happy"] == {"Happy": 8, "müde [x]": 0, "new\nline": 0}
    assert record["shipped"] is record["better_than_shipped"] is None
    assert record["whole_pictures"] == record["left_out"] == record["twice"] == []
    head = load_head(tmp_path / "my.vultus", networks_id())
    assert head.labels == tuple(sorted(COLOURS))
    assert head.card.counts == [8, 8, 8]


def test_the_answer_for_people(train, images, tmp_path):
    ran = train(images, "--out", tmp_path / "my.vultus")
    lines = ran.stdout.splitlines()
    assert lines[0] == "24 pictures, 24 used"
    assert lines[2].split() == ["Happy", "8", "0", "0", "1.000"]
    assert "new\\nline" in ran.stdout
    assert "accuracy 1.000" in ran.stdout
    assert "other expressions" in ran.stdout
    assert str(tmp_path / "my.vultus") in lines[-1]


@pytest.mark.parametrize("better", [True, False])
def test_it_says_whether_it_beats_the_shipped_network(train, tmp_path, monkeypatch, better):
    images = write_classes(tmp_path / "seven", {"Anger": "ada", "joy": "bob", "SAD": "cyd"})
    if not better:  # a shipped network that is always right cannot be beaten
        from vultus.learn import training

        among = training._among

        def perfect(shipped, places):
            return (
                np.eye(3)[np.repeat([0, 1, 2], 8)] if among(shipped, places) is not None else None
            )

        monkeypatch.setattr(training, "_among", perfect)
    (record,) = train(images, "--out", tmp_path / "a.vultus", "-f", "json").records
    assert set(record["shipped"]) == {
        "accuracy",
        "balanced_accuracy",
        "difference",
        "standard_error",
    }
    assert record["better_than_shipped"] is better
    assert (record["balanced_accuracy"] > record["shipped"]["balanced_accuracy"]) is better
    told = train(images, "--out", tmp_path / "b.vultus").stdout
    assert f"better than the shipped network: {'yes' if better else 'no'} (" in told


def test_pictures_without_a_face_are_named_and_large_ones_left_out(train, images, tmp_path):
    black = np.zeros((40, 40, 3), np.uint8)
    Image.fromarray(black).save(images / "Happy" / "small.png")
    Image.fromarray(np.zeros((300, 40, 3), np.uint8)).save(images / "Happy" / "large.png")
    (images / "Happy" / "broken.jpg").write_bytes(b"no picture")
    Image.fromarray(picture("ada")).save(images / "Happy" / "again.png")  # as 0.png is
    Image.fromarray(black).save(images / "outside.png")
    ran = train(images, "--out", tmp_path / "my.vultus", "-f", "json")
    assert ran.code == 0
    (record,) = ran.records
    happy = images / "Happy"
    assert (record["images"], record["used"]) == (28, 25)
    assert record["whole_pictures"] == [str(happy / "small.png")]
    assert record["left_out"] == [
        {"source": str(happy / "broken.jpg"), "code": "image_unreadable"},
        {"source": str(happy / "large.png"), "code": "no_face"},
    ]
    assert record["twice"] == [
        {"source": str(happy / "again.png"), "same_as": str(happy / "0.png")}
    ] or record["twice"] == [{"source": str(happy / "0.png"), "same_as": str(happy / "again.png")}]
    for name in ("small.png: no face found", "large.png: left out", "broken.jpg: left out"):
        assert name in ran.stderr
    assert "1 pictures lie in no class folder" in ran.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("empty class", "'Bored' (0)"),
        ("two pictures", "'Bored' (2)"),
        ("unusable pictures", "fewer than 5 usable pictures: 'Bored' (1)"),
        ("one class", "one class only, 'Happy'"),
        ("file", "no folder"),
        ("no classes", "no folder in"),
    ],
)
def test_folders_that_cannot_be_learnt_from(train, images, tmp_path, change, message):
    bored = images / "Bored"
    if change == "empty class":
        bored.mkdir()
    elif change == "two pictures":
        write_classes(images, {"Bored": "dan"}, 2)
    elif change == "unusable pictures":
        write_classes(images, {"Bored": "dan"}, 1)
        for number in range(5):
            (bored / f"bad{number}.jpg").write_bytes(b"no picture")
    elif change == "one class":
        images = write_classes(tmp_path / "one", {"Happy": "ada"})
    else:
        images = tmp_path / "other"
        images.touch() if change == "file" else images.mkdir()
    ran = train(images, "--out", tmp_path / "my.vultus", "-f", "json")
    assert ran.code == 2
    error = ran.records[-1]["error"]
    assert error["code"] == "usage"
    assert message in error["message"]
    assert not (tmp_path / "my.vultus").exists()


def test_a_file_that_is_there_is_replaced_only_by_force(train, images, tmp_path):
    path = tmp_path / "my.vultus"
    path.write_text("precious")
    ran = train(images, "--out", path)
    assert ran.code == 2
    assert "--force" in ran.stderr
    assert path.read_text() == "precious"
    assert train(images, "--out", path, "--force").code == 0
    assert load_head(path, networks_id()).labels


def test_places_that_cannot_be_written_are_refused_before_the_work(train, images, tmp_path):
    assert train(images, "--out", tmp_path / "nowhere" / "my.vultus").code == 5
    assert train(images, "--out", tmp_path).code == 2
    assert train(images).code == 2


def test_the_same_pictures_make_the_same_model(train, images, tmp_path):
    for name in ("a", "b"):
        train(images, "--out", tmp_path / name, "--jobs", 1 if name == "a" else 3)
    first, second = (load_head(tmp_path / name, networks_id()) for name in ("a", "b"))
    assert np.array_equal(first.weights, second.weights)
    assert first.card.temperature == second.card.temperature
