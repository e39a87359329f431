from __future__ import annotations

import numpy as np
import pytest

from vultus.imaging.contact_sheet import (
    FACE_PX,
    FACES_A_ROW,
    MOST_ROWS,
    SheetRow,
    cut_face,
    draw_sheet,
)


def face(shade: int) -> np.ndarray:
    return np.full((FACE_PX, FACE_PX, 3), (shade, 0, 0), np.uint8)


def shown(sheet: np.ndarray) -> list[int]:
    """The shades of the faces, row by row; they alone have no green at all."""
    starts = np.argwhere((sheet[:, :, 1] == 0) & (sheet[:, :, 0] > 90))
    seen = dict.fromkeys(
        (int(y) // (FACE_PX + 6), int(sheet[y, x, 0])) for y, x in starts if sheet[y, x, 2] == 0
    )
    return [shade for _, shade in seen]


def test_a_row_a_person_with_its_faces_in_order():
    rows = [SheetRow("ada", "2 pictures", [face(100), face(110)]), SheetRow("bob", "", [face(120)])]
    sheet = draw_sheet(rows)
    assert shown(sheet) == [100, 110, 120]
    assert sheet.shape[0] == 2 * (FACE_PX + 6) + 6
    label = sheet[:FACE_PX, :170]
    assert (label.max(axis=2) < 100).any(), "the name is written"


def test_what_does_not_fit_is_left_out():
    full = draw_sheet([SheetRow("ada", "", [face(100 + k) for k in range(FACES_A_ROW)])])
    more = draw_sheet([SheetRow("ada", "", [face(100 + k) for k in range(FACES_A_ROW + 5)])])
    assert np.array_equal(full, more)
    tall = draw_sheet([SheetRow("", "", [])] * (MOST_ROWS + 9))
    assert tall.shape[0] == MOST_ROWS * (FACE_PX + 6) + 6


@pytest.mark.parametrize("label", ["", "\n\t\x00", "x" * 500, "Zoë Ångström 王", "\ud800"[:0]])
def test_any_name_and_no_face_at_all(label):
    assert draw_sheet([SheetRow(label, label, [])]).dtype == np.uint8
    assert draw_sheet([]).ndim == 3


def test_a_face_is_cut_out_with_a_margin():
    image = np.zeros((200, 300, 3), np.uint8)
    image[50:150, 100:200] = 200
    cut = cut_face(image, (100, 50, 100, 100))
    assert cut.shape == (FACE_PX, FACE_PX, 3)
    middle, edge = cut[FACE_PX // 2, FACE_PX // 2], cut[4, 4]
    assert middle.min() > 190
    assert edge.max() < 10
    lit = (cut[:, :, 0] > 100).mean()
    assert lit == pytest.approx((1 / 1.5) ** 2, abs=0.03)
    beyond = cut_face(image, (250, 150, 120, 120))  # half of it is outside
    assert beyond.shape == (FACE_PX, FACE_PX, 3)
