from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.video.tracker import Tracker

SURE, DOUBTFUL, UNLIKELY = 0.99, 0.9, 0.7


def box(x: float, y: float = 100, side: float = 60) -> tuple[float, float, float, float]:
    return (x, y, side, side)


def step(
    tracker: Tracker, seconds: float, *boxes: tuple[float, ...], scores: list[float] | None = None
) -> tuple[list[int | None], list[int]]:
    return tracker.update(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores or [SURE] * len(boxes), np.float32),
        Fraction(seconds).limit_denominator(1000),
    )


def numbers(tracker: Tracker, seconds: float, *boxes: tuple[float, ...], **more: list[float]):
    return step(tracker, seconds, *boxes, **more)[0]


def test_a_face_that_stays_is_one_track():
    tracker = Tracker()
    assert [numbers(tracker, k / 10, box(100)) for k in range(20)] == [[1]] * 20


@pytest.mark.parametrize("rate", [5, 10, 25])
def test_a_face_that_walks_is_one_track(rate):
    tracker = Tracker()
    found = {numbers(tracker, k / rate, box(100 + 200 * k / rate))[0] for k in range(3 * rate)}
    assert found == {1}


def test_a_face_that_comes_nearer_is_one_track():
    tracker = Tracker()
    found = {numbers(tracker, k / 5, box(300 - 3 * k, 100, 40 + 6 * k))[0] for k in range(20)}
    assert found == {1}


def test_two_who_walk_past_each_other_keep_their_numbers():
    tracker = Tracker()
    for k in range(21):
        there, back = box(100 + 20 * k, 100), box(500 - 20 * k, 130)
        assert numbers(tracker, k / 10, there, back) == [1, 2]


def test_numbers_follow_the_faces_and_not_their_order():
    tracker = Tracker()
    assert numbers(tracker, 0, box(100), box(400), box(700)) == [1, 2, 3]
    assert numbers(tracker, 0.1, box(700), box(100), box(400)) == [3, 1, 2]


def test_a_face_that_is_hidden_for_a_moment_is_the_same_track():
    tracker = Tracker()
    numbers(tracker, 0, box(100))
    numbers(tracker, 0.1, box(100))
    assert step(tracker, 0.6) == ([], [])
    assert numbers(tracker, 1.2, box(105)) == [1]


def test_a_face_that_is_hidden_for_long_is_another_track():
    tracker = Tracker()
    numbers(tracker, 0, box(100))
    assert step(tracker, 1.0) == ([], [])
    assert step(tracker, 2.0) == ([], [1])
    assert step(tracker, 3.0) == ([], [])  # told once
    assert numbers(tracker, 3.1, box(100)) == [2]  # a number is never used again


@pytest.mark.parametrize("other", [box(400), box(100, 400), box(100, side=240)])
def test_a_face_elsewhere_or_of_another_size_is_another_track(other):
    tracker = Tracker()
    numbers(tracker, 0, box(100))
    numbers(tracker, 0.1, box(100))
    assert numbers(tracker, 0.2, other) == [2]


def test_a_doubtful_detection_begins_no_track():
    tracker = Tracker()
    assert numbers(tracker, 0, box(100), scores=[DOUBTFUL]) == [None]
    assert numbers(tracker, 0.1, box(100)) == [1]


def test_a_doubtful_detection_continues_a_track():
    tracker = Tracker()
    numbers(tracker, 0, box(100))
    for k in range(1, 30):
        assert numbers(tracker, k / 10, box(100), scores=[DOUBTFUL]) == [1]


def test_a_doubtful_detection_beside_a_face_does_not_take_its_track_along():
    tracker = Tracker()
    for k in range(3):
        numbers(tracker, k / 10, box(100))
    assert numbers(tracker, 0.3, box(145), scores=[DOUBTFUL]) == [None]


def test_what_is_hardly_a_face_continues_nothing():
    tracker = Tracker()
    numbers(tracker, 0, box(100))
    assert numbers(tracker, 0.1, box(100), scores=[UNLIKELY]) == [None]


def test_a_sure_face_goes_before_a_doubtful_one():
    tracker = Tracker()
    numbers(tracker, 0, box(100))
    assert numbers(tracker, 0.1, box(100), box(104), scores=[DOUBTFUL, SURE]) == [None, 1]


def test_a_reset_ends_all_tracks_and_uses_no_number_again():
    tracker = Tracker()
    numbers(tracker, 0, box(100), box(400))
    assert tracker.reset() == [1, 2]
    assert tracker.reset() == []
    assert step(tracker, 0.1, box(100)) == ([3], [])


def test_two_trackers_share_nothing():
    one, other = Tracker(), Tracker()
    assert numbers(one, 0, box(100), box(400)) == [1, 2]
    assert numbers(other, 0, box(100)) == [1]
    one.reset()
    assert numbers(other, 0.1, box(100)) == [1]
    assert numbers(one, 0.1, box(100)) == [3]


def test_where_faces_are_expected():
    tracker = Tracker()
    for k in range(10):
        numbers(tracker, k / 10, box(100 + 10 * k), box(600))
    ahead = tracker.where(Fraction(1), 0.3)
    x, y, width, height = ahead[1]
    assert 191 < x < 205  # it walked on, by not more than before
    assert (y, width, height) == pytest.approx((100, 60, 60), abs=0.5)
    assert ahead[2] == pytest.approx(box(600), abs=0.5)


def test_only_what_was_seen_lately_is_expected():
    tracker = Tracker()
    numbers(tracker, 0, box(100), box(400))
    numbers(tracker, 0.5, box(100))
    assert set(tracker.where(Fraction(6, 10), 0.3)) == {1}


def test_a_walk_is_not_carried_on_for_ever():
    tracker = Tracker()
    for k in range(10):
        numbers(tracker, k / 10, box(100 + 30 * k))
    x = tracker.where(Fraction(2), 5.0)[1][0]
    assert x < 370 + 300 * 0.35


PLACES = st.lists(
    st.tuples(
        st.floats(0, 900, width=32), st.floats(0, 500, width=32), st.floats(20, 200, width=32)
    ),
    max_size=6,
)


@given(st.lists(st.tuples(PLACES, st.integers(1, 20)), min_size=1, max_size=12))
def test_whatever_comes_every_face_has_a_number_of_its_own(frames):
    tracker, twin, over = Tracker(), Tracker(), set()
    seconds = 0.0
    for places, tenths in frames:
        seconds += tenths / 10
        boxes = [(x, y, side, side * 1.2) for x, y, side in places]
        found, ended = step(tracker, seconds, *boxes)
        assert None not in found
        assert len(set(found)) == len(found)
        over |= set(ended)
        assert not over & set(found)
        assert step(twin, seconds, *boxes) == (found, ended)  # the same on every run
