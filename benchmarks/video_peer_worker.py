"""face_recognition's own video example behind the protocol; run by the peer's own python.

The loop is that of facerec_from_video_file.py in its examples: every frame at full size, default
detector, tolerance 0.5. Drawing and encoding are left out.
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from benchmarks.protocol import pin, serve

_TOLERANCE = 0.50


class Example:
    """What the example does, with people enrolled from a folder."""

    def __init__(self) -> None:
        import cv2
        import face_recognition
        import numpy as np

        cv2.setNumThreads(1)
        self._cv2, self._library, self._np = cv2, face_recognition, np
        self._names: list[str] = []
        self._known: list[Any] = []

    def versions(self) -> dict[str, str]:
        return {"opencv-python-headless": metadata.version("opencv-python-headless")}

    def load(self, people: str) -> int:
        """Encode the first face of every photo; how many there are."""
        for path in sorted(Path(people).glob("*/*")):
            found = self._library.face_encodings(self._library.load_image_file(str(path)))
            if found:
                self._names.append(path.parent.name)
                self._known.append(found[0])
        return len(self._known)

    def open(self, path: str) -> None:
        """Begin a clip from its start."""
        self._movie = self._cv2.VideoCapture(path)

    def watch(self, most: int) -> dict[str, Any]:
        """The clip's next frames, at most so many, from the file to their names."""
        start, work = perf_counter(), process_time()
        frames = faces = 0
        named: dict[str, int] = {}
        while frames < most:
            good, frame = self._movie.read()
            if not good:
                break
            frames += 1
            rgb = self._np.ascontiguousarray(frame[:, :, ::-1])
            locations = self._library.face_locations(rgb)
            for encoding in self._library.face_encodings(rgb, locations):
                faces += 1
                match = self._library.compare_faces(self._known, encoding, tolerance=_TOLERANCE)
                if True in match:
                    name = self._names[match.index(True)]
                    named[name] = named.get(name, 0) + 1
        return {
            "seconds": perf_counter() - start,
            "work": process_time() - work,
            "frames": frames,
            "faces": faces,
            "named": named,
        }

    def decode(self, path: str) -> dict[str, Any]:
        """Only read every frame, as OpenCV gives it."""
        start, work = perf_counter(), process_time()
        movie = self._cv2.VideoCapture(path)
        frames = 0
        while movie.read()[0]:
            frames += 1
        movie.release()
        return {
            "seconds": perf_counter() - start,
            "work": process_time() - work,
            "frames": frames,
        }


def main() -> None:
    pin(int(sys.argv[1]) if sys.argv[1:] and sys.argv[1] else None)
    worker = Example()
    serve(
        {
            "versions": worker.versions,
            "load": worker.load,
            "open": worker.open,
            "watch": worker.watch,
            "decode": worker.decode,
        }
    )


if __name__ == "__main__":
    main()
