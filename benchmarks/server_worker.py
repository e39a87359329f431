"""The server's work without HTTP: as many threads as cores, one thread a network."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from benchmarks.protocol import serve
from vultus.gallery.gallery import Gallery
from vultus.server.inference import cores
from vultus.settings import load_settings
from vultus.video.session import analyzer_for

_GROUP = "people"


class Work:
    """A gallery with people, and pictures to identify."""

    def __init__(self) -> None:
        settings = load_settings()
        self._settings = settings
        self._analyzer = analyzer_for(2, settings)
        self._gallery: Gallery | None = None

    def prepare(self, gallery: str, people: str) -> int:
        """Enrol a folder of people into a new gallery that the server reads too."""
        self._gallery = Gallery(gallery, settings=self._settings, analyzer=self._analyzer)
        return len(self._gallery.enroll_folder(people, group=_GROUP))

    def identify(self, pictures: list[str], count: int) -> dict[str, Any]:
        """Identify `count` pictures, from encoded bytes to names."""
        assert self._gallery is not None
        encoded = [Path(path).read_bytes() for path in pictures]
        numbers = iter(range(count))
        lock = Lock()
        gallery = self._gallery

        def work() -> None:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                gallery.identify(encoded[number % len(encoded)], group=_GROUP)

        began = time.perf_counter()
        threads = [Thread(target=work) for _ in range(cores())]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"seconds": time.perf_counter() - began}


if __name__ == "__main__":
    work = Work()
    serve({"prepare": work.prepare, "identify": work.identify})
