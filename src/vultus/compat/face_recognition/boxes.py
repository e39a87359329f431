"""Boxes and landmarks as values with the names that dlib's have, and the package's own tuples."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Location = tuple[int, int, int, int]  # top, right, bottom, left

_LIMIT = 2**31  # dlib takes 2**63; no picture is that large, and a sum of such may overflow


@dataclass(frozen=True)
class Rectangle:
    """A box in whole pixels, all ends inclusive; asked as dlib's `rectangle` is."""

    _left: int
    _top: int
    _right: int
    _bottom: int

    def left(self) -> int:
        return self._left

    def top(self) -> int:
        return self._top

    def right(self) -> int:
        return self._right

    def bottom(self) -> int:
        return self._bottom

    def width(self) -> int:
        return self._right - self._left + 1

    def height(self) -> int:
        return self._bottom - self._top + 1

    def corners(self) -> Location:
        """Left, top, right, bottom."""
        return self._left, self._top, self._right, self._bottom


class FoundByCnn(NamedTuple):
    """What the cnn model found, as dlib's `mmod_rectangle`."""

    rect: Rectangle
    confidence: float


class Point(NamedTuple):
    """A landmark in whole pixels."""

    x: int
    y: int


@dataclass(frozen=True)
class Landmarks:
    """The 5 or 68 landmarks of a face, asked as dlib's `full_object_detection` is."""

    rect: Rectangle
    points: tuple[Point, ...]

    @property
    def num_parts(self) -> int:
        return len(self.points)

    def part(self, index: int) -> Point:
        return self.points[index]

    def parts(self) -> list[Point]:
        return list(self.points)


def rect_to_css(rect: Rectangle) -> Location:
    """Top, right, bottom, left."""
    return rect.top(), rect.right(), rect.bottom(), rect.left()


def css_to_rect(css: Sequence[Any]) -> Rectangle:
    """The box of (top, right, bottom, left); what follows these four is ignored.

    Raises:
        TypeError: not whole numbers. IndexError: fewer than four.
    """
    return Rectangle(*(_whole(css[place], css) for place in (3, 0, 1, 2)))


def trim_css_to_bounds(css: Location, image_shape: Sequence[int]) -> Location:
    """The part of the box inside a picture of this shape, (height, width, ...)."""
    top, right, bottom, left = css
    return max(top, 0), min(right, image_shape[1]), min(bottom, image_shape[0]), max(left, 0)


def _whole(value: Any, css: Sequence[Any]) -> int:
    try:
        # as in the original, numbers of 32 bits are cut off, and Python's own are refused
        single = isinstance(value, np.floating) and not isinstance(value, float)
        number = int(value) if single else operator.index(value)
    except (TypeError, ValueError, OverflowError):
        number = _LIMIT
    if not -_LIMIT < number < _LIMIT:
        raise TypeError(
            f"A face location is (top, right, bottom, left) in whole pixels, not {css!r}; "
            "round it, and make each an int."
        )
    return number
