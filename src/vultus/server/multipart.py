"""multipart/form-data as it comes: each part goes where the caller says, never all into memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

from vultus.errors import UsageError, VultusError
from vultus.imaging.load import readable
from vultus.server.bodies import drain, parts_of

_MOST_HEADERS = 16
_LONGEST_HEADER = 8192
_LONGEST_NAME = 200
_FILES = ("image/", "video/", "application/octet-stream", "application/zip")

Take = Callable[[bytes], object]


@dataclass(frozen=True)
class Head:
    """What a part says of itself. filename: without folders; None where it is no file."""

    field: str
    filename: str | None
    content_type: str

    @property
    def is_file(self) -> bool:
        """Whether it is a file rather than a value; some clients send pictures without a name."""
        return self.filename is not None or self.content_type.startswith(_FILES)


async def read_multipart(
    request: Request, limit: int, begin: Callable[[Head], Take], *, most: int
) -> None:
    """Hand each part of the body to what `begin` returns for it.

    Args:
        limit: bytes of the body. most: parts.

    Raises:
        UsageError: it is not what it claims to be, or has too many parts. BodyTooLarge,
        ClientGone: as `bodies.read_body`. And whatever `begin` and its answers raise.
    """
    parts = _Parts(begin, most)
    try:
        parser = MultipartParser(_boundary(request), parts.callbacks())
        async for data in parts_of(request, limit):
            parser.write(data)
    except (FormParserError, VultusError) as error:
        await drain(request)
        raise _broken() if isinstance(error, FormParserError) else error from None
    if not parts.complete:
        raise _broken()


def file_name(text: str) -> str:
    """A name from outside without its folders, fit to be shown and kept; may be empty."""
    last = text.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return "".join(letter for letter in readable(last) if letter.isprintable())[-_LONGEST_NAME:]


class _Parts:
    """What the parser calls."""

    def __init__(self, begin: Callable[[Head], Take], most: int) -> None:
        self.complete = False
        self._begin = begin
        self._left = most
        self._headers: list[tuple[bytes, bytes]] = []
        self._name = b""
        self._value = b""
        self._take: Take | None = None

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._part_begins,
            "on_header_field": self._name_comes,
            "on_header_value": self._value_comes,
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data_comes,
            "on_end": self._end,
        }

    def _part_begins(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise UsageError("The form has too many parts.", "Send fewer at once.")
        self._headers = []

    def _name_comes(self, data: bytes, start: int, end: int) -> None:
        self._name = _longer(self._name, data[start:end])

    def _value_comes(self, data: bytes, start: int, end: int) -> None:
        self._value = _longer(self._value, data[start:end])

    def _header_ends(self) -> None:
        self._headers.append((self._name.strip().lower(), self._value))
        self._name = self._value = b""
        if len(self._headers) > _MOST_HEADERS:
            raise _broken()

    def _headers_end(self) -> None:
        self._take = self._begin(_head(dict(self._headers)))

    def _data_comes(self, data: bytes, start: int, end: int) -> None:
        if self._take is not None:
            self._take(data[start:end])

    def _end(self) -> None:
        self.complete = True


def _head(headers: dict[bytes, bytes]) -> Head:
    _, options = parse_options_header(headers.get(b"content-disposition"))
    kind, _ = parse_options_header(headers.get(b"content-type"))
    if b"name" not in options:
        raise _broken()
    given = options.get(b"filename")
    return Head(
        field=options[b"name"].decode("utf-8", "replace")[:_LONGEST_NAME],
        filename=None if given is None else file_name(given.decode("utf-8", "replace")),
        content_type=kind.decode("latin-1"),
    )


def _boundary(request: Request) -> bytes:
    _, options = parse_options_header(request.headers.get("content-type"))
    if not options.get(b"boundary"):
        raise _broken()
    return options[b"boundary"]


def _longer(text: bytes, more: bytes) -> bytes:
    if len(text) + len(more) > _LONGEST_HEADER:
        raise _broken()
    return text + more


def _broken() -> VultusError:
    return UsageError(
        "The body is no whole multipart/form-data.",
        "Let the HTTP library make it, its boundary and Content-Type included.",
    )
