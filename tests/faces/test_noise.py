from __future__ import annotations

import numpy as np
import pytest

from tests.shared import shared
from vultus.faces.noise import measure_noise
from vultus.imaging.load import load

BOXES = np.array([(20, 10, 120, 150)], np.float32)


def plain(side: int = 200, level: int = 128) -> np.ndarray:
    return np.full((side, side, 3), level, np.uint8)


def with_noise(image: np.ndarray, deviation: float) -> np.ndarray:
    """The same noise in all colours, as grey sees it."""
    noise = np.random.default_rng(1).normal(scale=deviation, size=image.shape[:2])
    return np.clip(image + noise[..., None], 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("deviation", [3, 10, 30])
def test_it_finds_the_noise_that_was_added(deviation):
    found = measure_noise(with_noise(plain(), deviation), BOXES)
    assert found.dtype == np.float32
    assert found == pytest.approx([deviation], rel=0.1)


def test_shades_and_edges_are_no_noise():
    ramp = np.linspace(0, 255, 200).astype(np.uint8)[None, :, None].repeat(200, 0).repeat(3, 2)
    assert measure_noise(ramp, BOXES)[0] < 1
    half = plain()
    half[:, 80:] = 20
    assert measure_noise(half, BOXES)[0] < 1


@pytest.mark.parametrize("name", ["obama/1.jpg", "biden/2.jpg", "kit_harington/2.jpg"])
def test_a_real_face_has_little_until_noise_is_added(name):
    image = load(shared(f"photos/people/{name}"))
    height, width = image.shape[:2]
    middle = np.array([(width * 0.35, height * 0.2, width * 0.3, height * 0.5)], np.float32)
    clean, noisy = (measure_noise(picture, middle)[0] for picture in (image, with_noise(image, 20)))
    assert clean < 6
    assert noisy == pytest.approx(20, rel=0.15)


def test_a_face_over_the_border_beyond_it_or_of_no_size_is_no_error():
    boxes = np.array(
        [(-60, -60, 150, 150), (100, 100, 200, 200), (500, 500, 50, 50), (10, 10, 2, 2)], np.float32
    )
    found = measure_noise(with_noise(plain(), 10), boxes)
    assert found[:2] == pytest.approx([10, 10], rel=0.25)
    assert list(found[2:]) == [0, 0]
    assert measure_noise(plain(), boxes[:0]).shape == (0,)
