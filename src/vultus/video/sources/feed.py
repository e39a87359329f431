"""One connection to something live: pictures as they come, until it breaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from vultus.errors import SourceUnknown
from vultus.settings import Settings
from vultus.video.sources.address import Address
from vultus.video.sources.container import Opened, open_container
from vultus.video.sources.decoding import Decoder
from vultus.video.sources.failures import FeedFailed
from vultus.video.sources.pixels import Converter, Picture
from vultus.video.sources.source import SourceInfo

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

# A clock that is further off than this is another clock: pictures are not held back that long.
_FURTHEST_S = 10.0


class Feed(Protocol):
    """An open connection. One thread uses it, closing included.

    pictures: ends with FeedFailed and never by itself; None is a sign of life without a picture.
    """

    @property
    def info(self) -> SourceInfo: ...

    @property
    def damaged(self) -> int: ...

    def pictures(self) -> Generator[Picture | None, None, None]: ...

    def close(self) -> None: ...


Connect = Callable[[], Feed]


class StreamFeed:
    """A live stream or camera that FFmpeg reads."""

    def __init__(self, opened: Opened, read_timeout_s: float) -> None:
        self._decoder, self._converter = Decoder(opened), Converter()
        self._read_timeout_s = read_timeout_s
        self._pacer = Pacer() if opened.paced else None
        self.info = opened.info(live=True)

    @property
    def damaged(self) -> int:
        return self._decoder.damaged

    def pictures(self) -> Generator[Picture | None, None, None]:
        for decoded in self._decoder.live(self._read_timeout_s):
            if decoded is not None and self._pacer is not None:
                self._pacer.wait(decoded)
            yield self._converter.picture(decoded) if decoded is not None else None

    def close(self) -> None:
        self._decoder.close()


class Pacer:
    """Spreads pictures over their own times: HLS brings some seconds' worth at once.

    Newest-only would otherwise show the last picture of each piece, and none in between.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._ahead: float | None = None  # the machine's clock less the stream's

    def wait(self, decoded: VideoFrame) -> None:
        """Until it is this frame's turn; a late one, or one without a time, goes at once."""
        if decoded.pts is None or decoded.time_base is None:
            return
        seconds = float(Fraction(decoded.pts) * decoded.time_base)
        now = self._clock()
        if self._ahead is None:
            self._ahead = now - seconds
        early = seconds + self._ahead - now
        if not 0 <= early <= _FURTHEST_S:
            self._ahead = now - seconds
        elif early > 0:
            self._sleep(early)


def connect_stream(address: Address, settings: Settings) -> StreamFeed:
    """Open a live stream or camera.

    Raises:
        FeedFailed: it cannot be had; also where it turns out to be a recording.
    """
    opened = open_container(address, settings)
    if opened.duration is not None:
        opened.container.close()
        raise FeedFailed(
            SourceUnknown(
                f"{address.name} is a recording with an end, no live stream.",
                "Give it as a video file to analyse, not as a camera.",
            ),
            passing=False,
        )
    return StreamFeed(opened, settings.video.read_timeout_s)
