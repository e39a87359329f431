"""Small random changes of a chip, over which `num_jitters` takes the mean.

Each is dlib's (jitter_image in dlib/image_transforms/interpolation.h): shifted by at most 2 %,
enlarged by at most 3 %, turned by at most 3 degrees, every second one mirrored. The numbers are
dlib's too: a Mersenne Twister with its default seed, of which the first 10,000 are thrown away,
one sequence a process. So a program answers the same each time it runs, and a second call in it
something else than the first, as with dlib.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vultus.imaging.dlib_chip import ChipPlace, cut_chip

_SEED = 5489
_THROWN_AWAY = 10_000
_BITS = 0xFFFFFF  # a number is made of 24 bits of one draw and 24 of the next
_DRAWS = 10  # for the five numbers of one change
_HIGHEST = float(0xFFFFFF * 0x1000000 + 0xFFFFFF) + 0.05

_MARGIN = 3  # pixels of the chip's border that are no part of what is shifted
_MOST_SHIFT = 0.02
_LEAST_SIDE, _MOST_SIDE = 0.97, 0.99999
_MOST_TURN = math.radians(3)


@cache
def _generator() -> np.random.RandomState:
    made = np.random.RandomState(_SEED)
    _draw(made, _THROWN_AWAY)
    return made


def _draw(generator: np.random.RandomState, count: int) -> NDArray[np.uint32]:
    """Draws of 32 bits; one call is not mixed with those of other threads."""
    return generator.randint(0, 2**32, count, dtype=np.uint32)


def jitter(chip: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """So many changed copies of a square chip, uint8 (count, size, size, 3)."""
    draws = _draw(_generator(), count * _DRAWS).reshape(count, _DRAWS // 2, 2) & _BITS
    numbers = (draws[..., 0] * float(_BITS + 1) + draws[..., 1]) / _HIGHEST
    return np.stack([_changed(chip, *row) for row in numbers.tolist()])


def _changed(
    chip: NDArray[np.uint8], down: float, across: float, side: float, turn: float, mirror: float
) -> NDArray[np.uint8]:
    """One changed copy; the numbers are from 0 to 1."""
    size = len(chip)
    inner = size - 2 * _MARGIN
    x, y = (
        math.floor(_between(-_MOST_SHIFT, _MOST_SHIFT, v) * inner + 0.5) for v in (across, down)
    )
    length = int(inner / _between(_LEAST_SIDE, _MOST_SIDE, side))
    left, top = (size // 2 + shift - length // 2 for shift in (x, y))
    angle = _between(-_MOST_TURN, _MOST_TURN, turn)
    place = ChipPlace(left, top, left + length - 1, top + length - 1, angle)
    changed = cut_chip(chip, place, size)
    return changed[:, ::-1] if mirror > 0.5 else changed


def _between(low: float, high: float, part: float) -> float:
    return low + part * (high - low)
