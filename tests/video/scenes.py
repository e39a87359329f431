"""Small films whose people are coloured squares, and what stands in for the networks there.

Unlike `tests.fakes` these survive a coder: the room is grey, and a face is what has colour. A
part in a film says where somebody is and when: `Part("ada", 0.0, 2.0)`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from tests.fakes import ColourEmbedder, SquarePredictor, _detections
from tests.video.clips import write_clip
from vultus.faces.analyzer import Analyzer
from vultus.faces.mtcnn import Detections, Search
from vultus.gallery.gallery import Gallery
from vultus.settings import Settings
from vultus.video.frame import Frame
from vultus.video.sources.pixels import Picture
from vultus.video.sources.source import SourceInfo

SIZE_WH = (320, 180)
FACE_PX = 64
START = datetime(2026, 11, 21, 8, 30, tzinfo=timezone.utc)
_COLOURS = {
    "ada": (215, 60, 60),
    "bob": (60, 215, 60),
    "cyd": (60, 60, 215),
    "dan": (215, 215, 60),
    "eve": (60, 215, 215),
}
_COLOURED = 70  # between the largest and the smallest of red, green and blue
_EXACT = {"preset": "ultrafast", "crf": "4"}


@dataclass(frozen=True)
class Part:
    """Somebody is in the film from `start` to `end`, seconds, and walks from `x` at `speed`.

    x, y: upper left corner, pixels. speed: pixels a second to the right.
    """

    name: str
    start: float = 0.0
    end: float = 1e9
    x: float = 20.0
    y: float = 60.0
    speed: float = 20.0
    side: int = FACE_PX


def room(number: int = 0, size_wh: tuple[int, int] = SIZE_WH) -> np.ndarray:
    """An empty grey room with texture; one brick depends on the number."""
    width, height = size_wh
    rows, columns = np.mgrid[0:height, 0:width]
    grey = 70 + 40 * ((rows // 12 + columns // 12) % 2) + rows * 30 // height
    grey[:12, :12] = 60 + 5 * (number % 20)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def scene(
    seconds: float,
    parts: Iterable[Part],
    size_wh: tuple[int, int] = SIZE_WH,
    number: int = 0,
) -> np.ndarray:
    """One frame, RGB uint8 (height, width, 3)."""
    image = room(number, size_wh)
    for part in parts:
        if not part.start <= seconds < part.end:
            continue
        walked = part.speed * (seconds - part.start)
        span = size_wh[0] - part.side - 4
        x, y = round(part.x + walked) % span // 2 * 2 + 2, round(part.y) // 2 * 2
        rows, columns = np.mgrid[0 : part.side, 0 : part.side]
        light = 40 * ((rows // 8 + columns // 8) % 2)[..., None] - 20
        face = np.clip(np.array(_COLOURS[part.name]) + light, 0, 255)
        image[y : y + part.side, x : x + part.side] = face
    return image


def film(
    path: Path,
    parts: Sequence[Part],
    seconds: float = 3.0,
    *,
    rate: Fraction | int = 20,
    size_wh: tuple[int, int] = SIZE_WH,
    **options: object,
) -> Path:
    """A clip of these parts."""
    frames = (
        scene(float(index / Fraction(rate)), parts, size_wh, index)
        for index in range(round(seconds * rate))
    )
    return write_clip(path, frames, rate=rate, size_wh=size_wh, codec_options=_EXACT, **options)


class ColourDetector:
    """Finds what has colour. before: called first, may raise or sleep."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self._before = before

    def detect(self, image: np.ndarray, search: Search) -> Detections:
        self._before()
        red, green, blue = cv2.split(image)
        most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
        colour = cv2.subtract(most, least)
        found, _, stats, _ = cv2.connectedComponentsWithStats((colour > _COLOURED).astype(np.uint8))
        boxes = [
            (x, y, x + width, y + height)
            for x, y, width, height, area in stats[1:found]
            if min(width, height) >= 12 and area > 0.6 * width * height
        ]
        return _detections(sorted(boxes))

    def follow(self, image: np.ndarray, boxes: np.ndarray, score: float) -> Detections:
        return self.detect(image, Search(12))


