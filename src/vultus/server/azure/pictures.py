"""The picture that a request brings: its bytes, or the address of one."""

from __future__ import annotations

from starlette.requests import Request

from vultus.errors import BodyTooLarge
from vultus.server.azure.problems import AzureError, bad_argument
from vultus.server.azure.wire import is_json, json_object
from vultus.server.bodies import read_body
from vultus.server.services import Services

SMALLEST_BYTES = 2**10
LARGEST_BYTES = 6 * 2**20


async def picture_of(request: Request, services: Services) -> bytes:
    """The encoded picture, from the body or from the address in it.

    Raises:
        AzureError: InvalidImageSize, UnsupportedMediaType, or BadArgument where the JSON is none.
        UrlRefused, UrlFailed, UrlTooLarge: the address leads to no picture.
    """
    if is_json(request):
        url = (await json_object(request)).get("url")
        if not isinstance(url, str):
            raise bad_argument('The body has no url. Send {"url": "https://..."}.')
        return _checked(await services.fetcher.fetch(url, max_bytes=LARGEST_BYTES))
    kind = request.headers.get("content-type", "application/octet-stream")
    if not kind.lower().startswith(("application/octet-stream", "image/")):
        raise AzureError(
            415,
            "UnsupportedMediaType",
            "Send a picture as application/octet-stream, or its url as application/json.",
        )
    try:
        return _checked(await read_body(request, LARGEST_BYTES))
    except BodyTooLarge:
        raise _wrong_size() from None


def _checked(data: bytes) -> bytes:
    if len(data) < SMALLEST_BYTES:
        raise _wrong_size()
    return data


def _wrong_size() -> AzureError:
    return AzureError(400, "InvalidImageSize", "A picture has 1 KB to 6 MB.")
