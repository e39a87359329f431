"""How well a classifier names people it knows, and nobody else. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.evaluate.identification import FPIRS, limit_at, too_few
from vultus.evaluate.metrics import (
    Bools,
    Floats,
    calibration_error,
    log_loss,
    wilson_interval,
)

Places = NDArray[np.intp]

_WORST = 10


def report_closed(labels: Sequence[str], targets: Places, probabilities: Floats) -> dict[str, Any]:
    """Figures where everybody shown is somebody known: the likeliest one counts.

    labels: k names; targets: (n,), n > 0; probabilities: (n, k), rows sum to 1. Where nobody was
    given a name its precision is 0; `per_class` are the labels that pictures have.
    """
    answers = probabilities.argmax(axis=1)
    right = answers == targets
    shown = np.bincount(targets, minlength=len(labels))
    given = np.bincount(answers, minlength=len(labels))
    hits = np.bincount(targets[right], minlength=len(labels))
    per_class = {
        label: _of_class(int(shown[place]), int(given[place]), int(hits[place]))
        for place, label in enumerate(labels)
        if shown[place]
    }
    correct = int(right.sum())
    return {
        "accuracy": correct / len(targets),
        "accuracy_interval": list(wilson_interval(correct, len(targets))),
        "balanced_accuracy": _mean(per_class, "recall"),
        "precision": _mean(per_class, "precision"),
        "f1": _mean(per_class, "f1"),
        "ece": calibration_error(probabilities.max(axis=1), right),
        "log_loss": log_loss(probabilities, targets),
        "per_class": per_class,
        "worst_pairs": worst_pairs(labels, targets, answers),
    }


def _of_class(shown: int, given: int, hits: int) -> dict[str, Any]:
    return {
        "images": shown,
        "precision": hits / given if given else 0.0,
        "recall": hits / shown,
        "f1": 2 * hits / (shown + given),
    }


def _mean(per_class: dict[str, dict[str, Any]], figure: str) -> float:
    return float(np.mean([one[figure] for one in per_class.values()]))


def worst_pairs(labels: Sequence[str], targets: Places, answers: Places) -> list[dict[str, Any]]:
    """Who is taken for whom most often, at most ten."""
    wrong = targets != answers
    pairs, counts = np.unique(
        np.stack([targets[wrong], answers[wrong]], axis=1), axis=0, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")[:_WORST]
    return [
        {
            "person": labels[pairs[row, 0]],
            "taken_for": labels[pairs[row, 1]],
            "count": int(counts[row]),
        }
        for row in order
    ]


def report_open(
    right: Bools, named: Bools, scores: Floats, stranger_named: Bools, stranger_scores: Floats
) -> dict[str, Any]:
    """Figures where some are strangers.

    right: (n,) whether the person a known face would be named as is the right one; named: (n,)
    whether it is; scores: (n,) the probability behind it, -inf where no face was found. The other
    two are of strangers, (m,).
    """
    count, strangers = len(right), len(stranger_named)
    hits, false = int((right & named).sum()), int(stranger_named.sum())
    told = {
        "named": hits / count,
        "named_interval": list(wilson_interval(hits, count)),
        "misnamed": int((named & ~right).sum()) / count,
        "strangers": strangers,
        "strangers_named": false / strangers if strangers else None,
        "strangers_named_interval": list(wilson_interval(false, strangers)) if strangers else None,
    }
    reasons = {f"{fpir:g}": too_few(strangers, fpir) for fpir in FPIRS}
    rates = {
        f"{fpir:g}": None
        if reasons[f"{fpir:g}"]
        else named_at(right, scores, stranger_scores, fpir)
        for fpir in FPIRS
    }
    not_stated = {name: reason for name, reason in reasons.items() if reason}
    return {**told, "named_at_fpir": rates, "not_stated": not_stated}


def named_at(right: Bools, scores: Floats, stranger_scores: Floats, fpir: float) -> float:
    """The share of known faces that are named rightly where that share of strangers is named."""
    return float((right & (-scores < limit_at(-stranger_scores, fpir))).mean())
