"""A real server on a free port of this machine, in a thread of the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import uvicorn

from vultus.server.running import configured, listen
from vultus.server.services import Services, make_services
from vultus.settings import Settings, load_settings

KEY = "a-key-of-the-tests"


@dataclass
class Live:
    """url: of the server; client: sends the admin's key with each request."""

    url: str
    key: str
    services: Services
    client: httpx.Client


def settings_in(folder: Path, **changes: Any) -> Settings:
    return load_settings(data_dir=folder, **{"api_key": KEY, **changes})


@contextmanager
def live_server(settings: Settings) -> Iterator[Live]:
    """Serves until the block ends; then it must have ended properly."""
    services = make_services(settings)
    listener = listen("127.0.0.1", 0)
    config = configured(services, 5)
    server = uvicorn.Server(config)
    failed: list[BaseException] = []
    started = Event()

    def run() -> None:
        async def main() -> None:
            started.set()
            await server.serve(sockets=[listener])

        try:
            asyncio.run(main())
        except BaseException as error:  # told below, in the test's thread
            failed.append(error)

    thread = Thread(target=run, name="live-server")
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, headers={"X-Api-Key": KEY}, timeout=30) as client:
            _wait(client)
            yield Live(url, KEY, services, client)
    finally:
        services.stopping.set()
        server.should_exit = True
        thread.join(30)
        listener.close()
    assert not thread.is_alive()
    assert not failed, failed


def _wait(client: httpx.Client) -> None:
    for _ in range(200):
        try:
            client.get("/health")
        except httpx.TransportError:
            Event().wait(0.05)
            continue
        return
    raise AssertionError("the server does not answer")
