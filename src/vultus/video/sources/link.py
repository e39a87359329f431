"""One connection of a live source, in a thread that can be given up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from vultus.errors import SourceNotVideo, SourceTimeout
from vultus.settings import VideoSettings
from vultus.video.sources.failures import FeedFailed
from vultus.video.sources.feed import Connect, Feed
from vultus.video.sources.pixels import Picture
from vultus.video.sources.source import SourceInfo

_TICK_S = 0.25
# What blocks inside a driver or a name server ignores FFmpeg's limits; it is given up after them.
_GRACE_S = 1.0
# FFmpeg applies its limit twice: to opening, and to looking into the stream.
_OPENINGS = 2
# Packets may come long before the first picture (a key frame is waited for), but not for ever.
_BLIND_TIMES = 3


@dataclass(frozen=True)
class Outcome:
    """How a connection ended.

    error: why. passing: whether it may be over at the next attempt. live_s: seconds for which
    pictures came.
    """

    error: BaseException
    passing: bool
    live_s: float = 0.0


class Link:
    """Connects, hands each picture to `show`, and ends with an outcome.

    Args:
        name: of the source, without secrets.
        connect: opens the connection; called in this link's own thread.
        show: takes a picture; called in the same thread.
        news: notified when the link ended; `run` waits on it.
    """

    def __init__(
        self,
        name: str,
        connect: Connect,
        settings: VideoSettings,
        show: Callable[[Link, Picture], None],
        news: threading.Condition,
    ) -> None:
        self.info = SourceInfo(name, True, (0, 0))
        self._name, self._connect, self._settings = name, connect, settings
        self._show, self._news = show, news
        self._gone = False
        self._feed: Feed | None = None
        self._outcome: Outcome | None = None
        self._alive_at = time.monotonic()
        self._live_since: float | None = None
        self._thread = threading.Thread(target=self._work, name=f"vultus {name} link", daemon=True)

    @property
    def damaged(self) -> int:
        return self._feed.damaged if self._feed is not None else 0

    def run(self, closed: Callable[[], bool]) -> Outcome | None:
        """Until the connection ends, or is stuck and therefore given up; None: it was closed."""
        self._alive_at = time.monotonic()
        self._thread.start()
        with self._news:
            while self._outcome is None and not closed() and not self._is_stuck():
                self._news.wait(_TICK_S)
            self._gone = True
            if self._outcome is not None or closed():
                return self._outcome
        message = f"{self._name} did not answer in time, and had to be given up."
        return Outcome(
            SourceTimeout(message, "Check that the camera is well."), True, self._live_s()
        )

    def join(self, seconds: float) -> None:
        """Wait for the thread, at most so long."""
        self._thread.join(seconds)

    def _is_stuck(self) -> bool:
        limits = self._settings
        allowed = limits.read_timeout_s if self._feed else limits.open_timeout_s * _OPENINGS
        return time.monotonic() - self._alive_at > allowed + _GRACE_S

    def _live_s(self) -> float:
        return self._alive_at - self._live_since if self._live_since is not None else 0.0

    def _work(self) -> None:
        try:
            self._watch()
        except FeedFailed as failed:
            self._end(failed.error, passing=failed.passing)
        except BaseException as error:  # the border of the thread: whoever iterates must hear
            self._end(error, passing=False)

    def _watch(self) -> None:
        feed = self._connect()
        try:
            self._feed, self._alive_at = feed, time.monotonic()
            self.info = feed.info
            with closing(feed.pictures()) as pictures:
                seen_at = self._alive_at
                while not self._gone:
                    picture = next(pictures)
                    self._alive_at = time.monotonic()
                    if picture is not None:
                        seen_at = self._alive_at
                        self._live_since = self._live_since or seen_at
                        self._show(self, picture)
                    elif self._alive_at - seen_at > _BLIND_TIMES * self._settings.read_timeout_s:
                        raise self._blind()
        finally:
            feed.close()

    def _blind(self) -> FeedFailed:
        return FeedFailed(
            SourceNotVideo(
                f"{self._name} sends data, but no picture that can be decoded.",
                "Set the camera to H.264 and to a key frame every second or two.",
            ),
            passing=True,
        )

    def _end(self, error: BaseException, *, passing: bool) -> None:
        with self._news:
            self._outcome = Outcome(error, passing, self._live_s())
            self._news.notify_all()
