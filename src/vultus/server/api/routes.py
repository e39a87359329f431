"""All routes of the native API."""

from __future__ import annotations

from fastapi import APIRouter

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

router = APIRouter()
router.include_router(health.router)
router.include_router(capabilities.router)
router.include_router(faces.router)
router.include_router(groups.router)
router.include_router(people.router)
router.include_router(strangers.router)
router.include_router(transfer.router)
router.include_router(audit.router)
router.include_router(keys.router)
router.include_router(cameras.router)
router.include_router(visits.router)
router.include_router(events.router)
router.include_router(videos.router)
router.include_router(jobs.router)
