from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction

import numpy as np
import pytest

from tests.video.builders import frame_of
from vultus.errors import SourceLost
from vultus.video.ahead import due_frames
from vultus.video.budget import Sampler
from vultus.video.frame import Frame
from vultus.video.sources.source import SourceInfo

PICTURE = np.full((90, 160, 3), 80, np.uint8)
AHEAD = 4  # frames, at most, beside the one that is being made


class FakeSource:
    """Frames, ten a second; fails before the frame `fails_at`."""

    damaged = 0

    def __init__(self, count: int = 30, *, live: bool = False, fails_at: int | None = None) -> None:
        self.info = SourceInfo("fake", live, (160, 90))
        self.count, self.fails_at = count, fails_at
        self.made = 0
        self.threads: set[str] = set()

    def frames(self) -> Iterator[Frame | None]:
        for index in range(self.count):
            if index == self.fails_at:
                raise SourceLost("The cable was pulled.", "Plug it in.")
            self.made += 1
            self.threads.add(threading.current_thread().name)
            yield None if index == 7 else frame_of(PICTURE, Fraction(index, 10), index)

    def close(self) -> None: ...


def helpers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "vultus-ahead"]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    deadline = time.monotonic() + 2
    while helpers() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert helpers() == []


def frames(source: FakeSource, rate: float = 5, side: int = 80):
    return due_frames(source, Sampler(rate), side)


@pytest.mark.parametrize("live", [False, True])
def test_all_frames_come_in_order_with_copies_of_those_that_are_due(live):
    found = list(frames(FakeSource(live=live)))
    assert [each.frame and each.frame.index for each in found] == [
        None if k == 7 else k for k in range(30)
    ]
    due = [each.frame.index for each in found if each.small is not None]
    assert due == list(range(0, 30, 2))
    assert found[0].small.shape == (45, 80, 3)


def test_where_nothing_came_there_is_nothing():
    nothing = list(frames(FakeSource()))[7]
    assert (nothing.frame, nothing.small) == (None, None)


def test_a_recording_is_read_in_a_thread_of_its_own():
    source = FakeSource()
    list(frames(source))
    assert source.threads == {"vultus-ahead"}


def test_a_live_source_is_read_as_it_comes():
    source = FakeSource(live=True)
    with closing(frames(source)) as due:
        next(due)
        assert source.made == 1
    assert source.threads == {threading.current_thread().name}


def test_only_a_few_frames_are_read_ahead():
    source = FakeSource(1000)
    with closing(frames(source)) as due:
        next(due)
        deadline = time.monotonic() + 1
        while source.made < AHEAD + 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert source.made <= AHEAD + 3


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("fails_at", [0, 5])
def test_what_goes_wrong_is_raised_where_frames_are_taken(live, fails_at):
    found = []
    with pytest.raises(SourceLost, match="cable") as caught:
        for each in frames(FakeSource(live=live, fails_at=fails_at)):
            found.append(each)
    assert len(found) == fails_at
    assert caught.value.hint == "Plug it in."
    assert helpers() == []


def test_an_error_of_any_kind_is_raised_within_two_seconds():
    source = FakeSource()

    def broken() -> Iterator[Frame]:
        yield frame_of(PICTURE)
        raise MemoryError("no more")

    source.frames = broken
    began = time.monotonic()
    with pytest.raises(MemoryError):
        list(frames(source))
    assert time.monotonic() - began < 2


def test_a_picture_that_cannot_be_converted_is_raised():
    def broken(_size):
        raise ValueError("no such colour")

    source = FakeSource()
    bad = Frame(0, Fraction(0), frame_of(PICTURE).taken_at, (160, 90), broken)
    source.frames = lambda: iter([bad])
    with pytest.raises(ValueError, match="colour"):
        list(frames(source))


def test_whoever_breaks_off_leaves_no_thread():
    source = FakeSource(10_000)
    with closing(frames(source)) as due:
        for _ in range(3):
            next(due)
    assert helpers() == []
    assert source.made < 20


def test_nothing_is_read_before_it_is_asked_for():
    source = FakeSource()
    due = frames(source)
    assert (source.made, helpers()) == (0, [])
    due.close()


def test_an_empty_source():
    assert list(frames(FakeSource(0))) == []
