"""From aligned chips to embeddings."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

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
        parts = [
            self._session.run(chips[start : start + _BATCH])[0]
            for start in range(0, len(chips), _BATCH)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, EMBEDDING_SIZE), np.float32)


def embed_mirrored(embedder: Embedder, chips: NDArray[np.uint8]) -> Floats:
    """The mean of each chip's embedding and its mirror image's; twice the work, fewer errors."""
    both = embedder.embed(np.concatenate([chips, chips[:, :, ::-1]]))
    mean: Floats = (both[: len(chips)] + both[len(chips) :]) / np.float32(2)
    return mean
