from __future__ import annotations

import cv2
import numpy as np
import pytest

from vultus.imaging.resample import resize, with_border


def scene(width: int, height: int) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.uint8)


@pytest.mark.parametrize(
    ("size_wh", "wanted_wh"),
    [
        ((1600, 1200), (150, 112)),
        ((1600, 1200), (400, 300)),
        ((1282, 962), (90, 68)),
        ((640, 480), (172, 129)),
    ],
)
def test_far_smaller_is_as_by_area(size_wh, wanted_wh):
    image = scene(*size_wh)
    found = resize(image, wanted_wh)
    by_area = cv2.resize(image, wanted_wh, interpolation=cv2.INTER_AREA)
    assert found.shape == by_area.shape
    difference = found.astype(int) - by_area
    assert np.abs(difference).max() <= 5
    assert np.abs(difference).mean() < 0.7
    assert abs(difference.mean()) < 0.5


@pytest.mark.parametrize(
    ("size_wh", "wanted_wh"), [((640, 480), (229, 171)), ((641, 481), (40, 30)), ((8, 2), (2, 2))]
)
def test_a_little_smaller_or_of_odd_sides_is_by_area(size_wh, wanted_wh):
    image = scene(*size_wh)
    by_area = cv2.resize(image, wanted_wh, interpolation=cv2.INTER_AREA)
    assert (resize(image, wanted_wh) == by_area).all()


def test_larger_is_by_straight_lines():
    image = scene(30, 20)
    linear = cv2.resize(image, (75, 50), interpolation=cv2.INTER_LINEAR)
    assert (resize(image, (75, 50)) == linear).all()


def test_the_border_is_black():
    bordered = with_border(np.full((2, 3, 3), 9, np.uint8), 4)
    assert bordered.shape == (10, 11, 3)
    assert bordered.sum() == 2 * 3 * 3 * 9
    assert (bordered[4:6, 4:7] == 9).all()
