"""Many clients in one light process: raw HTTP/1.1 over kept connections.

Reads one JSON object on stdin: host, port, key, clients, seconds or count, and requests, each a
list of steps (method, path, file or body). Answers with one JSON object on stdout. As little as
possible is computed here, since clients and server share the machine.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

Data = dict[str, Any]


class Client:
    """One connection, opened again where the server closed it."""

    def __init__(self, host: str, port: int, key: str) -> None:
        self._address = host, port
        self._head = f"Host: {host}:{port}\r\nX-Api-Key: {key}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes, kind: str) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        head = (
            f"{method} {path} HTTP/1.1\r\n{self._head}Content-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        lines = answer.decode("latin-1").lower().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        content = await reader.readexactly(int(fields.get("content-length", 0)))
        if fields.get("connection") == "close":
            self.close()
        status = int(lines[0].split(" ")[1])
        if status == 503 and "retry-after" not in fields:
            status = -503  # nobody knows when to come again
        return status, content

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


async def _identify(client: Client, step: Data, picture: bytes) -> int:
    """A picture through detect and identify, by the one call or by Azure's two."""
    status, content = await client.ask("POST", step["path"], picture, "application/octet-stream")
    if status != 200 or not step.get("then"):
        return status
    ids = [face["faceId"] for face in json.loads(content)]
    if ids:
        question = {"faceIds": ids[:10], "personGroupId": step["group"]}
        body = json.dumps(question).encode()
        status, _ = await client.ask("POST", step["then"], body, "application/json")
    return status


async def _run(asked: Data) -> Data:
    pictures = [Path(path).read_bytes() for path in asked["pictures"]]
    statuses: Counter[int] = Counter()
    times: list[float] = []
    until = time.perf_counter() + asked.get("seconds", 1e9)
    left = iter(range(asked.get("count", 10**12)))
    began = time.perf_counter()

    async def work() -> None:
        client = Client(asked["host"], asked["port"], asked["key"])
        for number in left:
            start = time.perf_counter()
            if start > until:
                break
            try:
                status = await _identify(client, asked["step"], pictures[number % len(pictures)])
            except (OSError, asyncio.IncompleteReadError):
                client.close()
                status = 0
            statuses[status] += 1
            times.append(time.perf_counter() - start)
            if status == 503:
                await asyncio.sleep(asked.get("wait_s", 1.0))
        client.close()

    await asyncio.gather(*(work() for _ in range(asked["clients"])))
    return {
        "seconds": time.perf_counter() - began,
        "statuses": dict(statuses),
        "times": sorted(times),
        "processor_s": time.process_time(),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_run(json.loads(sys.stdin.readline())))))
