"""Reading a recording ahead: frames are decoded and shrunk while the last one is analysed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from queue import Full, Queue
from threading import Event, Thread

from vultus.imaging.load import Image
from vultus.video.budget import Sampler
from vultus.video.frame import Frame
from vultus.video.sources.source import Source

_AHEAD = 4  # frames; a decoded 4K frame is 12 MB
_LOOK_S = 0.2
_END_S = 2.0


@dataclass(frozen=True)
class Due:
    """A frame, or None where nothing came; small: its copy, where it is to be analysed."""

    frame: Frame | None
    small: Image | None = None


def due_frames(source: Source, sampler: Sampler, longer_px: int) -> Generator[Due, None, None]:
    """The frames of a source, with the copies of those that are due.

    Of a recording in a thread of its own, a few frames ahead; what goes wrong there is raised
    here. Of a live source as they come: the newest frame must not wait.
    """
    prepared = _prepare(source, sampler, longer_px)
    return prepared if source.info.live else _read_ahead(prepared)


def _prepare(source: Source, sampler: Sampler, longer_px: int) -> Generator[Due, None, None]:
    for frame in source.frames():
        due = frame is not None and sampler.is_due(frame.media_time)
        yield Due(frame, frame.small(longer_px) if frame is not None and due else None)


class _Reader:
    """A thread that takes items and holds a few of them ready."""

    def __init__(self, items: Iterator[Due]) -> None:
        self._items = items
        self._waiting: Queue[Due | BaseException | None] = Queue(_AHEAD)
        self._stopped = Event()
        self._thread = Thread(target=self._read, name="vultus-ahead", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for item in self._items:
                self._put(item)
                if self._stopped.is_set():
                    return
            self._put(None)
        except BaseException as error:  # the border of the thread: raised where frames are taken
            self._put(error)

    def _put(self, item: Due | BaseException | None) -> None:
        while not self._stopped.is_set():
            try:
                self._waiting.put(item, timeout=_LOOK_S)
            except Full:
                continue
            return

    def take(self) -> Due | BaseException | None:
        return self._waiting.get()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(_END_S)


def _read_ahead(items: Iterator[Due]) -> Generator[Due, None, None]:
    reader = _Reader(items)
    try:
        while (item := reader.take()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        reader.stop()
