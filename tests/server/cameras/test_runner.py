"""One camera in its thread: begun again after what fails, heard at once when it is stopped."""

from __future__ import annotations

import logging
import threading

import pytest

from tests.events.sinks import wait_for
from tests.video.scenes import no_thread_left
from vultus.errors import SourceMissing
from vultus.server.cameras import runner as module
from vultus.server.cameras.runner import CameraRunner
from vultus.video.watcher import CameraStatus


class FakeWatch:
    """Runs until it is stopped, or to its end. error: raised then. ends: by itself."""

    def __init__(self, error=None, *, ends=False):
        self.error, self.stopped, self.closed = error, threading.Event(), 0
        if ends:
            self.stopped.set()
        self.now = CameraStatus("door", "rtsp://door", "live", frames=7, present=["ada"])

    @property
    def status(self):
        return [self.now]

    def stop(self):
        self.stopped.set()

    def __iter__(self):
        return self

    def __next__(self):
        self.stopped.wait(20)
        if self.error is not None:
            raise self.error
        raise StopIteration

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed += 1


@pytest.fixture
def run():
    """`run(*watches)`: a runner that begins these one after the other; stopped at the end."""
    made = []

    def start(*watches, **options):
        left = list(watches)

        def begin():
            found = left.pop(0) if left else FakeWatch()
            if isinstance(found, BaseException):
                raise found
            return found

        runner = CameraRunner("door", begin, source="rtsp://door", **options)
        made.append(runner)
        runner.start()
        return runner

    with no_thread_left():
        yield start
        for runner in made:
            runner.stop()
            assert runner.join(5)


def test_what_ends_by_itself_has_ended(run):
    watch = FakeWatch(ends=True)
    runner = run(watch)
    assert runner.join(5)
    status = runner.status
    assert (status.state, status.error, status.frames) == ("ended", None, 7)
    assert status.present == []
    assert (watch.closed, runner.restarts) == (1, 0)


def test_what_fails_is_begun_again_with_growing_waits(run, monkeypatch, caplog):
    waits = []
    monkeypatch.setattr(module, "_FIRST_WAIT_S", 0.01)
    error = SourceMissing("There is no camera.", "Look.")
    with caplog.at_level(logging.INFO):
        runner = run(*[error] * 5, FakeWatch(), longest_wait_s=0.05)
        original = runner._stopping.wait
        monkeypatch.setattr(runner._stopping, "wait", lambda s: (waits.append(s), original(s))[1])
        wait_for(lambda: runner.status.state == "live")
    assert runner.restarts == 5
    assert waits == sorted(waits)
    assert max(waits, default=0) <= 0.05
    assert caplog.text.count("There is no camera") == 1  # not a line for each attempt


def test_while_it_waits_the_cause_is_told(run):
    error = SourceMissing("/secret/x is not there.", "Look.")
    runner = run(error, tidy=lambda text: text.replace("/secret/", ""))
    wait_for(lambda: runner.status.state == "waiting")
    assert runner.status.error == "x is not there. Look."
    assert runner.status.source == "rtsp://door"


def test_a_failure_in_the_middle_keeps_the_counters_and_closes_the_run(run):
    watch = FakeWatch(SourceMissing("Gone.", ""), ends=True)
    runner = run(watch)
    wait_for(lambda: runner.status.state == "waiting")
    status = runner.status
    assert (status.frames, status.present, status.error) == (7, [], "Gone.")
    assert watch.closed == 1


def test_a_mistake_in_the_program_is_logged_and_not_told(run, caplog):
    runner = run(RuntimeError("embedding of Ada at /home/x"))
    wait_for(lambda: runner.status.state == "waiting")
    assert runner.status.error == "An internal error: RuntimeError."
    assert "Traceback" in caplog.text


def test_it_is_stopped_while_it_waits(run, monkeypatch):
    monkeypatch.setattr(module, "_FIRST_WAIT_S", 60.0)
    runner = run(SourceMissing("Gone.", ""), longest_wait_s=60)
    wait_for(lambda: runner.status.state == "waiting")
    runner.stop()
    assert runner.join(5)
    assert runner.status.state == "ended"


def test_it_is_stopped_while_it_begins():
    begun, go_on = threading.Event(), threading.Event()
    watch = FakeWatch()

    def begin():
        begun.set()
        go_on.wait(5)
        return watch

    runner = CameraRunner("door", begin)
    runner.start()
    begun.wait(5)
    runner.stop()
    go_on.set()
    assert runner.join(5)
    assert watch.closed == 1


def test_it_is_stopped_before_it_begins():
    runner = CameraRunner("door", lambda: pytest.fail("it was begun"))
    runner.stop()
    runner.start()
    assert runner.join(5)


def test_one_that_hangs_is_left_behind():
    begun, go_on = threading.Event(), threading.Event()

    def begin():
        begun.set()
        go_on.wait(10)
        return FakeWatch(ends=True)

    runner = CameraRunner("door", begin)
    runner.start()
    begun.wait(5)
    runner.stop()
    assert not runner.join(0.05)
    assert runner.is_alive
    go_on.set()
    assert runner.join(5)
