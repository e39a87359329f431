from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from vultus.faces.types import Face, Faces, Quality


def quality(count: int) -> Quality:
    return Quality(*(np.arange(count, dtype=np.float32) + 10 * column for column in range(8)))


def faces(count: int = 3) -> Faces:
    rng = np.random.default_rng(0)
    return Faces(
        boxes=rng.random((count, 4), np.float32),
        scores=np.arange(count, dtype=np.float32),
        landmarks=rng.random((count, 5, 2), np.float32),
        image_wh=(640, 480),
        alignment=rng.random((count, 5, 2), np.float32),
        embeddings=rng.random((count, 128), np.float32),
        embedder="a-model",
        quality=quality(count),
        chips=rng.integers(0, 255, (count, 150, 150, 3), dtype=np.uint8),
        points68=rng.random((count, 68, 2), np.float32),
    )


COLUMNS = ("boxes", "scores", "landmarks", "alignment", "embeddings", "chips", "points68")


@pytest.mark.parametrize(
    "index",
    [
        [2, 0],
        [],
        [True, False, True],
        np.array([False, False, False]),
        np.array([1]),
        np.array([], np.intp),
        slice(1, None),
        slice(None, None, -1),
    ],
    ids=str,
)
def test_some_of_the_faces_are_faces_with_all_columns(index):
    every = faces()
    some = every[index]
    rows = np.arange(3)[index if len(np.shape(index)) == 0 or len(index) else slice(0)]
    assert isinstance(some, Faces)
    assert len(some) == len(rows)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(some, name), getattr(every, name)[rows])
    np.testing.assert_array_equal(some.quality.score, every.quality.score[rows])
    assert (some.image_wh, some.embedder) == ((640, 480), "a-model")


@pytest.mark.parametrize("index", [0, 2, -1, np.int64(1)])
def test_one_face_is_a_view_of_its_row(index):
    every = faces()
    face = every[index]
    row = range(3)[index]
    assert isinstance(face, Face)
    assert face.score == row
    for name, column in [
        ("box", "boxes"),
        ("landmarks", "landmarks"),
        ("embedding", "embeddings"),
        ("chip", "chips"),
        ("points68", "points68"),
    ]:
        assert np.shares_memory(getattr(face, name), getattr(every, column))
        np.testing.assert_array_equal(getattr(face, name), getattr(every, column)[row])
    assert face.quality["face_px"] == row
    assert face.quality["score"] == 70 + row


@pytest.mark.parametrize("index", [3, -4])
def test_a_face_that_is_not_there(index):
    with pytest.raises(IndexError):
        _ = faces()[index]


def test_faces_are_gone_through_in_order():
    assert [face.score for face in faces()] == [0, 1, 2]
    assert len(faces()) == 3


def test_no_faces():
    none = Faces.none((30, 20))
    assert len(none) == 0
    assert list(none) == []
    assert none.boxes.shape == (0, 4)
    assert none.landmarks.shape == (0, 5, 2)


def test_what_was_not_asked_for_is_none():
    plain = Faces(faces().boxes, faces().scores, faces().landmarks, (1, 1))
    face = plain[0]
    assert face.embedding is None
    assert face.chip is None
    assert face.quality is None
    assert face.points68 is None
    assert plain[[0]].embeddings is None
    assert plain[[0]].points68 is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("boxes", np.zeros((3, 5), np.float32)),
        ("boxes", np.zeros((3, 4), np.float64)),
        ("scores", np.zeros(2, np.float32)),
        ("scores", np.zeros((3, 1), np.float32)),
        ("landmarks", np.zeros((3, 10), np.float32)),
        ("landmarks", np.zeros((3, 68, 2), np.float32)),
        ("alignment", np.zeros((2, 5, 2), np.float32)),
        ("alignment", np.zeros((3, 5, 2), np.int32)),
        ("embeddings", np.zeros((2, 128), np.float32)),
        ("chips", np.zeros((4, 150, 150, 3), np.uint8)),
        ("points68", np.zeros((2, 68, 2), np.float32)),
        ("points68", np.zeros((3, 5, 2), np.float32)),
        ("points68", np.zeros((3, 68, 2), np.float64)),
    ],
)
def test_columns_that_do_not_fit_are_refused(column, value):
    with pytest.raises(ValueError, match=f"{column}: expected"):
        replace(faces(), **{column: value})


@pytest.mark.parametrize("missing", ["embeddings", "embedder"])
def test_embeddings_go_with_the_model_that_made_them(missing):
    with pytest.raises(ValueError, match="model that made them"):
        replace(faces(), **{missing: None})


def test_faces_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        faces().scores = np.zeros(3, np.float32)
