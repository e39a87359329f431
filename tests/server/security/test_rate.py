"""Token buckets, with a clock of the test's own."""

from __future__ import annotations

import pytest

from vultus.errors import RateExceeded
from vultus.server.security.rate import RateLimit


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def passes(limit, key="a", tries=1000):
    """How many requests in a row are let through."""
    for number in range(tries):
        try:
            limit.take(key)
        except RateExceeded:
            return number
    return tries


def test_a_burst_and_then_the_rate(clock):
    limit = RateLimit(2.0, 5, clock)
    assert passes(limit) == 5
    clock.now += 0.5
    assert passes(limit) == 1
    clock.now += 1.0
    assert passes(limit) == 2


def test_no_more_than_the_burst_is_saved_up(clock):
    limit = RateLimit(2.0, 5, clock)
    passes(limit)
    clock.now += 3600
    assert passes(limit) == 5


def test_the_wait_that_is_told_is_enough_and_not_too_much(clock):
    limit = RateLimit(0.25, 1, clock)
    limit.take("a")
    clock.now += 1.0
    with pytest.raises(RateExceeded) as refused:
        limit.take("a")
    assert refused.value.retry_after_s == pytest.approx(3.0)
    clock.now += refused.value.retry_after_s - 0.01
    assert passes(limit) == 0
    clock.now += 0.02
    assert passes(limit) == 1


def test_who_asks_on_and_on_is_let_through_all_the_same(clock):
    limit = RateLimit(1.0, 1, clock)
    limit.take("a")
    let_through = 0
    for _ in range(100):  # ten times as often as allowed
        clock.now += 0.1
        let_through += passes(limit, tries=1)
    assert let_through in (9, 10)


def test_each_key_has_its_own(clock):
    limit = RateLimit(1.0, 3, clock)
    assert passes(limit, "a") == 3
    assert passes(limit, "b") == 3


def test_without_a_rate_nobody_waits(clock):
    assert passes(RateLimit(0, 1, clock)) == 1000
