"""Figures of merit from distances, scores, probabilities and labels. Pure functions.

Distances of pairs in which no face was found are infinite: always 'different'.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_95_PERCENT = 1.959963984540054  # of a normal distribution lie within so many standard deviations


def roc_auc(distances: Floats, same: Bools) -> float:
    """Probability that a genuine pair is nearer than an impostor pair, ties counting half."""
    order = np.sort(distances[~same])
    nearer = len(order) - np.searchsorted(order, distances[same], side="right")
    equal = np.searchsorted(order, distances[same], side="right") - np.searchsorted(
        order, distances[same], side="left"
    )
    return float((nearer + equal / 2).mean() / len(order))


def true_accept_rate(distances: Floats, same: Bools, far: float) -> float:
    """Share of genuine pairs accepted at the loosest threshold whose false-accept rate is `far`."""
    impostors = np.sort(distances[~same])
    allowed = int(np.floor(far * len(impostors)))
    if allowed >= len(impostors):
        return 1.0
    # accepting strictly below the next impostor accepts exactly `allowed` of them at most
    return float((distances[same] < impostors[allowed]).mean())


def equal_error_rate(distances: Floats, same: Bools) -> float:
    """The rate at which false accepts and false rejects are equal, between the two points."""
    rates = receiver_operating(distances, same)
    accepts = np.append(rates.far, 1.0)  # at infinity everything is accepted
    rejects = np.append(1 - rates.tar, 0.0)
    after = int(np.argmax(accepts >= rejects))  # never the first, which accepts nothing
    gap_before = rejects[after - 1] - accepts[after - 1]
    gap_after = accepts[after] - rejects[after]
    share = gap_before / (gap_before + gap_after)
    return float(accepts[after - 1] + share * (accepts[after] - accepts[after - 1]))


def best_threshold(distances: Floats, same: Bools) -> float:
    """The threshold of highest accuracy: the middle of the widest gap among equals."""
    finite = np.unique(distances[np.isfinite(distances)])
    if not len(finite):
        return 0.0
    edges = np.concatenate([[finite[0] - 1e-3], finite, [finite[-1] + 1e-3]])
    middles = (edges[:-1] + edges[1:]) / 2
    genuine, impostors = np.sort(distances[same]), np.sort(distances[~same])
    right = np.searchsorted(genuine, middles) + len(impostors) - np.searchsorted(impostors, middles)
    best = np.flatnonzero(right == right.max())
    # of equally good cuts take the middle one: the ends lean on single pairs
    return float(middles[best[len(best) // 2]])


def cross_validated_accuracy(
    distances: Floats, same: Bools, folds: NDArray[np.integer]
) -> tuple[float, float]:
    """Mean and standard deviation over folds; each is judged with the others' best threshold."""
    scores = []
    for fold in np.unique(folds):
        held = folds == fold
        train = ~held if (~held).any() else held
        threshold = best_threshold(distances[train], same[train])
        scores.append(((distances[held] <= threshold) == same[held]).mean())
    return float(np.mean(scores)), float(np.std(scores))


def calibration_error(
    probabilities: Floats, outcomes: Bools, weights: Floats | None = None, bins: int = 15
) -> float:
    """Expected calibration error: mean gap of predicted and observed rate over equal bins."""
    weights = np.ones(len(outcomes)) if weights is None else weights
    slots = np.minimum((probabilities * bins).astype(int), bins - 1)
    total = np.bincount(slots, weights, bins)
    predicted = np.bincount(slots, weights * probabilities, bins)
    observed = np.bincount(slots, weights * outcomes, bins)
    return float(np.abs(predicted - observed).sum() / total.sum())


class Rates(NamedTuple):
    """What happens at each distance that occurs, ascending; the first accepts nothing.

    thresholds, far, tar: (n,); far: share of impostors accepted, tar: share of genuine ones.
    """

    thresholds: Floats
    far: Floats
    tar: Floats


def receiver_operating(distances: Floats, same: Bools) -> Rates:
    """All false-accept rates with their true-accept rates; what is infinite is never accepted."""
    thresholds = np.concatenate([[-np.inf], np.unique(distances[np.isfinite(distances)])])
    genuine, impostors = np.sort(distances[same]), np.sort(distances[~same])
    return Rates(
        thresholds,
        np.searchsorted(impostors, thresholds, side="right") / len(impostors),
        np.searchsorted(genuine, thresholds, side="right") / len(genuine),
    )


def precision_recall(
    scores: Floats, right: Bools, positives: int | None = None
) -> tuple[Floats, Floats]:
    """Precision and recall at each score that occurs, from the highest; equal scores at once.

    positives: how many there are to find, where some have no score at all.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.ones(len(ranked), bool)
    last[:-1] = ranked[1:] != ranked[:-1]  # by comparison: infinite scores have no difference
    ends = np.flatnonzero(last)
    found = np.cumsum(right[order])[ends].astype(np.float64)
    total = int(right.sum()) if positives is None else positives
    return found / (ends + 1), found / max(total, 1)


def brier_score(probabilities: Floats, outcomes: Bools) -> float:
    """Mean squared error of probabilities (Brier, 1950)."""
    return float(np.mean((probabilities - outcomes) ** 2))


def log_loss(probabilities: Floats, targets: NDArray[np.integer]) -> float:
    """Mean negative logarithm of the probability of the truth.

    probabilities: (n, k), rows sum to 1; targets: (n,). What is 0 counts as the smallest step.
    """
    least = np.finfo(probabilities.dtype).eps
    sure = np.clip(probabilities, least, 1 - least)
    return float(-np.mean(np.log(sure[np.arange(len(targets)), targets])))


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """Where a rate lies, 19 times of 20, of which `hits` of `trials` were seen (Wilson, 1927).

    The trials have to be independent; none tell nothing.
    """
    if not trials:
        return 0.0, 1.0
    z2 = _95_PERCENT**2
    rate, whole = hits / trials, trials + z2
    middle = (hits + z2 / 2) / whole
    reach = _95_PERCENT * float(np.sqrt(trials * rate * (1 - rate) + z2 / 4)) / whole
    return max(0.0, middle - reach), min(1.0, middle + reach)


def reliability(
    probabilities: Floats, outcomes: Bools, bins: int = 15
) -> list[tuple[float, float, int]]:
    """Mean probability, observed rate and count of each bin of equal width that is not empty."""
    slots = np.minimum((probabilities * bins).astype(int), bins - 1)
    return [
        (float(probabilities[mine].mean()), float(outcomes[mine].mean()), int(mine.sum()))
        for slot in range(bins)
        if (mine := slots == slot).any()
    ]
