from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.errors import UsageError
from vultus.video.sources.clock import MediaClock, after, started

NOW = datetime(2024, 5, 1, tzinfo=timezone.utc)


def times(rate, *seconds):
    clock = MediaClock(rate)
    return [clock.at(None if value is None else Fraction(value)) for value in seconds]


def test_begins_at_zero_and_keeps_gaps_exactly():
    third = Fraction(1, 3)
    assert times(Fraction(3), 5, 5 + third, 60) == [0, third, 55]


def test_frames_without_a_time_come_one_frame_length_later():
    assert times(Fraction(10), None, None, 7, 7 + Fraction(1, 10)) == [
        0,
        Fraction(1, 10),
        Fraction(2, 10),
        Fraction(3, 10),
    ]


def test_frames_that_do_not_rise_come_one_frame_length_later_and_move_nothing_else():
    tenth = Fraction(1, 10)
    assert times(Fraction(20), 0, tenth, tenth, 3 * tenth) == [0, tenth, 3 * tenth / 2, 3 * tenth]


def test_a_clock_that_begins_anew_is_followed():
    assert times(Fraction(10), 50, 60, 0, 1, 5) == [
        0,
        10,
        Fraction(101, 10),
        Fraction(111, 10),
        Fraction(151, 10),
    ]


def test_an_unknown_rate_is_taken_as_25():
    assert times(None, 0, None) == [0, Fraction(1, 25)]


@given(
    st.lists(st.none() | st.fractions(0, 100, max_denominator=90000), max_size=30),
    st.none() | st.fractions(1, 240, max_denominator=1001),
)
def test_always_rises(seconds, rate):
    clock = MediaClock(rate)
    found = [clock.at(value) for value in seconds]
    assert all(a < b for a, b in itertools.pairwise(found))
    assert found[:1] in ([], [0])


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("2019-03-04T05:06:07.000000Z", datetime(2019, 3, 4, 5, 6, 7, tzinfo=timezone.utc)),
        ("2019-03-04T05:06:07+02:00", datetime(2019, 3, 4, 3, 6, 7, tzinfo=timezone.utc)),
        ("2019-03-04 05:06:07", datetime(2019, 3, 4, 5, 6, 7, tzinfo=timezone.utc)),
        ("1904-01-01T00:00:00.000000Z", NOW),
        ("1970-01-01T00:00:00.000000Z", NOW),
        ("yesterday", NOW),
        ("", NOW),
    ],
)
def test_the_start_as_the_file_says_where_it_can_be_believed(tag, expected):
    start = started(None, {"creation_time": tag}, NOW)
    assert start == expected
    assert start.utcoffset() == timedelta(0)


def test_a_given_start_goes_first_and_needs_a_zone():
    given = datetime(2001, 1, 1, 12, tzinfo=timezone(timedelta(hours=1)))
    assert started(given, {"creation_time": "2019-03-04T05:06:07Z"}, NOW).hour == 11
    with pytest.raises(UsageError, match="zone"):
        started(datetime(2001, 1, 1), {}, NOW)


def test_later_is_exact_to_the_microsecond():
    assert after(NOW, Fraction(1001, 30000)) - NOW == timedelta(microseconds=33367)
    assert after(NOW, Fraction(10**9)) - NOW == timedelta(seconds=10**9)
