"""The socket that a server answers on."""

from __future__ import annotations

import asyncio
import socket

import pytest

from vultus.errors import UsageError
from vultus.server.running import listen


def test_answers_do_not_wait_for_acknowledgements():
    async def main() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            own = writer.get_extra_info("socket")
            found.set_result(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = listen("127.0.0.1", 0)
        async with await asyncio.start_server(connected, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            answer = await asyncio.wait_for(found, 10)
            writer.close()
            return answer

    assert asyncio.run(main()) != 0


def test_a_port_that_is_taken_is_said_so():
    with listen("127.0.0.1", 0) as taken, pytest.raises(UsageError, match="cannot be listened on"):
        listen("127.0.0.1", taken.getsockname()[1])
