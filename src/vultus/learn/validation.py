"""Cross-validation of a softmax regression: which strength, how good, how sure it may be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.learn.softmax import Doubles, Floats, Linear, fit_softmax, log_loss

FOLDS = 5
# From strong, where next to nothing is learnt, to weak.
_STRENGTHS = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
_PATIENCE = 2  # strengths in a row that are worse than the best
_SEED = 1
_TEMPERATURES = (0.1, 10.0)


@dataclass(frozen=True)
class Rows:
    """n pictures. features: (2n, d), standardised, of them and then of their mirror images;
    targets: (n,), the place of each one's label; weights: (n,)."""

    features: Floats
    targets: NDArray[np.intp]
    weights: Doubles

    @property
    def together(self) -> Floats:
        """The mean features of each picture and its mirror image, (n, d), as answers are told."""
        plain, mirrored = np.split(self.features, 2)
        mean: Floats = np.float32(0.5) * (plain + mirrored)
        return mean

    def fit(
        self, used: NDArray[np.bool_], strength: float, prior: Linear, start: Linear | None = None
    ) -> Linear:
        """Fit to the pictures that are used, and to their mirror images."""
        weights = np.tile(np.where(used, self.weights, 0.0), 2)
        targets = np.tile(self.targets, 2)
        return fit_softmax(self.features, targets, weights, strength, prior, start)


@dataclass(frozen=True)
class Validated:
    """strength: the best one. logits: (n, k), of each picture by a model that did not see it."""

    strength: float
    logits: Doubles


def class_weights(targets: NDArray[np.intp], classes: int) -> Doubles:
    """(n,): every class counts the same, however many pictures it has."""
    counts = np.bincount(targets, minlength=classes)
    return (len(targets) / (classes * np.maximum(counts, 1)))[targets]


def stratified_folds(targets: NDArray[np.intp], folds: int) -> NDArray[np.intp]:
    """(n,): the fold of each picture; every class is spread evenly over the folds."""
    random = np.random.default_rng(_SEED)
    found = np.empty(len(targets), np.intp)
    begin = 0
    for target in np.unique(targets):
        rows = random.permutation(np.flatnonzero(targets == target))
        found[rows] = (begin + np.arange(len(rows))) % folds
        begin += len(rows)
    return found


def cross_validate(rows: Rows, prior: Linear) -> Validated:
    """Fit with every strength on all folds but one, and look at that one.

    A fold's own pictures have no say in the strength that they are answered with, so that the
    figures made of the logits are not those of the luckiest choice.
    """
    classes, together = len(prior.bias), rows.together
    least = int(np.bincount(rows.targets, minlength=classes).min())
    folds = stratified_folds(rows.targets, max(2, min(FOLDS, least)))
    fitted: list[Linear | None] = [None] * (int(folds.max()) + 1)
    answers: list[Doubles] = []
    losses: list[list[float]] = []  # a row a strength, one number a fold
    for strength in _STRENGTHS:
        logits = np.empty((len(folds), classes))
        for fold, before in enumerate(fitted):
            held = folds == fold
            fitted[fold] = now = rows.fit(~held, strength, prior, before)
            logits[held] = now.logits(together[held])
        answers.append(logits)
        losses.append(_losses(rows, logits, folds))
        totals = [sum(row) for row in losses]
        if len(totals) - 1 - int(np.argmin(totals)) >= _PATIENCE:
            break
    table = np.array(losses)
    others = table.sum(axis=1, keepdims=True) - table
    chosen = others.argmin(axis=0)[folds]
    return Validated(
        _STRENGTHS[int(table.sum(axis=1).argmin())],
        np.stack(answers)[chosen, np.arange(len(folds))],
    )


def _losses(rows: Rows, logits: Doubles, folds: NDArray[np.intp]) -> list[float]:
    """The loss in each fold."""
    parts = (folds == fold for fold in range(int(folds.max()) + 1))
    return [log_loss(logits[part], rows.targets[part], rows.weights[part]) for part in parts]


def fit_temperature(logits: Doubles, targets: NDArray[np.intp], weights: Doubles) -> float:
    """What logits are divided by so that probabilities are right (Guo et al., 2017)."""
    low, high = np.log(_TEMPERATURES)
    golden = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        first, second = high - golden * (high - low), low + golden * (high - low)
        losses = [log_loss(logits / np.exp(x), targets, weights) for x in (first, second)]
        low, high = (low, second) if losses[0] < losses[1] else (first, high)
    return float(np.exp((low + high) / 2))
