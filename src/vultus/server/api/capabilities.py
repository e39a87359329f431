"""What this server can do."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from pydantic import BaseModel, Field

from vultus._version import __version__
from vultus.faces.attributes.describing import OFFERED
from vultus.faces.embedder import EMBEDDING_SIZE
from vultus.imaging.load import readable_formats
from vultus.models.catalogue import Card, cards
from vultus.server.api.contract import problems
from vultus.server.api.face_models import FaceQuality
from vultus.server.api.names import router_of
from vultus.server.azure.attributes import ANSWERED, KNOWN
from vultus.server.azure.paths import VERSIONS
from vultus.server.jobs.kinds import KINDS
from vultus.server.security.roles import viewer
from vultus.server.services import Services, services_of

router = router_of("capabilities", viewer)

_METHODS = ("get", "post", "put", "patch", "delete")


class ModelInfo(BaseModel):
    """A model that may be used; docs/models.md says more."""

    id: str
    kind: str
    title: str
    version: str
    license_code: str
    license_weights: str

    @classmethod
    def of(cls, card: Card) -> ModelInfo:
        return cls.model_validate(card.model_dump(include=set(cls.model_fields)))


class EmbeddingInfo(BaseModel):
    """What tells people apart here."""

    model: str
    size: int = Field(description="Numbers of an embedding.")
    mirror: bool = Field(description="Whether it is the mean of a face and its mirror image.")
    threshold: float = Field(description="The distance at which the probability is 0.5.")


class AzureInfo(BaseModel):
    """What is answered over Azure's wire, under /face."""

    versions: list[str]
    attributes: list[str] = Field(description="Attributes that are answered.")
    attributes_left_out: list[str] = Field(
        description="Attributes of Azure that are not known here: left out, never invented."
    )


class Limits(BaseModel):
    """What is refused."""

    image_bytes: int
    image_pixels: int
    body_bytes: int
    upload_bytes: int = Field(description="Of a video or an archive.")
    faces_per_picture: int
    waiting_requests: int = Field(description="More are answered with 503.")
    jobs_days: float = Field(description="After so many days jobs that ended are forgotten.")


class Operation(BaseModel):
    """An operation of the native API; /docs describes it."""

    method: str
    path: str
    summary: str


class Capabilities(BaseModel):
    """What this server can do."""

    version: str
    models: list[ModelInfo]
    embedding: EmbeddingInfo
    quality: list[str] = Field(description="What is told of the picture of a face.")
    attributes: list[str] = Field(description="What can be told of how a face looks.")
    picture_formats: list[str]
    jobs: list[str] = Field(description="Kinds of jobs.")
    azure: AzureInfo
    limits: Limits
    operations: list[Operation]


@router.get("/api/v1/capabilities", summary="Tell what can be done", responses=problems())
def capabilities(request: Request) -> Capabilities:
    """Models with their licences, attributes, limits and operations; with a key of any role."""
    services = services_of(request)
    return Capabilities(
        version=__version__,
        models=[ModelInfo.of(card) for card in cards().values()],
        embedding=_embedding(services),
        quality=list(FaceQuality.model_fields),
        attributes=list(OFFERED),
        picture_formats=list(readable_formats()),
        jobs=list(KINDS),
        azure=AzureInfo(
            versions=list(VERSIONS),
            attributes=list(ANSWERED),
            attributes_left_out=[name for name in KNOWN if name not in ANSWERED],
        ),
        limits=_limits(services),
        operations=_operations(request.app.openapi()),
    )


def _embedding(services: Services) -> EmbeddingInfo:
    calibrator = services.gallery.calibrator
    return EmbeddingInfo(
        model=calibrator.model_id,
        size=EMBEDDING_SIZE,
        mirror=services.looker.analyzer.mirror,
        threshold=round(calibrator.threshold, 4),
    )


def _limits(services: Services) -> Limits:
    settings = services.settings
    return Limits(
        image_bytes=settings.limits.max_image_bytes,
        image_pixels=settings.limits.max_image_pixels,
        body_bytes=settings.server.max_body_bytes,
        upload_bytes=settings.server.max_upload_bytes,
        faces_per_picture=settings.detection.max_faces,
        waiting_requests=settings.server.queue,
        jobs_days=settings.server.jobs_days,
    )


def _operations(document: dict[str, Any]) -> list[Operation]:
    return [
        Operation(method=method.upper(), path=path, summary=item[method].get("summary", ""))
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]
