"""The way to the database for requests that change it: a few threads of their own.

SQLite has one writer at a time. Where another process keeps the gallery locked, those who want to
write hold their threads for as long as they wait; who only reads must not wait behind them.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from vultus.errors import GalleryBusy

Answer = TypeVar("Answer")

_THREADS = 4
_MOST = 512  # changes that may wait
_PATIENCE_S = 30.0  # as the database's own


class Writers:
    """Changes of the database, in about the order in which they come.

    Args:
        threads: how many are done at once.
    """

    def __init__(self, threads: int = _THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="vultus-writer")
        self.pending = 0  # changes accepted that have not ended

    async def run(self, change: Callable[[], Answer]) -> Answer:
        """Do `change` in a thread, and wait for it.

        Where the caller is cancelled, a change that has not begun is never done, and one that has
        is waited for: it may still need what the caller would take away.

        Raises:
            GalleryBusy: too many others wait, or it has waited for too long.
        """
        if self.pending >= _MOST:
            raise GalleryBusy(f"{_MOST} changes wait already.", "Try again in a moment.")
        context = contextvars.copy_context()  # the audit's actor among it
        work = self._threads.submit(context.run, _in_time, change, time.monotonic())
        self.pending += 1
        try:
            return await _ended(work)
        finally:
            self.pending -= 1

    def close(self) -> None:
        """Finish what was accepted, and end."""
        self._threads.shutdown(wait=True)


async def _ended(work: Future[Answer]) -> Answer:
    answer = asyncio.wrap_future(work)
    try:
        await asyncio.wait({answer})
    except asyncio.CancelledError:
        if not work.cancel():
            await asyncio.wait({answer})
            answer.exception()  # nobody asks for it any more
        raise
    return answer.result()


def _in_time(change: Callable[[], Answer], since: float) -> Answer:
    if time.monotonic() - since > _PATIENCE_S:
        raise GalleryBusy("The gallery cannot be changed for now.", "Try again in a moment.")
    return change()
