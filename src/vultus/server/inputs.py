"""Pictures as clients send them: as the body itself, in a form, as base64 in JSON, or by address.

Everything is limited while it is read, before anything is decoded.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from vultus.errors import ContentRefused, ImageTooLarge, UsageError
from vultus.server.bodies import drain, read_body
from vultus.server.multipart import Head, Take, file_name, read_multipart
from vultus.server.services import Services

_MOST_PARTS = 200
_MOST_FIELD = 64 * 2**10  # bytes of a value in a form
_SPACES = str.maketrans("", "", " \t\r\n")
_MARKS = (b",", b"[", b"{")  # one at least before each value in JSON
_MOST_MARKS = 10_000
_WAYS = (
    "Send the picture itself with Content-Type: image/jpeg (or another image/..., or "
    'application/octet-stream), a form with a file, or JSON: {"image": base64} or {"url": address}.'
)


@dataclass(frozen=True)
class Picture:
    """An encoded picture, not looked at yet.

    name: of the client's file without folders, or `picture`. field: of the form it came in.
    """

    name: str
    data: bytes
    field: str = ""


@dataclass(frozen=True)
class Inputs:
    """The pictures of a request, and what else came with them: a form's values, JSON's members."""

    pictures: list[Picture]
    fields: dict[str, Any] = field(default_factory=dict)


async def read_inputs(request: Request, services: Services) -> Inputs:
    """The pictures of a request in whatever way they come, at least one.

    Raises:
        ContentRefused: a body of a kind in which no picture can be. UsageError: JSON that is none,
            base64 that is none, a form that breaks off, or no picture at all.
        BodyTooLarge, ImageTooLarge: there is more than the limits allow; no more was read.
        UrlRefused, UrlFailed: what an address points to cannot be had.
        ClientGone: the client went away in the middle.
    """
    kind = _content_type(request)
    if kind == "multipart/form-data":
        found = await _from_form(request, services)
    elif kind == "application/json":
        found = await _from_json(request, services)
    else:
        found = await _from_body(request, services, kind)
    if not found.pictures:
        raise UsageError("There is no picture in the request.", _WAYS)
    return found


async def pictures_of(request: Request, services: Services) -> list[Picture]:
    """The pictures of a request that may bring nothing else. Raises as `read_inputs`."""
    found = await read_inputs(request, services)
    _refuse(found.fields)
    return found.pictures


async def one_picture(request: Request, services: Services) -> Picture:
    """The one picture of a request that may bring nothing else. Raises as `read_inputs`."""
    pictures = await pictures_of(request, services)
    if len(pictures) != 1:
        raise UsageError(f"One picture is wanted, {len(pictures)} came.", "Send one at a time.")
    return pictures[0]


async def two_pictures(request: Request, services: Services) -> tuple[Picture, Picture]:
    """Pictures to compare: two files of a form, or JSON with an object under `a` and under `b`.

    Raises:
        As `read_inputs`; UsageError where there are not just two.
    """
    kind = _content_type(request)
    if kind == "multipart/form-data":
        pictures = await pictures_of(request, services)
    elif kind == "application/json":
        members = await _read_members(request, services, pictures=2)
        pictures = [
            (await _from_members(_object(members.pop(name, None)), services, name=name))
            for name in ("a", "b")
        ]
        _refuse(members)
    else:
        await drain(request)
        raise ContentRefused("Two pictures do not fit in this body.", _PAIRS)
    if len(pictures) != 2:
        raise UsageError(f"Two pictures are wanted, {len(pictures)} came.", _PAIRS)
    if [picture.field for picture in pictures] == ["b", "a"]:
        pictures.reverse()
    return pictures[0], pictures[1]


_PAIRS = 'Send a form with the files a and b, or JSON: {"a": {"image": base64}, "b": {"url": ...}}.'


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _refuse(fields: dict[str, Any]) -> None:
    """What would be ignored in silence is refused."""
    if fields:
        names = ", ".join(sorted(name[:50] for name in fields))
        raise UsageError(
            f"Beside the picture nothing is understood here, and there is: {names}.",
            "Options are query parameters: ?name=value.",
        )


async def _from_body(request: Request, services: Services, kind: str) -> Inputs:
    if kind and not kind.startswith("image/") and kind != "application/octet-stream":
        await drain(request)
        raise ContentRefused(f"A picture does not come as {kind[:100]}.", _WAYS)
    limits = services.settings
    most = min(limits.server.max_body_bytes, limits.limits.max_image_bytes)
    data = await read_body(request, most)
    return Inputs([Picture("picture", data)] if data else [])


async def _from_form(request: Request, services: Services) -> Inputs:
    limit = services.settings.limits.max_image_bytes
    files: list[tuple[Head, io.BytesIO]] = []
    values: dict[str, io.BytesIO] = {}

    def begin(head: Head) -> Take:
        buffer = io.BytesIO()
        if head.is_file:
            files.append((head, buffer))
            return _taker(buffer, limit, too_large_picture(limit))
        values[head.field] = buffer
        too_long = UsageError(f"A value in the form has more than {_MOST_FIELD:,} bytes.")
        return _taker(buffer, _MOST_FIELD, too_long)

    await read_multipart(request, services.settings.server.max_body_bytes, begin, most=_MOST_PARTS)
    # a browser sends a file without name or content where nobody chose one
    sent = [(head, buffer) for head, buffer in files if head.filename or buffer.tell()]
    return Inputs(
        # `getvalue` shares the buffer's memory
        [Picture(head.filename or "picture", data.getvalue(), head.field) for head, data in sent],
        {name: data.getvalue().decode("utf-8", "replace") for name, data in values.items()},
    )


def _taker(buffer: io.BytesIO, limit: int, error: Exception) -> Callable[[bytes], None]:
    def take(data: bytes) -> None:
        if buffer.tell() + len(data) > limit:
            raise error
        buffer.write(data)

    return take


async def _from_json(request: Request, services: Services) -> Inputs:
    members = await _read_members(request, services)
    if "image" not in members and "url" not in members:
        return Inputs([], members)
    picture = await _from_members(members, services, whole=False)
    return Inputs([picture], {k: v for k, v in members.items() if k not in ("image", "url")})


async def _read_members(
    request: Request, services: Services, *, pictures: int = 1
) -> dict[str, Any]:
    limits = services.settings
    # base64 takes four letters for three bytes, and maybe line breaks
    room = pictures * (limits.limits.max_image_bytes * 7 // 5) + 2**16
    data = await read_body(request, min(limits.server.max_body_bytes, room))
    return _object(await run_in_threadpool(parse_json, data))


def parse_json(data: bytes) -> Any:
    """JSON of few members, without the numbers that are none. Raises UsageError."""
    # a body of nothing but these would become gigabytes of objects, while nobody else has a turn
    if sum(map(data.count, _MARKS)) > _MOST_MARKS:
        raise UsageError("The body is no JSON object of a few members.", _WAYS)
    try:
        return json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:  # bytes that are no UTF-8 raise ValueError too
        raise UsageError("The body is no JSON.", "Send a JSON object.") from error


def _no_number(name: str) -> None:
    raise ValueError(name)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError("A JSON object is wanted.", _WAYS)
    return value


async def _from_members(
    members: dict[str, Any], services: Services, *, name: str = "picture", whole: bool = True
) -> Picture:
    """The picture of `{"image": base64}` or `{"url": address}`."""
    image, url = members.get("image"), members.get("url")
    if whole:
        _refuse({key: value for key, value in members.items() if key not in ("image", "url")})
    if (image is None) == (url is None):
        raise UsageError("A picture is either an image or a url.", _WAYS)
    if isinstance(image, str):
        limit = services.settings.limits.max_image_bytes
        return Picture(name, await run_in_threadpool(_decoded, image, limit))
    if isinstance(url, str):
        return Picture(_last_part(url) or name, await services.fetcher.fetch(url))
    raise UsageError("image and url are texts.", _WAYS)


def _decoded(text: str, limit: int) -> bytes:
    """Base64, perhaps as a data: URL, to bytes.

    Raises:
        UsageError: it is none. ImageTooLarge: there are more bytes than `limit`.
    """
    if text[:5].lower() == "data:":
        head, comma, text = text.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise _no_base64()
    letters = text.translate(_SPACES)
    if len(letters) // 4 * 3 > limit + 2:
        raise too_large_picture(limit)
    try:
        data = base64.b64decode(letters, validate=True)
    except ValueError:  # the text itself may be somebody's face, and goes into no message
        raise _no_base64() from None
    if len(data) > limit:
        raise too_large_picture(limit)
    return data


def _no_base64() -> UsageError:
    return UsageError("The image is no base64.", _WAYS)


def too_large_picture(limit: int) -> ImageTooLarge:
    return ImageTooLarge(f"The picture has more than {limit:,} bytes.", "Make it smaller.")


def _last_part(url: str) -> str:
    """How a picture of this address is called; never its host or query, which may be secret."""
    try:
        return file_name(unquote(urlsplit(url).path))
    except ValueError:
        return ""
