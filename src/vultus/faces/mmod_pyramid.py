"""The picture that dlib's MMOD network sees: all sizes of a photo on one canvas.

A photo is made smaller again and again, each time by a sixth. The sizes stand below each other,
and from about the middle on beside these, in a second column from the bottom up. A score depends
on 189 x 189 pixels of the canvas for a window of 80, so that what stands beside a face has a say:
everything stands where dlib puts it, and is computed in dlib's precision
(`input_rgb_image_pyramid`, `create_tiled_pyramid` and `resize_image` of dlib 20.0).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vultus.imaging.load import Image
from vultus.models.mmod_window import MEAN, SCALE

Floats = NDArray[np.float32]

STEP = 6  # each level has five sixths of the one before
_GAP = 10  # pixels between levels
_BORDER = 11  # pixels around them
_LOWEST = 5  # rows of the last level
_UNSIGNED = 1 << 64
_LANES = 4  # columns that dlib interpolates together
_SMALLEST = 10  # a narrower photo has no layout: dlib fails on it
_PIXELS_AT_ONCE = 1 << 17


@dataclass(frozen=True)
class Tile:
    """One level on the canvas; `right` and `bottom` are its last pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.left + self.width - 1

    @property
    def bottom(self) -> int:
        return self.top + self.height - 1


@dataclass(frozen=True)
class Layout:
    """Where the levels of a photo stand, largest first, and the size of the canvas."""

    tiles: tuple[Tile, ...]
    width: int
    height: int


def lay_out(width: int, height: int) -> Layout:
    """The layout for a photo of this size; without tiles where it is too small for one."""
    sizes = _sizes(width, height)
    column = _column_height(sizes)
    if width < _SMALLEST or column < 1:
        return Layout((), 0, 0)
    tiles: list[Tile] = []
    y = _BORDER
    for level_width, level_height in sizes:
        if y >= column + _BORDER:
            break
        tiles.append(Tile(_BORDER, y, level_width, level_height))
        y += level_height + _GAP
    y -= _GAP
    for level_width, level_height in sizes[len(tiles) :]:
        top = y - level_height
        if top <= tiles[0].bottom:  # it would stand on the photo itself; dlib leaves it out
            break
        tiles.append(Tile(_BORDER + width - level_width, top, level_width, level_height))
        y = top - _GAP
    return Layout(tuple(tiles), width + 2 * _BORDER, column + 2 * _BORDER)


def _sizes(width: int, height: int) -> list[tuple[int, int]]:
    rate = (STEP - 1.0) / STEP
    sizes = [(width, height)]
    while True:
        width, height = int(rate * width), int(rate * height)
        if not width or height < _LOWEST:
            return sizes
        sizes.append((width, height))


def _column_height(sizes: list[tuple[int, int]]) -> int:
    """The height of the first column: it ends where the next level fits beside the last one.

    dlib compares unsigned numbers: what falls below zero is very large there, and here.
    """
    width, height = sizes[0]
    total = sum(level + _GAP for _, level in sizes) - 2 * _GAP
    column = last = 0
    for level_width, level_height in sizes:
        fits = level_width <= (width - last - _GAP) % _UNSIGNED
        half = 2 * (column - height) % _UNSIGNED >= (total - height) % _UNSIGNED
        if fits and half:
            break
        column += level_height + _GAP
        last = level_width
    return column - _GAP


class Pyramid:
    """A photo, uint8 (height, width, 3), on its canvas; strips of it are made when asked for."""

    def __init__(self, image: Image, layout: Layout) -> None:
        self._layout = layout
        self._image = image
        self._smaller: list[Floats] = []
        for level, (before, tile) in enumerate(pairwise(layout.tiles)):
            self._smaller.append(_shrink(partial(self._rows, level), before, tile))

    @property
    def size_wh(self) -> tuple[int, int]:
        """Of the canvas."""
        return self._layout.width, self._layout.height

    def strip(self, top: int, bottom: int) -> Floats:
        """Rows `top` to `bottom` (not included) of the canvas, (3, rows, width)."""
        strip = np.zeros((3, bottom - top, self._layout.width), np.float32)
        for level, tile in enumerate(self._layout.tiles):
            first, last = max(top, tile.top), min(bottom, tile.bottom + 1)
            if first >= last:
                continue
            place = strip[:, first - top : last - top, tile.left : tile.right + 1]
            for channel, plane in enumerate(place):
                plane[:] = self._rows(level, channel, first - tile.top, last - tile.top)
        return strip

    def _rows(self, level: int, channel: int, first: int, last: int) -> Floats:
        if level:
            return self._smaller[level - 1][channel, first:last]
        return _normalised(self._image[first:last], channel)


