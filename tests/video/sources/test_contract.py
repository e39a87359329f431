"""One suite over every kind of source."""

from __future__ import annotations

import itertools
import threading
import time
from datetime import datetime, timedelta, timezone
from fractions import Fraction

import numpy as np
import pytest

from tests.video.clips import number_of
from tests.video.sources.conftest import COUNT
from vultus.video.sources.opening import open_source

HANG_S = 20


def take(source, count: int) -> list:
    """So many frames; fails where they do not come."""
    frames = []
    until = time.monotonic() + HANG_S
    for frame in source.frames():
        assert time.monotonic() < until, f"only {len(frames)} frames came"
        if frame is not None:
            frames.append(frame)
        if len(frames) == count:
            break
    return frames


def test_says_what_it_is(case, settings):
    source = open_source(case.address, settings)
    try:
        assert source.info.size_wh == case.size_wh
        assert source.info.live is case.live
        assert case.secret not in repr(source.info)
        assert case.secret not in repr(vars(source.info))
    finally:
        source.close()


def test_frames_rise_in_time_and_have_pixels(case, settings):
    source = open_source(case.address, settings)
    frames = take(source, 8)
    source.close()
    for before, after in itertools.pairwise(frames):
        assert after.media_time > before.media_time
        assert after.taken_at > before.taken_at
        assert after.index > before.index
        assert number_of(after.image) > number_of(before.image)
    for frame in frames:
        assert isinstance(frame.media_time, Fraction)
        assert frame.taken_at.tzinfo is timezone.utc
        assert frame.size_wh == case.size_wh
        assert frame.image.shape == (case.size_wh[1], case.size_wh[0], 3)
        assert frame.image.dtype == np.uint8
        assert not frame.image.flags.writeable
        assert frame.small(80).shape == (round(80 * case.size_wh[1] / case.size_wh[0]), 80, 3)
        assert number_of(frame.small(80)) == number_of(frame.image)
        assert not frame.corrupt
    assert source.damaged == 0


def test_close_from_another_thread_ends_the_iteration(case, settings):
    source = open_source(case.address, settings)
    started, ended = threading.Event(), threading.Event()

    def read() -> None:
        for _ in source.frames():
            started.set()
            time.sleep(0.01)
        ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert started.wait(HANG_S)
    began = time.monotonic()
    source.close()
    assert time.monotonic() - began < 2.5
    assert ended.wait(2.5)
    source.close()
    reader.join()
    assert list(source.frames()) == []


def test_recordings_hand_out_every_frame_the_same_on_every_run(recorded, settings):
    runs = []
    for _ in range(2):
        source = open_source(recorded.address, settings)
        frames = take(source, 10 * COUNT)
        source.close()
        assert [number_of(frame.image) for frame in frames] == list(range(COUNT))
        assert [frame.index for frame in frames] == list(range(COUNT))
        step = 1 if recorded.kind == "folder" else Fraction(1, 25)
        assert [frame.media_time for frame in frames] == [step * n for n in range(COUNT)]
        runs.append([frame.image.tobytes() for frame in frames])
    assert runs[0] == runs[1]


def test_recordings_tell_rate_and_length(recorded, settings):
    source = open_source(recorded.address, settings)
    source.close()
    rate = Fraction(1) if recorded.kind == "folder" else Fraction(25)
    assert source.info.rate == rate
    assert source.info.duration == COUNT / rate


def test_a_given_start_counts_for_recordings(recorded, settings):
    start = datetime(2020, 2, 29, 13, 0, tzinfo=timezone(timedelta(hours=2)))
    source = open_source(recorded.address, settings, started_at=start)
    frames = take(source, 2)
    source.close()
    assert frames[0].taken_at == datetime(2020, 2, 29, 11, 0, tzinfo=timezone.utc)
    assert frames[1].taken_at - frames[0].taken_at == timedelta(seconds=float(frames[1].media_time))


def test_live_hands_out_the_newest_frame_only(live, settings):
    source = open_source(live.address, settings)
    iterator = (frame for frame in source.frames() if frame is not None)
    first = next(iterator)
    time.sleep(1.0)  # a slow consumer
    second, asked_at = next(iterator), datetime.now(timezone.utc)
    state = source.state
    source.close()
    # about a second later in the pixels, too, and not the frame that came next
    rate = 15 if live.kind == "rtsp" else 25
    assert number_of(second.image) - number_of(first.image) >= 0.5 * rate
    assert second.index - first.index >= 0.5 * rate
    assert asked_at - second.taken_at < timedelta(seconds=0.5)
    assert second.media_time - first.media_time > Fraction(1, 2)
    assert state.phase == "live"
    assert state.error is None
    assert state.handed_out == 2
    assert state.dropped >= 0.5 * rate
    assert state.decoded >= state.handed_out + state.dropped
    assert state.reconnects == 0


def test_live_times_are_those_of_the_machine(live, settings):
    before = datetime.now(timezone.utc)
    source = open_source(
        live.address, settings, started_at=datetime(2001, 1, 1, tzinfo=timezone.utc)
    )
    frame = take(source, 1)[0]
    source.close()
    assert before < frame.taken_at < datetime.now(timezone.utc)
    assert source.info.duration is None


def test_patience_changes_nothing_for_a_source_that_is_well(case, settings):
    if case.kind == "http_hls":
        pytest.skip("patience takes a playlist for live, see test_failures")
    source = open_source(case.address, settings, patient=True)
    assert len(take(source, 3)) == 3
    source.close()
