"""Vultus behind the protocol; `python -m benchmarks.ours_worker [CORE]`."""

from __future__ import annotations

import sys
from time import perf_counter, process_time
from typing import Any

from benchmarks.protocol import pin, serve


class Ours:
    """The default Analyzer on one thread."""

    def __init__(self) -> None:
        import cv2
        import numpy as np

        from vultus.faces.analyzer import Analyzer
        from vultus.settings import RuntimeSettings, load_settings

        cv2.setNumThreads(1)
        self._load = np.load
        self._analyzer = Analyzer(load_settings(runtime=RuntimeSettings(threads=1)))
        self._analyzer.warm_up()

    def chips(self, path: str) -> int:
        self._chips = self._load(path)
        return len(self._chips)

    def embed(self, index: int) -> dict[str, Any]:
        chip = self._chips[index : index + 1]
        start, work = perf_counter(), process_time()
        vectors = self._analyzer.embedder.embed(chip)
        return {
            "seconds": perf_counter() - start,
            "work": process_time() - work,
            "embedding": vectors[0].tolist(),
        }

    def photo(self, path: str) -> dict[str, Any]:
        """From the file to the embeddings of all faces; boxes are left, top, right, bottom."""
        start, work = perf_counter(), process_time()
        faces = self._analyzer.analyze(path)
        seconds, work = perf_counter() - start, process_time() - work
        boxes = [[x, y, x + width, y + height] for x, y, width, height in faces.boxes.tolist()]
        return {"seconds": seconds, "work": work, "boxes": boxes}


def main() -> None:
    pin(int(sys.argv[1]) if sys.argv[1:] and sys.argv[1] else None)
    worker = Ours()
    serve({"chips": worker.chips, "embed": worker.embed, "photo": worker.photo})


if __name__ == "__main__":
    main()
