"""Multinomial logistic regression with an L2 penalty, fitted by L-BFGS (Nocedal, 1980)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_MOST_STEPS = 300
_MEMORY = 10
_FLAT = 1e-5  # largest part of the gradient at which a minimum is reached
_HALVINGS = 25
_ENOUGH = 1e-4  # of the decrease that the slope promises


@dataclass(frozen=True)
class Linear:
    """Logits of k classes: weights (k, d) and bias (k,)."""

    weights: Doubles
    bias: Doubles

    def logits(self, features: Floats) -> Doubles:
        """(n, d) to (n, k)."""
        found: Floats = features @ self.weights.astype(np.float32).T
        return found.astype(np.float64) + self.bias

    @staticmethod
    def zero(classes: int, features: int) -> Linear:
        return Linear(np.zeros((classes, features)), np.zeros(classes))


def softmax(logits: Doubles) -> Doubles:
    """Probabilities (n, k); each row adds up to 1."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances: Doubles = raised / raised.sum(axis=1, keepdims=True)
    return chances


def log_loss(logits: Doubles, targets: NDArray[np.intp], weights: Doubles) -> float:
    """Weighted mean of the negative logarithm of the right class's probability."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted[np.arange(len(targets)), targets] - np.log(np.exp(shifted).sum(axis=1))
    return float(-(weights * logs).sum() / weights.sum())


def fit_softmax(
    features: Floats,
    targets: NDArray[np.intp],
    weights: Doubles,
    strength: float,
    prior: Linear,
    start: Linear | None = None,
) -> Linear:
    """Minimise the mean log loss + strength / 2 * |layer - prior| ^ 2, the bias included.

    features: (n, d), standardised; targets: (n,) below k; weights: (n,), rows of weight 0 do not
    count; prior: what the layer is drawn to. start: where the search begins, for speed alone.
    """
    start = start or prior
    shape = prior.weights.shape
    drawn_to = _packed(prior)
    share = weights / weights.sum()
    rows = np.arange(len(targets))

    def slope_and_loss(flat: Doubles) -> tuple[float, Doubles]:
        at = _unpacked(flat, shape)
        logits = at.logits(features)
        apart = flat - drawn_to
        loss = log_loss(logits, targets, share) + strength / 2 * float((apart**2).sum())
        error = softmax(logits)
        error[rows, targets] -= 1
        error *= share[:, None]
        slope = Linear(error.astype(np.float32).T @ features, error.sum(axis=0))
        return loss, _packed(slope) + strength * apart

    return _unpacked(minimise(slope_and_loss, _packed(start)), shape)


def _packed(layer: Linear) -> Doubles:
    return np.concatenate([layer.weights.ravel(), layer.bias]).astype(np.float64)


def _unpacked(flat: Doubles, shape: tuple[int, ...]) -> Linear:
    classes = shape[0]
    return Linear(flat[:-classes].reshape(shape), flat[-classes:])


def minimise(function: Callable[[Doubles], tuple[float, Doubles]], start: Doubles) -> Doubles:
    """The place of the least value of a convex function, which gives its value and gradient."""
    at = start
    value, gradient = function(at)
    pairs: deque[tuple[Doubles, Doubles]] = deque(maxlen=_MEMORY)
    for _ in range(_MOST_STEPS):
        if np.abs(gradient).max() < _FLAT:
            break
        direction = -_direction(gradient, pairs)
        promised = float(gradient @ direction)
        step = 1.0 if pairs else min(1.0, 1.0 / float(np.linalg.norm(gradient)))
        for _ in range(_HALVINGS):
            reached, slope = function(at + step * direction)
            if reached <= value + _ENOUGH * step * promised:
                break
            step /= 2
        else:
            break  # no lower place within the precision of the numbers
        moved, turned = step * direction, slope - gradient
        if float(moved @ turned) > 0:
            pairs.append((moved, turned))
        at, value, gradient = at + moved, reached, slope
    return at


def _direction(gradient: Doubles, pairs: deque[tuple[Doubles, Doubles]]) -> Doubles:
    """The inverse Hessian, as far as the last moves tell it, times the gradient."""
    found: Doubles = gradient.copy()
    shares: list[float] = []
    for moved, turned in reversed(pairs):
        share = float(moved @ found) / float(moved @ turned)
        shares.append(share)
        found -= share * turned
    if pairs:
        moved, turned = pairs[-1]
        found *= (moved @ turned) / (turned @ turned)
    for (moved, turned), share in zip(pairs, reversed(shares), strict=True):
        found += moved * (share - float(turned @ found) / float(moved @ turned))
    return found
