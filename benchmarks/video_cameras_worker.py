"""Watching several cameras behind the protocol; `python -m benchmarks.video_cameras_worker`."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.memory_worker import memory_mb
from benchmarks.protocol import serve
from benchmarks.video_feed import FPS, marks_of

if TYPE_CHECKING:
    from vultus.video.frame import Frame
    from vultus.video.watching import Watch

_ABSENCE_S = 1.0
_STATUS_S = 0.5
_MEMORY_S = 10.0
_WARM_UP_S = 15.0
# Pools of decoders and of the allocator reach their largest moment only after a while.
_LONG_S, _LONG_WARM_UP_S = 300.0, 60.0
_DEADLINE_S = 30.0


def warm_up_s(seconds: float) -> float:
    """For how long cameras are watched before they are measured for so long."""
    return _LONG_WARM_UP_S if seconds >= _LONG_S else _WARM_UP_S


class Sights:
    """An onlooker that notes each frame handed out: which one, when taken, when done with it.

    The rows are there from the start, so that they do not look like memory that grows.
    """

    def __init__(self, cameras: int, seconds: float) -> None:
        self._rows = np.full((cameras, int((seconds + _DEADLINE_S) * FPS * 1.2), 4), np.nan)
        self._counts = [0] * cameras

    def show(self, frame: Frame, labels: Sequence[Any]) -> bool:
        done = time.time()
        del labels
        camera, number = marks_of(frame.image)
        row = self._counts[camera]
        taken = frame.taken_at.replace(tzinfo=timezone.utc).timestamp()
        self._rows[camera, row] = number, float(frame.media_time), taken, done
        self._counts[camera] = row + 1
        return True

    def close(self) -> None:
        """Nothing is held."""

    def rows(self) -> list[list[list[float]]]:
        """For each camera: number, media time, taken, done, as seconds since 1970."""
        pairs = zip(self._rows, self._counts, strict=True)
        return [rows[:count].tolist() for rows, count in pairs]


class Sampler:
    """Looks at states, memory and the processor's time while the cameras are watched."""

    def __init__(self, watching: Watch, seconds: float) -> None:
        self.samples: list[dict[str, Any]] = []
        self.memory: list[tuple[float, float]] = []
        self.share = 0.0
        self._warm = 0
        self._watching, self._seconds = watching, seconds
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _sample(self) -> None:
        """From when all cameras send, and the first seconds are over; ends the watching."""
        began = time.monotonic()
        while time.monotonic() - began < _DEADLINE_S and not self._all_live():
            time.sleep(_STATUS_S)
        self._warm_up()
        start, work = time.monotonic(), time.process_time()
        while (passed := time.monotonic() - start) < self._seconds:
            self._look(passed)
            time.sleep(_STATUS_S)
        self._look(passed, last=True)
        self.share = (time.process_time() - work) / passed
        self._watching.stop()

    def _warm_up(self) -> None:
        """Memory is noted with the seconds that are left, as a negative number."""
        end = time.monotonic() + warm_up_s(self._seconds)
        while (left := end - time.monotonic()) > 0:
            self.memory.append((-left, memory_mb("VmRSS")))
            time.sleep(min(_MEMORY_S, left))
        self._warm = len(self.memory)

    def _all_live(self) -> bool:
        return all(status.analysed for status in self._watching.status)

    def _look(self, passed: float, *, last: bool = False) -> None:
        statuses = self._watching.status
        if last or len(self.memory) - self._warm <= passed / _MEMORY_S:
            self.memory.append((passed, memory_mb("VmRSS")))
        self.samples.append(
            {
                "seconds": passed,
                "analysed": [status.analysed for status in statuses],
                "frames": [status.frames for status in statuses],
                "dropped": [status.dropped for status in statuses],
                "delay_s": [status.delay_s for status in statuses],
                "keeps_up": [status.keeps_up for status in statuses],
            }
        )


def watch(addresses: list[str], people: str, seconds: float) -> dict[str, Any]:
    """Watch all of them for so long, with people enrolled."""
    from vultus.gallery.gallery import Gallery
    from vultus.settings import VideoSettings
    from vultus.video.camera import Camera
    from vultus.video.watching import watch_cameras

    video = VideoSettings(absence_s=_ABSENCE_S)
    cameras = [
        Camera(name=str(index), source=address, group="people", video=video)
        for index, address in enumerate(addresses)
    ]
    events = []
    with tempfile.TemporaryDirectory() as folder:
        address = str(Path(folder) / "people.db")
        with Gallery(address) as gallery:
            gallery.enroll_folder(people, group="people", largest=True)
        del gallery
        sights = Sights(len(cameras), seconds + warm_up_s(seconds))
        with watch_cameras(
            cameras, gallery=address, on="all", patient=True, onlookers=[sights]
        ) as watching:
            sampler = Sampler(watching, seconds)
            for visit in watching:
                events.append((int(visit.camera), visit.type, visit.media_time, time.time()))
            sampler.join()
    return {
        "fps": video.analysis_fps,
        "events": events,
        "sights": sights.rows(),
        "samples": sampler.samples,
        "memory": sampler.memory,
        "share": sampler.share,
    }


def main() -> None:
    serve({"watch": watch})


if __name__ == "__main__":
    main()
