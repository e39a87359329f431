"""Figures of merit for verification, from distances and labels. Pure functions.

Distances of pairs in which no face was found are infinite: always 'different'.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


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
    thresholds = np.unique(distances)  # at infinity everything is accepted
    genuine, impostors = np.sort(distances[same]), np.sort(distances[~same])
    accepts = np.searchsorted(impostors, thresholds, side="right") / len(impostors)
    rejects = 1 - np.searchsorted(genuine, thresholds, side="right") / len(genuine)
    after = int(np.argmax(accepts >= rejects)) if (accepts >= rejects).any() else len(accepts) - 1
    before = max(after - 1, 0)
    gap_before = rejects[before] - accepts[before]
    gap_after = accepts[after] - rejects[after]
    if gap_before + gap_after <= 0:
        return float((accepts[after] + rejects[after]) / 2)
    share = gap_before / (gap_before + gap_after)
    return float(accepts[before] + share * (accepts[after] - accepts[before]))


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
