"""Zones and masks: polygons in fractions of the frame. A face belongs by its centre."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.errors import UsageError
from vultus.events.visit import Box
from vultus.faces.types import Faces

OUTSIDE = "outside"
Polygon = Sequence[tuple[float, float]]
_FEWEST_CORNERS = 3
_MOST_CORNERS = 1000


class Zones:
    """Named zones, the first that fits wins, and masks whose faces are not looked at.

    Args:
        zones: name to polygon. masks: polygons. Corners are (x, y) from 0 to 1.

    Raises:
        UsageError: a polygon has fewer than three corners, or corners outside of 0 to 1.
    """

    def __init__(
        self, zones: Mapping[str, Polygon] | None = None, masks: Sequence[Polygon] = ()
    ) -> None:
        if OUTSIDE in (zones or {}):
            raise UsageError(
                f"A zone cannot be called {OUTSIDE!r}.", "That stands for the rest of the frame."
            )
        self._zones = {name: _polygon(name, p) for name, p in (zones or {}).items()}
        self._masks = [_polygon("mask", polygon) for polygon in masks]

    def of(self, box: Box, size_wh: tuple[int, int]) -> str | None:
        """The zone that a face's centre lies in, `outside`, or None where no zone is set."""
        if not self._zones:
            return None
        centre = _centre(box, size_wh)
        inside = (name for name, polygon in self._zones.items() if _holds(polygon, centre))
        return next(inside, OUTSIDE)

    def unmasked(self, faces: Faces, size_wh: tuple[int, int]) -> Faces:
        """The faces whose centres lie in no mask."""
        if not self._masks or not len(faces):
            return faces
        seen = [
            not any(_holds(polygon, _centre(box, size_wh)) for polygon in self._masks)
            for box in faces.boxes
        ]
        return faces.select(np.array(seen))


def parse_zone(text: str) -> tuple[str, Polygon]:
    """`door=0.1,0.2 0.5,0.2 0.5,0.9` to a name and a polygon.

    Raises:
        UsageError: it is written in another way.
    """
    name, equals, corners = text.partition("=")
    try:
        points = [tuple(float(part) for part in pair.split(",")) for pair in corners.split()]
        polygon = [(x, y) for x, y in points]
    except ValueError:
        polygon = []
    if not name.strip() or not equals or not polygon:
        raise UsageError(
            f"{text!r} is no zone.", "Write NAME=x,y x,y x,y with fractions of the frame, 0 to 1."
        )
    return name.strip(), polygon


def _polygon(name: str, corners: Polygon) -> NDArray[np.float32]:
    try:
        points = np.array(corners, np.float64).reshape(-1, 2)
    except (TypeError, ValueError, OverflowError):
        points = np.zeros((0, 2))
    fits = _FEWEST_CORNERS <= len(points) <= _MOST_CORNERS
    if not fits or not ((points >= 0) & (points <= 1)).all():  # also refuses what is no number
        raise UsageError(
            f"The polygon {name!r} makes no sense.",
            "Give three or more corners as fractions of the frame, from 0 to 1.",
        )
    return points.astype(np.float32)


def _centre(box: Box | NDArray[np.float32], size_wh: tuple[int, int]) -> tuple[float, float]:
    x, y, width, height = (float(value) for value in box)
    return (x + width / 2) / size_wh[0], (y + height / 2) / size_wh[1]


def _holds(polygon: NDArray[np.float32], point: tuple[float, float]) -> bool:
    return float(cv2.pointPolygonTest(polygon, point, measureDist=False)) >= 0
