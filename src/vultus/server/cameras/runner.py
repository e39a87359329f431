"""One camera in a thread of its own, begun again after whatever ended it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event, Lock, Thread

from vultus.errors import VultusError
from vultus.gallery.audit import acting_as
from vultus.video.watcher import CameraStatus
from vultus.video.watching import Watch

log = logging.getLogger("vultus.server")

_FIRST_WAIT_S = 1.0
_STABLE_S = 30.0


class CameraRunner:
    """Watches one camera until it ends by itself or is stopped.

    What fails is tried again: after a second, then twice as long each time up to `longest_wait_s`,
    and from the start after a run that held half a minute.

    Args:
        watch: begins a run; called in the runner's thread. tidy: takes out of messages what
            nobody needs to see.
    """

    def __init__(
        self,
        name: str,
        watch: Callable[[], Watch],
        *,
        source: str = "",
        longest_wait_s: float = 30.0,
        tidy: Callable[[str], str] = str,
    ) -> None:
        self.name = name
        self.restarts = 0
        self._begin = watch
        self._tidy = tidy
        self._longest_wait_s = longest_wait_s
        self._status = CameraStatus(name, source)
        self._watch: Watch | None = None
        self._changing = Lock()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=f"vultus-camera-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End soon; open visits are closed properly. From any thread, at any time."""
        with self._changing:
            self._stopping.set()
            watch = self._watch
        if watch is not None:
            watch.stop()

    def join(self, timeout_s: float) -> bool:
        """False: it hangs in a driver, and is left behind."""
        self._thread.join(max(0.0, timeout_s))
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """Not so while the thread of one that has ended only tidies up."""
        return self._thread.is_alive() and self.status.state != "ended"

    @property
    def status(self) -> CameraStatus:
        """How it stands; `waiting` between two runs, with the cause of the failure."""
        watch, last = self._watch, self._status
        if watch is None:
            return replace(last)
        status = watch.status[0]
        status.source = last.source or status.source  # without secrets, whoever opened it
        if status.state == "connecting" and last.state == "waiting":  # nothing is known so far
            status.state, status.error = last.state, last.error
        if status.error is not None:
            status.error = self._tidy(status.error)
        return status

    def _run(self) -> None:
        with acting_as(f"camera:{self.name}"):
            wait_s = _FIRST_WAIT_S
            while not self._stopping.is_set():
                began = time.monotonic()
                error = self._run_once()
                if error is None:
                    break
                if time.monotonic() - began > _STABLE_S:
                    wait_s = _FIRST_WAIT_S
                self._note(error)
                self._stopping.wait(min(wait_s, self._longest_wait_s))
                wait_s *= 2
        self._status.state = "ended"
        self._status.present = []

    def _run_once(self) -> Exception | None:
        """Watch to the end; returns what it failed with, if it failed."""
        watch = None
        try:
            watch = self._begin()
            with self._changing:
                self._watch = watch
                stopping = self._stopping.is_set()
            if stopping:
                watch.stop()
            with watch:
                for _ in watch:
                    continue
        except Exception as error:  # the border of the thread: told in the status
            return error
        finally:
            with self._changing:
                if watch is not None:
                    self._status = self.status
                self._watch = None
        return None

    def _note(self, error: Exception) -> None:
        """It failed, and is begun again: one line in the log for the first time of a cause."""
        ours = isinstance(error, VultusError)
        cause = self._tidy(str(error)) if ours else f"An internal error: {type(error).__name__}."
        if self._status.error != cause:
            trace = None if ours else error
            log.error("%s has failed and is begun again: %s", self.name, cause, exc_info=trace)
        self.restarts += 1
        self._status = replace(
            self._status, state="waiting", error=cause, fps=0.0, source_fps=0.0, present=[]
        )
