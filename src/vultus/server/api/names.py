"""Names in paths: all that the gallery knows, a slash in them sent as %2F."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Path, Request
from fastapi.routing import APIRoute
from pydantic import AfterValidator
from starlette.routing import Match
from starlette.types import Scope

from vultus.gallery.rows import check_name
from vultus.server.security.roles import Principal

LONGEST_NAME = 200
# for the documentation; `check_name` says in words what is wrong
SHOWABLE: dict[str, Any] = {"pattern": r"^[^\x00-\x1f]*[^\x00-\x20][^\x00-\x1f]*$"}


_ENCODED = "vultus.encoded_path"


class NameRoute(APIRoute):
    """Matches a path before it is decoded: `a%2Fb` is one name, `a/b` are two segments."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        encoded = _encoded(scope)
        if encoded is None:
            return super().matches(scope)
        if not self.path_regex.match(encoded):
            return Match.NONE, {}
        match, found = super().matches({**scope, "path": encoded})
        if "path_params" in found:
            found["path_params"] = {
                # bytes that are no letters must not all become the same one: they are refused
                name: unquote(value, errors="surrogateescape") if isinstance(value, str) else value
                for name, value in found["path_params"].items()
            }
        return match, found


def _encoded(scope: Scope) -> str | None:
    """The path as it was sent; None where nobody knows, or the application is part of another."""
    if scope["type"] != "http" or scope.get("root_path"):
        return None
    if _ENCODED not in scope:  # every route asks
        raw: bytes | None = scope.get("raw_path")
        scope[_ENCODED] = raw and raw.partition(b"?")[0].decode("utf-8", "replace")
    found: str | None = scope[_ENCODED]
    return found


def router_of(tag: str, role: Callable[[Request], Awaitable[Principal]]) -> APIRouter:
    """A router of the native API: a role for all of it, names in paths, operations by function."""
    return APIRouter(
        tags=[tag],
        dependencies=[Depends(role)],
        route_class=NameRoute,
        generate_unique_id_function=lambda route: route.name,
    )


def _group(name: str) -> str:
    return check_name(name, "group")


def _person(name: str) -> str:
    return check_name(name, "person")


GroupName = Annotated[
    str,
    Path(
        min_length=1,
        max_length=LONGEST_NAME,
        json_schema_extra=SHOWABLE,
        description="Name of a group, percent-encoded; a slash in it as %2F.",
    ),
    AfterValidator(_group),
]
PersonName = Annotated[
    str,
    Path(
        min_length=1,
        max_length=LONGEST_NAME,
        json_schema_extra=SHOWABLE,
        description="Name of a person, percent-encoded; a slash in it as %2F.",
    ),
    AfterValidator(_person),
]
Guid = Annotated[str, Path(min_length=1, max_length=36, description="Id of a face or person.")]
Label = Annotated[
    str, Path(min_length=1, max_length=40, description="A stranger, such as `unknown-0001`.")
]
