"""Answers without an end, and how they end."""

from __future__ import annotations

import asyncio
from threading import Event

import pytest

from vultus.server import streams
from vultus.server.streams import EndlessResponse


class Client:
    """An ASGI client. patience: parts that it takes before it goes away, or takes no more."""

    def __init__(self, patience=10**9, *, leaves=True):
        self.taken, self.patience, self.leaves = [], patience, leaves
        self._gone = asyncio.Event()

    async def receive(self):
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if len(self.parts) >= self.patience:
            if not self.leaves:
                await asyncio.sleep(3600)
            self._gone.set()
        self.taken.append(message)

    @property
    def parts(self):
        return [m["body"] for m in self.taken if m["type"] == "http.response.body" and "body" in m]

    @property
    def was_finished(self):
        return not self.taken[-1].get("more_body", False)


async def forever(log, pause=0.001):
    try:
        number = 0
        while True:
            yield f"{number};".encode()
            number += 1
            await asyncio.sleep(pause)
    finally:
        log.append("closed")


def serve(make, client_of=Client, stop_after=None):
    """Serve one client to the end; the client and what was logged."""
    log, stopping = [], Event()

    async def main():
        client = client_of()
        response = EndlessResponse(
            make(log), media_type="text/plain", stopping=stopping, ended=lambda: log.append("ended")
        )
        if stop_after is not None:
            asyncio.get_running_loop().call_later(stop_after, stopping.set)
        await asyncio.wait_for(response({}, client.receive, client.send), 10)
        return client

    return asyncio.run(main()), log


def test_it_ends_when_the_client_goes_away():
    client, log = serve(forever, lambda: Client(5))
    assert log == ["closed", "ended"]
    assert client.parts[:3] == [b"0;", b"1;", b"2;"]


def test_it_ends_properly_when_the_server_stops():
    client, log = serve(forever, stop_after=0.05)
    assert log == ["closed", "ended"]
    assert client.was_finished
    headers = dict(client.taken[0]["headers"])
    assert b"content-length" not in headers
    assert headers[b"cache-control"] == b"no-store"


def test_it_hears_both_while_nothing_comes():
    def silent(log):
        return forever(log, 3600)

    client, log = serve(silent, stop_after=0.05)
    assert (client.parts, log) == ([b"0;"], ["closed", "ended"])

    class Leaves(Client):
        async def receive(self):
            await asyncio.sleep(0.05)
            return {"type": "http.disconnect"}

    client, log = serve(silent, Leaves)
    assert (client.parts, log) == ([b"0;"], ["closed", "ended"])


def test_it_ends_when_there_is_no_more():
    async def three(log):
        for number in range(3):
            yield str(number).encode()

    client, log = serve(three)
    assert client.parts == [b"0", b"1", b"2"]
    assert client.was_finished
    assert log == ["ended"]


def test_a_client_that_takes_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(streams, "_STALLED_S", 0.05)
    monkeypatch.setattr(streams, "_FAREWELL_S", 0.05)
    client, log = serve(forever, lambda: Client(3, leaves=False))
    assert len(client.parts) == 3
    assert log == ["closed", "ended"]


def test_what_goes_wrong_is_raised():
    async def broken(log):
        yield b"0"
        raise RuntimeError("a mistake")

    with pytest.raises(RuntimeError, match="a mistake"):
        serve(broken)
