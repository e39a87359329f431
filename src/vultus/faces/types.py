"""`Faces`, the currency of every package: what was found in one image, column by column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.faces.attributes.types import Attributes

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Quality:
    """How good the picture of each face is; every column has shape (n,), float32.

    face_px: width of the face's box in pixels. sharpness: 0 (blurred) to 1 (crisp).
    brightness: mean grey value, 0 to 255. contrast: standard deviation of grey, 0 to 127.
    yaw_deg, pitch_deg, roll_deg: estimated from the landmarks; positive: the face turns to its
    left (the viewer's right), looks up, tilts clockwise. score: everything together, 0 to 1.
    """

    face_px: Floats
    sharpness: Floats
    brightness: Floats
    contrast: Floats
    yaw_deg: Floats
    pitch_deg: Floats
    roll_deg: Floats
    score: Floats

    def select(self, index: NDArray[np.generic] | slice) -> Quality:
        return Quality(*(getattr(self, field.name)[index] for field in fields(self)))

    def row(self, i: int) -> dict[str, float]:
        """One face's values by name."""
        return {field.name: float(getattr(self, field.name)[i]) for field in fields(self)}


_ARRAYS = (
    "boxes",
    "scores",
    "landmarks",
    "alignment",
    "embeddings",
    "chips",
    "points68",
    "inner",
)


@dataclass(frozen=True)
class Faces:
    """The faces of one image; `faces[i]` is a `Face`, `faces[mask]` are fewer `Faces`.

    boxes: (n, 4) float32, x, y, width, height in pixels of the upright image.
    scores: (n,) float32, the detector's.
    landmarks: (n, 5, 2) float32, x and y of left eye, right eye, nose, left and right corner of
    the mouth, as seen in the image.
    alignment: (n, 5, 2) float32, the points that chips are aligned by (eye corners, nose base).
    embeddings: (n, d) float32, made by the model `embedder`.
    quality: see `Quality`. chips: (n, size, size, 3) uint8, the aligned faces.
    points68: (n, 68, 2) float32, jaw, brows, nose, eyes and mouth in the order of iBUG 300-W.
    attributes: how they look, see `Attributes`.
    inner: (n, INNER_SIZE) float32, what the recognition network sees on the way to an embedding;
    kept only until attributes are told from it.
    Those from alignment on are None unless asked for.
    """

    boxes: Floats
    scores: Floats
    landmarks: Floats
    image_wh: tuple[int, int]
    alignment: Floats | None = None
    embeddings: Floats | None = None
    embedder: str | None = None
    quality: Quality | None = None
    chips: NDArray[np.uint8] | None = None
    points68: Floats | None = None
    attributes: Attributes | None = None
    inner: Floats | None = None

    def __post_init__(self) -> None:
        n = len(self.boxes)
        expected = {
            "boxes": (self.boxes, (n, 4)),
            "scores": (self.scores, (n,)),
            "landmarks": (self.landmarks, (n, 5, 2)),
        }
        if self.alignment is not None:
            expected["alignment"] = (self.alignment, (n, 5, 2))
        if self.points68 is not None:
            expected["points68"] = (self.points68, (n, 68, 2))
        for name, (array, shape) in expected.items():
            if array.shape != shape or array.dtype != np.float32:
                raise ValueError(f"{name}: expected {shape} float32, found {array.shape}")
        if (self.embeddings is None) != (self.embedder is None):
            raise ValueError("embeddings carry the id of the model that made them")
        for name in ("embeddings", "chips", "inner"):
            column = getattr(self, name)
            if column is not None and len(column) != n:
                raise ValueError(f"{name}: expected {n} rows, found {len(column)}")

    @classmethod
    def none(cls, image_wh: tuple[int, int]) -> Faces:
        """No faces in an image of this size."""
        empty = np.zeros((0, 4), np.float32)
        return cls(empty, empty[:, 0], np.zeros((0, 5, 2), np.float32), image_wh)

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[Face]:
        return (Face(self, i) for i in range(len(self)))

    def __getitem__(self, index: int | slice | NDArray[np.generic] | list[int]) -> Face | Faces:
        if isinstance(index, int | np.integer):
            return Face(self, range(len(self))[int(index)])
        if isinstance(index, list) and not index:
            index = slice(0)  # an empty list has no type that NumPy would take as an index
        return self.select(index if isinstance(index, slice) else np.asarray(index))

    def select(self, index: NDArray[np.generic] | slice) -> Faces:
        """Some of the faces, by mask, indices or slice."""
        chosen: dict[str, Any] = {
            name: value[index] for name in _ARRAYS if (value := getattr(self, name)) is not None
        }
        if self.quality is not None:
            chosen["quality"] = self.quality.select(index)
        if self.attributes is not None:
            chosen["attributes"] = self.attributes.select(index)
        return replace(self, **chosen)


@dataclass(frozen=True)
class Face:
    """A view of one face; the arrays are rows of its `Faces`."""

    faces: Faces
    index: int

    @property
    def box(self) -> Floats:
        """x, y, width, height; shape (4,)."""
        box: Floats = self.faces.boxes[self.index]
        return box

    @property
    def score(self) -> float:
        return float(self.faces.scores[self.index])

    @property
    def landmarks(self) -> Floats:
        """Shape (5, 2)."""
        points: Floats = self.faces.landmarks[self.index]
        return points

    @property
    def embedding(self) -> Floats | None:
        """Shape (d,), or None when it was not asked for."""
        return None if self.faces.embeddings is None else self.faces.embeddings[self.index]

    @property
    def chip(self) -> NDArray[np.uint8] | None:
        """The aligned face, (size, size, 3), or None when it was not asked for."""
        return None if self.faces.chips is None else self.faces.chips[self.index]

    @property
    def points68(self) -> Floats | None:
        """Shape (68, 2), or None when it was not asked for."""
        return None if self.faces.points68 is None else self.faces.points68[self.index]

    @property
    def quality(self) -> dict[str, float] | None:
        """The columns of `Quality` by name, or None when it was not asked for."""
        return None if self.faces.quality is None else self.faces.quality.row(self.index)

    @property
    def attributes(self) -> dict[str, Any] | None:
        """As the JSON of the documentation, or None when none was asked for."""
        return None if self.faces.attributes is None else self.faces.attributes.row(self.index)
