"""Answers without an end: they stop when the client goes away, and when the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from threading import Event

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_LOOK_S = 0.1  # between two looks whether the server stops
# A client that takes nothing for so long is given up; what it misses it can ask for again.
_STALLED_S = 20.0
_FAREWELL_S = 0.5


class EndlessResponse(Response):
    """Sends parts as they come.

    Args:
        parts: closed at the end, whatever it was. stopping: set when the server stops.
        ended: called at the end, also when nothing was ever sent.
    """

    def __init__(
        self,
        parts: AsyncGenerator[bytes, None],
        *,
        media_type: str,
        stopping: Event,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(None, 200, headers, media_type)
        del self.headers["content-length"]
        self._parts = parts
        self._stopping = stopping
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        gone = asyncio.ensure_future(_gone(receive))
        waited = [
            gone,
            asyncio.ensure_future(self._send_all(start, send)),
            asyncio.ensure_future(_set(self._stopping)),
        ]
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            left = gone.done()
        finally:
            for task in waited:
                task.cancel()
            await asyncio.gather(*waited, return_exceptions=True)
            await self._parts.aclose()
            self._ended()
        if not left:
            with anyio.move_on_after(_FAREWELL_S):
                await send({"type": "http.response.body"})
        if not waited[1].cancelled():
            waited[1].result()  # what went wrong here, if something did

    async def _send_all(self, start: dict[str, object], send: Send) -> None:
        await send(start)
        async for part in self._parts:
            message = {"type": "http.response.body", "body": part, "more_body": True}
            # not asyncio.wait_for, which may swallow that the task is cancelled before Python 3.12
            with anyio.move_on_after(_STALLED_S) as waited:
                await send(message)
            if waited.cancelled_caught:
                return


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _set(event: Event) -> None:
    while not event.is_set():
        await asyncio.sleep(_LOOK_S)
