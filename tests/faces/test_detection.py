from __future__ import annotations

import numpy as np
import pytest

from tests.shared import shared
from vultus.faces.analyzer import Analyzer
from vultus.faces.detection import find_faces, smallest_face_px
from vultus.faces.mtcnn import Detections, Search
from vultus.imaging.load import load
from vultus.settings import DetectionSettings

NOBODY = Detections(
    np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32)
)


def detections(*boxes: tuple[float, float, float, float]) -> Detections:
    corners = np.array(boxes, np.float32)
    landmarks = np.repeat(corners[:, None, :2], 5, axis=1)
    return Detections(corners, np.linspace(0.9, 0.99, len(boxes)).astype(np.float32), landmarks)


class Scripted:
    """Answers one call after the other, and remembers what it was asked."""

    def __init__(self, *answers: Detections) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[np.ndarray, Search]] = []

    def detect(self, image: np.ndarray, search: Search) -> Detections:
        self.asked.append((image, search))
        return self._answers.pop(0)


IMAGE = np.full((200, 300, 3), 90, np.uint8)


def test_faces_come_largest_first():
    detector = Scripted(detections((0, 0, 30, 30), (0, 0, 90, 90), (0, 0, 60, 60)))
    found = find_faces(detector, IMAGE, DetectionSettings())
    assert found.boxes[:, 2].tolist() == [90, 60, 30]
    assert found.scores.tolist() == pytest.approx([0.945, 0.99, 0.9])


def test_the_largest_stay_where_there_are_too_many():
    detector = Scripted(detections((0, 0, 30, 30), (0, 0, 90, 90), (0, 0, 60, 60)))
    found = find_faces(detector, IMAGE, DetectionSettings(max_faces=2))
    assert found.boxes[:, 2].tolist() == [90, 60]


def test_a_face_under_the_smallest_size_is_left_out():
    detector = Scripted(detections((0, 0, 39, 30), (0, 0, 39, 41), (0, 0, 40, 35)))
    found = find_faces(detector, IMAGE, DetectionSettings(min_face_px=40))
    assert found.boxes[:, 2:].tolist() == [[39, 41], [40, 35]]
    assert detector.asked[0][1].min_face_px >= 40


@pytest.mark.parametrize(
    ("shape", "smallest"), [((100, 100), 24), ((1000, 500), 24), ((600, 4000), 80)]
)
def test_the_smallest_face_grows_with_the_picture(shape, smallest):
    assert smallest_face_px(np.zeros((*shape, 3), np.uint8)) == smallest


def test_the_score_threshold_is_handed_on():
    detector = Scripted(detections((0, 0, 50, 50)))
    find_faces(detector, IMAGE, DetectionSettings(score_threshold=0.42))
    assert detector.asked[0][1].output == 0.42


def test_who_is_found_at_once_is_not_looked_for_again():
    detector = Scripted(detections((0, 0, 50, 50)))
    find_faces(detector, IMAGE, DetectionSettings())
    assert len(detector.asked) == 1


def test_without_a_second_look_there_is_one():
    detector = Scripted(NOBODY)
    assert not len(find_faces(detector, IMAGE, DetectionSettings(second_look=False)).boxes)
    assert len(detector.asked) == 1


def test_the_second_look_has_a_black_border_and_lower_thresholds():
    detector = Scripted(NOBODY, NOBODY, NOBODY)
    assert not len(find_faces(detector, IMAGE, DetectionSettings(score_threshold=0.8)).boxes)
    (_, first), *again = detector.asked
    assert len(again) == 2
    for bordered, search in again:
        assert bordered.shape == (380, 480, 3)  # 0.3 of the longer side all around
        np.testing.assert_array_equal(bordered[90:290, 90:390], IMAGE)
        assert not bordered[:90].any()
        assert search.output == pytest.approx(0.8 * 0.63)
        assert search.proposal < first.proposal
        assert search.min_face_px > first.min_face_px


def test_what_the_second_look_finds_is_told_in_pixels_of_the_picture():
    found = find_faces(
        Scripted(NOBODY, detections((80, 100, 290, 350))), IMAGE, DetectionSettings()
    )
    assert found.boxes.tolist() == [[-10, 10, 200, 260]]
    assert found.landmarks[0, 0].tolist() == [-10, 10]


