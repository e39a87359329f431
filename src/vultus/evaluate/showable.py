"""What rate a sample can show: limits that are right 19 times of 20. Pure functions.

The upper limit is that of Clopper and Pearson (1934), one-sided; with no error in n trials it is
the rule of three, 3 / n. The trials have to be independent of each other.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vultus.errors import UsageError

CONFIDENCE = 0.95
_MOST_STRANGERS = 10_000_000


def upper_limit(errors: int, trials: int) -> float:
    """The highest rate at which so few errors are still seen once in 20 times; 1 without trials."""
    if errors >= trials:
        return 1.0
    low, high = errors / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(errors, trials, middle) > 1 - CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def _at_most(errors: int, trials: int, rate: float) -> float:
    """The probability of so many errors or fewer."""
    return 0.0 if rate >= 1 else float(_chances(errors, trials, rate).sum())


def _chances(errors: int, trials: int, rate: float) -> NDArray[np.float64]:
    """The probabilities of no error, of one, ... and of `errors`, of a binomial distribution."""
    count = np.arange(1, errors + 1)
    steps = np.log((trials - count + 1) / count) + math.log(rate or 1e-300) - math.log1p(-rate)
    return np.exp(trials * math.log1p(-rate) + np.concatenate([[0.0], np.cumsum(steps)]))


def errors_allowed(far: float, trials: int) -> int | None:
    """How many errors so many trials may have to show a rate; None where they cannot show it."""
    # the median of the errors is about as many as far * trials: far more than 5 % are below it
    chances = np.cumsum(_chances(min(trials - 1, math.ceil(far * trials)), trials, far))
    allowed = int((chances <= 1 - CONFIDENCE).sum()) - 1 if trials else -1
    return allowed if allowed >= 0 else None


def strangers_needed(far: float) -> int:
    """How many strangers of whom nobody is named show a rate: about 3 / far."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-far))


def require_showable(far: float, strangers: int) -> None:
    """Raises UsageError where so many strangers cannot show a rate."""
    if not 0 < far < 1:
        raise UsageError(
            f"A rate of {far:g} makes no sense.", "Choose one between 0 and 1, such as --far 0.01."
        )
    needed = strangers_needed(far)
    if strangers >= needed:
        return
    plural = "" if strangers == 1 else "s"
    told = (
        f"{strangers} stranger{plural} cannot show"
        if strangers
        else "Without strangers nothing shows"
    )
    missing = needed - strangers
    more = f"{missing:,} more stranger{'' if missing == 1 else 's'}"
    more = more if needed < _MOST_STRANGERS else "far too many"
    least = f"At best they show --far {_rounded_up(upper_limit(0, strangers)):g}; "
    raise UsageError(
        f"{told} a rate of {far:g} (two people of the group count as one stranger).",
        (least if strangers > 1 else "") + f"for this one give {more} (--strangers).",
    )


def _rounded_up(rate: float) -> float:
    """To two digits, never below."""
    step = 10.0 ** (math.floor(math.log10(rate)) - 1)
    return min(math.ceil(rate / step - 1e-9) * step, 0.999)
