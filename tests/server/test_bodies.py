"""Bodies are read up to their limit, whatever the client announces."""

from __future__ import annotations

import asyncio
import json
import socket
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request

from tests.server.senders import request_of
from vultus.errors import BodyTooLarge, UsageError
from vultus.server import bodies
from vultus.server.bodies import drain, is_cut_off, read_body, read_json, save_body
from vultus.server.inference import ClientGone

LIMIT = 1000


class Sender:
    """A client that sends parts of so many bytes, for ever where `count` is None."""

    def __init__(self, part: bytes, count: int | None, *, leaves: bool = False) -> None:
        self.sent = 0
        self._part, self._count, self._leaves = part, count, leaves

    async def __call__(self):
        if self._count is not None and self.sent >= self._count:
            kind = "http.disconnect" if self._leaves else "http.request"
            return {"type": kind, "body": b"", "more_body": False}
        self.sent += 1
        return {"type": "http.request", "body": self._part, "more_body": True}


def request(sender: Sender, **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": raw}, sender)


def test_a_body_within_the_limit_comes_whole():
    assert asyncio.run(read_body(request(Sender(b"x" * 100, 10)), LIMIT)) == b"x" * LIMIT


def test_an_endless_body_is_cut_off_and_not_kept():
    sender = Sender(b"x" * 2**16, None)
    with pytest.raises(BodyTooLarge, match="1,000 bytes"):
        asyncio.run(read_body(request(sender), LIMIT))
    assert sender.sent < 2000  # so much is thrown away, that the client hears the answer


def test_a_body_that_announces_too_much_is_refused_before_it_is_read():
    sender = Sender(b"x" * 10, 3)
    with pytest.raises(BodyTooLarge):
        asyncio.run(read_body(request(sender, content_length="1000000000"), LIMIT))


def test_a_body_that_announces_less_than_it_brings_is_refused_too():
    with pytest.raises(BodyTooLarge):
        asyncio.run(read_body(request(Sender(b"x" * 600, 2), content_length="5"), LIMIT))


def test_a_client_that_goes_away_in_the_middle_gets_no_answer(tmp_path):
    for read in (
        lambda r: read_body(r, LIMIT),
        lambda r: save_body(r, LIMIT, tmp_path / "part"),
    ):
        with pytest.raises(ClientGone):
            asyncio.run(read(request(Sender(b"x", 3, leaves=True))))


def test_a_large_body_goes_to_a_file(tmp_path):
    path = tmp_path / "video"
    assert asyncio.run(save_body(request(Sender(b"ab", 300)), LIMIT, path)) == 600
    assert path.read_bytes() == b"ab" * 300
    with pytest.raises(BodyTooLarge):
        asyncio.run(save_body(request(Sender(b"ab" * 300, None)), LIMIT, path))


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": nope}'])
def test_what_is_no_json_is_said_so(text):
    with pytest.raises(UsageError, match="no JSON"):
        asyncio.run(read_json(request(Sender(text, 1))))


def test_json_is_read():
    assert asyncio.run(read_json(request(Sender(b'{"a": [1]}', 1)))) == {"a": [1]}


def test_nothing_more_is_asked_for_where_all_was_read():
    """It would wait for the client to go, who waits for the answer."""
    sent = request_of(b"x" * (LIMIT + 1))
    with pytest.raises(BodyTooLarge):
        asyncio.run(read_body(sent, LIMIT))
    asyncio.run(drain(sent))
    assert not is_cut_off(sent.scope)


def test_a_body_without_end_is_given_up():
    endless = request(Sender(b"x" * 2**16, None))
    with pytest.raises(BodyTooLarge):
        asyncio.run(read_body(endless, LIMIT))
    assert is_cut_off(endless.scope)  # the connection has to be closed


def test_who_waits_to_be_told_to_go_on_is_not():
    """Expect: 100-continue; to ask for the body would ask for it all to be sent."""
    waiting = request(Sender(b"x" * 10, 3), content_length="1000000000", expect="100-continue")
    with pytest.raises(BodyTooLarge):
        asyncio.run(read_body(waiting, LIMIT))
    assert is_cut_off(waiting.scope)
    assert waiting.receive.sent == 0


def test_a_client_that_falls_silent_is_given_up(live, monkeypatch):
    """As one whose machine lost its power does: nothing closes the connection."""
    monkeypatch.setattr(bodies, "_SILENCE_S", 0.2)
    for path, code in (("/face/v1.0/identify", "RequestTimeout"), ("/api/v1/detect", None)):
        head = f"POST {path} HTTP/1.1\r\nHost: h\r\nX-Api-Key: {live.key}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        address = urlsplit(live.url)
        with socket.create_connection((address.hostname, address.port), timeout=10) as client:
            client.sendall(head.encode())
            answer = b"".join(iter(lambda: client.recv(4096), b""))  # until it is closed
        head, _, body = answer.decode().partition("\r\n\r\n")
        assert "408" in head.partition("\r\n")[0]
        assert json.loads(body)["error"]["code"] == (code or "request_timeout")
