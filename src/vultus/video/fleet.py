"""Many cameras at once, each in a thread of its own: what breaks one never stops another."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Sequence
from queue import Empty, Queue
from threading import Thread

from vultus.events.visit import Visit
from vultus.video.watcher import CameraStatus, Watcher

log = logging.getLogger("vultus.video")

_LOOK_S = 0.25
# For all together: a thread that has not ended by then hangs in a driver and is left behind.
_END_S = 1.5


class Fleet:
    """Runs watchers until all have ended, or `stop` is called.

    Args:
        check: raises what broke for all, such as a sink.
    """

    def __init__(self, watchers: Sequence[Watcher], check: Callable[[], None]) -> None:
        self._watchers = list(watchers)
        self._check = check
        self._events: Queue[Visit] = Queue()
        self._failures: list[BaseException] = []
        self._threads = [
            Thread(target=self._run, args=(watcher,), name="vultus-camera", daemon=True)
            for watcher in self._watchers
        ]

    def events(self) -> Generator[Visit, None, None]:
        """Events of all cameras as they happen.

        Raises:
            Exception: what broke for all; or, when all cameras have ended, what one failed with.
        """
        for thread in self._threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in self._threads) or not self._events.empty():
                self._check()
                try:
                    yield self._events.get(timeout=_LOOK_S)
                except Empty:
                    continue
        finally:
            self.stop()
            deadline = time.monotonic() + _END_S
            for thread in self._threads:
                thread.join(max(0.0, deadline - time.monotonic()))
        self._check()
        if self._failures:
            raise self._failures[0]

    def _run(self, watcher: Watcher) -> None:
        try:
            for event in watcher.events():
                self._events.put(event)
        except Exception as error:  # the border of the thread: told in the status and at the end
            log.error("%s has failed: %s", watcher.status.camera, error or type(error).__name__)
            self._failures.append(error)

    def stop(self) -> None:
        """End soon; open visits are closed properly."""
        for watcher in self._watchers:
            watcher.stop()

    @property
    def status(self) -> list[CameraStatus]:
        return [watcher.status for watcher in self._watchers]
