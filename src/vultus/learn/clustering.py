"""Which faces of many pictures are the same person: the faces as a table, and its groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.faces.embedder import EMBEDDING_SIZE
from vultus.faces.types import Face
from vultus.gallery.calibration import Calibrator
from vultus.gallery.grouping import group_faces
from vultus.learn.embeddings import FolderFaces

# Smaller ones are rarely recognised, and poor ones resemble each other: they join nobody.
MIN_FACE_PX = 32


@dataclass(frozen=True)
class FoundFace:
    """One face. picture: the number of its picture among those looked at; index: among its faces,
    largest first."""

    picture: int
    index: int
    path: Path
    digest: str
    face: Face

    @property
    def middle(self) -> tuple[int, int]:
        """Of its box, in pixels: tells the face again in the same picture."""
        x, y, width, height = (float(value) for value in self.face.box)
        return round(x + width / 2), round(y + height / 2)

    @property
    def is_large(self) -> bool:
        """Whether it can be told who it is."""
        return bool(self.face.box[2] >= MIN_FACE_PX)

    @property
    def rating(self) -> float:
        """Quality, 0 to 1, as far as it was measured."""
        return (self.face.quality or {}).get("score", 0.0)


@dataclass(frozen=True)
class Clusters:
    """groups: of two pictures or more, the largest first, faces in the order of the pictures;
    alone: all other faces."""

    groups: list[list[FoundFace]]
    alone: list[FoundFace]


def distinct(looked: Iterable[FolderFaces]) -> tuple[list[FolderFaces], int]:
    """Pictures that could be used, those with the same bytes once; how many were copies."""
    first: dict[str, FolderFaces] = {}
    copies = 0
    for picture in looked:
        if picture.faces is None:
            continue
        if picture.digest in first:
            copies += 1
        else:
            first[picture.digest] = picture
    return list(first.values()), copies


def faces_of(pictures: Sequence[FolderFaces]) -> list[FoundFace]:
    """All faces of pictures that could be used."""
    return [
        FoundFace(number, index, picture.path, picture.digest, Face(picture.faces, index))
        for number, picture in enumerate(pictures)
        if picture.faces is not None
        for index in range(len(picture.faces))
    ]


def cluster_faces(
    faces: Sequence[FoundFace],
    calibrator: Calibrator,
    *,
    begun: Sequence[int | None] | None = None,
    min_pictures: int = 2,
) -> Clusters:
    """Group faces by person; begun as in `group_faces`. Groups that are begun stay, however few.

    Nobody is in a picture twice. A group of fewer than `min_pictures` pictures is none.
    """
    begun = [None] * len(faces) if begun is None else begun
    rows = [row for row, face in enumerate(faces) if face.is_large or begun[row] is not None]
    found = group_faces(
        _embeddings([faces[row] for row in rows]),
        calibrator,
        begun=[begun[row] for row in rows],
        pictures=[faces[row].picture for row in rows],
    )
    groups = []
    for group in [*found.groups, *([row] for row in found.alone)]:
        members = [rows[place] for place in group]
        known = any(begun[row] is not None for row in members)
        if known or len({faces[row].picture for row in members}) >= min_pictures:
            groups.append([faces[row] for row in members])
    together = {id(face) for group in groups for face in group}
    return Clusters(groups, [face for face in faces if id(face) not in together])


def _embeddings(faces: Sequence[FoundFace]) -> NDArray[np.float32]:
    if not faces:
        return np.zeros((0, EMBEDDING_SIZE), np.float32)
    return np.stack([np.asarray(face.face.embedding, np.float32) for face in faces])
