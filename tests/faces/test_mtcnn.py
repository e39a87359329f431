from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from tests.shared import shared
from vultus.faces import mtcnn
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


# following


def placed(astronaut: np.ndarray, left: int, top: int) -> np.ndarray:
    """The face of `astronaut` in a grey scene; it is at 26, 25 to 115, 133 of the part."""
    scene = np.full((450, 461, 3), 120, np.uint8)
    scene[top : top + 160, left : left + 150] = astronaut[40:200, 150:300]
    return scene


def test_a_face_is_followed_where_it_was(analyzer, astronaut):
    found = analyzer.detector.detect(astronaut, Search(40))
    followed = analyzer.detector.follow(astronaut, found.boxes, 0.8)
    assert len(followed.boxes) == 1
    assert overlap(followed.boxes[0], found.boxes[0]) > 0.85
    assert followed.scores[0] > 0.95
    eyes = np.abs(followed.landmarks[0] - found.landmarks[0])
    assert eyes.max() < 0.1 * (found.boxes[0, 2] - found.boxes[0, 0])
    for column in (followed.boxes, followed.scores, followed.landmarks):
        assert column.dtype == np.float32


@pytest.mark.parametrize("step", [(-14, 0), (14, 0), (0, -14), (0, 14), (10, 10)])
def test_a_face_that_moved_a_little_is_followed(analyzer, astronaut, step):
    before = np.array([[150 + 26, 150 + 25, 150 + 115, 150 + 133]], np.float32)
    scene = placed(astronaut, 150 + step[0], 150 + step[1])
    (box,) = analyzer.detector.follow(scene, before, 0.8).boxes
    assert overlap(box, before[0] + np.array([*step, *step])) > 0.7


def test_a_face_that_has_gone_is_missing(analyzer, astronaut):
    boxes = analyzer.detector.detect(astronaut, Search(40)).boxes
    empty = np.full_like(astronaut, 120)
    assert len(analyzer.detector.follow(empty, boxes, 0.8).boxes) == 0


def test_following_is_blind_for_the_rest_of_the_picture(analyzer, astronaut):
    elsewhere = np.array([[300, 300, 390, 410]], np.float32)
    found = analyzer.detector.follow(placed(astronaut, 0, 0), elsewhere, 0.8)
    assert found.boxes.shape == (0, 4)
    assert found.landmarks.shape == (0, 5, 2)


def test_nobody_to_follow(analyzer, astronaut):
    assert len(analyzer.detector.follow(astronaut, np.zeros((0, 4), np.float32), 0.8).boxes) == 0


@pytest.mark.parametrize(
    "box", [(-500, -500, -400, -400), (9000, 9000, 9100, 9120), (-50, 100, 30, 200), (5, 5, 5, 5)]
)
def test_places_that_are_not_in_the_picture(analyzer, astronaut, box):
    found = analyzer.detector.follow(astronaut, np.array([box], np.float32), 0.8)
    assert len(found.boxes) == 0


def test_two_places_of_one_face_are_one_face(analyzer, astronaut):
    box = analyzer.detector.detect(astronaut, Search(40)).boxes
    both = np.concatenate([box, box + 4])
    assert len(analyzer.detector.follow(astronaut, both, 0.8).boxes) == 1


def test_a_group_is_followed_as_it_was_found(analyzer):
    image = load(shared("photos/groups/multiface.jpg"))
    found = analyzer.detector.detect(image, Search(24, output=0.95))
    followed = analyzer.detector.follow(image, found.boxes, 0.8)
    best = [max(overlap(box, other) for other in followed.boxes) for box in found.boxes]
    assert sum(each > 0.7 for each in best) >= 0.9 * len(best)
    assert len(followed.boxes) <= len(found.boxes)


@pytest.mark.parametrize(
    ("scores", "asked"),
    [
        ({10: 0.99, 12: 0.995, 60: 0.99}, [[10, 60]]),  # the best of a place is surely a face
        ({10: 0.9, 12: 0.97, 60: 0.99}, [[10, 60], [12]]),  # perhaps: the other may be better
        ({10: 0.1, 12: 0.97, 60: 0.1}, [[10, 60], [12]]),  # no face: the other may be one
    ],
)
def test_candidates_of_one_place_are_asked_for_in_turn(monkeypatch, scores, asked):
    seen = []

    def answer(_network, _levels, boxes, _size):
        seen.append([int(left) for left in boxes[:, 0]])
        score = np.array([scores[left] for left in seen[-1]], np.float32)
        zeros = np.zeros((len(boxes), 4), np.float32), np.zeros((len(boxes), 10), np.float32)
        return [*zeros, np.stack([1 - score, score], axis=1)]

    monkeypatch.setattr(mtcnn, "_run_in_parts", answer)
    boxes = np.array([(x, 10, x + 30, 40) for x in (10, 12, 60)], np.float32)
    found = mtcnn.Mtcnn(None, None, None)._output([], boxes, 0.7)
    assert seen == asked
    in_turn = [left for lefts in asked for left in lefts]
    of_first_place = max((scores[left], left) for left in in_turn if left < 60)
    expected = {of_first_place} | {
        (s, left) for left, s in scores.items() if left == 60 and s > 0.7
    }
    assert {left for _, left in expected} == {int(left) for left in found.boxes[:, 0]}
