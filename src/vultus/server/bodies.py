"""Reading what a request brings, never more than its limit."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request

from vultus.errors import BodyTooLarge, UsageError
from vultus.server.inference import ClientGone

# A client that is still sending does not listen: so much more is read and thrown away, so that
# it hears the answer rather than a broken connection.
_DRAIN_BYTES = 8 * 2**20
_DRAIN_S = 5.0


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body.

    Raises:
        BodyTooLarge: it has more bytes than `limit`; no more are kept than that.
        ClientGone: the client went away in the middle.
    """
    parts: list[bytes] = []
    size = 0
    await _refuse_announced(request, limit)
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                parts.clear()
                await _drain(request)
                raise too_large(limit)
            parts.append(part)
    except ClientDisconnect as error:
        raise ClientGone from error
    return b"".join(parts)


async def save_body(request: Request, limit: int, path: Path) -> int:
    """Write the body to a file; returns its size. Raises as `read_body`; the file may be there."""
    size = 0
    await _refuse_announced(request, limit)
    try:
        with path.open("wb") as file:
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    await _drain(request)
                    raise too_large(limit)
                file.write(part)
    except ClientDisconnect as error:
        raise ClientGone from error
    return size


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
    if announced.isdigit() and int(announced) > limit:
        await _drain(request)
        raise too_large(limit)


async def _drain(request: Request) -> None:
    deadline = time.monotonic() + _DRAIN_S
    size = 0
    while size < _DRAIN_BYTES and time.monotonic() < deadline:
        message = await request.receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        size += len(message.get("body", b""))
