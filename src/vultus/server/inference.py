"""The one way to the networks for every request: a bounded queue before a few threads.

Requests, jobs and cameras share the turns of one `Budget`, so that together they never compute
more at once than the machine has cores.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any, TypeVar

from starlette.requests import Request

from vultus.errors import ServerBusy
from vultus.server.metrics import Metrics
from vultus.video.budget import Budget

Answer = TypeVar("Answer")


class ClientGone(Exception):
    """Nobody waits for the answer any more; never leaves the server."""


class Inference:
    """Runs work that needs the networks.

    Args:
        turns: how much is computed at once; the number of cores when 0.
        queue: how many requests may wait; more raise `ServerBusy`.
    """

    def __init__(self, metrics: Metrics, *, turns: int = 0, queue: int = 64) -> None:
        self.turns = turns or cores()
        self.budget = Budget(self.turns)
        self._queue = queue
        self._metrics = metrics
        self._pending = 0
        self._recent_s = 0.1  # of one request, a running mean
        self._threads = ThreadPoolExecutor(self.turns, thread_name_prefix="vultus-inference")

    @property
    def waiting(self) -> int:
        """Requests accepted that have not begun."""
        return max(0, self._pending - self.turns)

    async def run(self, request: Request, work: Callable[[Cancel], Answer]) -> Answer:
        """Do `work` in a thread when its turn comes; it may ask its `Cancel` between steps.

        Raises:
            ServerBusy: too many wait already.
            ClientGone: the client went away; work that had not begun is never done.
        """
        if self._pending >= self.turns + self._queue:
            self._metrics.rejected.inc()
            busy = ServerBusy(f"{self._queue} requests wait already.", "Try again in a moment.")
            busy.retry_after_s = self._pending * self._recent_s / self.turns
            raise busy
        cancel = Cancel()
        began = time.monotonic()
        self._pending += 1
        self._metrics.queued.set(self.waiting)
        context = contextvars.copy_context()
        future = self._threads.submit(context.run, self._in_turn, work, cancel, began)
        try:
            return await _unless_gone(request, future, cancel)
        finally:
            # where the client has gone the thread may still work: then the place is not free
            if future.done():
                self._release()
            else:
                loop = asyncio.get_running_loop()
                future.add_done_callback(lambda _: _soon(loop, self._release))

    def _in_turn(self, work: Callable[[Cancel], Answer], cancel: Cancel, since: float) -> Answer:
        with self.budget.turn():
            cancel.check()
            began = time.monotonic()
            self._metrics.wait_seconds.observe(began - since)
            answer = work(cancel)
            self._recent_s += 0.1 * (time.monotonic() - began - self._recent_s)
            return answer

    def _release(self) -> None:
        self._pending -= 1
        self._metrics.queued.set(self.waiting)

    def close(self) -> None:
        """Finish what was accepted, and end."""
        self._threads.shutdown(wait=True)


class Cancel:
    """Whether anybody still waits for a piece of work."""

    def __init__(self) -> None:
        self._gone = Event()

    def set(self) -> None:
        self._gone.set()

    def check(self) -> None:
        """Raises ClientGone where nobody does."""
        if self._gone.is_set():
            raise ClientGone


async def _unless_gone(request: Request, future: Future[Answer], cancel: Cancel) -> Answer:
    answer = asyncio.wrap_future(future)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        waited: set[asyncio.Future[Any]] = {answer, gone}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            cancel.set()
            future.cancel()
            raise ClientGone
        return answer.result()
    except asyncio.CancelledError:
        cancel.set()
        future.cancel()
        raise
    finally:
        gone.cancel()
        answer.cancel()


async def _disconnected(request: Request) -> None:
    """Ends when the client closes the connection; the body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:  # the loop has ended, and nobody counts any more
        return


@functools.cache
def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
