from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from tests.shared import shared
from vultus.faces.mtcnn import Search
from vultus.imaging.load import load


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes with corners."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = np.prod(np.maximum(sides, 0))
    return float(common / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common))


def noses() -> dict[str, list[list[int]]]:
    return json.loads(shared("photos/groups/noses.json").read_text())


def test_all_37_noses_are_in_a_box_of_their_own_and_no_box_is_without(analyzer):
    counted = 0
    for name, points in noses().items():
        found = analyzer.analyze(shared(f"photos/groups/{name}"), embed=False, quality=False)
        x, y, width, height = found.boxes.T[:, :, None]
        across, down = np.array(points).T
        inside = (x < across) & (across < x + width) & (y < down) & (down < y + height)
        rows, columns = linear_sum_assignment(~inside)
        assert len(found) == len(points), name
        assert inside[rows, columns].all(), name
        counted += len(points)
    assert counted == 37


def test_landmarks_lie_on_the_noses(analyzer):
    for name, points in noses().items():
        found = analyzer.analyze(shared(f"photos/groups/{name}"), embed=False, quality=False)
        gaps = np.linalg.norm(found.landmarks[:, None, 2] - np.array(points), axis=2)
        nearest = gaps.min(axis=1)
        assert (nearest < 0.35 * found.boxes[:, 2]).all(), name


def test_a_photo_without_people(analyzer):
    for path in sorted(shared("photos/noface").iterdir()):
        assert len(analyzer.analyze(path, embed=False)) == 0


def test_landmarks_are_in_their_order(analyzer, astronaut):
    found = analyzer.detector.detect(astronaut, Search(40))
    left, right, nose, mouth_left, mouth_right = found.landmarks[0]
    assert left[0] < nose[0] < right[0]
    assert mouth_left[0] < mouth_right[0]
    assert max(left[1], right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])
    box = found.boxes[0]
    assert (found.landmarks[0] > box[:2]).all()
    assert (found.landmarks[0] < box[2:]).all()


def test_answers_are_float32(analyzer, astronaut):
    found = analyzer.detector.detect(astronaut, Search(40))
    assert len(found.boxes) == len(found.scores) == len(found.landmarks) == 1
    for column in (found.boxes, found.scores, found.landmarks):
        assert column.dtype == np.float32


@pytest.mark.parametrize("factor", [2, 3])
def test_a_larger_photo_of_the_same_face_has_the_same_box(analyzer, astronaut, factor):
    large = astronaut.repeat(factor, axis=0).repeat(factor, axis=1)
    small_box = analyzer.detector.detect(astronaut, Search(30)).boxes[0]
    (large_box,) = analyzer.detector.detect(large, Search(30 * factor)).boxes
    assert overlap(small_box, large_box / factor) > 0.85


def test_a_mirrored_face_has_the_mirrored_box(analyzer, astronaut):
    (box,) = analyzer.detector.detect(astronaut, Search(40)).boxes
    (mirrored,) = analyzer.detector.detect(
        np.ascontiguousarray(astronaut[:, ::-1]), Search(40)
    ).boxes
    back = np.array([512 - mirrored[2], mirrored[1], 512 - mirrored[0], mirrored[3]])
    assert overlap(box, back) > 0.8


def test_the_face_may_lie_anywhere(analyzer, astronaut):
    face = astronaut[40:200, 150:300]
    for left, top in [(0, 0), (311, 7), (133, 290)]:
        scene = np.full((450, 461, 3), 120, np.uint8)
        scene[top : top + 160, left : left + 150] = face
        (box,) = analyzer.detector.detect(scene, Search(40)).boxes
        assert overlap(box - [left, top, left, top], np.array([26, 25, 115, 133])) > 0.7


@pytest.mark.parametrize("threshold", ["proposal", "refinement", "output"])
def test_nothing_reaches_a_score_of_one_in_any_stage(analyzer, astronaut, threshold):
    strict = Search(40, **{threshold: 1 - 1e-9})
    assert len(analyzer.detector.detect(astronaut, strict).boxes) == 0


def test_scores_exceed_what_was_asked_for(analyzer):
    image = load(shared("photos/groups/multiface.jpg"))
    lax = analyzer.detector.detect(image, Search(20, output=0.3))
    strict = analyzer.detector.detect(image, Search(20, output=0.95))
    assert len(strict.scores) <= len(lax.scores)
    assert lax.scores.min() > 0.3
    assert strict.scores.min() > 0.95


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (500, 3), (7, 7), (12, 12), (2000, 2)])
def test_pictures_smaller_than_any_face(analyzer, shape):
    found = analyzer.detector.detect(np.zeros((*shape, 3), np.uint8), Search(20))
    assert found.boxes.shape == (0, 4)
    assert found.landmarks.shape == (0, 5, 2)


def test_a_picture_full_of_texture_is_done_with(analyzer):
    image = np.random.default_rng(0).integers(0, 256, (600, 800, 3), dtype=np.uint8)
    assert len(analyzer.detector.detect(image, Search(12, 0.05, 0.05, 0.999)).boxes) == 0
