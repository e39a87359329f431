"""The faces of a picture: where they are, what tells them apart, who they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from vultus.errors import UsageError
from vultus.faces.attributes.describing import OFFERED, asked_for
from vultus.faces.types import Face, Faces
from vultus.gallery.enrolment import pick_face
from vultus.gallery.gallery import DEFAULT_GROUP
from vultus.gallery.rows import check_name
from vultus.gallery.verification import compare
from vultus.server.api.contract import problems
from vultus.server.api.face_models import (
    Comparison,
    DetectedFaces,
    EmbeddedFaces,
    IdentifiedFaces,
    comparison,
    face_of,
    identified,
    picture_of,
)
from vultus.server.api.names import LONGEST_NAME, router_of
from vultus.server.inference import Cancel
from vultus.server.inputs import Picture, one_picture, two_pictures
from vultus.server.security.roles import operator
from vultus.server.services import Services, services_of
from vultus.settings import DetectionSettings

router = router_of("faces", operator)

_FILE = {"type": "string", "format": "binary"}
_BASE64_OR_URL = {
    "type": "object",
    "properties": {
        "image": {"type": "string", "description": "Base64, a data: URL too."},
        "url": {"type": "string", "description": "http or https."},
    },
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}


def _form(*names: str) -> dict[str, Any]:
    properties = dict.fromkeys(names, _FILE)
    return {"schema": {"type": "object", "properties": properties, "required": [*names]}}


ONE_PICTURE = {
    "requestBody": {
        "required": True,
        "description": "The picture itself, a form with it as a file (of any name), or JSON.",
        "content": {
            "image/*": {"schema": _FILE},
            "application/octet-stream": {"schema": _FILE},
            "multipart/form-data": _form("image"),
            "application/json": {"schema": _BASE64_OR_URL},
        },
    }
}
TWO_PICTURES = {
    "requestBody": {
        "required": True,
        "description": "A form with two files, or JSON.",
        "content": {
            "multipart/form-data": _form("a", "b"),
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"a": _BASE64_OR_URL, "b": _BASE64_OR_URL},
                    "required": ["a", "b"],
                    "additionalProperties": False,
                }
            },
        },
    }
}


class _Options(BaseModel):
    """How faces are looked for; what is not said is as the server's settings say."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    min_face: int | None = Field(
        None, ge=12, le=2000, description="Width in pixels of the smallest face looked for."
    )
    max_faces: int | None = Field(
        None, ge=1, le=10_000, description="At most so many, the largest first."
    )
    score_threshold: float | None = Field(
        None, ge=0, le=1, description="Detector score below which a box is no face."
    )
    second_look: bool | None = Field(
        None, description="Look again, harder, where nothing was found."
    )

    def detection(self, settings: DetectionSettings) -> DetectionSettings:
        """The server's settings with these."""
        asked = {
            "min_face_px": self.min_face,
            "max_faces": None
            if self.max_faces is None
            else min(self.max_faces, settings.max_faces),
            "score_threshold": self.score_threshold,
            "second_look": self.second_look,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        return settings.model_copy(update=given)


_LONGEST_LIST = 500


def _known_attributes(text: str) -> str:
    try:
        asked_for(text)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return text


class _LookOptions(_Options):
    """What else is wanted of the faces."""

    attributes: Annotated[str, AfterValidator(_known_attributes)] = Field(
        "",
        max_length=_LONGEST_LIST,
        description=f"How they look, with commas between: {', '.join(OFFERED)}; or `all`.",
    )


_Far = Annotated[
    float | None,
    Field(gt=0, lt=0.5, description="Wished rate of false matches; picks the threshold."),
]


class DetectOptions(_LookOptions):
    """What is wanted of `detect`."""

    landmarks: Literal["5", "68"] = Field(
        "5",
        description="68: the points of iBUG 300-W too, by a model that is not for commercial use.",
    )
    quality: bool = Field(True, description="Rate the picture of each face.")


class EmbedOptions(_LookOptions):
    """What is wanted of `embed`."""

    quality: bool = Field(True, description="Rate the picture of each face.")


class IdentifyOptions(_LookOptions):
    """What is wanted of `identify`."""

    group: str = Field(
        DEFAULT_GROUP, min_length=1, max_length=LONGEST_NAME, description="People to look for."
    )
    top: int = Field(3, ge=1, le=100, description="Candidates of a face, with `explain`.")
    far: _Far = None
    explain: bool = Field(False, description="Tell candidates, distances and reasons.")


class VerifyOptions(_Options):
    """What is wanted of `verify`."""

    far: _Far = None
    largest: bool = Field(
        False, description="Take the largest face of a picture with several, do not refuse it."
    )


@router.post(
    "/api/v1/detect",
    summary="Find faces",
    responses=problems(413, 415),
    response_model=DetectedFaces,
    response_model_exclude_unset=True,
    openapi_extra=ONE_PICTURE,
)
async def detect(request: Request, options: Annotated[DetectOptions, Query()]) -> dict[str, Any]:
    """Boxes, scores, landmarks and quality; nothing is kept."""
    services = services_of(request)
    picture = await one_picture(request, services)
    return await services.inference.run(
        request, lambda cancel: _detected(services, picture, options, cancel)
    )


@router.post(
    "/api/v1/embed",
    summary="Describe faces",
    responses=problems(413, 415),
    response_model=EmbeddedFaces,
    response_model_exclude_unset=True,
    openapi_extra=ONE_PICTURE,
)
async def embed(request: Request, options: Annotated[EmbedOptions, Query()]) -> dict[str, Any]:
    """As `detect`, with embeddings: biometric data, which is not kept here."""
    services = services_of(request)
    picture = await one_picture(request, services)
    return await services.inference.run(
        request, lambda cancel: _embedded(services, picture, options, cancel)
    )


@router.post(
    "/api/v1/verify",
    summary="Compare two faces",
    responses=problems(413, 415),
    openapi_extra=TWO_PICTURES,
)
async def verify(request: Request, options: Annotated[VerifyOptions, Query()]) -> Comparison:
    """Whether two pictures show the same person, each the face of one."""
    services = services_of(request)
    pictures = await two_pictures(request, services)
    told = await services.inference.run(
        request, lambda cancel: _compared(services, pictures, options, cancel)
    )
    return Comparison.model_validate(told)


@router.post(
    "/api/v1/identify",
    summary="Name the people in a picture",
    responses=problems(404, 409, 413, 415),
    response_model=IdentifiedFaces,
    response_model_exclude_unset=True,
    openapi_extra=ONE_PICTURE,
)
async def identify(
    request: Request, options: Annotated[IdentifyOptions, Query()]
) -> dict[str, Any]:
    """People of a group, as they are enrolled now; strangers have no name."""
    services = services_of(request)
    picture = await one_picture(request, services)
    group = check_name(options.group, "group")
    await run_in_threadpool(services.gallery.require_group, group)
    services.gallery.calibrator_at(options.far)  # a rate that makes no sense fails before the work
    return await services.inference.run(
        request, lambda cancel: _named(services, picture, options, cancel)
    )


def _detected(
    services: Services, picture: Picture, options: DetectOptions, cancel: Cancel
) -> dict[str, Any]:
    faces = _look(
        services,
        picture,
        options,
        cancel,
        embed=False,
        quality=options.quality,
        points68=options.landmarks == "68",
        attributes=asked_for(options.attributes),
    )
    return picture_of(picture.name, faces) | {"faces": [face_of(face) for face in faces]}


def _embedded(
    services: Services, picture: Picture, options: EmbedOptions, cancel: Cancel
) -> dict[str, Any]:
    faces = _look(
        services,
        picture,
        options,
        cancel,
        quality=options.quality,
        attributes=asked_for(options.attributes),
    )
    return {
        **picture_of(picture.name, faces),
        "model": services.looker.analyzer.embedder_id,
        "faces": [face_of(face) for face in faces],
    }


def _compared(
    services: Services, pictures: tuple[Picture, Picture], options: VerifyOptions, cancel: Cancel
) -> dict[str, Any]:
    found: list[Face] = []
    for picture in pictures:
        faces = _look(services, picture, options, cancel, quality=False)
        found.append(pick_face(faces, picture.name, largest=options.largest))
    calibrator = services.gallery.calibrator_at(options.far)
    first, second = (np.asarray(face.embedding) for face in found)
    return comparison(compare(first, second, calibrator), *found)


def _named(
    services: Services, picture: Picture, options: IdentifyOptions, cancel: Cancel
) -> dict[str, Any]:
    faces = _look(
        services,
        picture,
        options,
        cancel,
        quality=options.explain,
        attributes=asked_for(options.attributes),
    )
    group = options.group.strip()
    with services.metrics.stage("match"):
        found = services.gallery.identify_faces(
            faces, group=group, top=options.top, far=options.far
        )
    told = [identified(each, explain=options.explain) for each in found]
    return picture_of(picture.name, faces) | {"group": group, "faces": told}


def _look(
    services: Services,
    picture: Picture,
    options: _Options,
    cancel: Cancel,
    *,
    embed: bool = True,
    quality: bool = True,
    points68: bool = False,
    attributes: Sequence[str] = (),
) -> Faces:
    image = services.looker.decode(picture.data, cancel)
    return services.looker.faces(
        image,
        cancel,
        embed=embed,
        quality=quality,
        points68=points68,
        attributes=attributes,
        detection=options.detection(services.settings.detection),
    )
