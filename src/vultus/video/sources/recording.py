"""A video with a beginning and an end: every frame, and the same ones on every run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vultus.errors import VultusError
from vultus.video.frame import Frame
from vultus.video.sources.address import Kind
from vultus.video.sources.clock import MediaClock, after, started
from vultus.video.sources.container import Opened
from vultus.video.sources.decoding import Decoder
from vultus.video.sources.failures import FeedFailed, no_video
from vultus.video.sources.pixels import Converter
from vultus.video.sources.source import SourceInfo

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_CLOSE_S = 1.5
_EMPTY = "The file may have been cut off while it was recorded; check that a player shows it."


class RecordedSource:
    """A video file, on disk or behind http.

    The first frame is decoded at once: it tells the upright size, and whether there is a video
    at all. `taken_at` of a frame is the start plus its media time.

    Raises:
        SourceNotVideo: there is not a single frame in it.
        SourceLost, SourceTimeout: a remote file broke off before its first frame.
    """

    def __init__(self, opened: Opened, *, started_at: datetime | None = None) -> None:
        self._remote = opened.address.kind is Kind.HTTP
        self._decoder = Decoder(opened)
        self._decoded = self._decoder.recorded(remote=self._remote)
        self._clock, self._converter = MediaClock(opened.rate), Converter()
        self._lock, self._closed, self._index = threading.Lock(), False, 0
        self._first: VideoFrame | None = None
        try:
            self._start = _start(opened, started_at)
            self._first = self._decode()
            if self._first is None:
                raise no_video(opened.address, "has not a single frame in it", _EMPTY).error
        except VultusError:
            self.close()
            raise
        picture = self._converter.picture(self._first)
        self._info = opened.info(live=False, size_wh=picture.size_wh)

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def damaged(self) -> int:
        return self._decoder.damaged

    def frames(self) -> Iterator[Frame | None]:
        """Every frame from where the last iteration stopped.

        Raises:
            SourceLost, SourceTimeout: a remote file broke off.
        """
        while True:
            decoded = self._next()
            if decoded is None:
                return
            yield self._frame(decoded)

    def close(self) -> None:
        self._closed = True
        if self._lock.acquire(timeout=_CLOSE_S):
            try:
                self._release()
            finally:
                self._lock.release()
        # else the thread that waits inside FFmpeg releases everything when it comes back

    def _next(self) -> VideoFrame | None:
        first, self._first = self._first, None
        return first or self._decode()

    def _decode(self) -> VideoFrame | None:
        failure: VultusError | None = None
        with self._lock:
            try:
                decoded = None if self._closed else next(self._decoded, None)
            except FeedFailed as error:
                decoded, failure = None, error.error
            if self._closed:
                decoded, failure = None, None
                self._release()
        if failure is not None:
            raise failure
        return decoded

    def _release(self) -> None:
        self._decoded.close()
        self._decoder.close()
        self._first = None

    def _frame(self, decoded: VideoFrame) -> Frame:
        has_time = decoded.pts is not None and decoded.time_base is not None
        seconds = Fraction(decoded.pts or 0) * (decoded.time_base or 0) if has_time else None
        time, picture = self._clock.at(seconds), self._converter.picture(decoded)
        index, self._index = self._index, self._index + 1
        return Frame(
            index,
            time,
            after(self._start, time),
            picture.size_wh,
            picture.convert,
            corrupt=picture.corrupt,
        )


def _start(opened: Opened, given: datetime | None) -> datetime:
    tags = {**opened.stream.metadata, **opened.container.metadata}
    if opened.address.kind is Kind.FILE:
        otherwise = datetime.fromtimestamp(
            Path(opened.address.target).stat().st_mtime, timezone.utc
        )
    else:
        otherwise = datetime.now(timezone.utc)
    return started(given, tags, otherwise)
