"""Ending long work well: the first Ctrl-C asks, the second insists."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_on_signal(stop: Callable[[], None], seconds: float | None = None) -> Iterator[None]:
    """Call `stop` on Ctrl-C, on SIGTERM, or after so many seconds.

    `stop` runs in a thread of its own: a signal may come while a lock is held.
    """

    def ask() -> None:
        threading.Thread(target=stop, name="vultus-stop", daemon=True).start()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del frame
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else _insist)
        ask()

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {n: signal.signal(n, on_signal) for n in (signal.SIGINT, signal.SIGTERM)}
    timer = threading.Timer(seconds, stop) if seconds is not None else None
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _insist(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
