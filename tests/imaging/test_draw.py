from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vultus.errors import StorageError
from vultus.imaging.draw import KNOWN, STRANGER, UNDECIDED, Mark, draw_faces, save_picture
from vultus.imaging.load import load

BLACK = np.zeros((200, 300, 3), np.uint8)


def box(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_the_picture_given_is_not_changed():
    image = BLACK.copy()
    drawn = draw_faces(image, [Mark(box(50, 60, 80, 90), "ada")])
    assert not image.any()
    assert drawn.any()
    assert drawn.shape == image.shape
    drawn[0, 0] = 1  # may be written on


def test_without_marks_it_is_a_copy():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    drawn = draw_faces(image, [])
    np.testing.assert_array_equal(drawn, image)
    assert drawn is not image


def test_a_box_is_drawn_in_its_colour_and_is_hollow():
    drawn = draw_faces(BLACK, [Mark(box(50, 60, 80, 90), colour=KNOWN)])
    for x, y in [(50, 60), (130, 150), (50, 100), (90, 60)]:
        assert tuple(drawn[y, x]) == KNOWN
    assert not drawn[70:140, 60:120].any()
    assert not drawn[:59].any()


def test_points_are_drawn():
    mark = Mark(box(50, 60, 80, 90), points=np.array([(80, 100), (100, 120)], np.float32))
    drawn = draw_faces(BLACK, [mark])
    assert tuple(drawn[100, 80]) == STRANGER
    assert tuple(drawn[120, 100]) == STRANGER


def lit_rows(drawn: np.ndarray) -> np.ndarray:
    return np.flatnonzero(drawn.any(axis=(1, 2)))


def test_a_label_stands_above_its_box_or_below_where_there_is_no_room():
    assert lit_rows(draw_faces(BLACK, [Mark(box(50, 60, 80, 90), "ada")])).min() < 55
    low = draw_faces(BLACK, [Mark(box(50, 2, 80, 90), "ada")])
    assert lit_rows(low).max() > 98
    assert (low == 255).all(axis=2).any()  # white letters


@pytest.mark.parametrize(
    "place",
    [
        box(-40, -30, 80, 90),
        box(280, 190, 80, 90),
        box(-50, -50, 500, 500),
        box(1e5, 1e5, 50, 50),
        box(10.4, 20.6, 0, 0),
    ],
)
def test_boxes_over_the_border_are_drawn_as_far_as_they_show(place):
    drawn = draw_faces(BLACK, [Mark(place, "someone with quite a long name " * 3)])
    assert drawn.shape == BLACK.shape
    assert drawn.any()  # at least the label


@pytest.mark.parametrize("label", ["", "Łukasz 李 👩‍🚀", "two\nlines"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (2000, 40)])
def test_pictures_and_labels_of_any_kind(shape, label):
    drawn = draw_faces(np.zeros((*shape, 3), np.uint8), [Mark(box(0, 0, 5, 5), label)])
    assert drawn.shape == (*shape, 3)


def test_a_box_has_a_dark_edge_that_shows_on_its_own_colour():
    image = np.full((200, 300, 3), KNOWN, np.uint8)
    drawn = draw_faces(image, [Mark(box(50, 60, 80, 90), colour=KNOWN)])
    edge = (drawn == 0).all(axis=2)
    assert edge[59, 49:132].all()
    assert edge[59:152, 131].all()
    assert edge.sum() == 2 * 83 + 2 * 91


def test_labels_do_not_cover_each_other():
    image = np.zeros((480, 640, 3), np.uint8)
    colours = [KNOWN, STRANGER, UNDECIDED]
    marks = [
        Mark(box(200 + 10 * i, 200 + 5 * i, 90, 100), "somebody", colour)
        for i, colour in enumerate(colours)
    ]
    drawn = draw_faces(image, marks)
    areas = [(drawn == colour).all(axis=2).sum() for colour in colours]
    alone = [(draw_faces(image, [mark]) == mark.colour).all(axis=2).sum() for mark in marks]
    # lines cross, bars do not
    assert all(area > 0.8 * whole for area, whole in zip(areas, alone, strict=True))


def test_notes_stand_below_the_label():
    image = np.zeros((480, 640, 3), np.uint8)
    alone = draw_faces(image, [Mark(box(200, 200, 90, 100), "somebody", KNOWN)])
    noted = draw_faces(
        image, [Mark(box(200, 200, 90, 100), "ada", KNOWN, notes=("34, happy, mouth covered", "x"))]
    )
    bar, bars = ((drawn[:198] == KNOWN).all(axis=2) for drawn in (alone, noted))
    assert bars.any(axis=1).sum() > 2 * bar.any(axis=1).sum()
    columns = np.flatnonzero(bars.any(axis=0))
    assert (bars | (noted[:198] != 0).any(axis=2))[:, columns].any(axis=1).sum() > 40
    assert len(columns) > np.flatnonzero(bar.any(axis=0)).size
    rows = np.flatnonzero(bars.any(axis=1))
    assert bars[rows[0], columns[0]] and bars[rows[-1], columns[-1]]  # one bar, not a stair


@pytest.mark.parametrize("notes", [(), ("",), ("x" * 500,) * 50])
@pytest.mark.parametrize("shape", [(1, 1), (30, 500), (200, 40)])
def test_any_notes(notes, shape):
    drawn = draw_faces(np.zeros((*shape, 3), np.uint8), [Mark(box(0, 0, 5, 5), "", notes=notes)])
    assert drawn.shape == (*shape, 3)


def test_a_label_hides_no_other_face_where_there_is_room():
    image = np.zeros((480, 640, 3), np.uint8)
    low, high = box(300, 260, 100, 120), box(300, 120, 100, 130)
    mark = Mark(low, "ada", KNOWN, notes=("34, happy", "yaw 3"))
    drawn = draw_faces(image, [Mark(high), mark])
    assert not drawn[130:240, 310:390].any()
    assert not drawn[270:370, 310:390].any()


def test_a_crowd_of_labels_is_drawn_in_any_case():
    drawn = draw_faces(BLACK, [Mark(box(50, 60, 80, 90), f"person {i}") for i in range(30)])
    assert drawn.any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_numbers_that_are_no_place_break_nothing(value):
    points = np.array([(value, 5), (5, value)], np.float32)
    drawn = draw_faces(BLACK, [Mark(box(value, 10, 20, 20), "ada", points=points)])
    assert drawn.shape == BLACK.shape


@pytest.mark.parametrize("name", ["a.png", "deep/er/a.bmp"])
def test_saved_without_loss_it_is_read_again(tmp_path, name):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    save_picture(image, tmp_path / name)
    np.testing.assert_array_equal(load(tmp_path / name), image)


def test_a_jpeg_is_saved_as_one(tmp_path):
    save_picture(np.full((20, 30, 3), 90, np.uint8), tmp_path / "a.JPG")
    with Image.open(tmp_path / "a.JPG") as picture:
        assert picture.format == "JPEG"


@pytest.mark.parametrize("name", ["a.unknown", "a", "file/a.png"])
def test_where_a_picture_cannot_be_written(tmp_path, name):
    tmp_path.joinpath("file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be written"):
        save_picture(BLACK, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
