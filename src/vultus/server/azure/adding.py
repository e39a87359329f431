"""From a request to the face that a client wants to be persisted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request

from vultus.errors import NoFace, SeveralFaces
from vultus.faces.types import Faces
from vultus.gallery.enrolment import prepare_face
from vultus.gallery.store import FaceRecord
from vultus.imaging.load import Image
from vultus.server.azure.pictures import picture_of
from vultus.server.azure.problems import bad_argument
from vultus.server.azure.wire import (
    DETECTION_MODELS,
    LONGEST_FACE_DATA,
    checked_text,
    choice,
    target_of,
)
from vultus.server.inference import Cancel
from vultus.server.services import Services

# Addresses and file names of clients may hold people's names; nobody needs them later.
_SOURCE = "azure"

Rectangle: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class Asked:
    """What the query of an addFace says. target: left, top, width, height in pixels."""

    target: Rectangle | None
    user_data: str | None


def asked_of(request: Request) -> Asked:
    """Raises BadArgument."""
    choice(request, "detectionModel", DETECTION_MODELS, DETECTION_MODELS[0])
    data = request.query_params.get("userData")
    if data is not None:
        checked_text(data, "userData", LONGEST_FACE_DATA)
    return Asked(target_of(request), data)


async def face_of(request: Request, services: Services, target: Rectangle | None) -> FaceRecord:
    """The face in the request's picture, described; its person is not told yet.

    Raises:
        AzureError: there is no usable picture in the request, or `target` is outside of it.
        NoFace, SeveralFaces: it cannot be told which face is meant.
    """
    data = await picture_of(request, services)

    def look(cancel: Cancel) -> FaceRecord:
        image = services.looker.decode(data, cancel)
        if target is not None and not _inside(target, image):
            raise bad_argument("'targetFace' is out of range: it lies outside of the picture.")
        found = services.looker.faces(image, cancel, embed=True)
        chosen = found.select(np.array([which_face(found, target)]))
        return prepare_face("", image, chosen, _SOURCE).record

    return await services.inference.run(request, look)


def which_face(found: Faces, target: Rectangle | None) -> int:
    """The row of the face that overlaps `target` best, or of the only one.

    Raises:
        NoFace: there is none, or none that overlaps. SeveralFaces: there is no `target`.
    """
    if not len(found):
        raise NoFace("There is no face in the image.")
    if target is None:
        if len(found) > 1:
            raise SeveralFaces(
                f"There are {len(found)} faces in the image.", "Say which one with targetFace."
            )
        return 0
    overlaps = overlap(found.boxes, np.array(target, np.float32))
    best = int(overlaps.argmax())
    if overlaps[best] <= 0:
        raise NoFace("There is no face at targetFace.", "Detect the faces first.")
    return best


def overlap(boxes: NDArray[np.float32], box: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of boxes (n, 4), as x, y, width, height, with one box (4,)."""
    starts = np.maximum(boxes[:, :2], box[:2])
    ends = np.minimum(boxes[:, :2] + boxes[:, 2:], box[:2] + box[2:])
    shared = np.maximum(ends - starts, 0).prod(axis=1)
    ratios: NDArray[np.float32] = shared / (boxes[:, 2:].prod(axis=1) + box[2:].prod() - shared)
    return ratios


def _inside(target: Rectangle, image: Image) -> bool:
    height, width = image.shape[:2]
    return bool(target[0] < width and target[1] < height)
