"""Before every request: an id, a key, a role's name, the rate; after it: a line in the log."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from typing import TYPE_CHECKING, TypeAlias

from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vultus.errors import AccessDenied, ServerBusy, VultusError
from vultus.gallery.audit import acting_as
from vultus.server.azure.paths import PREFIX, is_azure
from vultus.server.azure.problems import azure_problem
from vultus.server.bodies import ClientSilent, is_cut_off
from vultus.server.inference import ClientGone
from vultus.server.logs import access_log
from vultus.server.problems import problem, refusal
from vultus.server.security.roles import Principal

if TYPE_CHECKING:
    from vultus.server.services import Services

log = logging.getLogger("vultus.server")

_Headers: TypeAlias = dict[bytes, bytes]

PUBLIC = frozenset({"/", "/health", "/ready", "/docs", "/openapi.json", "/favicon.ico"})
PUBLIC_PREFIXES = ("/static-docs/", "/api/v1/health", "/api/v1/ready")
_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLOSE = ((b"connection", b"close"),)
_GONE = 499  # as others log it: the client closed the connection


class Gate:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = dict(reversed(scope["headers"]))  # the first of each name
        request_id, azure = _request_id(headers), is_azure(scope["path"])
        told_ids = _ids(request_id, azure)
        status, answered = 500, False

        async def told(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], True
                closing = _CLOSE if is_cut_off(scope) else ()
                message["headers"] = [*message.get("headers", ()), *told_ids, *closing]
            await send(message)

        try:
            await self._let_through(scope, receive, told, headers)
        except ClientGone:
            status = _GONE
        except ClientSilent:
            await _silent(azure)(scope, receive, told)
        except asyncio.CancelledError:
            # the time to stop is over; who was not answered may ask the next server
            if answered or not self._services.stopping.is_set():
                raise
            await _refused(scope["path"], _stopped())(scope, receive, told)
        except Exception as error:  # what nobody thought of; the log alone says what
            log.error("request %s broke", request_id, exc_info=error)
            if answered:  # half an answer: the connection is closed
                raise
            await _unforeseen(azure)(scope, receive, told)
        finally:
            self._note(scope, status, time.perf_counter() - began, request_id)

    async def _let_through(
        self, scope: Scope, receive: Receive, send: Send, headers: _Headers
    ) -> None:
        path = scope["path"]
        if path in PUBLIC or path.startswith(PUBLIC_PREFIXES):
            await self._app(scope, receive, send)
            return
        try:
            principal = await self._principal(headers)
            self._services.rate.take(principal.name)
        except VultusError as error:
            await _refused(path, error)(scope, receive, send)
            return
        scope["principal"] = principal
        with acting_as(principal.name):
            await self._app(scope, receive, send)

    async def _principal(self, headers: _Headers) -> Principal:
        key = _key_of(headers)
        found = await self._services.ring.whose(key) if key else None
        if found is None:
            raise AccessDenied(
                "The key is wrong." if key else "This needs a key.",
                "Send it as Authorization: Bearer KEY.",
            )
        return found

    def _note(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route, principal = _route_of(scope), scope.get("principal")
        # a stranger's own words would be counters without end
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._services.metrics.answered(method, route, status, seconds)
        access_log.info(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            key=principal.name if isinstance(principal, Principal) else None,
            request_id=request_id,
        )


def _route_of(scope: Scope) -> str:
    """What was asked for; never the path itself, which may hold the name of a person."""
    route = scope.get("route")
    if not isinstance(route, Route):
        return "unknown"
    # Azure's routes do not know what they are mounted at
    return f"{PREFIX}{route.path}" if is_azure(scope["path"]) else route.path


def _request_id(headers: _Headers) -> str:
    for name in (b"x-request-id", b"x-ms-client-request-id"):
        asked = headers.get(name, b"").decode("latin-1")
        if _ID.match(asked):
            return asked
    return str(uuid.uuid4())


def _ids(request_id: str, azure: bool) -> list[tuple[bytes, bytes]]:
    """The headers that tell it."""
    names = (b"x-request-id", b"apim-request-id") if azure else (b"x-request-id",)
    return [(name, request_id.encode()) for name in names]


def _key_of(headers: _Headers) -> str:
    for name in (b"ocp-apim-subscription-key", b"x-api-key"):
        if headers.get(name):
            return headers[name].decode("latin-1").strip()
    scheme, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _refused(path: str, error: VultusError) -> Response:
    return azure_problem(error) if is_azure(path) else problem(error)


def _unforeseen(azure: bool) -> Response:
    code = "InternalError" if azure else "internal_error"
    return refusal(500, code, "Something went wrong here; the server's log says what.")


def _silent(azure: bool) -> Response:
    code = "RequestTimeout" if azure else "request_timeout"
    return refusal(408, code, "The body did not come to its end. Send it again.")


def _stopped() -> ServerBusy:
    return ServerBusy("The server is being stopped.", "Try again in a moment.")
