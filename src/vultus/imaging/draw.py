"""Drawing boxes, landmarks and names onto a copy of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from vultus.errors import StorageError
from vultus.imaging.load import Image

KNOWN = (46, 160, 67)
STRANGER = (219, 109, 40)
_TEXT = (255, 255, 255)

# Fonts of the common systems with more letters than the one that Pillow carries.
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")


@dataclass(frozen=True)
class Mark:
    """One face to draw: box x, y, width, height in pixels, a label, a colour, points (k, 2)."""

    box: NDArray[np.floating]
    label: str = ""
    colour: tuple[int, int, int] = STRANGER
    points: NDArray[np.floating] | None = None


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def draw_faces(image: Image, marks: Sequence[Mark]) -> Image:
    """A copy of the image with the marks drawn; lines and letters scale with the picture."""
    picture = Pillow.fromarray(image)
    pen = ImageDraw.Draw(picture)
    line = max(2, round(max(picture.size) / 500))
    for mark in marks:
        x, y, width, height = (float(value) for value in mark.box)
        pen.rectangle((x, y, x + width, y + height), outline=mark.colour, width=line)
        for point_x, point_y in mark.points if mark.points is not None else ():
            radius = max(1, line / 2)
            place = (point_x - radius, point_y - radius, point_x + radius, point_y + radius)
            pen.ellipse(place, fill=mark.colour)
    for mark in marks:  # labels above all boxes
        _draw_label(pen, picture.size, mark)
    return np.array(picture)


def _draw_label(pen: ImageDraw.ImageDraw, size_wh: tuple[int, int], mark: Mark) -> None:
    if not mark.label:
        return
    x, y, _, height = (float(value) for value in mark.box)
    font = _font(max(12, round(max(size_wh) / 55)))
    left, top, right, bottom = pen.textbbox((0, 0), mark.label, font=font)
    pad = 3
    wide, high = right - left + 2 * pad, bottom - top + 2 * pad
    # above the box, below it where there is no room, inside the picture in any case
    start_y = y - high if y >= high else y + height
    start_y = min(max(start_y, 0), size_wh[1] - high)
    start_x = min(max(x, 0), max(size_wh[0] - wide, 0))
    pen.rectangle((start_x, start_y, start_x + wide, start_y + high), fill=mark.colour)
    pen.text((start_x + pad - left, start_y + pad - top), mark.label, fill=_TEXT, font=font)


def save_picture(image: Image, path: Path) -> None:
    """Write a picture; the kind follows the name's ending.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(image).save(path, quality=92)
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{path} cannot be written: {error}.", "Choose another place, or free some space."
        ) from error
