"""From aligned chips to embeddings."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vultus.models.dlib_resnet import INNER_SIZE
from vultus.models.session import Session

Floats = NDArray[np.float32]

# Chips a run: bounds memory on a picture of a crowd. Measured, one thread: 4.5 ms a chip alone,
# 4.0 in eights, 4.0 in sixteens.
_BATCH = 8

EMBEDDING_SIZE = 128


class Embedder(Protocol):
    """Turns aligned chips into vectors whose Euclidean distance tells people apart."""

    model_id: str

    def embed(self, chips: NDArray[np.uint8]) -> Floats:
        """Chips, uint8 (n, size, size, 3), to embeddings, float32 (n, d)."""
        ...


class DlibResNet:
    """dlib's 128-d network; distances under about 0.6 are the same person."""

    def __init__(self, session: Session, model_id: str) -> None:
        self._session = session
        self.model_id = model_id

    def embed(self, chips: NDArray[np.uint8]) -> Floats:
        return self.look(chips)[0]

    def look(self, chips: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """Embeddings, and what is seen on the way to them, (n, INNER_SIZE)."""
        parts = [
            self._session.run(chips[start : start + _BATCH])
            for start in range(0, len(chips), _BATCH)
        ]
        if not parts:
            return np.zeros((0, EMBEDDING_SIZE), np.float32), np.zeros((0, INNER_SIZE), np.float32)
        embeddings, inner = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return embeddings, inner


def embed_mirrored(embedder: Embedder, chips: NDArray[np.uint8]) -> Floats:
    """The mean of each chip's embedding and its mirror image's; twice the work, fewer errors."""
    return _mean_of_views(embedder.embed(_both_views(chips)))


def look_mirrored(embedder: DlibResNet, chips: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """As `embed_mirrored`, with the mean of what is seen of both, (n, INNER_SIZE)."""
    embeddings, inner = embedder.look(_both_views(chips))
    return _mean_of_views(embeddings), _mean_of_views(inner)


def _both_views(chips: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate([chips, chips[:, :, ::-1]])


def _mean_of_views(both: Floats) -> Floats:
    count = len(both) // 2
    mean: Floats = (both[:count] + both[count:]) / np.float32(2)
    return mean
