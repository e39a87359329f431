from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import place_landmarks
from vultus.faces.quality import (
    estimate_pose,
    measure_quality,
    poor_reasons,
    quality_ceiling,
)
from vultus.faces.types import Faces

RNG = np.random.default_rng(0)
LEVEL = place_landmarks(np.array([(0, 0, 100, 100)], np.float32))


def faces(width: float = 100, score: float = 0.99, count: int = 1) -> Faces:
    boxes = np.tile(np.array([10, 10, width, width], np.float32), (count, 1))
    return Faces(
        boxes,
        np.full(count, score, np.float32),
        np.tile(LEVEL, (count, 1, 1)),
        (640, 480),
    )


def texture(mean: float = 120, spread: float = 40) -> np.ndarray:
    """A crisp chip without a face, (1, 150, 150, 3)."""
    coarse = RNG.normal(mean, spread, (30, 30)).clip(0, 255).astype(np.uint8)
    grey = cv2.resize(coarse, (150, 150), interpolation=cv2.INTER_NEAREST)
    return np.repeat(grey[None, :, :, None], 3, axis=3)


def measured(chip: np.ndarray, **options) -> dict[str, float]:
    return measure_quality(faces(**options), chip).row(0)


def turned(degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    return ((LEVEL - 50) @ turn + 50).astype(np.float32)


def moved_nose(x: float = 0, y: float = 0) -> np.ndarray:
    points = LEVEL.copy()
    points[0, 2] += (x, y)
    return points


@pytest.mark.parametrize("degrees", [-60, -20, 0, 35, 90])
def test_roll_is_the_tilt_of_the_eyes(degrees):
    yaw, pitch, roll = estimate_pose(turned(degrees))
    assert roll[0] == pytest.approx(degrees, abs=0.1)
    level = estimate_pose(LEVEL)
    assert yaw[0] == pytest.approx(level[0][0], abs=0.5)  # turning the picture turns no head
    assert pitch[0] == pytest.approx(level[1][0], abs=0.5)


def test_a_level_face_looks_ahead():
    yaw, pitch, roll = estimate_pose(LEVEL)
    assert abs(yaw[0]) < 3
    assert abs(pitch[0]) < 10
    assert abs(roll[0]) < 1


def test_yaw_follows_the_nose_to_the_side():
    yaws = [estimate_pose(moved_nose(x=x))[0][0] for x in (-15, -5, 0, 5, 15)]
    assert yaws == sorted(yaws)
    assert yaws[0] == pytest.approx(-yaws[-1], abs=1)
    assert yaws[-1] > 20  # to the viewer's right is positive


def test_pitch_follows_the_nose_up():
    pitches = [estimate_pose(moved_nose(y=y))[1][0] for y in (-12, -4, 0, 4, 12)]
    assert pitches == sorted(pitches, reverse=True)
    assert pitches[0] > 0 > pitches[-1]


def test_pose_does_not_depend_on_size_or_place():
    for points in (LEVEL * 7, LEVEL + 1000):
        np.testing.assert_allclose(
            np.array(estimate_pose(points)), np.array(estimate_pose(LEVEL)), atol=0.05
        )


def test_landmarks_in_one_place_still_have_a_pose():
    assert np.isfinite(estimate_pose(np.zeros((1, 5, 2), np.float32))).all()


def test_no_faces_have_no_quality():
    found = measure_quality(Faces.none((10, 10)), np.zeros((0, 150, 150, 3), np.uint8))
    assert found.score.shape == (0,)


def test_columns_are_float32_and_the_score_is_a_part_of_one():
    chips = np.concatenate([texture(), np.zeros_like(texture()), texture(250, 5)])
    found = measure_quality(faces(count=3), chips)
    for column in vars(found).values():
        assert column.dtype == np.float32
        assert column.shape == (3,)
        assert np.isfinite(column).all()
    assert (found.score >= 0).all()
    assert (found.score <= 1).all()
    assert found.score[0] > 0.8
    assert found.score[1] == 0  # black


def test_blurring_lowers_the_sharpness(analyzer, astronaut):
    found = analyzer.analyze(astronaut, embed=False, chips=True)
    chips = [cv2.GaussianBlur(found.chips[0], (0, 0), sigma) for sigma in (0.5, 1, 2, 4, 6)]
    rated = [measure_quality(found, chip[None]) for chip in (found.chips[0], *chips)]
    for column in ("sharpness", "score"):
        values = [float(getattr(quality, column)[0]) for quality in rated]
        assert values == sorted(values, reverse=True)
        assert values[-1] < 0.5 * values[0]


def test_brightness_and_contrast_are_those_of_the_grey_values():
    chip = np.zeros((1, 150, 150, 3), np.uint8)
    chip[:, 75:] = 200
    found = measured(chip)
    assert found["brightness"] == pytest.approx(100, abs=2)
    assert found["contrast"] == pytest.approx(100, abs=2)


def test_what_surrounds_the_face_does_not_count():
    chip = texture()
    framed = chip.copy()
    framed[:, :24], framed[:, :, :24] = 255, 0
    assert measured(framed) == measured(chip)


@pytest.mark.parametrize(
    "worse", [{"width": 20.0}, {"score": 0.5}], ids=["a small face", "a doubtful face"]
)
def test_the_score_falls_with(worse):
    assert measured(texture(), **worse)["score"] < 0.6 * measured(texture())["score"]


def test_a_blurred_photo_is_rated_lower(analyzer, astronaut):
    blurred = cv2.GaussianBlur(astronaut, (0, 0), 4)
    sharp, soft = (analyzer.analyze(image, embed=False).quality for image in (astronaut, blurred))
    assert sharp.sharpness[0] > 2 * soft.sharpness[0]
    assert sharp.score[0] > soft.score[0]
    assert sharp.face_px[0] == pytest.approx(88, abs=5)
    assert abs(sharp.yaw_deg[0]) < 20


def test_a_mirrored_photo_has_the_mirrored_pose(analyzer, astronaut):
    mirrored = np.ascontiguousarray(astronaut[:, ::-1])
    here, there = (analyzer.analyze(image, embed=False).quality for image in (astronaut, mirrored))
    assert here.yaw_deg[0] == pytest.approx(-there.yaw_deg[0], abs=6)
    assert here.roll_deg[0] == pytest.approx(-there.roll_deg[0], abs=3)


GOOD = {
    "face_px": 100.0,
    "sharpness": 0.9,
    "brightness": 120.0,
    "contrast": 50.0,
    "yaw_deg": 0.0,
    "pitch_deg": 0.0,
    "roll_deg": 0.0,
    "score": 0.9,
}


def test_a_good_face_has_nothing_wrong():
    assert poor_reasons(GOOD, 0.99) == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("face_px", 39.0, "39 pixels wide"),
        ("sharpness", 0.1, "blurred"),
        ("brightness", 20.0, "too dark"),
        ("brightness", 240.0, "too bright"),
        ("contrast", 5.0, "contrast"),
        ("yaw_deg", -50.0, "to the side"),
        ("yaw_deg", 50.0, "to the side"),
        ("pitch_deg", 45.0, "up or down"),
    ],
)
def test_what_is_poor_is_said_in_words(name, value, words):
    (reason,) = poor_reasons({**GOOD, name: value}, 0.99)
    assert words in reason


