"""Matching and average precision against plain definitions, on random boxes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vultus.evaluate.boxes import MarkedBoxes
from vultus.evaluate.detection import (
    Curve,
    FoundBoxes,
    Judged,
    by_height,
    corners_of,
    curve,
    curves,
    judge,
    match_points,
    overlaps,
    report_boxes,
    report_points,
)
from vultus.evaluate.metrics import precision_recall

EXACT = 1e-9


def scene(rng, faces=6, ignored=0.2):
    """Marked boxes, and found ones near them and elsewhere, with scores some of which are tied."""
    starts = rng.integers(0, 60, (faces, 2)).astype(float)
    marked = np.concatenate([starts, starts + rng.integers(8, 25, (faces, 2))], axis=1)
    near = marked[rng.integers(0, max(faces, 1), 2 * faces)] if faces else np.zeros((0, 4))
    near = near + rng.integers(-4, 5, near.shape)
    away = rng.integers(0, 60, (3, 2)).astype(float)
    found = np.concatenate([near, np.concatenate([away, away + 12], axis=1)])
    scores = np.round(rng.random(len(found)), 1)
    return (
        MarkedBoxes(marked, rng.random(faces) < ignored),
        FoundBoxes(found, scores),
    )


def plain_overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def plain_judge(marked, given, least):
    """WIDER FACE's evaluation, box by box: (score, right) of those that count."""
    taken = set()
    answers = []
    for row in sorted(range(len(given.boxes)), key=lambda row: -given.scores[row]):
        shares = [plain_overlap(given.boxes[row], box) for box in marked.boxes]
        best = max(range(len(shares)), key=lambda place: shares[place], default=None)
        if best is None or shares[best] < least:
            answers.append((given.scores[row], False))
        elif marked.ignored[best]:
            continue
        else:
            answers.append((given.scores[row], best not in taken))
            taken.add(best)
    return answers, taken


def plain_average_precision(answers, faces, points=None):
    """Precision and recall of everything at or above each score; the best precision at each recall
    or beyond. VOC: summed over the steps of recall; COCO: the mean at 101 recalls."""
    steps = []
    for limit in sorted({score for score, _ in answers}, reverse=True):
        kept = [right for score, right in answers if score >= limit]
        steps.append((sum(kept) / faces, sum(kept) / len(kept)))
    if points is not None:
        best = [max((p for r, p in steps if r >= point), default=0.0) for point in points]
        return sum(best) / len(best)
    area, before = 0.0, 0.0
    for place, (recall, _) in enumerate(steps):
        area += (recall - before) * max(p for _, p in steps[place:])
        before = recall
    return area


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([0.3, 0.5, 0.75]))
def test_average_precision_by_its_definitions(seed, least):
    rng = np.random.default_rng(seed)
    scenes = [scene(rng, faces) for faces in (6, 0, 1, 4)]
    answers, faces = [], 0
    for marked, found in scenes:
        judged = judge(marked, found, least)
        plain, taken = plain_judge(marked, found, least)
        assert sorted(zip(judged.scores, judged.right, strict=True)) == sorted(plain)
        visible = np.flatnonzero(~marked.ignored).tolist()
        assert judged.found.tolist() == [face in taken for face in visible]
        answers += plain
        faces += len(visible)
    if not faces:
        return
    of = curve(judge(marked, found, least) for marked, found in scenes)
    assert of.voc == pytest.approx(plain_average_precision(answers, faces), abs=EXACT)
    points = np.linspace(0, 1, 101)
    assert of.coco == pytest.approx(plain_average_precision(answers, faces, points), abs=EXACT)


@given(st.integers(0, 10_000))
def test_overlaps_by_their_definition(seed):
    rng = np.random.default_rng(seed)
    first, second = (corners_of(rng.integers(0, 20, (count, 4))) for count in (5, 7))
    expected = [[plain_overlap(a, b) for b in second] for a in first]
    assert overlaps(first, second) == pytest.approx(np.array(expected), abs=EXACT)


def test_overlaps_in_pixels_of_a_known_case():
    """COCO's: a box of 10 x 10 and one shifted by half share a third."""
    first, second = np.array([[0.0, 0, 10, 10]]), np.array([[5.0, 0, 15, 10]])
    assert overlaps(first, second)[0, 0] == pytest.approx(1 / 3)
    empty = np.array([[3.0, 3, 3, 9]])
    assert overlaps(empty, empty)[0, 0] == 0


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_precision_and_recall_are_scikit_learns(seed):
    reference = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(seed)
    scores, right = np.round(rng.random(80), 1), rng.random(80) < 0.4
    right[0] = True
    precision, recall = precision_recall(scores, right)
    expected = reference.precision_recall_curve(right, scores)
    assert precision == pytest.approx(expected[0][:-1][::-1], abs=EXACT)
    assert recall == pytest.approx(expected[1][:-1][::-1], abs=EXACT)


