"""The API of face_recognition behind the protocol: the library's own, or Vultus' in its place.

Which one is decided by the python that runs it: `python -m benchmarks.face_recognition_worker`.
"""

from __future__ import annotations

import os
import sys
from time import process_time
from typing import Any

from benchmarks.protocol import pin, serve

Location = tuple[int, int, int, int]


def _library() -> Any:
    try:
        import vultus.compat.face_recognition as library
    except ImportError:
        import face_recognition as library
    else:
        import cv2

        cv2.setNumThreads(1)
    return library


class Side:
    """One of both libraries; all times are of the processor."""

    def __init__(self) -> None:
        self._library = _library()

    def locate(self, path: str, upsample: int) -> list[Location]:
        image = self._library.load_image_file(path)
        found: list[Location] = self._library.face_locations(image, upsample)
        return found

    def encode(self, path: str, locations: list[Location], model: str) -> list[list[float]]:
        image = self._library.load_image_file(path)
        faces = self._library.face_encodings(image, locations, model=model)
        return [face.tolist() for face in faces]

    def time(self, path: str) -> dict[str, float]:
        """Seconds of `face_encodings(image)` and how many faces it told."""
        image = self._library.load_image_file(path)
        start = process_time()
        faces = self._library.face_encodings(image)
        return {"seconds": process_time() - start, "faces": len(faces)}


def main() -> None:
    os.environ["VULTUS_RUNTIME__THREADS"] = "1"
    pin(int(sys.argv[1]) if sys.argv[1:] and sys.argv[1] else None)
    side = Side()
    serve({"locate": side.locate, "encode": side.encode, "time": side.time})


if __name__ == "__main__":
    main()
