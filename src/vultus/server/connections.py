"""Connections as uvicorn has them, with a deadline for heads and answers in one piece."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# Whoever connects, or begins a request, has so long until the last line of its head is there; and
# whoever was answered, and sends on a body that nobody reads, until its end.
# Between two requests uvicorn closes sooner; a body that is read has another limit, see `bodies`.
HEAD_S = 20.0
_AT_ONCE = 2**16  # bytes; more are written as they come


class Connection(H11Protocol):
    """One connection of a client, which has shown no key yet."""

    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_InOnePiece(transport, self.loop))  # type: ignore[arg-type]
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_watch()

    def _watch(self) -> None:
        """Begin to wait, or end; what comes meanwhile gives no more time."""
        sends_on = self.conn.their_state is h11.SEND_BODY and self.conn.our_state is h11.DONE
        if self.conn.their_state is not h11.IDLE and not sends_on:
            self._stop_watch()
        elif self._due is None:
            self._due = self.loop.call_later(HEAD_S, self.timeout_keep_alive_handler)

    def _stop_watch(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None


class _InOnePiece:
    """A transport that writes together what is written in one turn of the loop.

    An answer's head and body come one after the other: sent as two, each wakes the client and
    costs the kernel as much as the whole.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        if not data:
            return
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size > _AT_ONCE:  # so that whoever writes too much is told to wait
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            data = b"".join(self._parts)
            self._parts, self._size = [], 0
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
