"""The newest frame of a camera, for those who watch."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.events.visits import START
from vultus.errors import ServerBusy
from vultus.imaging.load import load
from vultus.server.cameras.preview import MOST_VIEWERS, Peephole
from vultus.video.frame import Frame
from vultus.video.overlay import Label


def frame(value=60, size_wh=(320, 240), made=None):
    def convert(wanted):
        if made is not None:
            made.append(value)
        return np.full((wanted[1], wanted[0], 3), value, np.uint8)

    return Frame(value, Fraction(value, 10), START, size_wh, convert)


def test_nothing_is_kept_or_converted_while_nobody_watches():
    hole, made = Peephole(), []
    assert not hole.is_looking
    assert hole.show(frame(made=made), [])
    assert hole.newest is None
    with hole.open():
        assert hole.is_looking
        assert hole.newest is None  # what was is not now
        hole.show(frame(made=made), [])
        assert hole.newest is not None
    assert not hole.is_looking
    assert hole.newest is None
    assert made == []


def test_only_the_newest_frame_is_seen():
    hole = Peephole()
    with hole.open():
        for value in (10, 90, 170):
            hole.show(frame(value), [])
        assert hole.newest.number == 3
        data = hole.jpeg(hole.newest, None, annotated=False)
    assert abs(int(load(data).mean()) - 170) <= 2


def test_boxes_follow_the_size_and_are_left_out_when_not_wanted():
    hole = Peephole()
    label = Label((160.0, 120.0, 80.0, 60.0), "", True)
    with hole.open():
        hole.show(frame(20), [label])
        look = hole.newest
        drawn = load(hole.jpeg(look, 160, annotated=True))
        plain = load(hole.jpeg(look, 160, annotated=False))
        full = load(hole.jpeg(look, 9999, annotated=True))
    assert drawn.shape == plain.shape == (120, 160, 3)
    assert full.shape == (240, 320, 3)  # made no larger
    differ = np.argwhere(np.abs(drawn.astype(int) - plain).max(axis=2) > 60)
    (top, left), (bottom, right) = differ.min(axis=0), differ.max(axis=0)
    assert abs(left - 80) <= 4
    assert abs(top - 60) <= 4
    assert abs(right - 120) <= 4
    assert abs(bottom - 90) <= 4


def test_viewers_who_want_the_same_share_one_picture():
    hole = Peephole()
    with hole.open():
        hole.show(frame(30), [])
        look = hole.newest
        first = hole.jpeg(look, 100, annotated=True)
        assert hole.jpeg(look, 100, annotated=True) is first
        assert hole.jpeg(look, 101, annotated=True) is not first
        hole.show(frame(40), [])
        assert hole.jpeg(hole.newest, 100, annotated=True) is not first


def test_too_many_viewers_are_told_to_wait():
    hole = Peephole()
    for _ in range(MOST_VIEWERS):
        hole.enter()
    with pytest.raises(ServerBusy), hole.open():
        pass
    hole.leave()
    with hole.open():
        assert hole.is_looking


def test_a_run_that_is_over_shows_nothing_and_the_next_one_does():
    hole = Peephole()
    with hole.open():
        hole.show(frame(), [])
        before = hole.newest.number
        hole.close()
        assert hole.newest is None
        assert hole.is_looking
        hole.show(frame(), [])
        assert hole.newest.number > before
