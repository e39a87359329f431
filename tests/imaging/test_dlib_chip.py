from __future__ import annotations

import numpy as np
import pytest

from vultus.imaging.align import chip_points
from vultus.imaging.dlib_chip import ALIGNED_68, MEAN_FACE_68, ChipPlace, chip_place, cut_chip


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def square(left: float, top: float, side: float, angle: float = 0.0) -> ChipPlace:
    return ChipPlace(left, top, left + side - 1, top + side - 1, angle)


def test_a_square_of_the_chips_size_is_copied():
    image = noise(200, 300)
    np.testing.assert_array_equal(cut_chip(image, square(30, 20, 150)), image[20:170, 30:180])


def test_between_pixels_values_are_mixed_and_cut_off():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, 1], image[1, :, 2] = (101, 40, 0), 7
    chip = cut_chip(image, ChipPlace(0.25, 0.5, 1.25, 1.5, 0.0), size=2)
    # a quarter of 101 is 25.25, three quarters of it 75.75
    assert chip[..., 0].tolist() == [[25, 75], [25, 75]]
    assert chip[..., 1].tolist() == [[10, 30], [10, 30]]
    assert chip[..., 2].tolist() == [[3, 3], [3, 3]]  # half of 7


def test_a_quarter_turn():
    image = noise(160, 160)
    chip = cut_chip(image, square(5, 5, 150, np.pi / 2))
    inner = np.rot90(image[5:155, 5:155], 1)
    # at the turned corners a neighbour is picked by the last bit; elsewhere it is the same pixel
    assert np.abs(chip.astype(int) - inner).max() <= 1


def halved(image: np.ndarray) -> np.ndarray:
    """By the words of the definition: 1 4 6 4 1 both ways, every second pixel, cut off."""
    weights = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])
    height, width = (image.shape[0] - 3) // 2, (image.shape[1] - 3) // 2
    out = np.zeros((height, width, 3), np.uint8)
    for row in range(height):
        for column in range(width):
            window = image[2 * row : 2 * row + 5, 2 * column : 2 * column + 5].astype(int)
            out[row, column] = (window * weights[..., None]).sum(axis=(0, 1)) // 256
    return out


def test_a_large_square_is_cut_from_the_halved_picture():
    image = noise(61, 80)
    place = square(10, 8, 40)
    small = halved(image[2:54, 4:56])  # with the six pixels that are kept around it
    expected = cut_chip(small, place.moved(4, 2).halved(), size=16)
    np.testing.assert_array_equal(cut_chip(image, place, size=16), expected)


def test_halving_twice_takes_a_wider_margin():
    image = noise(140, 140)
    place = square(15, 17, 100)
    region = image[3:131, 1:129]  # with fourteen pixels around it
    expected = cut_chip(halved(halved(region)), place.moved(1, 3).halved().halved(), size=20)
    np.testing.assert_array_equal(cut_chip(image, place, size=20), expected)


@pytest.mark.parametrize("shape", [(0, 0), (0, 9), (1, 1), (1, 50), (50, 1)])
def test_a_picture_without_neighbours_gives_a_black_chip(shape):
    image = np.full((*shape, 3), 200, np.uint8)
    assert not cut_chip(image, square(0, 0, 30)).any()


@pytest.mark.parametrize(
    "place", [square(5000, 10, 200), square(-900, -900, 800), square(0, 90, 9)]
)
def test_outside_of_the_picture_a_chip_is_black(place):
    assert not cut_chip(np.full((80, 90, 3), 200, np.uint8), place).any()


def test_what_hangs_over_the_border_is_black_there():
    chip = cut_chip(np.full((200, 200, 3), 200, np.uint8), square(-75, 0, 150))
    assert not chip[:, :75].any()
    assert (chip[:, 75:] == 200).all()


def test_a_small_picture_that_cannot_be_halved_gives_a_black_chip():
    assert not cut_chip(np.full((8, 400, 3), 200, np.uint8), square(0, -200, 400)).any()


def test_an_empty_place_shows_one_spot():
    image = noise(50, 60)
    place = chip_place(np.full((5, 2), 20))
    assert place.area == 0
    chip = cut_chip(image, place)
    around = image[19:23, 19:23].reshape(-1, 3)
    assert (chip >= around.min(axis=0)).all()
    assert (chip <= around.max(axis=0)).all()


def test_five_points_in_their_place_give_the_chips_own_square():
    place = chip_place(np.rint(chip_points() * 100).astype(int))
    assert place.angle == pytest.approx(0, abs=1e-4)
    assert place.left == pytest.approx(0.5, abs=0.5)
    assert place.right - place.left == pytest.approx(15_000 - 1, abs=3)


def test_68_points_turned_and_moved_give_their_square():
    points = np.zeros((68, 2))
    points[list(ALIGNED_68)] = (MEAN_FACE_68 + 0.25) / 1.5 * 1000
    turned = points @ np.array([(0.8, 0.6), (-0.6, 0.8)]) + (300, -40)
    place = chip_place(np.rint(turned).astype(int))
    assert place.angle == pytest.approx(np.arctan2(0.6, 0.8), abs=1e-3)
    assert place.right - place.left + 1 == pytest.approx(1000, rel=1e-3)
    middle = np.array([500, 500]) @ np.array([(0.8, 0.6), (-0.6, 0.8)]) + (300, -40)
    assert ((place.left + place.right) / 2, (place.top + place.bottom) / 2) == pytest.approx(
        tuple(middle), abs=0.5
    )
