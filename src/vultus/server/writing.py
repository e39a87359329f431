"""The way to the database for requests that change it: a few threads of their own.

SQLite has one writer at a time. Where another process keeps the gallery locked, those who want to
write hold their threads for as long as they wait; who only reads must not wait behind them.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from vultus.errors import GalleryBusy

Answer = TypeVar("Answer")

_THREADS = 4
_MOST = 512  # changes that may wait
_PATIENCE_S = 30.0  # as the database's own


class Writers:
    """Changes of the database, in about the order in which they come."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="vultus-writer")
        self.pending = 0  # changes accepted that have not ended

    async def run(self, change: Callable[[], Answer]) -> Answer:
        """Do `change` in a thread, and wait for it.

        Raises:
            GalleryBusy: too many others wait, or it has waited for too long.
        """
        if self.pending >= _MOST:
            raise GalleryBusy(f"{_MOST} changes wait already.", "Try again in a moment.")
        context = contextvars.copy_context()  # the audit's actor among it
        work = self._threads.submit(context.run, _in_time, change, time.monotonic())
        self.pending += 1
        try:
            return await asyncio.wrap_future(work)
        finally:
            self.pending -= 1

    def close(self) -> None:
        """Finish what was accepted, and end."""
        self._threads.shutdown(wait=True)


def _in_time(change: Callable[[], Answer], since: float) -> Answer:
    if time.monotonic() - since > _PATIENCE_S:
        raise GalleryBusy("The gallery cannot be changed for now.", "Try again in a moment.")
    return change()
