from __future__ import annotations

from dataclasses import fields, replace

import cv2
import numpy as np
import pytest

from vultus.faces.attributes.picture import measure_blur, measure_exposure, measure_noise
from vultus.faces.attributes.types import BLUR_LEVELS, EXPOSURE_LEVELS, NOISE_LEVELS, level
from vultus.faces.types import Quality


def quality(**columns: list[float]) -> Quality:
    n = len(next(iter(columns.values())))
    empty = Quality(*(np.zeros(n, np.float32) for _ in fields(Quality)))
    return replace(empty, **{name: np.array(v, np.float32) for name, v in columns.items()})


def test_blur_is_what_sharpness_lacks():
    blur = measure_blur(quality(sharpness=[0, 0.3, 1]))
    assert blur == pytest.approx([1, 0.7, 0])
    assert blur.dtype == np.float32


def test_exposure_is_the_brightness():
    exposure = measure_exposure(quality(brightness=[0, 51, 255]))
    assert exposure == pytest.approx([0, 0.2, 1])
    assert exposure.dtype == np.float32


@pytest.mark.parametrize(("deviation", "value"), [(4, 0.1), (20, 0.5), (28, 0.7)])
def test_noise_is_its_deviation_in_parts_of_the_most(deviation, value):
    noise = np.random.default_rng(1).normal(scale=deviation, size=(200, 200, 1))
    image = np.clip(128 + noise, 0, 255).round().astype(np.uint8).repeat(3, axis=2)
    told = measure_noise(image, np.array([(20, 10, 120, 150)], np.float32))
    assert told == pytest.approx([value], rel=0.1)


def test_no_value_is_beyond_one():
    loud = np.random.default_rng(1).choice([0, 255], (200, 200, 1)).astype(np.uint8).repeat(3, 2)
    boxes = np.array([(20, 10, 120, 150), (900, 900, 50, 50)], np.float32)
    assert list(measure_noise(loud, boxes)) == [1, 0]
    assert list(measure_blur(quality(sharpness=[1.5, -1]))) == [0, 1]
    assert list(measure_exposure(quality(brightness=[300, -3]))) == [1, 0]


def test_a_photo_made_worse_is_called_so(analyzer, astronaut):
    faces = analyzer.locate(astronaut)

    def levels(image: np.ndarray) -> tuple[str, str, str]:
        seen = analyzer.describe(image, faces, embed=False)
        return (
            level(measure_blur(seen.quality)[0], BLUR_LEVELS),
            level(measure_exposure(seen.quality)[0], EXPOSURE_LEVELS),
            level(measure_noise(image, seen.boxes)[0], NOISE_LEVELS),
        )

    assert levels(astronaut) == ("low", "good", "low")
    assert levels(cv2.GaussianBlur(astronaut, (0, 0), 6))[0] == "high"
    assert levels(astronaut // 8)[1] == "under"
    assert levels(255 - (255 - astronaut) // 6)[1] == "over"
    noise = np.random.default_rng(1).normal(scale=50, size=(512, 512, 1))
    assert levels(np.clip(astronaut + noise, 0, 255).astype(np.uint8))[2] == "high"


def test_no_faces():
    assert measure_blur(quality(sharpness=[])).shape == (0,)
    assert measure_exposure(quality(brightness=[])).shape == (0,)
    image = np.zeros((10, 10, 3), np.uint8)
    assert measure_noise(image, np.zeros((0, 4), np.float32)).shape == (0,)
