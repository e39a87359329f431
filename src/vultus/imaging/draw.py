"""Drawing boxes, landmarks and names onto a copy of a picture, fast enough for live video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from vultus.errors import StorageError
from vultus.imaging.load import Image

Colour = tuple[int, int, int]
_Place = tuple[int, int, int, int]  # left, top, right, bottom; the last two are outside

KNOWN: Colour = (35, 134, 54)
STRANGER: Colour = (196, 88, 22)
UNDECIDED: Colour = (124, 132, 142)
_TEXT: Colour = (255, 255, 255)
_EDGE: Colour = (0, 0, 0)

# Fonts of the common systems with more letters than the one that Pillow carries.
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")
_LONGEST_LABEL = 60  # letters
_FARTHEST = 1_000_000.0  # pixels; boxes that are drawn for sure end nearer than this


@dataclass(frozen=True)
class Mark:
    """One face to draw: box x, y, width, height in pixels, a label, a colour, points (k, 2)."""

    box: NDArray[np.floating] | Sequence[float]
    label: str = ""
    colour: Colour = STRANGER
    points: NDArray[np.floating] | None = None


def draw_faces(image: Image, marks: Sequence[Mark]) -> Image:
    """A copy of the image with the marks drawn; lines and letters scale with the picture."""
    picture: Image = image.copy()
    longer = max(picture.shape[:2])
    line = max(2, round(longer / 500))
    for mark in marks:
        _draw_box(picture, _corners(mark.box), mark.colour, line)
        for point in mark.points if mark.points is not None else ():
            _draw_point(picture, point, mark.colour, max(1, line // 2))
    taken: list[_Place] = []
    for mark in marks:  # labels above all boxes
        if mark.label:
            patch = _render_label(mark.label[:_LONGEST_LABEL], mark.colour, _letter_px(longer))
            taken.append(_place_label(picture, patch, _corners(mark.box), taken))
            _paste(picture, patch, taken[-1])
    return picture


def _letter_px(longer: int) -> int:
    """Height of letters: readable at 360p, not too large at 1080p."""
    return max(14, round(longer / 64))


def _corners(box: NDArray[np.floating] | Sequence[float]) -> _Place:
    x, y, width, height = (
        min(max(float(value), -_FARTHEST), _FARTHEST) for value in np.nan_to_num(box)
    )
    return round(x), round(y), round(x + width) + 1, round(y + height) + 1


def _draw_box(picture: Image, place: _Place, colour: Colour, line: int) -> None:
    """Bars inside the box, exact to the pixel, and a dark edge that shows on any background."""
    left, top, right, bottom = place
    _draw_frame(picture, (left - 1, top - 1, right + 1, bottom + 1), _EDGE, 1)
    _draw_frame(picture, place, colour, line)


def _draw_frame(picture: Image, place: _Place, colour: Colour, line: int) -> None:
    left, top, right, bottom = place
    _fill(picture, (left, top, right, min(top + line, bottom)), colour)
    _fill(picture, (left, max(bottom - line, top), right, bottom), colour)
    _fill(picture, (left, top, min(left + line, right), bottom), colour)
    _fill(picture, (max(right - line, left), top, right, bottom), colour)


def _fill(picture: Image, place: _Place, colour: Colour) -> None:
    left, top, right, bottom = (max(0, edge) for edge in place)
    picture[top:bottom, left:right] = colour


def _draw_point(picture: Image, point: NDArray[np.floating], colour: Colour, radius: int) -> None:
    x, y = (round(float(value)) for value in np.clip(np.nan_to_num(point), -9999, _FARTHEST))
    cv2.circle(picture, (x, y), radius, colour, cv2.FILLED)


@lru_cache(maxsize=512)  # a name, its per cent and a size: some tens of kilobytes each
def _render_label(text: str, colour: Colour, letter_px: int) -> Image:
    """The letters on a bar of the colour, RGB. All bars of one size of letters are equally high."""
    font = _font(letter_px)
    text = " ".join(text.split())
    pad = max(3, letter_px // 4)
    ascent, descent = font.getmetrics() if isinstance(font, ImageFont.FreeTypeFont) else (11, 3)
    wide = round(font.getlength(text)) + 2 * pad
    bar = Pillow.new("RGB", (wide, ascent + descent + pad), colour)
    ImageDraw.Draw(bar).text((pad, pad // 2), text, fill=_TEXT, font=font)
    patch: Image = np.array(bar)
    patch.setflags(write=False)
    return patch


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _place_label(picture: Image, patch: Image, box: _Place, taken: Sequence[_Place]) -> _Place:
    """Above the box, below it where there is no room, and not over another label if it can be."""
    height, width = picture.shape[:2]
    high, wide = patch.shape[:2]
    left = min(max(box[0], 0), max(width - wide, 0))
    places = []
    for top in (box[1] - high, box[3], box[1] - 2 * high, box[3] + high):
        inside = min(max(top, 0), max(height - high, 0))
        place = (left, inside, left + wide, inside + high)
        if inside == top and not any(_overlap(place, other) for other in taken):
            return place
        places.append(place)
    # the box fills the picture, or people stand in a crowd
    return places[1] if box[1] < high else places[0]


def _overlap(one: _Place, other: _Place) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _paste(picture: Image, patch: Image, place: _Place) -> None:
    left, top = place[:2]
    target = picture[top : top + patch.shape[0], left : left + patch.shape[1]]
    target[:] = patch[: target.shape[0], : target.shape[1]]


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
