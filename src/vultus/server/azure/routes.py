"""All routes of Azure's API, by canonical path (see `paths`)."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from vultus.server.security.roles import operator

router = APIRouter(dependencies=[Depends(operator)], include_in_schema=False)
