from __future__ import annotations

import numpy as np
import pytest

from vultus.imaging.align import CHIP_SIZE, MEAN_FACE, chip_points, cut_chips, cut_square


def smooth(height: int, width: int) -> np.ndarray:
    """A picture in which the value tells the place: red across, green down."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.linspace(0, 250, width).astype(np.uint8)
    image[..., 1] = np.linspace(0, 250, height).astype(np.uint8)[:, None]
    image[..., 2] = 90
    return image


def test_points_of_a_chip_are_the_mean_face_with_padding():
    points = chip_points(100, padding=0.0)
    np.testing.assert_allclose(points, MEAN_FACE * 100)
    padded = chip_points()
    assert padded.min() > CHIP_SIZE * 0.25 / 1.5  # outside the padding
    assert padded.max() < CHIP_SIZE * (1 - 0.25 / 1.5)


def test_a_face_that_is_aligned_already_is_cut_out_unchanged():
    image = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    (chip,) = cut_chips(image, chip_points()[None])
    np.testing.assert_array_equal(chip, image)


def test_a_shifted_face_is_cut_from_its_place():
    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    (chip,) = cut_chips(image, chip_points()[None] + (170, 60))
    np.testing.assert_array_equal(chip, image[60:210, 170:320])


def test_a_turned_face_comes_out_upright():
    upright = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    turned = np.ascontiguousarray(np.rot90(upright, -1))  # clockwise: (x, y) to (149 - y, x)
    points = np.stack([149 - chip_points()[:, 1], chip_points()[:, 0]], axis=1)
    (chip,) = cut_chips(turned, points[None])
    assert np.abs(chip.astype(int) - upright).max() <= 2


@pytest.mark.parametrize("scale", [0.3, 0.77, 1.6, 2.0, 3.5, 7.0])
def test_faces_of_any_size_show_the_same_place(scale):
    side = round(200 * max(scale, 1.0) * 1.3)
    image = smooth(side, side)
    points = chip_points() * scale + 10
    (chip,) = cut_chips(image, points[None])
    inner = slice(20, 130)
    across, down = np.meshgrid(np.arange(150), np.arange(150))
    for channel, places in ((0, across), (1, down)):
        expected = (places * scale + 10) * 250 / (side - 1)
        difference = chip[..., channel] - expected
        assert np.abs(difference[inner, inner]).max() < 3


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 3.3, 7.9])
def test_an_edge_stays_where_it_is_to_a_part_of_a_pixel(scale):
    side = round(160 * scale) + 20
    edge = side // 2  # columns from here on are white
    image = np.zeros((side, side, 3), np.uint8)
    image[:, edge:] = 255
    for turned, axis in ((image, 1), (np.ascontiguousarray(image.transpose(1, 0, 2)), 0)):
        (chip,) = cut_chips(turned, chip_points()[None] * scale + 10)
        white = chip[..., 0].mean(axis=1 - axis).sum() / 255
        assert white == pytest.approx(149.5 - (edge - 0.5 - 10) / scale, abs=0.12)


def test_a_large_face_is_smoothed_before_it_is_shrunk():
    board = np.indices((1200, 1200)).sum(axis=0) % 2 * np.uint8(255)
    image = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    (chip,) = cut_chips(image, chip_points()[None] * 7.9)
    assert np.ptp(chip[10:140, 10:140].astype(int)) < 20  # even grey, no moire


def test_what_lies_outside_the_picture_is_black():
    image = np.full((150, 150, 3), 200, np.uint8)
    (chip,) = cut_chips(image, chip_points()[None] - (75, 0))
    assert not chip[:, :74].any()
    assert (chip[:, 76:] == 200).all()


@pytest.mark.parametrize("shift", [(5000, 0), (-5000, -5000)])
@pytest.mark.parametrize("scale", [1, 10])
def test_a_face_far_outside_is_a_black_chip(shift, scale):
    image = np.full((100, 100, 3), 200, np.uint8)
    (chip,) = cut_chips(image, chip_points()[None] * scale + shift)
    assert not chip.any()


@pytest.mark.parametrize("value", [50.0, np.nan, np.inf])
def test_points_that_say_nothing_make_a_black_chip(value):
    image = np.full((100, 100, 3), 200, np.uint8)
    with np.errstate(invalid="ignore"):
        (chip,) = cut_chips(image, np.full((1, 5, 2), value))
    assert not chip.any()


def test_no_faces_make_no_chips_and_several_come_in_order():
    image = smooth(300, 600)
    assert cut_chips(image, np.zeros((0, 5, 2))).shape == (0, 150, 150, 3)
    places = [(0, 0), (300, 100), (120, 40)]
    chips = cut_chips(image, np.stack([chip_points() + place for place in places]))
    for chip, (left, top) in zip(chips, places, strict=True):
        np.testing.assert_array_equal(chip, image[top : top + 150, left : left + 150])


def test_other_chip_sizes():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    (chip,) = cut_chips(image, chip_points(64)[None], size=64)
    np.testing.assert_array_equal(chip, image)


def test_a_square_is_cut_pixel_by_pixel_and_is_black_outside():
    image = np.random.default_rng(0).integers(1, 256, (40, 50, 3), np.uint8)
    cut = cut_square(image, np.array([5.0, 8.0, 25.0, 28.0]), 20)
    np.testing.assert_array_equal(cut, image[8:28, 5:25])
    over = cut_square(image, np.array([-10.0, -10.0, 10.0, 10.0]), 20)
    assert not over[:10].any() and not over[:, :10].any()
    np.testing.assert_array_equal(over[10:, 10:], image[:10, :10])
    smaller = cut_square(image, np.array([0.0, 0.0, 40.0, 40.0]), 10)
    means = image[:40, :40].reshape(10, 4, 10, 4, 3).mean(axis=(1, 3))
    assert np.abs(smaller - means).max() <= 1
