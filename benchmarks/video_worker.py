"""Watching a clip with Vultus behind the protocol; `python -m benchmarks.video_worker [CORE]`."""

from __future__ import annotations

import sys
import tempfile
from os import sysconf
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from benchmarks import video_stages_worker
from benchmarks.protocol import pin, serve

GROUP = "people"
_EVERY_FRAME_FPS = 120.0  # more than any clip here has


def busy_seconds() -> float:
    """Seconds that all processors have worked so far, for whatever program; 0 where unknown."""
    try:
        line = Path("/proc/stat").read_text("ascii").partition("\n")[0]
    except OSError:
        return 0.0
    user, nice, system, _, _, irq, softirq, steal, *_ = map(int, line.split()[1:])
    return (user + nice + system + irq + softirq + steal) / sysconf("SC_CLK_TCK")


class Watching:
    """A gallery with people in it and models that are loaded."""

    def __init__(self, core: int | None) -> None:
        self._pinned = core is not None
        self._folder = tempfile.TemporaryDirectory()

    def load(self, people: str | None, threads: int = 0) -> None:
        """Enrol a folder of people, load all models. threads: of each network, 0: the default."""
        import cv2

        from vultus.gallery.gallery import Gallery
        from vultus.settings import RuntimeSettings, load_settings

        if self._pinned:
            cv2.setNumThreads(1)
        runtime = RuntimeSettings(threads=1 if self._pinned else threads)
        gallery = Path(self._folder.name) / "people.db"
        self._gallery = Gallery(gallery, settings=load_settings(runtime=runtime))
        if people is not None:
            self._gallery.enroll_folder(people, group=GROUP, largest=True)
        self._group = None if people is None else GROUP
        self._gallery.analyzer.warm_up()

    def watch(self, path: str, record: bool = False, every_frame: bool = False) -> dict[str, Any]:
        """From the file to the last visit."""
        import vultus
        from vultus.settings import VideoSettings

        every = {"analysis_fps": _EVERY_FRAME_FPS, "detect_fps": _EVERY_FRAME_FPS}
        video = VideoSettings(**(every if every_frame else {}))
        out = Path(self._folder.name) / "annotated.mp4" if record else None
        machine, start, work = busy_seconds(), perf_counter(), process_time()
        with vultus.watch(
            path,
            group=self._group,
            gallery=self._gallery,
            remember=False,
            record=out,
            video=video,
        ) as watching:
            visits = [visit.who for visit in watching]
            status = watching.status[0]
        seconds, work = perf_counter() - start, process_time() - work
        return {
            "seconds": seconds,
            "work": work,
            "others": max(0.0, busy_seconds() - machine - work) / seconds,
            "frames": status.frames,
            "analysed": status.analysed,
            "visits": visits,
        }

    def decode(self, path: str) -> dict[str, Any]:
        """Only open the file and decode every frame; nothing is converted to RGB."""
        source = self._open(path)
        start, work = perf_counter(), process_time()
        frames = sum(frame is not None for frame in source.frames())
        seconds, work = perf_counter() - start, process_time() - work
        source.close()
        return {"seconds": seconds, "work": work, "frames": frames}

    def stages(self, path: str) -> dict[str, list[float]]:
        """Seconds of every call of each part of the work."""
        return video_stages_worker.alone(path, self._gallery)

    def shares(self, path: str) -> dict[str, Any]:
        """What part of the processor's time each part has in a watched clip."""
        return video_stages_worker.watched(path, self._gallery, self._group)

    def _open(self, path: str) -> Any:
        from vultus.video.sources.opening import open_source

        return open_source(path, self._gallery.settings)


def main() -> None:
    core = int(sys.argv[1]) if sys.argv[1:] and sys.argv[1] else None
    pin(core)
    worker = Watching(core)
    serve(
        {
            "load": worker.load,
            "watch": worker.watch,
            "decode": worker.decode,
            "stages": worker.stages,
            "shares": worker.shares,
        }
    )


if __name__ == "__main__":
    main()
