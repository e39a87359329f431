from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from tests.shared import shared
from vultus.faces.shape_predictor import ShapePredictor
from vultus.imaging.load import load
from vultus.models.catalogue import LANDMARKS, card
from vultus.models.dlib_shape_predictor import convert
from vultus.models.store import read_weights

REFERENCE = Path(__file__).parents[1] / "reference" / "dlib_reference.json"


@pytest.fixture(scope="module")
def predictor() -> ShapePredictor:
    """Converted now, whatever lies in the cache."""
    converted = convert(read_weights(card(LANDMARKS)))
    return ShapePredictor.from_npz(converted["predictor.npz"])


@pytest.fixture(scope="module", params=["points", "points68"])
def compared(request, predictor, analyzer, lfw) -> tuple[np.ndarray, np.ndarray]:
    """Our points and dlib's for all reference faces, (n, 5 or 68, 2) each."""
    used = predictor if request.param == "points" else analyzer.predictor68
    ours, dlibs = [], []
    for name, faces in json.loads(REFERENCE.read_text())["landmarks"].items():
        if not faces:
            continue
        image = lfw(name) if name.startswith("lfw") else load(shared(f"photos/{name}"))
        boxes = np.array([face["box"] for face in faces], np.float32)
        ours.append(used.predict(image, boxes))
        dlibs.append(np.array([face[request.param] for face in faces]))
    return np.concatenate(ours), np.concatenate(dlibs)


def test_every_point_rounded_as_dlib_rounds_it_is_dlibs(compared):
    ours, dlibs = compared
    assert len(ours) == 114
    np.testing.assert_array_equal(np.floor(ours + 0.5), dlibs)


def stump(threshold: float = 50.0) -> ShapePredictor:
    """One tree of one split: compares the grey values at the two points, then shifts the shape."""
    return ShapePredictor(
        initial=np.array([(0.25, 0.5), (0.75, 0.5)], np.float32),
        splits=np.array([[[(0, 1)]]], np.uint16),
        thresholds=np.full((1, 1, 1), threshold, np.float32),
        leaves=np.array([[[(0.0, -0.25, 0.0, -0.25), (0.0, 0.25, 0.0, 0.25)]]], np.float32),
        anchors=np.array([(0, 1)], np.uint16),
        deltas=np.zeros((1, 2, 2), np.float32),
    )


BOX = np.array([(0, 0, 100, 100)], np.float32)


def halves(left: tuple[int, int, int], right: tuple[int, int, int]) -> np.ndarray:
    image = np.zeros((101, 101, 3), np.uint8)
    image[:, :50], image[:, 50:] = left, right
    return image


@pytest.mark.parametrize(
    ("left", "right", "y"),
    [
        ((255, 255, 255), (0, 0, 0), 25),  # brighter by more than the threshold: first leaf
        ((0, 0, 0), (255, 255, 255), 75),
        ((90, 90, 90), (90, 90, 90), 75),
        ((51, 51, 51), (0, 0, 0), 25),
        ((50, 50, 50), (0, 0, 0), 75),  # exactly the threshold is not above it
        ((153, 0, 0), (0, 0, 0), 25),  # grey is the mean of the channels
        ((0, 152, 0), (0, 0, 0), 75),  # 152 // 3 is 50
    ],
)
def test_a_tree_goes_left_where_the_difference_exceeds_its_threshold(left, right, y):
    points = stump().predict(halves(left, right), BOX)
    np.testing.assert_array_equal(points, [[(25, y), (75, y)]])


def test_outside_the_picture_everything_is_black():
    image = halves((255, 255, 255), (255, 255, 255))
    shifted = BOX + np.array([50, 0, 50, 0], np.float32)  # the right point lies outside
    np.testing.assert_array_equal(stump().predict(image, shifted), [[(75, 25), (125, 25)]])


@pytest.mark.parametrize("name", ["predictor", "predictor68"])
def test_all_faces_of_a_picture_at_once_are_as_one_by_one(analyzer, astronaut, name):
    used = getattr(analyzer, name)
    boxes = np.array([(176, 75, 270, 170), (150, 60, 300, 210), (-20, -30, 60, 50)], np.float32)
    together = used.predict(astronaut, boxes)
    alone = np.concatenate([used.predict(astronaut, box[None]) for box in boxes])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize(("name", "count"), [("predictor", 5), ("predictor68", 68)])
def test_no_faces(analyzer, astronaut, name, count):
    points = getattr(analyzer, name).predict(astronaut, np.zeros((0, 4)))
    assert points.shape == (0, count, 2)
    assert points.dtype == np.float32


@pytest.mark.parametrize("shape", [(1, 1), (3, 500)])
def test_a_tiny_picture_and_a_box_far_outside(analyzer, shape):
    image = np.full((*shape, 3), 200, np.uint8)
    points = analyzer.predictor.predict(image, np.array([(1e4, 1e4, 1e4 + 80, 1e4 + 80)]))
    assert np.isfinite(points).all()


def test_it_is_read_from_its_file_without_pickle():
    buffer = io.BytesIO()
    np.savez(buffer, initial=np.array([object()]))
    with pytest.raises(ValueError, match="allow_pickle"):
        ShapePredictor.from_npz(buffer.getvalue())
