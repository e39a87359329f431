"""The application: routes, and what stands before them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.routing import Router

from vultus._version import __version__
from vultus.errors import VultusError
from vultus.server.api.routes import routes as native_routes
from vultus.server.azure.paths import PREFIX, AzurePaths, is_azure
from vultus.server.azure.problems import AzureError, azure_problem
from vultus.server.azure.routes import routes as azure_routes
from vultus.server.gate import Gate
from vultus.server.problems import code_of_status, problem, refusal
from vultus.server.services import Services

_SUMMARY = "Face detection and recognition on your own machine."


def create_app(services: Services) -> FastAPI:
    """The server as an ASGI application, around services that somebody made."""
    app = FastAPI(
        title="Vultus",
        version=__version__,
        summary=_SUMMARY,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.services = services
    app.mount(PREFIX, Router(azure_routes, redirect_slashes=False))
    app.router.routes.extend(native_routes)
    _add_docs(app)
    handlers: dict[Any, Any] = {
        VultusError: _vultus_error,
        AzureError: _azure_error,
        HTTPException: _http_error,
        RequestValidationError: _invalid,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(AzurePaths)
    app.add_middleware(Gate, services=services)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    services.start()
    yield
    await services.close()


def _add_docs(app: FastAPI) -> None:
    """The page /docs with files of this installation; nothing is loaded from elsewhere."""
    folder = Path(fastapi_offline.__file__).parent / "static"
    app.mount("/static-docs", StaticFiles(directory=folder))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Vultus",
            swagger_js_url="/static-docs/swagger-ui-bundle.js",
            swagger_css_url="/static-docs/swagger-ui.css",
            swagger_favicon_url="/static-docs/favicon.png",
        )


async def _vultus_error(request: Request, error: VultusError) -> Response:
    return azure_problem(error) if _for_azure(request) else problem(error)


async def _azure_error(_request: Request, error: AzureError) -> Response:
    return error.response()


async def _http_error(request: Request, error: HTTPException) -> Response:
    """HTTP's own refusals: an unknown path, a wrong method."""
    code = code_of_status(error.status_code)
    if _for_azure(request):
        code = {404: "ResourceNotFound", 405: "MethodNotAllowed"}.get(error.status_code, code)
    return refusal(error.status_code, code, str(error.detail), dict(error.headers or {}))


async def _invalid(_request: Request, error: RequestValidationError) -> Response:
    problems = "; ".join(
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()
    )
    return refusal(422, "request_invalid", f"The request makes no sense: {problems}.")


def _for_azure(request: Request) -> bool:
    return is_azure(request.scope["path"])
