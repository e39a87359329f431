from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.shared import shared
from vultus.faces.azure_points import AZURE_POINTS, azure_points
from vultus.imaging.load import load

# The places of the 68 points in a mirrored face: where number i goes.
MIRRORED = [
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *range(54, 47, -1),
    *range(59, 54, -1),
    *range(64, 59, -1),
    *range(67, 64, -1),
]
FACES = hnp.arrays(np.float32, (2, 68, 2), elements=st.floats(-500, 500, width=32))


def named(points68: np.ndarray) -> dict[str, np.ndarray]:
    """One face's points by name."""
    (points,) = azure_points(points68[None])
    return dict(zip(AZURE_POINTS, points, strict=True))


def test_there_are_27_names():
    assert len(set(AZURE_POINTS)) == len(AZURE_POINTS) == 27


@pytest.mark.parametrize("count", [0, 1, 3])
def test_one_row_a_face(count):
    points = azure_points(np.zeros((count, 68, 2), np.float32))
    assert points.shape == (count, 27, 2)
    assert points.dtype == np.float32


def test_points_that_the_68_have_are_theirs():
    face = np.random.default_rng(0).random((68, 2), np.float32)
    found = named(face)
    for name, number in [
        ("noseTip", 30),
        ("mouthLeft", 48),
        ("mouthRight", 54),
        ("eyebrowLeftOuter", 17),
        ("eyebrowRightOuter", 26),
        ("eyeLeftInner", 39),
        ("eyeRightInner", 42),
        ("underLipBottom", 57),
    ]:
        np.testing.assert_array_equal(found[name], face[number])
    np.testing.assert_allclose(found["eyeLeftTop"], (face[37] + face[38]) / 2, rtol=1e-6)


@given(FACES, st.floats(-3, 3), st.floats(0.1, 4), st.floats(-300, 300))
def test_points_move_with_the_face(faces, angle, scale, shift):
    turn = scale * np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    moved = (faces @ turn + shift).astype(np.float32)
    expected = azure_points(faces) @ turn + shift
    np.testing.assert_allclose(azure_points(moved), expected, atol=0.02)


@given(FACES)
def test_a_mirrored_face_has_left_and_right_exchanged(faces):
    mirrored = faces[:, MIRRORED] * np.array([-1, 1], np.float32)
    swapped = [
        name.replace("Left", "?").replace("Right", "Left").replace("?", "Right")
        for name in AZURE_POINTS
    ]
    order = [AZURE_POINTS.index(name) for name in swapped]
    expected = azure_points(faces)[:, order] * np.array([-1, 1], np.float32)
    np.testing.assert_allclose(azure_points(mirrored), expected, atol=1e-2)


# on real photos

UPRIGHT = [
    "alex_lacamoire/1.jpg",
    "cf_a/002_A.jpg",
    "cf_b/007_B.jpg",
    "kit_harington/1.jpg",
    "obama/1.jpg",
    "rose_leslie/1.jpg",
    "rose_leslie/2.jpg",
]


@pytest.fixture(scope="module", params=["astronaut", *UPRIGHT])
def face(request, analyzer, astronaut) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The 27 points of an upright frontal face by name, and its box."""
    known = request.param == "astronaut"
    image = astronaut if known else load(shared(f"photos/people/{request.param}"))
    found = analyzer.analyze(image, embed=False, quality=False, points68=True)
    return named(found.points68[0]), found.boxes[0]


ROWS_FROM_LEFT_TO_RIGHT = [
    ["eyeLeftOuter", "pupilLeft", "eyeLeftInner", "noseRootLeft", "noseRootRight"],
    ["noseRootRight", "eyeRightInner", "pupilRight", "eyeRightOuter"],
    ["eyebrowLeftOuter", "eyebrowLeftInner", "eyebrowRightInner", "eyebrowRightOuter"],
    ["noseLeftAlarOutTip", "noseLeftAlarTop", "noseTip", "noseRightAlarTop", "noseRightAlarOutTip"],
    ["mouthLeft", "upperLipTop", "mouthRight"],
    ["mouthLeft", "underLipBottom", "mouthRight"],
]
COLUMNS_FROM_TOP_TO_BOTTOM = [
    ["eyebrowLeftInner", "eyeLeftTop", "pupilLeft", "eyeLeftBottom", "noseLeftAlarTop"],
    ["eyebrowRightInner", "eyeRightTop", "pupilRight", "eyeRightBottom", "noseRightAlarTop"],
    ["noseRootLeft", "noseLeftAlarTop", "noseLeftAlarOutTip", "mouthLeft"],
    ["noseRootRight", "noseRightAlarTop", "noseRightAlarOutTip", "mouthRight"],
    ["noseTip", "upperLipTop", "upperLipBottom", "underLipBottom"],
    ["noseTip", "upperLipTop", "underLipTop", "underLipBottom"],
]


@pytest.mark.parametrize("names", ROWS_FROM_LEFT_TO_RIGHT, ids=lambda names: names[0])
def test_left_is_left_in_the_image(face, names):
    points, _ = face
    assert np.all(np.diff([points[name][0] for name in names]) > 0)


@pytest.mark.parametrize("names", COLUMNS_FROM_TOP_TO_BOTTOM, ids=lambda names: names[0])
def test_what_is_higher_in_a_face_is_higher_in_the_image(face, names):
    points, _ = face
    assert np.all(np.diff([points[name][1] for name in names]) > 0)


def test_all_points_lie_in_the_face(face):
    points, (x, y, width, height) = face
    places = np.array(list(points.values()))
    assert np.all(places >= (x - 0.1 * width, y))
    assert np.all(places <= (x + 1.1 * width, y + height))


def test_the_nose_is_as_wide_as_noses_are(face):
    points, _ = face
    width = {
        name: np.linalg.norm(points[f"{before}Right{after}"] - points[f"{before}Left{after}"])
        for name, before, after in [
            ("inner eyes", "eye", "Inner"),
            ("root", "noseRoot", ""),
            ("top", "nose", "AlarTop"),
            ("tip", "nose", "AlarOutTip"),
        ]
    }
    assert width["root"] < width["top"] < width["tip"]
    assert 0.3 < width["root"] / width["inner eyes"] < 0.55
    assert 0.7 < width["tip"] / width["inner eyes"] < 1.4
