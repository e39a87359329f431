"""Detecting faces for Azure's clients: what is asked for, and the answer in their terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request

from vultus.faces.azure_points import AZURE_POINTS, azure_points
from vultus.faces.types import Faces
from vultus.server.azure.attributes import (
    attributes_of,
    named_attributes,
    needed_attributes,
    needs_quality,
)
from vultus.server.azure.problems import bad_argument
from vultus.server.azure.wire import (
    DETECTION_MODELS,
    RECOGNITION_MODELS,
    choice,
    flag,
    integer,
    without_unset,
)
from vultus.server.face_ids import DetectedFace
from vultus.server.inference import Cancel
from vultus.server.services import Services

MOST_FACES = 100
SHORTEST_S, LONGEST_S = 60, 86_400  # that a face id lives
_FOR_QUALITY = ("recognition_03", "recognition_04")


@dataclass(frozen=True)
class DetectQuery:
    """What a client wants to know of the faces of a picture.

    attributes: in Azure's spelling, also those that cannot be answered. seconds: that face ids
    live. recognition_model: whatever it is called, there is one model here; face ids carry the
    name, since faces of two names are not compared.
    """

    face_ids: bool = True
    landmarks: bool = False
    attributes: tuple[str, ...] = ()
    recognition_model: str = "recognition_01"
    show_model: bool = False
    seconds: int = LONGEST_S


def detect_query(request: Request) -> DetectQuery:
    """Raises AzureError, BadArgument, where the query makes no sense."""
    query = DetectQuery(
        face_ids=flag(request, "returnFaceId", default=True),
        landmarks=flag(request, "returnFaceLandmarks"),
        attributes=named_attributes(request.query_params.get("returnFaceAttributes", "")),
        recognition_model=choice(request, "recognitionModel", RECOGNITION_MODELS, "recognition_01"),
        show_model=flag(request, "returnRecognitionModel"),
        seconds=integer(request, "faceIdTimeToLive", SHORTEST_S, LONGEST_S, LONGEST_S),
    )
    _refuse_as_azure(query, choice(request, "detectionModel", DETECTION_MODELS, "detection_01"))
    return query


def _refuse_as_azure(query: DetectQuery, detection_model: str) -> None:
    """What Microsoft documents as an error, although it could be answered here."""
    if detection_model == "detection_02":
        for name, asked in (
            ("returnFaceAttributes", query.attributes),
            ("returnFaceLandmarks", query.landmarks),
        ):
            if asked:
                raise bad_argument(f"'{name}' is not supported by detection_02.")
    if "qualityForRecognition" in query.attributes and query.recognition_model not in _FOR_QUALITY:
        raise bad_argument(
            f"'qualityForRecognition' is not supported by {query.recognition_model}; "
            f"use {' or '.join(_FOR_QUALITY)}."
        )


def detect(
    data: bytes, query: DetectQuery, services: Services, cancel: Cancel
) -> list[dict[str, object]]:
    """The faces of an encoded picture, largest rectangle first; runs in an inference thread.

    Raises:
        ImageError: it cannot be decoded. ClientGone: nobody waits any more.
    """
    image = services.looker.decode(data, cancel)
    settings = services.settings.detection
    faces = services.looker.faces(
        image,
        cancel,
        embed=query.face_ids,
        quality=needs_quality(query.attributes),
        points68=query.landmarks,
        attributes=needed_attributes(query.attributes),
        detection=settings.model_copy(update={"max_faces": min(settings.max_faces, MOST_FACES)}),
    )
    rectangles = whole_rectangles(faces)
    order = np.argsort(-rectangles[:, 2] * rectangles[:, 3], kind="stable")
    faces, rectangles = faces.select(order), rectangles[order]
    ids = _kept(faces, query, services) if query.face_ids else [None] * len(faces)
    landmarks = _landmarks(faces) if query.landmarks else [None] * len(faces)
    attributes = attributes_of(query.attributes, faces) if query.attributes else [None] * len(faces)
    return [
        without_unset(
            faceId=face_id,
            recognitionModel=query.recognition_model if query.show_model else None,
            faceRectangle=dict(zip(("left", "top", "width", "height"), rectangle, strict=True)),
            faceLandmarks=points,
            faceAttributes=told,
        )
        for face_id, rectangle, points, told in zip(
            ids, rectangles.tolist(), landmarks, attributes, strict=True
        )
    ]


def whole_rectangles(faces: Faces) -> NDArray[np.int64]:
    """left, top, width, height in whole pixels, all of them inside of the image; (n, 4)."""
    width, height = faces.image_wh
    largest = np.array([width, height], np.int64)
    starts = np.floor(faces.boxes[:, :2]).astype(np.int64)
    ends = np.ceil(faces.boxes[:, :2] + faces.boxes[:, 2:]).astype(np.int64)
    starts = np.clip(starts, 0, largest - 1)
    ends = np.clip(ends, starts + 1, largest)
    return np.concatenate([starts, ends - starts], axis=1)


def _kept(faces: Faces, query: DetectQuery, services: Services) -> list[str | None]:
    """New ids for all faces. No embedding is kept for longer than the client wants it."""
    if faces.embeddings is None or faces.embedder is None:
        return [None] * len(faces)
    return [
        services.face_ids.add(
            DetectedFace(embedding.copy(), faces.embedder, query.recognition_model), query.seconds
        )
        for embedding in faces.embeddings
    ]


def _landmarks(faces: Faces) -> list[dict[str, dict[str, float]] | None]:
    """Azure's 27 points of each face, in pixels to a tenth."""
    if faces.points68 is None:
        return [None] * len(faces)
    placed = azure_points(faces.points68).astype(np.float64).round(1).tolist()
    return [
        {name: {"x": x, "y": y} for name, (x, y) in zip(AZURE_POINTS, points, strict=True)}
        for points in placed
    ]
