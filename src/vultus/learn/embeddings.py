"""The faces of many pictures with their embeddings, as learning and grouping need them.

What was seen before comes out of `EmbeddingCache`; reading, decoding and describing the rest
overlap on several threads, so that a folder takes little longer than the networks alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vultus.errors import VultusError
from vultus.faces.analyzer import Analyzer
from vultus.faces.types import Face, Faces
from vultus.imaging.load import decode, read_encoded
from vultus.learn.embedding_cache import EmbeddingCache
from vultus.work import work_through

# By David Sandberg's facenet (align_dataset_mtcnn.py): of several faces, the one with the largest
# area of the box less twice the squared distance of its centre from the picture's.
_WEIGHT_OF_DISTANCE = 2.0


@dataclass(frozen=True)
class FolderFaces:
    """What one picture shows.

    faces: all its faces, largest first, with embeddings and quality; there may be none.
    error: why the picture cannot be used; `faces` is None then.
    digest: SHA-256 of the file's bytes, empty with an error. cached: it was seen before.
    """

    path: Path
    faces: Faces | None = None
    error: VultusError | None = None
    digest: str = ""
    cached: bool = False

    @property
    def main(self) -> Face | None:
        """The face that the picture is of, see `main_face`; None where it has none."""
        return None if self.faces is None else main_face(self.faces)


def main_face(faces: Faces) -> Face | None:
    """Of several faces the large one in the middle; None where there is no face."""
    if not len(faces):
        return None
    x, y, width, height = faces.boxes.astype(np.float64).T
    from_middle = (x + width / 2 - faces.image_wh[0] / 2) ** 2 + (
        y + height / 2 - faces.image_wh[1] / 2
    ) ** 2
    return Face(faces, int(np.argmax(width * height - _WEIGHT_OF_DISTANCE * from_middle)))


def embed_pictures(
    analyzer: Analyzer,
    paths: Sequence[Path],
    *,
    cache: EmbeddingCache | None = None,
    jobs: int = 1,
) -> Iterator[FolderFaces]:
    """All faces of each picture, in the order of the paths; few pictures are in memory at a time.

    Args:
        cache: what is in it is not computed, what is not is added; it is not closed.
        jobs: threads; with more than one, each network should have one (`runtime.threads`).

    A picture that cannot be used is an answer with its error. Models are loaded with the first
    picture that the cache does not have.

    Raises:
        ModelError: a model cannot be loaded.
    """

    def look(path: Path) -> FolderFaces:
        limits = analyzer.settings.limits
        data, name = read_encoded(path, limits)
        digest = hashlib.sha256(data).hexdigest()
        known = cache.get(digest, analyzer.embedder_id) if cache else None
        if known is not None and _allowed(known, limits.max_image_pixels):
            return FolderFaces(path, known, digest=digest, cached=True)
        faces = analyzer.analyze(decode(data, name, limits))
        if cache is not None:
            cache.put(digest, faces)
        return FolderFaces(path, faces, digest=digest)

    for result in work_through(paths, look, jobs):
        yield result.answer or FolderFaces(result.task, error=result.error)


def _allowed(faces: Faces, max_pixels: int) -> bool:
    return faces.image_wh[0] * faces.image_wh[1] <= max_pixels
