"""All routes of Azure's API, by canonical path (see `paths`)."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from vultus.server.azure import faces, groups, lists, persons, training
from vultus.server.security.roles import operator

router = APIRouter(dependencies=[Depends(operator)], include_in_schema=False)

router.include_router(faces.router)
router.include_router(groups.router)
router.include_router(persons.router)
router.include_router(lists.router)
router.include_router(training.router)
