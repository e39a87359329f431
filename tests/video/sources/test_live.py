"""LiveReader with feeds made of Python, so that everything can go wrong at the right moment."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timezone
from fractions import Fraction

import numpy as np
import pytest

from vultus.errors import (
    ExtraMissing,
    SourceBusy,
    SourceDenied,
    SourceLost,
    SourceMissing,
    SourceNotVideo,
    SourceTimeout,
    VultusError,
)
from vultus.settings import VideoSettings
from vultus.video.sources import link, live
from vultus.video.sources.failures import FeedFailed
from vultus.video.sources.live import LiveReader
from vultus.video.sources.pixels import Picture
from vultus.video.sources.source import SourceInfo

QUICK = VideoSettings(open_timeout_s=0.2, read_timeout_s=0.2, retry_max_s=0.05)
HANG_S = 10
LOST = FeedFailed(SourceLost("cam broke off.", "Look."), passing=True)


def picture(level: int) -> Picture:
    return Picture((4, 2), lambda size: np.full((size[1], size[0], 3), level % 256, np.uint8))


class FakeFeed:
    """Gives what it is told: pictures, None, an error to raise, or a function to call."""

    def __init__(self, *steps, damaged: int = 0) -> None:
        self.info = SourceInfo("cam", True, (4, 2), Fraction(15))
        self.damaged, self.closed = damaged, threading.Event()
        self._steps = steps

    def pictures(self):
        for step in self._steps:
            if isinstance(step, BaseException):
                raise step
            if callable(step):
                step()
            else:
                yield step if step is None else picture(step)
        raise LOST

    def close(self) -> None:
        self.closed.set()


class Plan:
    """Connects to one feed after the other; an error instead of a feed is raised."""

    def __init__(self, *feeds) -> None:
        self.feeds, self.calls = list(feeds), []

    def __call__(self):
        self.calls.append(time.monotonic())
        feed = self.feeds.pop(0) if len(self.feeds) > 1 else self.feeds[0]
        if isinstance(feed, BaseException):
            raise feed
        return feed() if callable(feed) else feed


def refusing(kind, *, passing=False):
    return FeedFailed(kind("cam says no.", "Do something."), passing=passing)


def rest() -> None:
    time.sleep(0.03)


def forever(*first):
    """A feed that gives `first`, and a picture now and then after that."""
    steps = [*first]
    for level in range(100, 5000):
        steps += [rest, level]
    return FakeFeed(*steps)


@pytest.fixture
def reader():
    """Makes readers and closes them; none may leave a thread of its own behind."""
    made = []

    def make(plan, settings=QUICK, **options) -> LiveReader:
        made.append(LiveReader("cam", plan, settings, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
        assert not one._thread.is_alive()


def levels(source, count):
    found = []
    until = time.monotonic() + HANG_S
    for frame in source.frames():
        assert time.monotonic() < until
        if frame is not None:
            found.append(int(frame.image[0, 0, 0]))
        if len(found) == count:
            return found
    return found


def wait_for(condition) -> None:
    until = time.monotonic() + HANG_S
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.005)


def test_reconnects_after_a_loss_and_time_goes_on(reader):
    plan = Plan(FakeFeed(1, rest, 2, rest), FakeFeed(3, rest, rest), forever(4))
    source = reader(plan)
    times = []
    for frame in source.frames():
        if frame is not None:
            times.append((int(frame.image[0, 0, 0]), frame.media_time, frame.index))
        if times and times[-1][0] >= 100:
            break
    assert [level for level, _, _ in times][:3] == [1, 2, 3]
    assert sorted(set(times), key=lambda seen: seen[1]) == times
    assert [index for _, _, index in times] == sorted({index for _, _, index in times})
    assert source.state.reconnects == 2


def test_waits_longer_each_time_and_begins_anew_after_a_stable_while(reader, monkeypatch):
    waits = []
    monkeypatch.setattr(live, "_STABLE_S", 0.05)
    monkeypatch.setattr(live, "_JITTER", 0.0)
    monkeypatch.setattr(live, "_FIRST_WAIT_S", 0.01)
    pause = LiveReader._pause
    monkeypatch.setattr(
        LiveReader, "_pause", lambda self, attempt: (waits.append(attempt), pause(self, attempt))[1]
    )
    no = refusing(SourceMissing, passing=True)
    stable = FakeFeed(1, rest, 2, rest, 3, rest, 4)
    source = reader(Plan(no, no, no, FakeFeed(1), no, stable, no, forever()))
    wait_for(lambda: source.state.reconnects == 2)
    assert waits == [0, 1, 2, 3, 4, 0, 1]


def test_the_wait_is_bounded(reader, monkeypatch):
    slept = []
    monkeypatch.setattr(
        threading.Condition,
        "wait_for",
        lambda self, predicate, timeout=None: slept.append(timeout),
    )
    source = LiveReader.__new__(LiveReader)
    source._news, source._settings = threading.Condition(), VideoSettings(retry_max_s=30)
    source._closed = False
    for attempt in (0, 1, 2, 3, 10, 1000):
        source._pause(attempt)
    assert [round(value, 1) for value in slept[-2:]] == pytest.approx([30, 30], abs=3)
    assert max(slept) <= 30
    assert slept[0] == pytest.approx(0.5, rel=0.11)
    assert slept[2] == pytest.approx(2.0, rel=0.11)


@pytest.mark.parametrize(
    "kind", [SourceDenied, SourceNotVideo, SourceMissing, SourceBusy, ExtraMissing]
)
def test_what_does_not_pass_is_raised_unless_patient(reader, kind):
    error = kind("cam says no.", "Do.")
    feed = error if kind is ExtraMissing else FeedFailed(error, passing=False)
    source = reader(Plan(feed))
    with pytest.raises(kind, match="says no"):
        source.wait_for_answer(HANG_S)
    with pytest.raises(kind, match="says no"):
        list(source.frames())
    patient = reader(Plan(feed, feed, forever(7)), patient=True)
    assert levels(patient, 1)[0] in (7, 100)


def test_what_may_pass_is_tried_again_without_patience(reader):
    kinds = (SourceMissing, SourceTimeout, SourceLost)
    refusals = [refusing(kind, passing=True) for kind in kinds]
    source = reader(Plan(*refusals, forever(9)))
    assert levels(source, 1)[0] in (9, 100)


def test_after_the_first_frame_everything_is_tried_again(reader):
    source = reader(Plan(FakeFeed(1, rest), refusing(SourceDenied), forever()))
    assert levels(source, 2)[-1] >= 100


def test_a_mistake_in_the_program_reaches_whoever_iterates(reader):
    for feed in (ZeroDivisionError("oops"), FakeFeed(1, rest, ZeroDivisionError("oops"))):
        source = reader(Plan(feed), patient=True)
        with pytest.raises(ZeroDivisionError, match="oops"):
            levels(source, 9)


def test_says_how_it_is(reader, caplog):
    caplog.set_level(logging.INFO, "vultus.video")
    may_connect, may_lose = threading.Event(), threading.Event()

    def connect():
        may_connect.wait(HANG_S)
        return FakeFeed(1, lambda: may_lose.wait(HANG_S), 2, damaged=3)

    no = refusing(SourceMissing, passing=True)
    plan = Plan(connect, no, no, no, no, forever())
    slow = VideoSettings(open_timeout_s=9, read_timeout_s=9, retry_max_s=0.05)
    source = reader(plan, slow)
    assert source.state.phase == "connecting"
    assert source.state.error is None
    assert source.info.size_wh == (0, 0)
    may_connect.set()
    wait_for(lambda: source.state.phase == "live")
    assert source.info.size_wh == (4, 2)
    assert source.state.decoded == 1
    assert source.damaged == source.state.damaged == 3
    may_lose.set()
    wait_for(lambda: source.state.phase == "waiting")
    assert isinstance(source.state.error, VultusError)
    assert source.state.since <= datetime.now(timezone.utc)
    wait_for(lambda: source.state.phase == "live")
    assert source.state.error is None
    assert source.damaged == 3
    lines = [record.getMessage() for record in caplog.records]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "broke off" in lines[0]
    assert "back after" in lines[1]


def test_dropped_frames_are_counted(reader):
    go = threading.Event()
    source = reader(Plan(FakeFeed(*range(50), lambda: go.wait(HANG_S))))
    wait_for(lambda: source.state.decoded == 50)
    assert levels(source, 1) == [49]
    state = source.state
    assert (state.decoded, state.handed_out, state.dropped) == (50, 1, 49)
    go.set()


def test_none_where_nothing_is_new(reader, monkeypatch):
    monkeypatch.setattr(live, "_NEWS_S", 0.05)
    source = reader(Plan(FakeFeed(1, lambda: time.sleep(0.3), 2)), VideoSettings())
    found = [frame for frame, _ in zip(source.frames(), range(3), strict=False)]
    assert found[0] is not None
    assert found[1:] == [None, None]


def test_a_connection_that_hangs_is_given_up_and_its_late_frames_are_ignored(reader, monkeypatch):
    monkeypatch.setattr(link, "_GRACE_S", 0.1)
    come_back = threading.Event()
    hung = FakeFeed(1, lambda: come_back.wait(HANG_S), 77, 78)
    source = reader(Plan(hung, forever()))
    iterator = (int(f.image[0, 0, 0]) for f in source.frames() if f is not None)
    assert next(iterator) == 1
    assert next(iterator) >= 100
    come_back.set()
    assert hung.closed.wait(HANG_S)  # by its own thread, once it came back
    assert all(next(iterator) >= 100 for _ in range(5))
    assert source.state.reconnects == 1


def test_an_opening_that_hangs_is_given_up(reader, monkeypatch):
    monkeypatch.setattr(link, "_GRACE_S", 0.05)
    come_back = threading.Event()
    late = FakeFeed(55)

    def hang():
        come_back.wait(HANG_S)
        return late

    source = reader(Plan(hang, forever()))
    wait_for(lambda: source.state.error is not None or source.state.phase == "live")
    assert levels(source, 1)[0] >= 100
    come_back.set()
    assert late.closed.wait(HANG_S)


def test_close_does_not_wait_for_what_hangs(reader):
    come_back = threading.Event()
    hung = FakeFeed(1, lambda: come_back.wait(HANG_S))
    source = reader(Plan(hung), VideoSettings())
    levels(source, 1)
    began = time.monotonic()
    source.close()
    assert time.monotonic() - began < 2.5
    come_back.set()
    assert hung.closed.wait(HANG_S)


def test_close_wakes_who_waits_and_ends_the_wait_between_attempts(reader):
    slow = VideoSettings(retry_max_s=3600)
    source = reader(Plan(refusing(SourceMissing, passing=True)), slow)
    wait_for(lambda: source.state.phase == "waiting")
    ended = threading.Event()
    waiter = threading.Thread(target=lambda: (list(source.frames()), ended.set()))
    waiter.start()
    source.close()
    source.close()
    assert ended.wait(2)
    waiter.join()


def test_data_without_pictures_is_lost_in_the_end(reader):
    quick = VideoSettings(read_timeout_s=0.02, retry_max_s=3600)
    steps = [step for _ in range(100) for step in (None, lambda: time.sleep(0.005))]
    source = reader(Plan(FakeFeed(*steps)), quick)
    wait_for(lambda: source.state.error is not None)
    assert isinstance(source.state.error, SourceNotVideo)


def test_a_feed_that_ends_is_closed(reader):
    feeds = [FakeFeed(1), FakeFeed(2, refusing(SourceLost, passing=True))]
    reader(Plan(*feeds, forever()))
    assert all(feed.closed.wait(HANG_S) for feed in feeds)


def test_times_rise_even_where_the_clock_stands_still(reader, monkeypatch):
    over = threading.Event()
    source = reader(Plan(FakeFeed(lambda: over.wait(HANG_S))), VideoSettings())
    wait_for(lambda: source._link is not None)
    now = time.monotonic_ns()
    monkeypatch.setattr(time, "monotonic_ns", lambda: now)
    times = []
    for level in range(5):
        source._show(source._link, picture(level))
        times.append(source._newest.media_time)
    assert times == sorted(set(times))
    over.set()
