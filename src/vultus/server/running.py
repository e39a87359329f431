"""Running the server until it is told to stop."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from filelock import FileLock, Timeout

from vultus.errors import StorageError, UsageError
from vultus.server.app import create_app
from vultus.server.connections import Connection
from vultus.server.services import Services

log = logging.getLogger("vultus.server")

_BACKLOG = 2048  # as uvicorn's own


class _Server(uvicorn.Server):
    """Tells the services at once that the end has come: endless streams have to end first."""

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._services = services

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del frame
        self._services.stopping.set()
        # not uvicorn's own, which raises the signal again at the end: to be told to stop is no
        # failure, and the status is 0
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def serve(services: Services, listener: socket.socket) -> None:
    """Answer requests until SIGINT or SIGTERM; what was accepted is finished first."""
    config = configured(services, int(services.settings.server.stop_timeout_s) or 1)
    _Server(config, services).run(sockets=[listener])


def configured(services: Services, stop_timeout_s: int) -> uvicorn.Config:
    """How uvicorn serves the application of these services."""
    return uvicorn.Config(
        create_app(services),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=stop_timeout_s,
        # Not httptools, which takes headers without end, before anybody asks for a key; on bodies
        # of pictures h11 is no slower.
        http=Connection,
        h11_max_incomplete_event_size=2**16,
        ws="none",  # its refusals would pass by the gate, and stand in the log with their path
    )


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """The folder is this server's, until the block ends or the process does, however.

    Two would take up each other's jobs, watch every camera twice, and throw away uploads.

    Raises:
        UsageError: another server works there. StorageError: nothing can be written there.
    """
    lock = FileLock(folder / "server.lock", timeout=0, mode=0o600)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"Another server works in {folder}.", "Stop it, or choose another folder."
        ) from None
    except NotImplementedError:
        log.warning("this file system knows no locks: nobody else may serve this folder")
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written: {error.strerror or error}.",
            "Check the folder and its permissions.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def listen(host: str, port: int) -> socket.socket:
    """A socket to answer on; port 0 takes any free one.

    Raises:
        UsageError: the address is taken, or none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # with its protocol named: else asyncio does not turn off Nagle for those who connect, and each
    # answer of two parts waits 40 ms for the client to acknowledge the first
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # who comes before the server is up waits, and nobody else can take the port meanwhile
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}.",
            "Choose another one with --host and --port.",
        ) from error
    listener.set_inheritable(True)
    return listener
