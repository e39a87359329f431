"""Enrolling the pictures of one request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request

from vultus.errors import FaceError, FaceExists, ImageError, ServerBusy, VultusError
from vultus.gallery.enrolment import Enrolment, PreparedFace, prepare_face
from vultus.gallery.labels import label_number
from vultus.server.api.models import EnrolmentResult, Enrolments
from vultus.server.inference import Cancel
from vultus.server.inputs import Picture
from vultus.server.services import Services

# what may be wrong with one picture while the next one is fine
_OF_ONE: tuple[type[VultusError], ...] = (ImageError, FaceError, FaceExists, ServerBusy)


@dataclass(frozen=True)
class Wish:
    """Who is to be enrolled, and how (see `Gallery.enroll`)."""

    group: str
    person: str
    largest: bool = False
    keep_crops: bool = False


async def enrol(
    request: Request, services: Services, pictures: Sequence[Picture], wish: Wish
) -> Enrolments:
    """Enrol one picture after the other.

    Raises:
        NoFace, SeveralFaces, ImageError, FaceExists, ServerBusy: the only picture cannot be
            enrolled; of several pictures each has its own result, unless all were refused
            because the server is busy.
    """
    results: list[EnrolmentResult] = []
    busy: list[ServerBusy] = []
    for picture in pictures:
        try:
            enrolled = await _enrol_one(request, services, picture, wish)
            results.append(EnrolmentResult.of(enrolled))
        except _OF_ONE as error:
            if len(pictures) == 1:
                raise
            busy += [error] if isinstance(error, ServerBusy) else []
            results.append(EnrolmentResult.failed(_source(picture), error))
    if len(busy) == len(pictures):
        raise busy[-1]
    return Enrolments(group=wish.group, person=wish.person, results=results)


async def _enrol_one(
    request: Request, services: Services, picture: Picture, wish: Wish
) -> Enrolment:
    def prepare(cancel: Cancel) -> PreparedFace:
        image = services.looker.decode(picture.data, cancel)
        faces = services.looker.faces(image, cancel, chips=wish.keep_crops)
        return prepare_face(wish.person, image, faces, _source(picture), largest=wish.largest)

    prepared = await services.inference.run(request, prepare)
    return await services.writers.run(partial(services.gallery.add, prepared, group=wish.group))


def _source(picture: Picture) -> str:
    """What the gallery calls the picture; a stranger's label there is a stranger's own face."""
    return picture.name if label_number(picture.name) is None else f"picture {picture.name}"
