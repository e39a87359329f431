from __future__ import annotations

import numpy as np
import pytest

from vultus.imaging.draw import KNOWN, STRANGER, UNDECIDED
from vultus.video.overlay import Label, annotate, name_label

BOX = (100.0, 80.0, 60.0, 70.0)


@pytest.mark.parametrize(
    ("person", "stranger", "probability", "text", "known"),
    [
        ("Ada", None, 0.973, "Ada 97 %", True),
        ("Ada", None, 1.0, "Ada 99 %", True),
        ("Ada", None, 0.0, "Ada 0 %", True),
        ("Ada", "unknown-0001", 0.5, "Ada 50 %", True),
        (None, "unknown-0001", 0.4, "unknown-0001", False),
        (None, None, 0.4, "", None),
    ],
)
def test_what_a_label_says(person, stranger, probability, text, known):
    assert name_label(BOX, person, stranger, probability) == Label(BOX, text, known)


def test_how_somebody_looks_stands_below_the_name():
    attributes = {"age": {"value": 34.2, "low": 28, "high": 41}, "smile": 0.81}
    label = name_label(BOX, "Ada", None, 0.973, attributes)
    assert label == Label(BOX, "Ada 97 %", True, ("34, smile 0.8",))
    image = np.zeros((360, 640, 3), np.uint8)
    drawn = annotate(image, [label])
    alone = annotate(image, [Label(BOX, "Ada 97 %", True)])
    assert (drawn == 255).all(axis=2).any(axis=1).sum() > (alone == 255).all(axis=2).any(
        axis=1
    ).sum()
    assert name_label(BOX, None, None, 0, attributes).notes == ("34, smile 0.8",)
    assert name_label(BOX, "Ada", None, 1, {}).notes == ()


@pytest.mark.parametrize(("known", "colour"), [(True, KNOWN), (False, STRANGER), (None, UNDECIDED)])
@pytest.mark.parametrize("size_wh", [(640, 360), (1920, 1080)])
def test_the_colour_says_who_is_known(known, colour, size_wh):
    image = np.full((size_wh[1], size_wh[0], 3), 128, np.uint8)
    drawn = annotate(image, [Label(BOX, "", known)])
    assert (drawn[80, 100:161] == colour).all()
    assert (drawn[80:151, 160] == colour).all()
    assert (drawn[100:130, 115:145] == 128).all()


def test_the_frame_is_read_only_and_stays_as_it_is():
    image = np.zeros((90, 160, 3), np.uint8)
    image.setflags(write=False)
    drawn = annotate(image, [Label((10, 30, 20, 20), "Ada 97 %", True)])
    assert not image.any()
    assert drawn.flags.writeable


def test_letters_can_be_read_at_360p_and_grow_with_the_picture():
    heights = []
    for size_wh in [(640, 360), (1920, 1080)]:
        image = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
        drawn = annotate(image, [Label((300, 200, 60, 60), "HHH", True)])
        rows = np.flatnonzero((drawn == 255).all(axis=2).any(axis=1))
        heights.append(rows[-1] - rows[0] + 1)
    assert heights[0] >= 9
    assert heights[1] >= 18
