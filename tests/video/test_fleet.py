"""Threads of cameras: events come together, failures are told, hanging ones are left behind."""

from __future__ import annotations

import threading
import time

import pytest

from tests.video.scenes import no_thread_left
from vultus.video.fleet import Fleet
from vultus.video.watcher import CameraStatus


class Counting:
    """A watcher that says 0, 1, 2, ... until it is stopped, has said `most`, or fails."""

    def __init__(self, name, most=3, error=None, pause_s=0.0):
        self.status = CameraStatus(name)
        self.finished = False
        self._most, self._error, self._pause_s = most, error, pause_s
        self._stopped = threading.Event()

    def events(self):
        try:
            for number in range(self._most):
                if self._stopped.wait(self._pause_s):
                    return
                yield (self.status.camera, number)
            if self._error is not None:
                raise self._error
        finally:
            self.finished = True

    def stop(self):
        self._stopped.set()


class Hanging(Counting):
    """Hears no stop, as a driver may."""

    def stop(self):
        pass


def nothing():
    pass


def test_all_events_of_all():
    watchers = [Counting("a", 5), Counting("b", 3), Counting("c", 0)]
    with no_thread_left():
        found = list(Fleet(watchers, nothing).events())
    assert sorted(found) == [("a", n) for n in range(5)] + [("b", n) for n in range(3)]
    assert [each for each in found if each[0] == "a"] == [("a", n) for n in range(5)]


def test_a_failure_is_raised_when_all_have_ended(caplog):
    error = RuntimeError("broken")
    watchers = [Counting("a", 1, error), Counting("b", 20, pause_s=0.01)]
    found = []
    with no_thread_left(), pytest.raises(RuntimeError) as caught:
        for event in Fleet(watchers, nothing).events():
            found.append(event)
    assert caught.value is error
    assert len(found) == 21
    assert "a has failed: broken" in caplog.text


def test_of_two_failures_the_first_is_raised():
    first, second = RuntimeError("first"), RuntimeError("second")
    watchers = [Counting("a", 30, second, pause_s=0.01), Counting("b", 1, first)]
    with pytest.raises(RuntimeError) as caught:
        list(Fleet(watchers, nothing).events())
    assert caught.value is first


def test_what_breaks_for_all_ends_all():
    error = RuntimeError("the sink")
    ready = threading.Event()

    def check():
        if ready.is_set():
            raise error

    watchers = [Counting("a", 10**6, pause_s=0.01), Counting("b", 10**6, pause_s=0.01)]
    with no_thread_left(), pytest.raises(RuntimeError) as caught:
        for _ in Fleet(watchers, check).events():
            ready.set()
    assert caught.value is error
    assert all(watcher.finished for watcher in watchers)


def test_what_breaks_for_all_is_told_though_nothing_happens():
    error = RuntimeError("the sink")
    began = time.monotonic()

    def check():
        if time.monotonic() - began > 0.2:
            raise error

    with no_thread_left(), pytest.raises(RuntimeError):
        list(Fleet([Counting("a", 1, pause_s=60)], check).events())
    assert time.monotonic() - began < 2


def test_breaking_off_ends_all():
    watchers = [Counting("a", 10**6, pause_s=0.01), Counting("b", 10**6, pause_s=0.01)]
    with no_thread_left():
        events = Fleet(watchers, nothing).events()
        next(events)
        events.close()
    assert all(watcher.finished for watcher in watchers)


def test_one_that_hangs_is_left_behind():
    hanging, other = Hanging("a", 60, pause_s=0.1), Counting("b", 10**6, pause_s=0.01)
    fleet = Fleet([hanging, other], nothing)
    events = fleet.events()
    next(events)
    began = time.monotonic()
    events.close()
    assert time.monotonic() - began < 4
    assert other.finished
    assert not hanging.finished
    Counting.stop(hanging)


def test_the_status_of_each():
    watchers = [Counting("a"), Counting("b")]
    assert [status.camera for status in Fleet(watchers, nothing).status] == ["a", "b"]
