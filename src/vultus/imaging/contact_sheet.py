"""A contact sheet: one picture with a row of faces for each of many people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from vultus.imaging.align import cut_square
from vultus.imaging.draw import label_font
from vultus.imaging.load import Image

FACE_PX = 96
FACES_A_ROW = 10
MOST_ROWS = 200  # 21,000 pixels high; JPEG ends at 65,500
_GAP = 6
_LABEL_PX = 170
_LETTER_PX = 15
_AROUND = 0.25  # of the box, on each side
_MOST_LETTERS = 24

_BACKGROUND = (246, 246, 244)
_INK = (38, 40, 44)
_FAINT = (120, 124, 130)


@dataclass(frozen=True)
class SheetRow:
    """label: in dark letters; note: below it, fainter; faces: `FACE_PX` squares."""

    label: str
    note: str
    faces: Sequence[Image]


def cut_face(image: Image, box: NDArray[np.floating] | Sequence[float]) -> Image:
    """The square around a box, x, y, width, height in pixels, as large as a sheet shows it."""
    x, y, width, height = (float(value) for value in box)
    half = max(width, height) * (0.5 + _AROUND)
    middle = np.array([x + width / 2, y + height / 2])
    return cut_square(image, np.concatenate([middle - half, middle + half]), FACE_PX)


def draw_sheet(rows: Sequence[SheetRow]) -> Image:
    """The sheet, RGB; of a row with more faces than fit the first ones are drawn.

    At most `MOST_ROWS` rows are drawn; the note of a row should say how many faces there are.
    """
    rows = rows[:MOST_ROWS]
    columns = max((min(len(row.faces), FACES_A_ROW) for row in rows), default=1)
    step = FACE_PX + _GAP
    size = (_LABEL_PX + max(columns, 1) * step + _GAP, max(len(rows), 1) * step + _GAP)
    sheet = Pillow.new("RGB", size, _BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    font, small = label_font(_LETTER_PX), label_font(_LETTER_PX - 3)
    for number, row in enumerate(rows):
        top = _GAP + number * step
        pen.text((_GAP, top + FACE_PX // 2 - 20), _short(row.label), fill=_INK, font=font)
        pen.text((_GAP, top + FACE_PX // 2 + 2), _short(row.note), fill=_FAINT, font=small)
        for place, face in enumerate(row.faces[:FACES_A_ROW]):
            sheet.paste(Pillow.fromarray(face), (_LABEL_PX + place * step, top))
    drawn: Image = np.array(sheet)
    return drawn


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"
