"""How often a key may ask: a token bucket each."""

from __future__ import annotations

import time
from collections.abc import Callable

from vultus.errors import RateExceeded


class RateLimit:
    """`rate` requests a second for each key, and `burst` saved up; a rate of 0 is no limit."""

    def __init__(
        self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._buckets: dict[
            str, tuple[float, float]
        ] = {}  # key: tokens, and when there were so many

    def take(self, key: str) -> None:
        """One request of this key.

        Raises:
            RateExceeded: too many; its `retry_after_s` says when the next one may come.
        """
        if not self._rate:
            return
        now = self._clock()
        tokens, at = self._buckets.get(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        if tokens < 1:
            self._buckets[key] = tokens, now
            error = RateExceeded(
                f"More than {self._rate:g} requests a second.", "Wait as Retry-After says."
            )
            error.retry_after_s = (1 - tokens) / self._rate
            raise error
        self._buckets[key] = tokens - 1, now
