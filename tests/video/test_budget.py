from __future__ import annotations

import threading
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.events.sinks import wait_for
from vultus.video import budget as module
from vultus.video.budget import Budget, Sampler, Throttle

NTSC = Fraction(30000, 1001)


def due(rate: float, times: list[Fraction]) -> list[int]:
    sampler = Sampler(rate)
    return [number for number, moment in enumerate(times) if sampler.is_due(moment)]


def evenly(rate: Fraction, seconds: int) -> list[Fraction]:
    return [Fraction(k) / rate for k in range(int(seconds * rate) + 1)]


# which frames are analysed


@pytest.mark.parametrize("wished", [1, 2, 5, 7.5, 10, 12.5, 29.97])
@pytest.mark.parametrize("rate", [NTSC, Fraction(25), Fraction(24000, 1001), Fraction(60)])
def test_so_many_frames_a_second_are_analysed(wished, rate):
    seconds = 600
    found = due(wished, evenly(rate, seconds))
    assert len(found) == pytest.approx(min(wished, float(rate)) * seconds, abs=2)


def test_the_rate_of_the_source_is_not_rounded():
    """A thousand seconds at 29.97: counted as 29 or 30 a second, it would be 33 frames off."""
    times = evenly(NTSC, 1001)
    found = due(1, times)
    assert len(found) == 1002
    assert all(times[number] // 1 == second for second, number in enumerate(found))
    assert all(times[number] - second < 1 / NTSC for second, number in enumerate(found))


def test_a_wished_rate_is_not_rounded():
    assert len(due(2.5, evenly(Fraction(25), 100))) == 251
    assert len(due(0.1, evenly(Fraction(25), 100))) == 11


def test_the_first_frame_is_always_analysed():
    assert due(0.5, [Fraction(0), Fraction(1)]) == [0]
    assert due(0.5, [Fraction(17, 3)]) == [0]


def test_every_frame_is_analysed_where_more_are_wished_than_there_are():
    assert due(100, evenly(NTSC, 1)) == list(range(30))


def test_frames_that_come_at_any_times():
    times = [Fraction(k, 100) for k in (0, 1, 9, 11, 12, 31, 39, 40, 95, 300, 301, 310)]
    assert due(10, times) == [0, 3, 5, 7, 8, 9, 11]


TIMES = st.lists(st.fractions(0, 100, max_denominator=10_000), max_size=60, unique=True).map(sorted)


@given(TIMES, st.sampled_from([0.3, 1, 5, 10, 29.97]))
def test_no_two_frames_of_one_slot_and_no_slot_left_out(times, rate):
    exact = Fraction(rate).limit_denominator(1000)
    found = due(rate, times)
    slots = [times[number] * exact // 1 for number in found]
    assert len(set(slots)) == len(slots)
    assert set(slots) == {moment * exact // 1 for moment in times}
    assert due(rate, times) == found  # the same ones on every run


def test_two_samplers_share_nothing():
    one, other = Sampler(1), Sampler(1)
    assert one.is_due(Fraction(0))
    assert other.is_due(Fraction(0))
    assert not one.is_due(Fraction(1, 2))


# how much a camera may compute


class Clock:
    """Instead of time.monotonic."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def work(throttle: Throttle, clock: Clock, seconds: float, number: int = 1) -> None:
    began = clock.now
    clock.now += seconds
    throttle.analysed(began, number)


def test_all_of_the_processor(clock):
    throttle = Throttle(1.0, 10)
    assert throttle.may_analyse()
    work(throttle, clock, 0.5)
    assert throttle.may_analyse()


def test_a_quarter_of_the_processor(clock):
    throttle = Throttle(0.25, 10)
    work(throttle, clock, 0.1)
    for rest, free in [(0.0, False), (0.29, False), (0.011, True)]:
        clock.now += rest
        assert throttle.may_analyse() is free


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_holds_on_the_whole(clock, share):
    throttle, busy, began = Throttle(share, 100), 0.0, clock.now
    for number in range(4000):
        if throttle.may_analyse():
            work(throttle, clock, 0.03, number)
            busy += 0.03
        clock.now += 0.005
    assert busy / (clock.now - began) == pytest.approx(share, abs=0.1)
    assert busy / (clock.now - began) <= share + 0.01


def run(throttle: Throttle, clock: Clock, seconds: float, source: float, analysed: float) -> None:
    for k in range(round(seconds * source)):
        clock.now += 1 / source
        throttle.saw(k + 1)
        if k % round(source / analysed) == 0:
            throttle.analysed(clock.now, k // round(source / analysed) + 1)


def test_rates_are_measured(clock):
    throttle = Throttle(1.0, 10)
    run(throttle, clock, 30, 30, 10)
    assert throttle.source_fps == pytest.approx(30, rel=0.05)
    assert throttle.fps == pytest.approx(10, rel=0.05)
    assert throttle.keeps_up


def test_it_says_when_it_cannot_keep_up(clock):
    throttle = Throttle(1.0, 10)
    run(throttle, clock, 30, 30, 5)
    assert not throttle.keeps_up


def test_a_source_that_has_less_than_was_asked_for_is_kept_up_with(clock):
    throttle = Throttle(1.0, 10)
    run(throttle, clock, 30, 5, 5)
    assert throttle.keeps_up


def test_nothing_is_said_at_the_beginning(clock):
    throttle = Throttle(1.0, 10)
    assert throttle.keeps_up
    assert (throttle.fps, throttle.source_fps) == (0, 0)
    run(throttle, clock, 3, 30, 1)
    assert throttle.keeps_up


def test_a_source_that_stands_still_has_no_rate(clock):
    throttle = Throttle(1.0, 10)
    run(throttle, clock, 10, 30, 10)
    clock.now += 1000
    assert throttle.source_fps < 1


# turns


def test_no_more_at_once_than_there_are_turns():
    budget, lock, at_once, most = Budget(2), threading.Lock(), [0], [0]
    meet = threading.Barrier(6)

    def analyse() -> None:
        meet.wait(5)
        for _ in range(20):
            with budget.turn():
                with lock:
                    at_once[0] += 1
                    most[0] = max(most[0], at_once[0])
                with lock:
                    at_once[0] -= 1

    threads = [threading.Thread(target=analyse) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert 1 <= most[0] <= 2


def test_a_turn_is_given_back_where_the_analysis_fails():
    budget = Budget(1)
    for _ in range(3):
        with pytest.raises(RuntimeError), budget.turn():
            raise RuntimeError("broken")
    with budget.turn():
        pass


def test_who_waits_is_next_however_often_others_ask():
    """A camera over a recording asks again at once: it must not keep a request waiting."""
    budget, ended, turns = Budget(1), threading.Event(), []

    def ask_for_ever():
        while not ended.is_set():
            with budget.turn():
                turns.append("camera")
                sum(range(20_000))

    camera = threading.Thread(target=ask_for_ever)
    camera.start()
    try:
        for _ in range(20):
            while not turns:
                time.sleep(0.001)
            asked = len(turns)
            with budget.turn():
                waited = len(turns) - asked
            assert waited <= 50  # most of them before this thread came to ask
    finally:
        ended.set()
        camera.join()


def test_turns_are_given_in_the_order_of_asking():
    budget, order, asking = Budget(1), [], []

    def ask(number):
        asking.append(number)
        with budget.turn():
            order.append(number)

    threads = []
    with budget.turn():
        for number in range(8):
            threads.append(threading.Thread(target=ask, args=(number,)))
            threads[-1].start()
            wait_for(lambda number=number: len(budget._waiting) == number + 1)
    for thread in threads:
        thread.join()
    assert order == list(range(8))
    assert budget._free == 1


def test_who_gives_up_waiting_leaves_no_turn_behind(monkeypatch):
    budget = Budget(1)

    class Interrupted(threading.Event):
        def wait(self, timeout=None):
            raise KeyboardInterrupt

    class InterruptedLate(threading.Event):
        def wait(self, timeout=None):
            budget._give()  # the turn comes at this very moment
            raise KeyboardInterrupt

    budget._take()
    for kind in (Interrupted, InterruptedLate):
        monkeypatch.setattr(module, "Event", kind)
        with pytest.raises(KeyboardInterrupt), budget.turn():
            pass
    assert (budget._free, len(budget._waiting)) == (1, 0)
