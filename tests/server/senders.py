"""Requests made by hand: a body in parts, as a client sends it over the wire."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request


class Sender:
    """Sends the parts, says that this was all, and then waits as a client that listens."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self.sent = 0
        self._next = next(self._parts, None)
        self._over = False

    async def __call__(self) -> dict[str, object]:
        assert not self._over, "whoever asks for more waits until the client goes"
        part, self._next = self._next or b"", next(self._parts, None)
        self.sent += len(part)
        self._over = self._next is None
        return {"type": "http.request", "body": part, "more_body": not self._over}


def request_of(body: bytes | Iterable[bytes], kind: str = "") -> Request:
    """A request with this body; `kind` is its Content-Type."""
    parts = [body] if isinstance(body, bytes) else body
    headers = [(b"content-type", kind.encode())] if kind else []
    return Request({"type": "http", "method": "POST", "headers": headers}, Sender(parts))


def form(*parts: tuple[str, bytes], boundary: str = "b0undary") -> bytes:
    """A multipart body; each part is what follows `form-data; `, and its content."""
    pieces = [
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n"
        for head, data in parts
    ]
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


FORM = "multipart/form-data; boundary=b0undary"
