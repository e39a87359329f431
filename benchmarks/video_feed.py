"""Cameras for the benchmarks: a clip in a loop over RTSP, each frame with its number in it."""

from __future__ import annotations

import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from math import inf
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from numpy.typing import NDArray
from tests.video.clips import write_clip, write_units
from tests.video.rtsp import free_port

FPS = 15
SIZE_WH = (640, 360)
_PYTHON = "/usr/bin/python3"
_PROGRAM = Path(__file__).with_name("video_rtsp_program.py")
_STRIP_PX = 12  # at the lower edge
_CAMERA_BITS, _NUMBER_BITS = 2, 10
_BITS = _CAMERA_BITS + _NUMBER_BITS
_WHITE, _LIMIT = 235, 117

Pixels = NDArray[np.uint8]


class FeedMissing(RuntimeError):
    """There is no RTSP server on this machine."""


def mark(image: Pixels, camera: int, number: int) -> Pixels:
    """The picture with both numbers as bars along its lower edge, white is one."""
    code = camera << _NUMBER_BITS | number
    bars = np.array([(code >> bit) & 1 for bit in range(_BITS)], np.uint8) * _WHITE
    marked = image.copy()
    marked[-_STRIP_PX:] = bars[np.arange(image.shape[1]) * _BITS // image.shape[1]][None, :, None]
    return marked


def marks_of(image: Pixels) -> tuple[int, int]:
    """Camera and number that `mark` drew."""
    width = image.shape[1]
    middles = ((np.arange(_BITS) + 0.5) * width / _BITS).astype(int)
    values = image[-_STRIP_PX + 3 : -3].mean(axis=(0, 2))[middles]
    code = sum(1 << bit for bit, value in enumerate(values) if value > _LIMIT)
    return code >> _NUMBER_BITS, code & ((1 << _NUMBER_BITS) - 1)


def write_feed(clip: Path, folder: Path, camera: int) -> Path:
    """The clip at 15 frames a second, marked, as a folder of H.264 access units."""
    marked = folder / f"camera-{camera}.mp4"
    write_clip(marked, _marked(clip, camera), rate=FPS, size_wh=SIZE_WH)
    return write_units(marked, folder / f"camera-{camera}", fps=FPS)


def _marked(clip: Path, camera: int) -> Iterator[Pixels]:
    return (mark(image, camera, number) for number, image in enumerate(frames_of(clip)))


def frames_of(clip: Path, start_s: float = 0.0, end_s: float = inf) -> Iterator[Pixels]:
    """RGB frames of a part of the clip, 15 a second."""
    number = 0
    with av.open(str(clip)) as source:
        for frame in source.decode(source.streams.video[0]):
            if frame.time >= end_s:
                return
            if frame.time >= start_s + number / FPS:
                yield frame.to_ndarray(format="rgb24")
                number += 1


class Feed:
    """The server, and when it sent what: `sent[camera][number]` is seconds since 1970."""

    def __init__(self, folders: list[Path]) -> None:
        self.port = free_port()
        self.sent: list[dict[int, list[float]]] = [defaultdict(list) for _ in folders]
        self._mounts = [f"camera-{index}={folder}" for index, folder in enumerate(folders)]

    def address(self, camera: int) -> str:
        return f"rtsp://127.0.0.1:{self.port}/camera-{camera}"

    def __enter__(self) -> Feed:
        self._process = subprocess.Popen(
            [_PYTHON, str(_PROGRAM), str(self.port), *self._mounts],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            self._end()
            raise FeedMissing("GStreamer's RTSP server did not start; see tests/video/rtsp.py.")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._reader.join()
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            mount, number, seconds = line.split()
            self.sent[int(mount.rpartition("-")[2])][int(number)].append(float(seconds))
