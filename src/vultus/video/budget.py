"""How much the cameras may compute: turns at the processor, and a share of it for each."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from threading import Event, Lock

_WINDOW_S = 10.0
# Under this part of the asked rate a camera says that it cannot keep up.
_ENOUGH = 0.7


class Budget:
    """Turns that all cameras of a process share: no more analyses at once than `turns`.

    Who has waited longest gets the next one, whoever else asks at that moment. A semaphore would
    give it to the thread that has just ended its own, and somebody else would wait for ever.
    """

    def __init__(self, turns: int = 1) -> None:
        self._lock = Lock()
        self._free = turns
        self._waiting: deque[Event] = deque()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and give it back."""
        self._take()
        try:
            yield
        finally:
            self._give()

    def _take(self) -> None:
        with self._lock:
            if self._free:  # then nobody waits
                self._free -= 1
                return
            mine = Event()
            self._waiting.append(mine)
        try:
            mine.wait()
        except BaseException:  # Ctrl-C
            self._leave(mine)
            raise

    def _give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1

    def _leave(self, mine: Event) -> None:
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return
        self._give()  # it came just now


class Sampler:
    """Which frames are analysed: `rate` a second by the time of the video, always the same ones."""

    def __init__(self, rate: float) -> None:
        self._rate = Fraction(rate).limit_denominator(1000)
        self._last = -1

    def is_due(self, media_time: Fraction) -> bool:
        slot = media_time * self._rate // 1
        if slot <= self._last:
            return False
        self._last = slot
        return True


class Throttle:
    """Keeps one live camera within its share of the time, and knows how fast it really is.

    Args:
        share: part of the time in which it may analyse, 0 to 1.
        rate: analysed frames a second that are asked for.
    """

    def __init__(self, share: float, rate: float) -> None:
        self._share = share
        self._rate = rate
        self._free_at = -float("inf")
        self._analysed = _Meter()
        self._offered = _Meter()

    def may_analyse(self) -> bool:
        """Whether the share is not used up."""
        return time.monotonic() >= self._free_at

    def saw(self, frames: int) -> None:
        """How many frames the source has had so far, those included that nobody took."""
        self._offered.note(frames)

    def analysed(self, began: float, frames: int) -> None:
        """An analysis that began then (monotonic seconds) has ended, the `frames`th so far."""
        if self._share < 1:
            now = time.monotonic()
            self._free_at = began + (now - began) / self._share
        self._analysed.note(frames)

    @property
    def fps(self) -> float:
        """Analysed frames a second, over the last ten seconds."""
        return self._analysed.rate

    @property
    def source_fps(self) -> float:
        """Frames a second that the source has, over the last ten seconds."""
        return self._offered.rate

    @property
    def keeps_up(self) -> bool:
        """Whether about as much is analysed as was asked for, or as the source has."""
        if not self._analysed.is_warm:
            return True
        return self.fps >= _ENOUGH * min(self._rate, self.source_fps)


class _Meter:
    """The rate at which a count grows."""

    def __init__(self) -> None:
        self._notes: deque[tuple[float, int]] = deque()

    def note(self, count: int) -> None:
        now = time.monotonic()
        self._notes.append((now, count))
        while now - self._notes[0][0] > _WINDOW_S:
            self._notes.popleft()

    @property
    def is_warm(self) -> bool:
        return bool(self._notes) and self._notes[-1][0] - self._notes[0][0] > _WINDOW_S / 2

    @property
    def rate(self) -> float:
        if len(self._notes) < 2:
            return 0.0
        (first, low), (last, high) = self._notes[0], self._notes[-1]
        # a source that stands still since a while has no rate any more
        passed = max(last, time.monotonic() - 1.0) - first
        return (high - low) / passed if passed > 0 else 0.0
