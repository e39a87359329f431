"""Faces detected for a client, until their time is over: in memory only, never on disk."""

from __future__ import annotations

import heapq
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from vultus.errors import FaceIdUnknown


@dataclass(frozen=True)
class DetectedFace:
    """embedding: (d,) float32 by the model `embedder`; label: the model's name on the wire."""

    embedding: NDArray[np.float32]
    embedder: str
    label: str | None = None


class FaceIds:
    """Detected faces by id, each for so many seconds. At most `most`: the first to expire go.

    An embedding is 512 bytes, so 100,000 of them are about 100 MB with what belongs to them.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._faces: dict[str, tuple[float, DetectedFace]] = {}
        self._ends: list[tuple[float, str]] = []
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._faces)

    def add(self, face: DetectedFace, seconds: float) -> str:
        """Keep a face; returns its new id, a GUID."""
        key = str(uuid.uuid4())
        ends = self._clock() + seconds
        with self._lock:
            if len(self._faces) >= self._most:
                self._faces.pop(heapq.heappop(self._ends)[1], None)
            self._faces[key] = (ends, face)
            heapq.heappush(self._ends, (ends, key))
        return key

    def forget_expired(self) -> None:
        """Let go of those whose time is over."""
        with self._lock:
            now = self._clock()
            while self._ends and self._ends[0][0] <= now:
                self._faces.pop(heapq.heappop(self._ends)[1], None)

    def get(self, key: str) -> DetectedFace:
        """Raises FaceIdUnknown where it was never there, or has expired."""
        found = self._faces.get(key.lower())
        if found is None or found[0] <= self._clock():
            raise FaceIdUnknown(
                f"There is no detected face {key}.", "Detect it again; it may have expired."
            )
        return found[1]
