"""Whether the server lives, is ready, and how it is doing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from vultus._version import __version__
from vultus.errors import VultusError
from vultus.server.problems import refusal
from vultus.server.security.roles import Principal, viewer
from vultus.server.services import Services, services_of

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """It answers, so it lives."""

    status: str = "ok"
    version: str = __version__


@router.get("/health")
@router.get("/api/v1/health")
async def health() -> Health:
    """Answers as soon as the server listens."""
    return Health()


@router.get("/ready", response_model=Health)
@router.get("/api/v1/ready", response_model=Health)
async def ready(request: Request) -> Response | Health:
    """503 until the models are loaded and the gallery can be read."""
    services = services_of(request)
    if services.broken is not None:
        return refusal(503, services.broken.code, str(services.broken))
    if not services.warm.is_set():
        return refusal(503, "starting", "The models are being loaded.", {"Retry-After": "1"})
    try:
        await run_in_threadpool(services.gallery.groups)
    except VultusError as error:
        return refusal(503, error.code, str(error), {"Retry-After": "5"})
    return Health(status="ready")


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, _: Annotated[Principal, Depends(viewer)]) -> Response:
    """For Prometheus, with a key of any role."""
    services = services_of(request)
    await run_in_threadpool(_count_people, services)
    return Response(services.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _count_people(services: Services) -> None:
    metrics = services.metrics
    metrics.people.clear()
    metrics.enrolled.clear()
    for group in services.gallery.groups():
        metrics.people.labels(group.name).set(group.people)
        metrics.enrolled.labels(group.name).set(group.faces)
    metrics.face_ids.set(len(services.face_ids))
