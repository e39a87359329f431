"""Vultus' MMOD detector behind the protocol; `python -m benchmarks.mmod_worker [CORE]`."""

from __future__ import annotations

import sys
from time import perf_counter, process_time
from typing import Any

from benchmarks.protocol import pin, serve


class Ours:
    """The detector on one thread."""

    def __init__(self) -> None:
        import cv2
        import numpy as np

        from vultus.faces.mmod import MmodDetector
        from vultus.settings import RuntimeSettings, load_settings

        cv2.setNumThreads(1)
        self._load = np.load
        runtime = RuntimeSettings(threads=1, provider="cpu")
        self._detector = MmodDetector.from_settings(load_settings(runtime=runtime))

    def boxes(self, path: str) -> dict[str, Any]:
        """From RGB pixels (.npy) to boxes: left, top, right, bottom, confidence."""
        image = self._load(path)
        start, work = perf_counter(), process_time()
        found = self._detector.detect([image])[0]
        seconds, work = perf_counter() - start, process_time() - work
        return {"seconds": seconds, "work": work, "boxes": [list(box) for box in found]}


def main() -> None:
    pin(int(sys.argv[1]) if sys.argv[1:] and sys.argv[1] else None)
    serve({"boxes": Ours().boxes})


if __name__ == "__main__":
    main()
