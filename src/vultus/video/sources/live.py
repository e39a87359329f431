"""Anything live: the newest frame only, and a connection that comes back for ever."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from fractions import Fraction
from typing import Literal

from vultus.errors import SourceError, VultusError
from vultus.settings import VideoSettings
from vultus.video.frame import Frame
from vultus.video.sources.feed import Connect
from vultus.video.sources.link import Link, Outcome
from vultus.video.sources.pixels import Picture
from vultus.video.sources.source import SourceInfo

log = logging.getLogger("vultus.video")
Phase = Literal["connecting", "live", "waiting"]

_NEWS_S = 1.0
_CLOSE_S = 1.5
_FIRST_WAIT_S = 0.5
_JITTER = 0.1
_STABLE_S = 10.0
_NANO = 1_000_000_000


@dataclass(frozen=True)
class LiveState:
    """How a live source is.

    phase: `connecting`, `live` (frames come) or `waiting` (for the next attempt). error: the last
    trouble since frames came, without secrets. since: when this phase began, UTC. decoded:
    frames so far; dropped: those replaced by a newer one before anybody took them.
    """

    phase: Phase
    error: VultusError | None
    since: datetime
    decoded: int
    handed_out: int
    dropped: int
    damaged: int
    reconnects: int


class LiveReader:
    """Reads a live source in threads of its own and keeps the newest frame.

    It reconnects for ever: after 0.5 s, twice as long each time up to `retry_max_s`, with a
    little jitter, and from the start again once a connection was stable for ten seconds.
    `media_time` is seconds of the machine's clock since the reader began, across connections.

    Args:
        name: the address without secrets.
        connect: opens one connection; called in a thread, again and again.
        patient: retry whatever is wrong. Otherwise trouble that does not pass by itself, before
            the first frame ever came, is raised where frames are taken.
    """

    def __init__(
        self, name: str, connect: Connect, settings: VideoSettings, *, patient: bool = False
    ) -> None:
        self._name, self._connect, self._settings = name, connect, settings
        self._patient = patient
        self._news = threading.Condition()
        self._started_ns = time.monotonic_ns()
        self._last_time = Fraction(-1)
        self._info = SourceInfo(name, True, (0, 0))
        self._newest: Frame | None = None
        self._failure: BaseException | None = None
        self._closed = False
        self._phase: Phase = "connecting"
        self._since = datetime.now(timezone.utc)
        self._error: VultusError | None = None
        self._lost_at: float | None = None
        self._ever_live = self._answered = False
        self._decoded = self._handed_out = self._dropped = 0
        self._damaged_before = self._connections = 0
        self._link: Link | None = None
        self._thread = threading.Thread(target=self._run, name=f"vultus {name}", daemon=True)
        self._thread.start()

    @property
    def info(self) -> SourceInfo:
        """Of the last connection; the size is (0, 0) until there was one."""
        return self._info

    @property
    def damaged(self) -> int:
        link = self._link
        return self._damaged_before + (link.damaged if link else 0)

    @property
    def state(self) -> LiveState:
        """How it is now; may be asked from any thread."""
        with self._news:
            return LiveState(
                self._phase,
                self._error,
                self._since,
                self._decoded,
                self._handed_out,
                self._dropped,
                self.damaged,
                max(0, self._connections - 1),
            )

    def frames(self) -> Iterator[Frame | None]:
        """The newest frame that was not handed out yet; None after a second without one.

        Raises:
            SourceError: the source cannot be had, and not `patient`.
            Exception: a mistake in the program, as it is.
        """
        while True:
            with self._news:
                self._news.wait_for(self._has_news, _NEWS_S)
                if self._closed:
                    return
                if self._failure is not None:
                    raise self._failure
                frame, self._newest = self._newest, None
                self._handed_out += frame is not None
            yield frame

    def wait_for_answer(self, seconds: float) -> None:
        """Until the first attempt has ended in one way or the other, at most so long.

        Raises:
            SourceError: the source cannot be had, and not `patient`.
        """
        with self._news:
            self._news.wait_for(lambda: self._answered or self._closed, seconds)
            if self._failure is not None:
                raise self._failure

    def close(self) -> None:
        """Stop; a thread that blocks inside a driver is left to end by itself."""
        with self._news:
            self._closed, self._newest = True, None
            self._news.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join(_CLOSE_S + 0.25)

    def _has_news(self) -> bool:
        return self._closed or self._newest is not None or self._failure is not None

    # The thread that keeps the connection up.

    def _run(self) -> None:
        try:
            attempt = 0
            while not self._closed:
                outcome = self._one_connection()
                if outcome is None or self._closed or not self._goes_on(outcome):
                    return
                attempt = 0 if outcome.live_s >= _STABLE_S else attempt
                self._pause(attempt)
                attempt += 1
        except BaseException as error:  # the border of the thread: whoever iterates must hear of it
            self._fail(error)

    def _one_connection(self) -> Outcome | None:
        self._enter("connecting")
        link = Link(self._name, self._connect, self._settings, self._show, self._news)
        self._link = link
        outcome = link.run(lambda: self._closed)
        with self._news:
            self._damaged_before += link.damaged
            self._link = None
        if self._closed:
            link.join(_CLOSE_S)
        return outcome

    def _show(self, link: Link, picture: Picture) -> None:
        """Take a picture from a connection, unless it was given up; called in its thread."""
        now_ns, taken_at = time.monotonic_ns(), datetime.now(timezone.utc)
        with self._news:
            if self._closed or link is not self._link:
                return
            if self._phase != "live":
                self._back(link.info)
            time_ = Fraction(now_ns - self._started_ns, _NANO)
            self._last_time = max(time_, self._last_time + Fraction(1, _NANO))
            self._dropped += self._newest is not None
            self._newest = Frame(
                self._decoded,
                self._last_time,
                taken_at,
                picture.size_wh,
                picture.convert,
                corrupt=picture.corrupt,
            )
            self._decoded += 1
            self._news.notify_all()

    def _back(self, info: SourceInfo) -> None:
        """Frames come (again); the lock is held."""
        self._info, self._error = info, None
        self._connections += 1
        self._ever_live = self._answered = True
        self._phase, self._since = "live", datetime.now(timezone.utc)
        if self._lost_at is not None:
            away, self._lost_at = time.monotonic() - self._lost_at, None
            log.info("%s is back after %.1f s.", self._name, away)

    def _goes_on(self, outcome: Outcome) -> bool:
        """Whether to try again; otherwise the failure is handed to whoever iterates."""
        error = outcome.error
        if not isinstance(error, VultusError):
            self._fail(error)
            return False
        if not (self._patient or self._ever_live or outcome.passing):
            self._fail(error)
            return False
        with self._news:
            self._error, self._answered = error, True
            self._phase, self._since = "waiting", datetime.now(timezone.utc)
            first, self._lost_at = self._lost_at is None, self._lost_at or time.monotonic()
            self._news.notify_all()
        if first:  # one line for a loss, none for each attempt
            log.warning("%s Trying again until it comes.", error.message)
        return True

    def _pause(self, attempt: int) -> None:
        longest = self._settings.retry_max_s
        wait = min(longest, _FIRST_WAIT_S * 2 ** min(attempt, 32))
        wait = min(longest, wait * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311
        with self._news:
            self._news.wait_for(lambda: self._closed, wait)

    def _enter(self, phase: Phase) -> None:
        with self._news:
            self._phase, self._since = phase, datetime.now(timezone.utc)

    def _fail(self, error: BaseException) -> None:
        with self._news:
            self._failure, self._answered = error, True
            if isinstance(error, SourceError):
                self._error = error
            self._news.notify_all()
