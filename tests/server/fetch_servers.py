"""Servers that say exactly the bytes a test wants, and an internet of their own."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass

import certifi
import pytest

from vultus.errors import UrlFailed
from vultus.server.fetch import Fetcher

LIMIT = 100_000  # bytes of a picture
PICTURE = bytes(range(256)) * 100
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PUBLIC, ANOTHER = "93.184.216.34", "93.184.216.35"
PUBLIC_V6 = "2606:4700:4700::1111"


def run(work, **options):
    """Give a Fetcher to the coroutine function."""

    async def whole():
        async with aclosing(Fetcher(max_bytes=LIMIT, **options)) as fetcher:
            return await work(fetcher)

    return asyncio.run(whole())


def fetch(url, **options):
    options = {"allow_private": True, "timeout_s": 5.0, **options}
    return run(lambda fetcher: fetcher.fetch(url), **options)


def failure(url, kind=UrlFailed, **options):
    """The error that fetching ends with."""
    with pytest.raises(kind) as caught:
        fetch(url, **options)
    assert type(caught.value) is kind
    return caught.value


def share_trust(monkeypatch) -> None:
    """Reading all authorities of the web takes longer than a test."""
    monkeypatch.setattr("vultus.server.fetch._trust", lambda: _TRUST)


_TRUST = ssl.create_default_context(cafile=certifi.where())


@dataclass(frozen=True)
class Asked:
    path: str
    headers: dict[str, str]  # names in small letters


class Client:
    """The server's end of one connection."""

    def __init__(self, connection: socket.socket, stopping: threading.Event) -> None:
        self.connection = connection
        self._stopping = stopping

    def send(self, *parts: bytes) -> None:
        self.connection.sendall(b"".join(parts))

    def forever(self, part: bytes, pause_s: float = 0.0) -> None:
        """Send it again and again, until the other side or the test has enough."""
        while not self._stopping.is_set():
            self.send(part)
            time.sleep(pause_s)

    def silence(self) -> None:
        self._stopping.wait(10)

    def reset(self) -> None:
        linger = b"\x01\0\0\0\0\0\0\0"  # on, for 0 seconds: RST instead of FIN
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


Script = Callable[[Client], None]


def answer(body: bytes = b"", status: int = 200, **headers: str) -> Script:
    """A proper answer; underscores in names of headers stand for dashes."""
    given = {"Content-Length": str(len(body))}
    given.update({name.replace("_", "-"): value for name, value in headers.items()})
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    head = f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode("latin-1")
    return lambda client: client.send(head, body)


def redirect(location: str, status: int = 302, **headers: str) -> Script:
    return answer(b"", status, Location=location, **headers)


class Scripted:
    """A real server on its own port. scripts: what is done to a client, by the path it wants.

    tls: (certificate, key) files. asked: all requests; connections: also those without one.
    names: what clients of TLS believe the server's name to be.
    """

    def __init__(self, scripts: dict[str, Script] | Script, tls: tuple[str, str] | None = None):
        self.scripts = scripts
        self.asked: list[Asked] = []
        self.names: list[str | None] = []
        self.connections = 0
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._context = None
        if tls is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*tls)
            self._context.sni_callback = lambda _, name, __: self.names.append(name)

    def __enter__(self) -> Scripted:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self._listener.settimeout(0.02)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()
        self._listener.close()

    def address(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'http' if self._context is None else 'https'}://{host}:{self.port}{path}"

    def _start(self, work: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=work, args=given)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                connection, _ = self._listener.accept()
                self.connections += 1
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):  # clients that leave are part of the tests
            connection.settimeout(5)
            if self._context is None:
                self._talk(connection)
            else:
                with self._context.wrap_socket(connection, server_side=True) as secure:
                    self._talk(secure)

    def _talk(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(65536)
            head += part
            if not part or head.startswith(b"\x16"):  # TLS, as from a browser at the wrong port
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (ln.partition(": ") for ln in lines)}
        asked = Asked(first.split()[1], headers)
        self.asked.append(asked)
        scripts = self.scripts
        script = scripts.get(asked.path) if isinstance(scripts, dict) else scripts
        (script or answer(status=404))(Client(connection, self._stopping))


class Internet:
    """What names mean and where addresses lead, in this test; real DNS is never asked.

    names: IP addresses of a host, or several such lists, one a look-up. routes: the local port
    that a public address leads to; None: there is no way. connected: all that was connected to.
    """

    def __init__(self, monkeypatch) -> None:
        self.names: dict[str, list[str] | list[list[str]]] = {"localhost": ["127.0.0.1"]}
        self.routes: dict[str, int | None] = {}
        self.looked_up: list[str] = []
        self.connected: list[tuple[str, int]] = []
        self.slow_s = 0.0
        self._getaddrinfo, self._connect = socket.getaddrinfo, socket.socket.connect
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)
        internet = self

        def connect(self, address):
            return internet._lead(self, address)

        monkeypatch.setattr(socket.socket, "connect", connect)

    def _resolve(self, host, port, family=0, type=0, proto=0, flags=0):
        self.looked_up.append(host)
        time.sleep(self.slow_s)
        if host not in self.names:
            return self._getaddrinfo(host, port, family, type, proto, socket.AI_NUMERICHOST)
        meant = self.names[host]
        if isinstance(meant[0], list):
            meant = meant.pop(0) if len(meant) > 1 else meant[0]
        return [
            entry
            for address in meant
            for entry in self._getaddrinfo(address, port, type=type, flags=socket.AI_NUMERICHOST)
        ]

    def _lead(self, connection, address):
        host, port = address[:2]
        self.connected.append((host, port))
        if host not in self.routes:
            return self._connect(connection, address)
        to = self.routes[host]
        if to is None:
            raise OSError(101, "Network is unreachable")
        return self._connect(connection, ("127.0.0.1", to))
