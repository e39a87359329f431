"""dlib's MMOD detector as face_recognition has it; run by the peer's own python."""

from __future__ import annotations

import sys
from time import perf_counter, process_time
from typing import Any

from benchmarks.protocol import pin, serve


class Peer:
    """`model="cnn"` of face_recognition, without the rounding to the picture's edges."""

    def __init__(self) -> None:
        import face_recognition
        import numpy as np

        self._load = np.load
        self._detector = face_recognition.api.cnn_face_detector

    def boxes(self, path: str) -> dict[str, Any]:
        """From RGB pixels (.npy) to boxes: left, top, right, bottom, confidence."""
        image = self._load(path)
        start, work = perf_counter(), process_time()
        found = self._detector(image, 0)
        seconds, work = perf_counter() - start, process_time() - work
        boxes = [
            [f.rect.left(), f.rect.top(), f.rect.right(), f.rect.bottom(), f.confidence]
            for f in found
        ]
        return {"seconds": seconds, "work": work, "boxes": boxes}


def main() -> None:
    pin(int(sys.argv[1]) if sys.argv[1:] and sys.argv[1] else None)
    serve({"boxes": Peer().boxes})


if __name__ == "__main__":
    main()