# with the real networks


@pytest.fixture
def found(analyzer):
    def boxes(image: np.ndarray, **settings) -> np.ndarray:
        asked = DetectionSettings(**settings)
        return find_faces(analyzer.detector, np.ascontiguousarray(image), asked).boxes

    return boxes


FACE = np.array([176, 65, 265, 173])  # of the astronaut


def covers(boxes: np.ndarray, place: np.ndarray) -> bool:
    """Whether one of the boxes has most of the place, and little else."""
    sides = np.minimum(boxes[:, 2:], place[2:]) - np.maximum(boxes[:, :2], place[:2])
    common = np.prod(np.maximum(sides, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return bool((common / (areas + np.prod(place[2:] - place[:2]) - common) > 0.5).any())


@pytest.mark.parametrize(
    ("left", "top", "right", "bottom"),
    [
        (198, 0, 512, 512),
        (0, 0, 243, 512),
        (0, 92, 512, 512),
        (0, 0, 512, 146),
        (198, 85, 512, 512),
    ],
    ids=["left", "right", "top", "bottom", "corner"],
)
def test_a_face_cut_by_the_border_is_found(found, astronaut, left, top, right, bottom):
    boxes = found(astronaut[top:bottom, left:right])
    assert covers(boxes, FACE - [left, top, left, top])


@pytest.mark.parametrize("inset", [-10, 0, 8, 15])
def test_a_face_that_fills_the_picture_is_found(found, astronaut, inset):
    left, top, right, bottom = FACE + np.array([inset, inset, -inset, -inset])
    boxes = found(astronaut[top:bottom, left:right])
    assert len(boxes) == 1
    assert covers(boxes, FACE - [left, top, left, top])


def test_the_second_look_finds_what_the_first_does_not(found, astronaut):
    close = astronaut[80:158, 191:250]
    assert len(found(close, second_look=False)) == 0
    assert len(found(close, second_look=True)) == 1


def test_only_faces_of_the_size_asked_for(found, astronaut):
    assert len(found(astronaut, min_face_px=80, second_look=False)) == 1
    assert len(found(astronaut, min_face_px=130, second_look=False)) == 0


def test_a_score_that_nobody_reaches(found, astronaut):
    assert len(found(astronaut, score_threshold=0.99)) == 1
    assert len(found(astronaut, score_threshold=1.0, second_look=False)) == 0


def test_at_most_so_many_faces(found):
    image = load(shared("photos/groups/cf_016_8.jpg"))
    every = found(image)
    assert len(every) == 8
    np.testing.assert_array_equal(found(image, max_faces=3), every[:3])
    areas = np.prod(every[:, 2:] - every[:, :2], axis=1)
    assert (np.diff(areas) <= 0).all()


@pytest.mark.parametrize("value", [0, 128, 255])
def test_nobody_in_a_blank_picture(found, value):
    assert len(found(np.full((240, 320, 3), value, np.uint8))) == 0


@pytest.mark.parametrize("seed", range(3))
def test_nobody_in_noise(found, seed):
    noise = np.random.default_rng(seed).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    assert len(found(noise)) == 0


def test_nobody_in_a_gradient_or_a_checkerboard(found):
    ramp = np.linspace(0, 255, 320).astype(np.uint8)
    assert len(found(np.tile(ramp[None, :, None], (240, 1, 3)))) == 0
    board = (np.indices((240, 320)) // 16).sum(axis=0) % 2 * np.uint8(255)
    assert len(found(np.repeat(board[..., None], 3, axis=2).astype(np.uint8))) == 0


@pytest.mark.parametrize(
    "shape", [(1, 1), (2, 2), (3, 500), (500, 3), (12, 12), (11, 2000), (20, 20)]
)
def test_pictures_of_odd_sizes(found, shape):
    assert found(np.full((*shape, 3), 77, np.uint8)).shape == (0, 4)


@pytest.mark.parametrize(
    "name", ["obama-1080p.jpg", "obama_partial_face.jpg", "obama_partial_face2.jpg", "32bit.png"]
)
def test_odd_photos_have_their_face(analyzer: Analyzer, name):
    assert len(analyzer.analyze(shared(f"photos/odd/{name}"), embed=False, quality=False)) == 1
