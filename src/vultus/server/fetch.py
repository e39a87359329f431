"""Pictures and videos by address, without attacking our own network on a stranger's behalf.

The addresses of a name are all judged, then one of those very addresses is connected to: what
the name means a moment later does not count. Each redirect goes through the same door.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin

import anyio
import certifi
import httpcore
import httpx

from vultus.errors import StorageError, UrlFailed, UrlRefused, UrlTooLarge
from vultus.events.private import make_file
from vultus.redaction import redact_address

_LONGEST_URL = 2048  # letters
_MOST_ADDRESSES = 4  # of one host that are tried, one after the other
_REDIRECTS = {301, 302, 303, 307, 308}
# Sent although identity was asked for. Not undone: a small body may grow a thousandfold.
_COMPRESSIONS = {"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress"}

_PUBLIC_HINT = (
    "Send the picture itself, or give a public address. Who runs the server may allow such "
    "addresses with the setting allow_private_urls (VULTUS_ALLOW_PRIVATE_URLS=1)."
)
_URL_HINT = "Give one like https://example.org/picture.jpg."
_DISK_HINT = "Whoever runs the server has to make room, or let it write to its folder."

# IANA's special-purpose registries, as of 2025, and multicast. Not ipaddress.is_global, which
# means something else in each version of Python.
_SPECIAL_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT, and some clouds' metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # inside Azure, the machine's host: public in name only
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments, and Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")  # all else is local, reserved or multicast
_SPECIAL_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo tunnels among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 tunnels
        "3fff::/20",  # documentation
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address, such as 192.0.2.1 or 2001:db8::1, belongs to the public internet.

    An IPv4 address within IPv6, mapped or for NAT64, is judged itself; tunnels are not public.
    """
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        if inner is None:
            return found in _UNICAST_V6 and not any(found in network for network in _SPECIAL_V6)
        found = inner
    return not any(found in network for network in _SPECIAL_V4)


class Fetcher:
    """Reads what an address points to, for people who are not trusted with this machine's network.

    http and https only, no proxies, cookies or credentials. May be used by many tasks at once.

    max_bytes: of the content, unless a call says otherwise. timeout_s: for everything together,
    redirects and name look-ups included. allow_private: addresses of private networks and of
    this machine may be used. max_redirects: how many are followed.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        timeout_s: float = 10.0,
        allow_private: bool = False,
        max_redirects: int = 3,
    ) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._allow_private = allow_private
        self._max_redirects = max_redirects
        # Not httpx.AsyncClient, which writes whole addresses into the log. No connection is kept:
        # it would be found again by its IP address, with another host's certificate.
        self._transport = httpx.AsyncHTTPTransport(
            verify=_trust(),
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    async def fetch(self, url: str, *, max_bytes: int | None = None) -> bytes:
        """The content.

        Raises:
            UrlRefused: the address may not be used; nothing was connected to, except the hosts
                that redirected to it.
            UrlTooLarge: there are more bytes than allowed.
            UrlFailed: it cannot be had, or not in time.
        """
        content = bytearray()

        async def keep(part: bytes) -> None:
            content.extend(part)

        await self._read(url, self._max_bytes if max_bytes is None else max_bytes, keep)
        return bytes(content)

    async def fetch_to(self, url: str, path: Path, *, max_bytes: int) -> int:
        """Write the content to a file for the owner alone, and return its size in bytes.

        What was at the path is replaced. After a failure, or when cancelled, nothing is there.

        Raises:
            UrlRefused, UrlTooLarge, UrlFailed: as with `fetch`.
            StorageError: the file cannot be written.
        """
        with _file_or_nothing(path) as file:

            async def write(part: bytes) -> None:
                with _storing():
                    await anyio.to_thread.run_sync(file.write, part)

            return await self._read(url, max_bytes, write)

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def _read(self, url: str, limit: int, take: Callable[[bytes], Awaitable[None]]) -> int:
        """Hand the content to `take`, part by part; returns its size in bytes."""
        place = _Place.given(url)
        size = 0
        with anyio.move_on_after(self._timeout_s):
            place, response = await self._follow(place)
            async with aclosing(response):
                _judge(response, place, limit)
                try:
                    async for part in response.aiter_raw():
                        size += len(part)
                        if size > limit:
                            raise _too_large(place, limit)
                        await take(part)
                except (httpx.TransportError, OSError) as error:
                    raise UrlFailed(f"{place} breaks off before its end{_why(error)}.") from None
                return size
        raise UrlFailed(f"{place} was not there within {self._timeout_s:g} seconds.")

    async def _follow(self, place: _Place) -> tuple[_Place, httpx.Response]:
        """The first answer that is no redirect, and where it came from; to be closed."""
        first = place
        for _ in range(self._max_redirects + 1):
            response = await self._ask(place)
            location = response.headers.get("Location")
            if location is None or response.status_code not in _REDIRECTS:
                return place, response
            await response.aclose()
            place = place.redirected(location, first)
        raise UrlFailed(
            f"{first} leads on more than {self._max_redirects} times.", "Give the final address."
        )

    async def _ask(self, place: _Place) -> httpx.Response:
        addresses = await self._resolve(place)
        trouble: Exception | None = None
        for address in addresses:
            try:
                return await self._send(
                    place.request(address, connect_s=self._timeout_s / len(addresses))
                )
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                trouble = error  # another address of the host may answer
            except (httpx.TransportError, OSError) as error:
                raise UrlFailed(f"{place} does not answer as HTTP{_why(error)}.") from None
        raise UrlFailed(f"{place} cannot be reached{_why(trouble)}.")

    async def _send(self, request: httpx.Request) -> httpx.Response:
        """Ask, and leave no connection open: httpcore forgets those cancelled as TLS begins."""
        opened: list[httpcore.AsyncNetworkStream] = []

        async def note(event: str, info: dict[str, Any]) -> None:
            if event == "connection.connect_tcp.complete":
                opened.append(info["return_value"])

        request.extensions["trace"] = note
        try:
            return await self._transport.handle_async_request(request)
        except BaseException:
            with anyio.CancelScope(shield=True):
                for stream in opened:
                    await stream.aclose()
            raise

    async def _resolve(self, place: _Place) -> list[str]:
        """The IP addresses to try. All are judged: one forbidden address spoils the host."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # no host, no answer of DNS; no name at all
            raise UrlFailed(f"The host of {place} cannot be found.", "Check its name.") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self._allow_private and not all(map(is_public, addresses)):
            raise UrlRefused(f"{place} is not on the public internet.", _PUBLIC_HINT)
        return addresses[:_MOST_ADDRESSES]


