"""All routes of Azure's API, by canonical path (see `paths`)."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from vultus.server.azure import faces, groups, lists, persons, training
from vultus.server.security.roles import operator


async def _operator(request: Request) -> None:
    """Async, since others wait for a thread, and all requests with them."""
    operator(request)


router = APIRouter(dependencies=[Depends(_operator)], include_in_schema=False)

router.include_router(faces.router)
router.include_router(groups.router)
router.include_router(persons.router)
router.include_router(lists.router)
router.include_router(training.router)
