"""Pictures as they come from looking at a folder, with faces of whoever is named."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from tests.fakes import place_landmarks
from vultus.faces.types import Faces
from vultus.imaging.geometry import xywh_to_corners
from vultus.learn.embeddings import FolderFaces
from vultus.models.catalogue import EMBEDDER


def embedding(person: str, look: float = 0.0) -> np.ndarray:
    """People are far apart; another `look` is another photo of the same person."""
    seed = int.from_bytes(hashlib.sha256(person.encode()).digest()[:4], "big")
    random = np.random.default_rng(seed)
    place = random.normal(0, 0.1, 128)
    place[0] += look
    return place.astype(np.float32)


def looked_at(name: str, *people: str, look: float = 0.0, side: float = 60.0) -> FolderFaces:
    """A picture with these people side by side, the file of which has its name as its digest."""
    boxes = np.array([(10 + 80 * k, 10, side, side) for k in range(len(people))], np.float32)
    boxes = boxes.reshape(-1, 4)
    faces = Faces(
        boxes,
        np.full(len(people), 0.99, np.float32),
        place_landmarks(xywh_to_corners(boxes)),
        (20 + 80 * len(people), 80),
        embeddings=np.array([embedding(p, look) for p in people], np.float32).reshape(-1, 128),
        embedder=EMBEDDER,
    )
    return FolderFaces(Path(f"photos/{name}"), faces, digest=name)
