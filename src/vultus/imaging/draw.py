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
_MOST_NOTES = 6
_NOTE_SIZE = 0.8  # of a label's letters
_LABEL_COUNTS = 3  # times as much as a face where one has to be covered
_FARTHEST = 1_000_000.0  # pixels; boxes that are drawn for sure end nearer than this


@dataclass(frozen=True)
class Mark:
    """One face to draw: box x, y, width, height in pixels, a label, a colour, points (k, 2).

    notes: lines in smaller letters below the label.
    """

    box: NDArray[np.floating] | Sequence[float]
    label: str = ""
    colour: Colour = STRANGER
    points: NDArray[np.floating] | None = None
    notes: Sequence[str] = ()


def draw_faces(image: Image, marks: Sequence[Mark]) -> Image:
    """A copy of the image with the marks drawn; lines and letters scale with the picture."""
    picture: Image = image.copy()
    longer = max(picture.shape[:2])
    line = max(2, round(longer / 500))
    for mark in marks:
        _draw_box(picture, _corners(mark.box), mark.colour, line)
        for point in mark.points if mark.points is not None else ():
            _draw_point(picture, point, mark.colour, max(1, line // 2))
    hidden = np.array([_corners(mark.box) for mark in marks], np.float64).reshape(-1, 4)
    for mark in marks:  # labels above all boxes
        if mark.label or mark.notes:
            patch = _render(mark, _letter_px(longer))
            place = _place_label(picture, patch, _corners(mark.box), hidden)
            hidden = np.concatenate([hidden, np.repeat([place], _LABEL_COUNTS, axis=0)])
            _paste(picture, patch, place)
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


def _render(mark: Mark, letter_px: int) -> Image:
    """The label with its notes below it, equally wide."""
    small_px = max(12, round(letter_px * _NOTE_SIZE))
    lines = [(mark.label, letter_px)] if mark.label else []
    lines += [(note, small_px) for note in mark.notes[:_MOST_NOTES]]
    bars = [_render_label(text[:_LONGEST_LABEL], mark.colour, size) for text, size in lines]
    if len(bars) == 1:
        return bars[0]
    wide = max(bar.shape[1] for bar in bars)
    patch: Image = np.empty((sum(len(bar) for bar in bars), wide, 3), np.uint8)
    patch[:] = mark.colour
    top = 0
    for bar in bars:
        patch[top : top + len(bar), : bar.shape[1]] = bar
        top += len(bar)
    return patch


@lru_cache(maxsize=512)  # a name, its per cent and a size: some tens of kilobytes each
def _render_label(text: str, colour: Colour, letter_px: int) -> Image:
    """The letters on a bar of the colour, RGB. All bars of one size of letters are equally high."""
    font = label_font(letter_px)
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
def label_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The letters of labels, so many pixels high, in a font that this machine has."""
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _place_label(picture: Image, patch: Image, box: _Place, hidden: NDArray[np.float64]) -> _Place:
    """Above the box, or else below, beside or farther off: where it hides least.

    hidden: places that it should not hide, (n, 4): faces, and labels that are drawn.
    """
    height, width = picture.shape[:2]
    high, wide = patch.shape[:2]
    above, below = box[1] - high, box[3]
    near, far = (above, below) if above >= 0 else (below, above)
    wished = [(left, top) for left in (box[0], box[2] - wide) for top in (near, far)]
    wished += [(left, box[1]) for left in (box[2], box[0] - wide)]
    wished += [(box[0], top) for top in (above - high, below + high)]
    corners = [
        (min(max(left, 0), max(width - wide, 0)), min(max(top, 0), max(height - high, 0)))
        for left, top in wished
    ]
    places = [(left, top, left + wide, top + high) for left, top in corners]
    return min(places, key=lambda place: _hides(place, hidden))  # the first of equal ones


def _hides(place: _Place, hidden: NDArray[np.float64]) -> float:
    """Pixels of these places that a label here would cover."""
    starts = np.maximum(hidden[:, :2], place[:2])
    ends = np.minimum(hidden[:, 2:], place[2:])
    return float(np.prod(np.maximum(ends - starts, 0), axis=1).sum())


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