def _normalised(image: Image, channel: int) -> Floats:
    plane: Floats = np.subtract(image[:, :, channel], MEAN[channel], dtype=np.float32)
    plane *= np.float32(1 / SCALE)  # a power of two: exact
    return plane


def _shrink(rows: Callable[[int, int, int], Floats], before: Tile, wanted: Tile) -> Floats:
    """A level, float32 (3, height, width), from the one before.

    rows: gives the rows of that one by channel, first and last (not included).
    """
    top, bottom, exactly = _row_weights(before.height, wanted.height)
    down = exactly.astype(np.float32)[:, None]
    left, right, across = _column_weights(before.width, wanted.width)
    at_once = max(1, _PIXELS_AT_ONCE // before.width)
    level = np.empty((3, wanted.height, wanted.width), np.float32)
    for channel in range(3):
        for start in range(0, wanted.height, at_once):
            part = slice(start, start + at_once)
            first = int(top[start])
            used = rows(channel, first, int(bottom[part][-1]) + 1)
            mixed = _mix(used, top[part] - first, bottom[part] - first, down[part], 0)
            level[channel, part] = _mix(mixed, left, right, across, 1)
    return level


def _mix(
    values: Floats,
    near: NDArray[np.intp],
    far: NDArray[np.intp],
    share: Floats,
    axis: int,
) -> Floats:
    """`near` plus its share of the way to `far`."""
    mixed = values.take(near, axis)
    step = values.take(far, axis)
    step -= mixed
    step *= share
    mixed += step
    return mixed


def _row_weights(
    count: int, wanted: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Which two rows of `count` make each of the rows wanted, and the second one's share."""
    step = (count - 1) / max(wanted - 1, 1)
    places = _count_up(-step, step, wanted)
    near, far = _ends(places, count)
    return near, far, places - near


def _column_weights(
    count: int, wanted: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """As `_row_weights`; dlib adds up single floats in four lanes, and doubles near the end.

    In a wide photo the sums are off by hundredths of a pixel, which is why they are made again.
    """
    step = (count - 1) / max(wanted - 1, 1)
    groups = -(-wanted // _LANES)
    places = np.empty((groups + 1, _LANES), np.float32)
    places[0] = -_LANES * step + step * np.arange(_LANES)
    places[1:] = np.float32(_LANES * step)
    places = np.add.accumulate(places, axis=0, dtype=np.float32)[1:]
    beyond = places[:, -1].astype(np.intp) + 1 >= count
    whole = _LANES * int(beyond.argmax() if beyond.any() else groups)
    whole = min(whole, wanted // _LANES * _LANES)
    tail = _count_up(-step + whole * step, step, wanted - whole)
    near, far = (
        np.concatenate(ends)
        for ends in zip(_ends(places.ravel()[:whole], count), _ends(tail, count), strict=True)
    )
    shares = places.ravel()[:whole] - near[:whole], tail - near[whole:]
    return near, far, np.concatenate(shares).astype(np.float32)


def _count_up(start: float, step: float, count: int) -> NDArray[np.float64]:
    """start + step, start + 2 step, ..., added up one after the other."""
    steps = np.full(count + 1, step)
    steps[0] = start
    return np.add.accumulate(steps)[1:]


def _ends(places: NDArray[np.floating], count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The pixels before and behind each place."""
    near = np.clip(places.astype(np.intp), 0, count - 1)
    return near, np.minimum(near + 1, count - 1)


def enlarged_size(width: int, height: int) -> tuple[int, int]:
    """Width and height after `enlarge`."""
    return 2 * width + 2, 2 * height + 1


def enlarge(image: Image) -> Image:
    """The photo at twice its size as dlib's `pyramid_up` makes it: uint8, cut off, not rounded."""
    width, height = enlarged_size(image.shape[1], image.shape[0])
    top, bottom, exactly = _row_weights(image.shape[0], height)
    down, up = exactly.astype(np.float32), (1 - exactly).astype(np.float32)
    left, right, across = _column_weights(image.shape[1], width)
    larger = np.empty((height, width, 3), np.uint8)
    across, back = across[:, None], 1 - across[:, None]
    at_once = max(1, _PIXELS_AT_ONCE // width)
    for start in range(0, height, at_once):
        part = slice(start, start + at_once)
        low, high = down[part, None, None], up[part, None, None]
        above, below = image[top[part]], image[bottom[part]]
        # the order of dlib's sum: where four equal pixels meet, it decides about the last bit
        mixed = (high * back) * above.take(left, 1)
        mixed += (high * across) * above.take(right, 1)
        mixed += (low * back) * below.take(left, 1)
        mixed += (low * across) * below.take(right, 1)
        larger[part] = mixed
    return larger
