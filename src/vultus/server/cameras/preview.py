"""Looking through a camera: its newest frame with boxes and names, as JPEG."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock

from vultus.errors import ServerBusy
from vultus.imaging.resample import resize
from vultus.video.frame import Frame
from vultus.video.overlay import Label, annotate
from vultus.video.snapshots import encode_jpeg

MOST_VIEWERS = 8
_QUALITY = 80


@dataclass(frozen=True)
class Look:
    """number: rises with every frame. at: monotonic seconds when it came."""

    number: int
    at: float
    frame: Frame
    labels: Sequence[Label]

    def jpeg(self, width: int | None, *, annotated: bool) -> bytes:
        """The frame, made no larger; it takes some milliseconds."""
        image, scale = self.frame.image, 1.0
        if width is not None and width < image.shape[1]:
            scale = width / image.shape[1]
            image = resize(image, (width, max(1, round(image.shape[0] * scale))))
        if annotated:
            image = annotate(image, [_scaled(label, scale) for label in self.labels])
        return encode_jpeg(image, _QUALITY)


class Peephole:
    """An onlooker that keeps the newest frame, and only while somebody watches.

    It lives as long as its camera is known, through all of the camera's runs. Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._viewers = 0
        self._look: Look | None = None
        self._number = 0
        self.over = False  # the camera has been removed
        self._encoded: dict[tuple[int, int | None, bool], bytes] = {}

    # the camera's side

    @property
    def is_looking(self) -> bool:
        return self._viewers > 0

    def show(self, frame: Frame, labels: Sequence[Label]) -> bool:
        with self._lock:
            self._number += 1
            if self._viewers:
                self._look = Look(self._number, time.monotonic(), frame, labels)
        return True

    def close(self) -> None:
        """A run of the camera is over; what it showed last is not now any more."""
        with self._lock:
            self._forget()

    # the viewers' side

    @contextmanager
    def open(self) -> Iterator[None]:
        """Somebody watches.

        Raises:
            ServerBusy: too many do already.
        """
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """As `open`, until `leave`."""
        with self._lock:
            if self._viewers >= MOST_VIEWERS:
                busy = ServerBusy(
                    f"{MOST_VIEWERS} watch this camera already.", "Close another preview."
                )
                busy.retry_after_s = 5.0
                raise busy
            self._viewers += 1

    def leave(self) -> None:
        with self._lock:
            self._viewers -= 1
            if not self._viewers:
                self._forget()

    @property
    def newest(self) -> Look | None:
        """The newest frame since somebody watches, if one has come."""
        return self._look

    def jpeg(self, look: Look, width: int | None, *, annotated: bool) -> bytes:
        """As `Look.jpeg`; viewers who want the same share it."""
        key = (look.number, width, annotated)
        found = self._encoded.get(key)
        if found is None:
            found = look.jpeg(width, annotated=annotated)
            with self._lock:
                kept = {k: data for k, data in self._encoded.items() if k[0] == look.number}
                self._encoded = {**kept, key: found} if self._viewers else {}
        return found

    def end(self) -> None:
        """There is nothing to see any more, for ever."""
        self.over = True

    def _forget(self) -> None:
        self._look = None
        self._encoded = {}


def _scaled(label: Label, scale: float) -> Label:
    x, y, width, height = (side * scale for side in label.box)
    return replace(label, box=(x, y, width, height))
