"""All routes of the native API."""

from __future__ import annotations

from starlette.routing import BaseRoute

from vultus.server.api import (
    audit,
    cameras,
    capabilities,
    events,
    faces,
    groups,
    health,
    jobs,
    keys,
    people,
    strangers,
    transfer,
    videos,
    visits,
)

_MODULES = (
    health,
    capabilities,
    faces,
    groups,
    people,
    strangers,
    transfer,
    audit,
    keys,
    cameras,
    visits,
    events,
    videos,
    jobs,
)
# One list, since FastAPI looks through routers that include each other twice for each request.
routes: list[BaseRoute] = [route for module in _MODULES for route in module.router.routes]
