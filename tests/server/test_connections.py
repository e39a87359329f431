"""What a connection may do before it has sent a request, and how answers leave."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import pytest

from tests.server.live import live_server, settings_in
from vultus.server import connections
from vultus.server.connections import _InOnePiece

HEAD = b"GET /health HTTP/1.1\r\nHost: h\r\n"


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A server that waits for heads half a second only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "HEAD_S", 0.5)
        with live_server(settings_in(tmp_path_factory.mktemp("quick"))) as live:
            yield live


@pytest.fixture
def connection(quick):
    address = quick.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=20) as made:
        yield made


def answer(connection: socket.socket) -> bytes:
    """One answer to /health."""
    found = b""
    while b"}" not in found:
        part = connection.recv(2**16)
        assert part, "it was closed"
        found += part
    return found


def test_who_says_nothing_is_hung_up_on(connection):
    began = time.monotonic()
    assert connection.recv(1) == b""
    assert time.monotonic() - began > 0.4


def test_who_does_not_come_to_the_end_of_a_head_is_hung_up_on(connection):
    """However many parts of it come meanwhile."""
    connection.sendall(HEAD)
    connection.settimeout(0.05)
    for _ in range(400):
        try:
            connection.sendall(b"X: y\r\n")
            assert connection.recv(1) == b""
            return
        except TimeoutError:
            continue
        except ConnectionError:
            return
    pytest.fail("it was listened to for ever")


def test_nor_in_the_middle_of_a_later_head(connection):
    connection.sendall(HEAD + b"\r\n")
    assert b"200 OK" in answer(connection)
    connection.sendall(HEAD)
    assert connection.recv(1) == b""


def test_nor_who_was_refused_and_sends_on(connection):
    """Nobody reads the body of a request without a key."""
    connection.sendall(b"POST /api/v1/groups HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\n\r\n")
    assert b"401 Unauthorized" in answer(connection)
    for _ in range(400):
        try:
            connection.sendall(b"x")
            connection.settimeout(0.05)
            assert connection.recv(1) == b""
            return
        except TimeoutError:
            continue
        except ConnectionError:
            return
    pytest.fail("it was listened to for ever")


def test_requests_may_come_one_after_the_other_for_as_long_as_they_like(connection):
    for _ in range(12):
        connection.sendall(HEAD + b"\r\n")
        assert b"200 OK" in answer(connection)
        time.sleep(0.1)


def test_an_answer_may_take_longer_than_a_head(quick, connection, monkeypatch):
    """The deadline is for what the client has to send."""

    async def slow(key):
        await asyncio.sleep(1)

    monkeypatch.setattr(quick.services.ring, "whose", slow)
    connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: h\r\nX-Api-Key: k\r\n\r\n")
    assert b"401 Unauthorized" in answer(connection)


def test_requests_in_one_piece_are_all_answered(connection):
    connection.sendall((HEAD + b"\r\n") * 3)
    found = b""
    while found.count(b"200 OK") < 3 or found.count(b"}") < 3:
        part = connection.recv(2**16)
        assert part, "it was closed"
        found += part
    assert json.loads(found.rpartition(b"\r\n")[2])["status"] == "ok"


class Transport:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = 0

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written.append(data)

    def close(self) -> None:
        self.closed += 1

    def is_closing(self) -> bool:
        return bool(self.closed)


def written(*parts: bytes, close: bool = False) -> list[bytes]:
    transport = Transport()

    async def main() -> None:
        joined = _InOnePiece(transport, asyncio.get_running_loop())
        for part in parts:
            joined.write(part)
        if close:
            joined.close()
            assert joined.is_closing()
        await asyncio.sleep(0)

    asyncio.run(main())
    return transport.written


def test_head_and_body_are_one_piece():
    assert written(b"head", b"", b"body") == [b"headbody"]
    assert written() == written(b"") == []


def test_what_was_written_is_sent_before_the_connection_is_closed():
    assert written(b"head", b"body", close=True) == [b"headbody"]


def test_much_is_sent_at_once_so_that_it_may_be_too_much():
    body = b"x" * 2**16
    assert written(b"head", body, b"rest") == [b"head" + body, b"rest"]