class Embedder(ColourEmbedder):
    """before: called first, may raise."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self._before = before

    def embed(self, chips: np.ndarray) -> np.ndarray:
        self._before()
        return super().embed(chips)


def scene_analyzer(
    settings: Settings | None = None,
    *,
    detect: Callable[[], None] = lambda: None,
    embed: Callable[[], None] = lambda: None,
) -> Analyzer:
    """Sees the people of a film. detect, embed: called before each, may raise."""
    made = Analyzer(
        settings or Settings(), detector=ColourDetector(detect), embedder=Embedder(embed)
    )
    made.predictor = SquarePredictor()
    return made


def enroll(gallery: Gallery, *names: str, group: str = "family") -> None:
    """Enrol people of the films."""
    for name in names:
        gallery.enroll(name, scene(0, [Part(name)]), group=group)


def settings_in(folder: Path, **video: object) -> Settings:
    """Settings whose files lie in a folder."""
    return Settings(
        gallery=str(folder / "people.db"),
        events={"outbox": folder / "outbox.db", "retry_max_s": 0.5, "timeout_s": 3.0},
        video={"retry_max_s": 0.5, **video},
    )


@dataclass
class FilmSource:
    """A recording that is made as it is read: no file, no coder.

    fail_at: number of the frame in whose place `error` is raised. pace_s: time that a frame takes.
    size_at: number of the frame from which on another size is handed out.
    """

    parts: Sequence[Part] = ()
    seconds: float = 3.0
    rate: Fraction = Fraction(20)
    fail_at: int | None = None
    error: BaseException | None = None
    pace_s: float = 0.0
    name: str = "film"
    size_at: tuple[int, tuple[int, int]] | None = None
    damaged: int = 0
    closed: int = 0
    handed_out: int = 0
    _stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def info(self) -> SourceInfo:
        return SourceInfo(
            self.name, False, SIZE_WH, self.rate, Fraction(self.seconds).limit_denominator()
        )

    def frames(self) -> Iterator[Frame]:
        for index in range(round(self.seconds * self.rate)):
            if self._stopped.wait(self.pace_s) if self.pace_s else self._stopped.is_set():
                return
            if index == self.fail_at:
                raise self.error
            self.handed_out += 1
            yield self._frame(index)

    def _frame(self, index: int) -> Frame:
        time_, size_wh = index / self.rate, SIZE_WH
        if self.size_at is not None and index >= self.size_at[0]:
            size_wh = self.size_at[1]
        image = scene(float(time_), self.parts, size_wh, index)
        return Frame(
            index,
            time_,
            START + timedelta(seconds=float(time_)),
            size_wh,
            lambda wanted: image.copy() if wanted == size_wh else cv2.resize(image, wanted),
        )

    def close(self) -> None:
        self.closed += 1
        self._stopped.set()


class LiveFilm:
    """A feed for `LiveReader`: frames of the parts by the clock, for ever or until it breaks.

    fail_after_s: seconds until `error` is raised. show: makes the image of a moment
    instead; None is a sign of life without a picture.
    """

    damaged = 0

    def __init__(
        self,
        parts: Sequence[Part] = (),
        *,
        fps: float = 20.0,
        fail_after_s: float | None = None,
        error: BaseException | None = None,
        show: Callable[[float], np.ndarray | None] | None = None,
        name: str = "camera",
    ) -> None:
        self._parts, self._fps, self._name = parts, fps, name
        self._fail_after_s, self._error, self._show = fail_after_s, error, show
        self._began = time.monotonic()
        self.closed = 0

    @property
    def info(self) -> SourceInfo:
        return SourceInfo(self._name, True, SIZE_WH, Fraction(self._fps).limit_denominator(1000))

    def pictures(self) -> Iterator[Picture]:
        number = 0
        while not self.closed:
            seconds = time.monotonic() - self._began
            if self._fail_after_s is not None and seconds > self._fail_after_s:
                raise self._error
            image = (
                self._show(seconds) if self._show else scene(seconds, self._parts, SIZE_WH, number)
            )
            yield image if image is None else Picture(SIZE_WH, lambda _, image=image: image.copy())
            number += 1
            time.sleep(1 / self._fps)

    def close(self) -> None:
        self.closed += 1


@contextmanager
def no_thread_left(timeout_s: float = 3.0) -> Iterator[None]:
    """Fails where a thread that was begun inside is still alive some time after."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + timeout_s
    while left := [thread for thread in threading.enumerate() if thread not in before]:
        assert time.monotonic() < deadline, f"still alive: {left}"
        time.sleep(0.01)


@contextmanager
def at_most(seconds: float, stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` then, so that a failure does not last for ever."""
    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


class FailsAt:
    """Raises `error` at the n-th call, 1 is the first; notes when. Safe for threads."""

    def __init__(self, number: int, error: BaseException) -> None:
        self.at: float | None = None
        self._left, self._error = number, error
        self._lock = threading.Lock()

    def __call__(self, *_: object) -> None:
        with self._lock:
            self._left -= 1
            if self._left:
                return
            self.at = time.monotonic()
        raise self._error


def open_files(folder: Path) -> list[str]:
    """Names of the files below a folder that this process holds open; Linux."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            target = str(entry.readlink())
            if target.startswith(str(folder)):
                found.append(Path(target).name)
    return sorted(found)
