"""Opening a source that takes its time."""

from __future__ import annotations

import threading

import pytest

import vultus
from tests.events.sinks import wait_for
from tests.video.scenes import FilmSource, Part, no_thread_left
from vultus.errors import SourceMissing
from vultus.video.opening import Opening


class Slow:
    """Opens when it is told to."""

    def __init__(self, error=None):
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.error, self.source = error, FilmSource([Part("ada")], 1.0)

    def __call__(self):
        self.begun.set()
        assert self.go_on.wait(10)
        if self.error is not None:
            raise self.error
        return self.source


def given_up(slow):
    """An opening that is given up while it goes on, and what its waiter got."""
    opening, found = Opening(slow), []
    waiter = threading.Thread(target=lambda: found.append(opening.wait()))
    waiter.start()
    assert slow.begun.wait(5)
    opening.give_up()
    waiter.join(5)
    assert not waiter.is_alive()
    return found


def test_who_waits_gets_the_source():
    source = FilmSource()
    opening = Opening(lambda: source)
    with no_thread_left():
        assert opening.wait() is source
        opening.give_up()
    assert source.closed == 0


def test_who_waits_hears_what_went_wrong():
    def fail():
        raise SourceMissing("There is no camera.", "")

    with no_thread_left(), pytest.raises(SourceMissing):
        Opening(fail).wait()


def test_what_is_open_too_late_is_closed():
    slow = Slow()
    with no_thread_left():
        assert given_up(slow) == [None]
        slow.go_on.set()
        wait_for(lambda: slow.source.closed == 1)


def test_what_fails_too_late_is_nobodys_business():
    slow = Slow(SourceMissing("There is no camera.", ""))
    with no_thread_left():
        assert given_up(slow) == [None]
        slow.go_on.set()


def test_what_was_given_up_before_is_not_opened():
    opening = Opening(lambda: pytest.fail("it was opened"))
    opening.give_up()
    assert opening.wait() is None


def test_a_watching_is_stopped_while_its_source_is_being_opened(family, play):
    slow = Slow()
    play(door=slow)
    watching = vultus.watch("door", group="family", gallery=family)
    found = []
    thread = threading.Thread(target=lambda: found.extend(watching))
    with no_thread_left():
        thread.start()
        assert slow.begun.wait(5)
        watching.stop()
        thread.join(5)
        assert not thread.is_alive()
        slow.go_on.set()
        wait_for(lambda: slow.source.closed)
    assert (found, watching.status[0].state) == ([], "ended")
