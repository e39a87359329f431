"""All routes of the native API."""

from __future__ import annotations

from fastapi import APIRouter

from vultus.server.api import health

router = APIRouter()
router.include_router(health.router)
