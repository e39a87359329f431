"""Routes of Azure's API: for operators, each with a handler that gets the path's ids by name.

They are not FastAPI's: nothing here is described by OpenAPI, and what it does for each request
takes longer than all else before the handler.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from vultus.server.security.roles import principal_of

_Changing = TypeVar("_Changing", bound=Callable[..., Awaitable[Response]])
_Reading = TypeVar("_Reading", bound=Callable[..., Awaitable[Response] | Response])


class AzureRoute(Route):
    """One method of one path."""

    def __init__(
        self, method: str, path: str, handler: Callable[..., Awaitable[Response] | Response]
    ) -> None:
        super().__init__(path, _endpoint(handler), methods=[method])
        self.methods = {method}  # no HEAD beside GET: Azure has none

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        if match is not Match.NONE:
            found["route"] = self  # for the gate, which counts
        return match, found


class AzureRouter:
    """The routes of one module. What changes something waits for no thread to be read by."""

    def __init__(self) -> None:
        self.routes: list[BaseRoute] = []

    def get(self, path: str) -> Callable[[_Reading], _Reading]:
        def add(handler: _Reading) -> _Reading:
            self.routes.append(AzureRoute("GET", path, handler))
            return handler

        return add

    def post(self, path: str) -> Callable[[_Changing], _Changing]:
        return self._changing("POST", path)

    def put(self, path: str) -> Callable[[_Changing], _Changing]:
        return self._changing("PUT", path)

    def patch(self, path: str) -> Callable[[_Changing], _Changing]:
        return self._changing("PATCH", path)

    def delete(self, path: str) -> Callable[[_Changing], _Changing]:
        return self._changing("DELETE", path)

    def _changing(self, method: str, path: str) -> Callable[[_Changing], _Changing]:
        def add(handler: _Changing) -> _Changing:
            self.routes.append(AzureRoute(method, path, handler))
            return handler

        return add


def _endpoint(
    handler: Callable[..., Awaitable[Response] | Response],
) -> Callable[[Request], Awaitable[Response]]:
    call: Callable[..., Awaitable[Any]] = partial(run_in_threadpool, handler)
    if inspect.iscoroutinefunction(handler):
        call = handler

    @wraps(handler)
    async def endpoint(request: Request) -> Response:
        principal_of(request).require("operator")
        answer: Response = await call(request, **request.path_params)
        return answer

    return endpoint
