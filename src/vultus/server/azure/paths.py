"""Azure's paths as its clients write them: doubled slashes, capitals, several versions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

VERSIONS = ("v1.0", "v1.1-preview.1", "v1.2-preview.1", "v1.2", "v1.3-preview", "v1.3-preview.1")
PREFIX = "/face"
_AZURE = re.compile(r"/+face(/|\Z)", re.IGNORECASE)


@dataclass(frozen=True)
class AzurePath:
    """A path without its version. base: what the client put before it, for addresses in answers."""

    path: str
    base: str
    version: str


def is_azure(path: str) -> bool:
    """Whether a path belongs to Azure's API, of whatever version."""
    return _AZURE.match(path) is not None


def _segment(raw: str) -> str:
    """One segment, decoded; where it hides a further slash it is no id, and stays as it is."""
    decoded = unquote(raw, errors="replace")
    return raw if "/" in decoded else decoded


def canonical(path: str) -> AzurePath | None:
    """The path, percent-encoded, as the routes know it; None where the version is unknown.

    Fixed segments become lower case; ids, which are every second segment, stay as they are.
    """
    segments = [_segment(segment) for segment in path.split("/") if segment]
    if len(segments) < 2 or segments[0].lower() != "face" or segments[1].lower() not in VERSIONS:
        return None
    version, rest = segments[1].lower(), segments[2:]
    fixed = [part if number % 2 else part.lower() for number, part in enumerate(rest)]
    return AzurePath("/".join([PREFIX, *fixed]), f"{PREFIX}/{version}", version)


class AzurePaths:
    """ASGI middleware that hands the routes canonical paths."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_azure(scope["path"]):
            raw = scope.get("raw_path") or scope["path"].encode()
            found = canonical(raw.partition(b"?")[0].decode("latin-1"))
            scope["path"] = found.path if found else f"{PREFIX}/unknown/version"
            scope["raw_path"] = scope["path"].encode("utf-8", "surrogateescape")
            scope["azure"] = found
        await self._app(scope, receive, send)