def test_a_face_that_is_found_twice_is_right_once():
    marked = MarkedBoxes(np.array([[0.0, 0, 10, 10]]), np.zeros(1, bool))
    found = FoundBoxes(np.array([[0.0, 0, 10, 10], [0, 0, 10, 11]]), np.array([0.8, 0.9]))
    judged = judge(marked, found, 0.5)
    assert judged.right.tolist() == [True, False]  # the higher score comes first
    assert judged.scores.tolist() == [0.9, 0.8]


def test_ignored_faces_count_neither_way():
    marked = MarkedBoxes(np.array([[0.0, 0, 10, 10], [30, 30, 50, 60]]), np.array([False, True]))
    found = FoundBoxes(np.array([[0.0, 0, 10, 10], [30, 30, 50, 60]]), np.array([0.9, 0.95]))
    told = report_boxes([marked], [found], [found])
    assert (told["faces"], told["ignored"], told["found"], told["false_boxes"]) == (1, 1, 1, 0)
    assert (told["recall"], told["precision"]) == (1, 1)
    assert told["ap"]["0.5"] == {"voc": 1.0, "coco": 1.0}
    without = FoundBoxes(found.boxes[:1], found.scores[:1])
    assert report_boxes([marked], [without], [without])["recall"] == 1


def test_misses_are_told_by_height():
    boxes = corners_of(np.array([[0, 0, 9, 11], [20, 0, 20, 24], [50, 0, 100, 200]]))
    marked = MarkedBoxes(boxes, np.zeros(3, bool))
    found = FoundBoxes(boxes[2:], np.array([0.99]))
    told = report_boxes([marked], [found], [found])["by_height"]
    assert told["0-12"] == {"faces": 1, "found": 0, "recall": 0.0}
    assert told["24-48"] == {"faces": 1, "found": 0, "recall": 0.0}
    assert told["192+"] == {"faces": 1, "found": 1, "recall": 1.0}
    assert told["48-96"]["recall"] is None
    assert sum(band["faces"] for band in told.values()) == 3
    assert by_height(np.array([12.0]), np.array([True]))["12-24"]["found"] == 1


def test_nothing_found_and_nothing_marked():
    nothing = FoundBoxes(np.zeros((0, 4)), np.zeros(0))
    some = MarkedBoxes(np.array([[0.0, 0, 9, 9]]), np.zeros(1, bool))
    none = MarkedBoxes(np.zeros((0, 4)), np.zeros(0, bool))
    told = report_boxes([some], [nothing], [nothing])
    assert (told["recall"], told["precision"]) == (0, None)
    assert told["ap"]["0.5"] == {"voc": 0.0, "coco": 0.0}
    box = FoundBoxes(np.array([[0.0, 0, 9, 9]]), np.array([0.9]))
    told = report_boxes([none], [box], [box])
    assert (told["recall"], told["precision"], told["false_boxes"]) == (None, 0, 1)


def test_a_stricter_overlap_finds_no_more():
    rng = np.random.default_rng(2)
    marked, found = zip(*(scene(rng, 8, 0) for _ in range(20)), strict=True)
    values = [of.voc for of in curves(marked, found).values()]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[-1]


def test_the_interpolated_curve_never_rises():
    of = Curve(np.array([1.0, 0.5, 0.7]), np.array([0.2, 0.2, 0.6]))
    assert of.interpolated.tolist() == [1.0, 0.7, 0.7]
    assert of.voc == pytest.approx(0.2 + 0.4 * 0.7)
    judged = Judged(np.array([0.9, 0.9]), np.array([True, False]), np.array([True, False]))
    assert curve([judged]).precision.tolist() == [0.5]  # equal scores come at once


@given(st.integers(0, 10_000))
def test_points_are_matched_as_well_as_can_be(seed):
    networks = pytest.importorskip("scipy.sparse.csgraph", reason="SciPy is not installed")
    from scipy.sparse import csr_matrix

    rng = np.random.default_rng(seed)
    points = rng.integers(0, 30, (6, 2)).astype(float)
    starts = rng.integers(0, 25, (7, 2)).astype(float)
    boxes = np.concatenate([starts, starts + rng.integers(3, 15, (7, 2))], axis=1)
    inside = [[b[0] <= x <= b[2] and b[1] <= y <= b[3] for b in boxes.tolist()] for x, y in points]
    best = networks.maximum_bipartite_matching(csr_matrix(np.array(inside, int)))
    assert match_points(points, boxes) == (best >= 0).sum()


def test_points_and_the_boxes_that_hold_none():
    boxes = np.array([[0.0, 0, 10, 10], [2, 2, 8, 8], [50, 50, 60, 60]])
    told = report_points([np.array([[5.0, 5], [5, 6], [5, 7]]), np.zeros((0, 2))], [boxes, boxes])
    assert (told["points"], told["found"], told["false_boxes"]) == (3, 2, 4)
    assert told["pictures_with_misses"] == 1
    assert told["recall"] == pytest.approx(2 / 3)
