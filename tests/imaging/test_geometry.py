from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vultus.imaging.geometry import (
    corners_to_xywh,
    similarity_transforms,
    suppress_overlaps,
    to_squares,
)


@st.composite
def corner_boxes(draw, most: int = 40) -> np.ndarray:
    """Boxes with whole corners, so that areas are exact in float32."""
    count = draw(st.integers(0, most))
    starts = draw(hnp.arrays(np.int32, (count, 2), elements=st.integers(-50, 50)))
    sizes = draw(hnp.arrays(np.int32, (count, 2), elements=st.integers(1, 40)))
    return np.concatenate([starts, starts + sizes], axis=1).astype(np.float32)


@st.composite
def scored_boxes(draw, most: int = 40) -> tuple[np.ndarray, np.ndarray]:
    boxes = draw(corner_boxes(most))
    order = draw(st.permutations(range(len(boxes))))
    return boxes, np.array(order, np.float32)


def overlap(a: np.ndarray, b: np.ndarray, of_smaller: bool) -> tuple[float, float]:
    """The shared area and the area it is compared with."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    shared = width * height
    return shared, min(areas) if of_smaller else sum(areas) - shared


def suppress_one_by_one(boxes, scores, limit, of_smaller) -> list[int]:
    kept: list[int] = []
    for index in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        overlaps = (overlap(boxes[index], boxes[other], of_smaller) for other in kept)
        if not any(shared > limit * against for shared, against in overlaps):
            kept.append(index)
    return kept


@given(scored_boxes(), st.sampled_from([0.0, 0.25, 0.5, 0.75]), st.booleans())
def test_suppression_is_the_greedy_one(scored, limit, of_smaller):
    boxes, scores = scored
    kept = suppress_overlaps(boxes, scores, limit, of_smaller=of_smaller)
    assert kept.tolist() == suppress_one_by_one(boxes.tolist(), scores, limit, of_smaller)


def test_suppression_over_more_boxes_than_a_block():
    rng = np.random.default_rng(3)
    starts = rng.integers(0, 120, (700, 2))
    boxes = np.concatenate([starts, starts + rng.integers(5, 40, (700, 2))], 1).astype(np.float32)
    scores = rng.permutation(700).astype(np.float32)
    for limit, of_smaller in [(0.5, False), (0.3, True), (0.7, False)]:
        kept = suppress_overlaps(boxes, scores, limit, of_smaller=of_smaller)
        assert kept.tolist() == suppress_one_by_one(boxes.tolist(), scores, limit, of_smaller)


@given(scored_boxes(12))
def test_the_best_box_stays_and_twins_go(scored):
    boxes, scores = scored
    kept = suppress_overlaps(np.tile(boxes, (2, 1)), np.tile(scores, 2), 0.99)
    if len(boxes):
        assert kept[0] == scores.argmax()
    assert (kept < len(boxes)).all()  # of equal boxes and scores the first one


@given(corner_boxes())
def test_squares_keep_the_centre_and_the_longer_side(boxes):
    squares = to_squares(boxes)
    sizes = squares[:, 2:] - squares[:, :2]
    longer = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
    np.testing.assert_array_equal(sizes[:, 0], sizes[:, 1])
    np.testing.assert_array_equal(sizes[:, 0], longer)
    np.testing.assert_array_equal(squares[:, :2] + squares[:, 2:], boxes[:, :2] + boxes[:, 2:])
    assert squares.dtype == np.float32


@given(corner_boxes())
def test_a_square_of_a_square_is_itself(boxes):
    squares = to_squares(boxes)
    np.testing.assert_array_equal(to_squares(squares), squares)


@given(corner_boxes())
def test_width_and_height_lead_back_to_the_corners(boxes):
    xywh = corners_to_xywh(boxes)
    assert xywh.dtype == np.float32
    np.testing.assert_array_equal(xywh[:, :2], boxes[:, :2])
    np.testing.assert_array_equal(xywh[:, :2] + xywh[:, 2:], boxes[:, 2:])


def apply(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ transform[:, :2].T + transform[:, 2]


def points_strategy(count: int):
    return hnp.arrays(np.float64, (count, 2), elements=st.floats(-100, 100, width=32))


@given(
    points_strategy(5),
    st.floats(0.05, 20),
    st.floats(-np.pi, np.pi),
    st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
)
def test_a_similarity_is_found_again(points, scale, angle, shift):
    points = points + np.arange(10).reshape(5, 2) ** 2  # not all in one place
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = points @ turn.T + shift
    found = similarity_transforms(points, target)
    assert found.shape == (2, 3)
    # the shift is found through the centroid: as exact as the points are far from it
    np.testing.assert_allclose(apply(found, points), target, atol=1e-6 * (1 + np.abs(target).max()))


@given(points_strategy(5), points_strategy(5), st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_no_other_similarity_is_nearer(source, target, real, imaginary):
    found = similarity_transforms(source, target)

    def error(transform):
        return ((apply(transform, source) - target) ** 2).sum()

    other = found + np.array([[real, -imaginary, real], [imaginary, real, imaginary]])
    best = error(found)
    assert best <= error(other) + 1e-6 * (1 + best)


@given(points_strategy(5), points_strategy(5))
def test_a_mirror_image_is_never_made(source, target):
    found = similarity_transforms(source, target)
    assert np.linalg.det(found[:, :2]) >= 0
    np.testing.assert_array_equal(found[0, 0], found[1, 1])
    np.testing.assert_array_equal(found[0, 1], -found[1, 0])


def test_points_in_one_place_are_sent_to_the_targets_centre():
    target = np.array([(0.0, 0.0), (2.0, 0.0), (1.0, 3.0)])
    found = similarity_transforms(np.full((3, 2), 7.0), target)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(apply(found, np.array([[7.0, 7.0]])), [[1.0, 1.0]])


def test_many_at_once_are_as_one_by_one():
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(4, 5, 2)), rng.normal(size=(5, 2))
    together = similarity_transforms(source, target)
    alone = np.stack([similarity_transforms(points, target) for points in source])
    np.testing.assert_allclose(together, alone, atol=1e-12)
    assert similarity_transforms(np.zeros((0, 5, 2)), target).shape == (0, 2, 3)
