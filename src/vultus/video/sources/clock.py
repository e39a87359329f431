"""Exact times of a recording's frames, and when it was made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from fractions import Fraction

from vultus.errors import UsageError

_USUAL_RATE = Fraction(25)
# A clock that falls back further than this has begun anew; less is frames out of order.
_RESTART_S = 1
_FIRST_BELIEVED = 1990  # cameras without a battery say 1904 or 1970


class MediaClock:
    """Seconds since the first frame, exact and strictly rising.

    A frame without a time, or whose time does not rise, comes one frame length after the one
    before it. Where the stream's clock falls back by more than a second it is taken to begin
    anew: the gaps after that are kept, too.
    """

    def __init__(self, rate: Fraction | None) -> None:
        self._step = 1 / (rate or _USUAL_RATE)
        self._zero: Fraction | None = None
        self._last: Fraction | None = None

    def at(self, seconds: Fraction | None) -> Fraction:
        """The media time of the next frame; seconds by the stream's own clock, None: unknown."""
        following = Fraction(0) if self._last is None else self._last + self._step
        if seconds is None:
            self._last = following
        elif self._zero is None:
            self._zero, self._last = seconds - following, following
        else:
            self._last = self._rising(seconds, following)
        return self._last

    def _rising(self, seconds: Fraction, following: Fraction) -> Fraction:
        zero = self._zero or Fraction(0)
        time = seconds - zero
        if self._last is None or time > self._last:
            return time
        if self._last - time > _RESTART_S:
            self._zero = seconds - following
        return following


def started(given: datetime | None, tags: Mapping[str, str], otherwise: datetime) -> datetime:
    """When a recording began, in UTC: as given, as its creation_time says, or `otherwise`.

    Raises:
        UsageError: the given time has no zone.
    """
    if given is not None:
        if given.tzinfo is None:
            raise UsageError("The time of the start has no zone.", "Add one, such as +00:00.")
        return given.astimezone(timezone.utc)
    return _tagged(tags.get("creation_time", "")) or otherwise


def after(start: datetime, seconds: Fraction) -> datetime:
    """So many seconds later, to the microsecond."""
    return start + timedelta(microseconds=round(seconds * 1_000_000))


def _tagged(text: str) -> datetime | None:
    try:
        # Python 3.10 knows neither Z nor fractions of other than 3 or 6 digits
        time = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    if time.year < _FIRST_BELIEVED:
        return None
    return (
        time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time.astimezone(timezone.utc)
    )