def test_several_faults_are_all_said():
    assert len(poor_reasons({**GOOD, "sharpness": 0.0, "brightness": 0.0}, 0.1)) == 3


# what is known before a face is aligned


@given(
    st.floats(1, 400, width=32),
    st.floats(0, 1, width=32),
    st.lists(st.floats(-30, 30, width=32), min_size=10, max_size=10),
    st.integers(0, 255),
    st.integers(0, 60),
)
def test_no_face_is_better_than_its_ceiling(width, score, moved, mean, spread):
    one = faces(width, score)
    points = one.landmarks + np.array(moved, np.float32).reshape(1, 5, 2)
    one = Faces(one.boxes, one.scores, points.astype(np.float32), one.image_wh)
    ceiling = quality_ceiling(one)
    assert ceiling.shape == (1,)
    assert 0 <= ceiling[0] <= 1
    assert measure_quality(one, texture(mean, spread)).score[0] <= ceiling[0] + 1e-6


def test_a_perfect_picture_reaches_the_ceiling():
    chip = texture()
    found = measure_quality(faces(), chip)
    assert found.sharpness[0] > 0.5
    assert found.score[0] == pytest.approx(quality_ceiling(faces())[0], abs=1e-6)


def test_the_ceiling_falls_with_size_score_and_pose():
    best = quality_ceiling(faces())[0]
    turned_away = faces()
    turned_away = Faces(
        turned_away.boxes, turned_away.scores, moved_nose(x=20), turned_away.image_wh
    )
    for worse in (faces(width=40), faces(score=0.6), turned_away):
        assert quality_ceiling(worse)[0] < 0.8 * best


def test_nobody_has_no_ceiling():
    assert quality_ceiling(Faces.none((10, 10))).shape == (0,)