@dataclass(frozen=True)
class _Place:
    """An address that may be asked for, as far as its text tells.

    shown: the address for messages, and who led there.
    """

    url: httpx.URL
    shown: str

    def __str__(self) -> str:
        return self.shown

    @classmethod
    def given(cls, text: str) -> _Place:
        return cls._checked(text, origin="")

    def redirected(self, location: str, first: _Place) -> _Place:
        origin = f" (where {first} leads)"
        try:
            return self._checked(urljoin(str(self.url), location), origin)
        except ValueError:  # of urljoin
            raise _no_url(origin) from None

    @classmethod
    def _checked(cls, text: str, origin: str) -> _Place:
        if len(text) > _LONGEST_URL:
            raise UrlRefused(f"The address{origin} has more than {_LONGEST_URL} letters.")
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, ValueError):
            raise _no_url(origin) from None
        place = cls(url, f"{redact_address(str(url)) or 'The address'}{origin}")
        if url.scheme not in ("http", "https"):
            raise UrlRefused(f"{place} is neither http nor https.", _URL_HINT)
        if not url.host:
            raise UrlRefused(f"{place} names no host.", _URL_HINT)
        if url.userinfo:
            raise UrlRefused(
                f"{place} has a user or password in it.", "Give an address that needs none."
            )
        if not 0 < place.port < 65536:
            raise UrlRefused(f"{place} has an impossible port.", _URL_HINT)
        return place

    @property
    def host(self) -> str:
        """In ASCII."""
        return self.url.raw_host.decode("ascii")

    @property
    def port(self) -> int:
        if self.url.port is not None:
            return self.url.port
        return 443 if self.url.scheme == "https" else 80

    def request(self, address: str, *, connect_s: float) -> httpx.Request:
        """A request to the IP address, in which host and certificate are those of the name."""
        return httpx.Request(
            "GET",
            self.url.copy_with(host=address),
            headers={
                "Host": self.url.netloc.decode("ascii"),
                "User-Agent": "vultus",
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                "Connection": "close",
            },
            extensions={
                "sni_hostname": self.host.rstrip("."),  # certificates have no final dot
                "timeout": {"connect": connect_s},
            },
        )


def _judge(response: httpx.Response, place: _Place, limit: int) -> None:
    """Whether the content is worth reading, by the headers alone."""
    status = response.status_code
    if status != 200:
        hint = "It must be readable without logging in." if status in (401, 403) else ""
        raise UrlFailed(f"{place} answers {status}.", hint)
    encoding = response.headers.get("Content-Encoding", "")
    if _COMPRESSIONS & set(encoding.lower().replace(",", " ").split()):
        raise UrlFailed(f"{place} sends its content compressed, which was not asked for.")
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(place, limit)


def _too_large(place: _Place, limit: int) -> UrlTooLarge:
    return UrlTooLarge(f"{place} holds more than the {limit} bytes that are allowed.")


def _no_url(origin: str) -> UrlRefused:
    return UrlRefused(f"The address{origin} cannot be understood.", _URL_HINT)


def _why(error: BaseException | None) -> str:
    """What the system or OpenSSL says; the libraries in between say that it failed, or too much."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f": its certificate is not trusted ({error.verify_message.rstrip('.')})"
        if isinstance(error, ssl.SSLError):
            return ": TLS fails"
        if isinstance(error, httpx.TimeoutException):
            return ": no answer in time"
        if isinstance(error, OSError) and error.errno:
            return f": {os.strerror(error.errno)}"
        error = error.__cause__ or error.__context__
    return ""


@contextmanager
def _file_or_nothing(path: Path) -> Iterator[BinaryIO]:
    """A new file for the owner alone, which is removed should anything go wrong."""
    with _storing():
        make_file(path)
        file = path.open("wb")
    try:
        with _storing(), file:
            yield file
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


@contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except OSError as error:  # which names the path, and a message must not
        reason = error.strerror or "no reason is known"
        raise StorageError(f"What was fetched cannot be stored: {reason}.", _DISK_HINT) from None


def _trust() -> ssl.SSLContext:
    """The authorities of the web, and those of this machine, such as a company's own."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context
