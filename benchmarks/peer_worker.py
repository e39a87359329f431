"""face_recognition behind the protocol, as its README uses it; run by the peer's own python."""

from __future__ import annotations

import sys
from importlib import metadata
from time import perf_counter, process_time
from typing import Any

from benchmarks.protocol import pin, serve


class Peer:
    """face_recognition with its defaults."""

    def __init__(self) -> None:
        import face_recognition
        import numpy as np

        self._library = face_recognition
        self._load = np.load
        self._embedder = face_recognition.api.face_encoder

    def versions(self) -> dict[str, str]:
        return {name: metadata.version(name) for name in ("face_recognition", "dlib", "numpy")}

    def chips(self, path: str) -> int:
        self._chips = self._load(path)
        return len(self._chips)

    def embed(self, index: int) -> dict[str, Any]:
        chip = self._chips[index]
        start, work = perf_counter(), process_time()
        vector = self._embedder.compute_face_descriptor(chip)
        return {
            "seconds": perf_counter() - start,
            "work": process_time() - work,
            "embedding": list(vector),
        }

    def photo(self, path: str, embeddings: bool = False) -> dict[str, Any]:
        """From the file to the embeddings of all faces; boxes are left, top, right, bottom."""
        start, work = perf_counter(), process_time()
        image = self._library.load_image_file(path)
        locations = self._library.face_locations(image)
        vectors = self._library.face_encodings(image, locations)
        seconds, work = perf_counter() - start, process_time() - work
        boxes = [[left, top, right, bottom] for top, right, bottom, left in locations]
        answer = {"seconds": seconds, "work": work, "boxes": boxes}
        if embeddings:
            answer["embeddings"] = [vector.tolist() for vector in vectors]
        return answer


def main() -> None:
    pin(int(sys.argv[1]) if sys.argv[1:] and sys.argv[1] else None)
    worker = Peer()
    serve(
        {
            "versions": worker.versions,
            "chips": worker.chips,
            "embed": worker.embed,
            "photo": worker.photo,
        }
    )


if __name__ == "__main__":
    main()
