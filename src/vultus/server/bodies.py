"""Reading what a request brings, never more than its limit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
from starlette.requests import Request
from starlette.types import Message, Scope

from vultus.errors import BodyTooLarge, UsageError
from vultus.server.inference import ClientGone

# A client that is still sending does not listen: so much more is read and thrown away, so that
# it hears the answer rather than a broken connection.
_DRAIN_BYTES = 64 * 2**20
_DRAIN_S = 5.0
# Somebody whose machine lost its power or network is waited for no longer than this.
_SILENCE_S = 60.0
_ENDED, _CUT_OFF = "vultus.body_ended", "vultus.body_cut_off"


class ClientSilent(Exception):
    """The client has stopped sending in the middle of a body; the gate answers 408."""


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body.

    Raises:
        BodyTooLarge: it has more bytes than `limit`; no more are kept than that.
        ClientGone, ClientSilent: the client went away, or stopped, in the middle.
    """
    return b"".join([part async for part in parts_of(request, limit)])


async def save_body(request: Request, limit: int, path: Path) -> int:
    """Write the body to a file; returns its size. Raises as `read_body`; the file may be there."""
    size = 0
    with path.open("wb") as file:
        async for part in parts_of(request, limit):
            size += file.write(part)
    return size


async def parts_of(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body as it comes. Raises as `read_body`."""
    size = 0
    await _refuse_announced(request, limit)
    while not _ended(request):
        part = await _next_part(request)
        size += len(part)
        if size > limit:
            await drain(request)
            raise too_large(limit)
        if part:
            yield part


async def read_json(request: Request, limit: int = 2**20) -> Any:
    """The body as JSON.

    Raises:
        UsageError: it is none.
    """
    data = await read_body(request, limit)
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:  # bytes that are no UTF-8 raise ValueError too
        raise UsageError("The body is no JSON.", "Send a JSON object.") from error


def too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body has more than {limit:,} bytes.", "Send less at once.")


async def _refuse_announced(request: Request, limit: int) -> None:
    announced = request.headers.get("content-length", "")
    if not announced.isdigit() or int(announced) <= limit:
        return
    if request.headers.get("expect", "").lower() == "100-continue":
        request.scope[_CUT_OFF] = True  # it waits, and would be told to go on
    else:
        await drain(request)
    raise too_large(limit)


async def drain(request: Request) -> None:
    """Throw away what a client still sends, so that it hears why; nothing where all was read."""
    size = 0
    with anyio.move_on_after(_DRAIN_S), suppress(ClientGone):
        while size < _DRAIN_BYTES and not _ended(request):
            size += len(await _next_part(request))
    if not _ended(request):
        request.scope[_CUT_OFF] = True


def is_cut_off(scope: Scope) -> bool:
    """Whether more of the body may come than anybody reads: only closing the connection helps."""
    return bool(scope.get(_CUT_OFF))


async def _next_part(request: Request) -> bytes:
    message = await _received(request)
    if message["type"] == "http.disconnect":
        raise ClientGone
    if not message.get("more_body", False):
        request.scope[_ENDED] = True
    part: bytes = message.get("body", b"")
    return part


async def _received(request: Request) -> Message:
    with anyio.move_on_after(_SILENCE_S):
        return await request.receive()
    request.scope[_CUT_OFF] = True
    raise ClientSilent


def _ended(request: Request) -> bool:
    """Whether all of the body was read; to ask for more would wait for the client to go."""
    return bool(request.scope.get(_ENDED))
