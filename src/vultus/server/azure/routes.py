"""All routes of Azure's API, by canonical path (see `paths`)."""

from __future__ import annotations

from starlette.routing import BaseRoute

from vultus.server.azure import faces, groups, lists, persons, training

_MODULES = (faces, groups, persons, lists, training)
# Without the prefix: whoever asks for something else passes by all of them at once.
routes: list[BaseRoute] = [route for module in _MODULES for route in module.router.routes]
