"""From a picture to a face that can be enrolled, and what became of it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

import numpy as np

from vultus.errors import ModelMismatch, NoFace, SeveralFaces
from vultus.faces.quality import poor_reasons
from vultus.faces.types import Face, Faces
from vultus.gallery.store import FaceRecord, encode_crop
from vultus.imaging.load import Image, readable


@dataclass(frozen=True)
class Enrolment:
    """What became of one picture: `new` is False when it was this person's already."""

    person: str
    group: str
    source: str
    new: bool
    quality: float
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PreparedFace:
    """A face ready to be written, and what is poor in its picture."""

    record: FaceRecord
    warnings: list[str]


def prepare_face(
    person: str, image: Image, faces: Faces, source: str, *, largest: bool = False
) -> PreparedFace:
    """The one (or the largest) of the faces found in an image, ready to be enrolled.

    Raises:
        NoFace, SeveralFaces: there is not exactly one, and `largest` was not asked for.
        ModelMismatch: the faces have no embeddings.
    """
    face = pick_face(faces, source, largest=largest)
    if face.embedding is None or faces.embedder is None:
        raise ModelMismatch("These faces have no embeddings.", "Analyze with embed=True.")
    quality = face.quality or {}
    x, y, width, height = (float(value) for value in face.box)
    record = FaceRecord(
        person=person,
        model=faces.embedder,
        embedding=face.embedding,
        source=source,
        digest=_digest(image),
        box=(x, y, width, height),
        quality=quality.get("score", 0.0),
        crop=None if face.chip is None else encode_crop(face.chip),
    )
    return PreparedFace(record, poor_reasons(quality, face.score) if quality else [])


def pick_face(faces: Faces, source: str, *, largest: bool = False) -> Face:
    """The one face of a picture, or the largest (faces come largest first).

    Raises:
        NoFace: there is none. SeveralFaces: there are several, and `largest` was not asked for.
    """
    if not len(faces):
        raise NoFace(
            f"{source} shows no face.", "Give a picture in which the face is larger and clearer."
        )
    if len(faces) > 1 and not largest:
        raise SeveralFaces(
            f"{source} shows {len(faces)} faces.", "Crop it, or ask for the largest one."
        )
    return Face(faces, 0)


def source_name(source: object) -> str:
    """How a picture is called in answers and in the gallery."""
    if isinstance(source, str | os.PathLike):
        return readable(str(os.fspath(source)))
    return str(getattr(source, "name", "array" if isinstance(source, np.ndarray) else "bytes"))


def _digest(image: Image) -> str:
    """Tells a picture again, whatever file or format it comes in."""
    digest = hashlib.sha256(str(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()
