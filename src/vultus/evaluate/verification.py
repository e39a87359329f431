"""Verification on a list of pairs, as LFW defines it: same person or not?"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import UsageError
from vultus.evaluate.metrics import (
    best_threshold,
    cross_validated_accuracy,
    equal_error_rate,
    roc_auc,
    true_accept_rate,
    wilson_interval,
)

_COLUMNS = ("fold", "image_a", "image_b", "same")
FARS = (0.01, 0.001)


@dataclass(frozen=True)
class Pairs:
    """folds (n,), names of both pictures, and whether they are the same person (n,)."""

    folds: NDArray[np.int64]
    first: list[str]
    second: list[str]
    same: NDArray[np.bool_]

    @property
    def images(self) -> list[str]:
        """Every picture once, sorted."""
        return sorted({*self.first, *self.second})


def read_pairs(path: Path) -> Pairs:
    """Read a tab-separated file with the columns fold, image_a, image_b, same (0 or 1).

    Raises:
        UsageError: the file cannot be read or has other columns.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, delimiter="\t")
            if not set(_COLUMNS) <= set(reader.fieldnames or ()):
                raise ValueError(f"expected the columns {', '.join(_COLUMNS)}")
            rows = list(reader)
        if any(None in row.values() for row in rows):
            raise ValueError("a row has too few columns")
        folds = np.array([int(row["fold"]) for row in rows], np.int64)
        same = np.array([{"0": False, "1": True}[row["same"]] for row in rows], bool)
        if not rows or same.all() or not same.any():
            raise ValueError("pairs of both kinds are needed")
    except (OSError, ValueError, KeyError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{path} is no list of pairs: {reason}.",
            "Give a tab-separated file: fold, image_a, image_b, same (0 or 1).",
        ) from error
    return Pairs(folds, [row["image_a"] for row in rows], [row["image_b"] for row in rows], same)


@dataclass(frozen=True)
class VerificationReport:
    """What `evaluate verification` prints; docs/cli.md explains each figure.

    intervals: where accuracy and true-accept rates lie 19 times of 20, were the pairs independent.
    """

    pairs: int
    images: int
    not_found: int
    accuracy: float
    accuracy_std: float
    auc: float
    eer: float
    tar_at_far: dict[str, float]
    threshold: float
    intervals: dict[str, Any]
    seconds: float


def pair_distances(
    pairs: Pairs, embeddings: dict[str, NDArray[np.float32] | None]
) -> NDArray[np.float64]:
    """Distances of the pairs, (n,); infinite where a face was not found."""
    distances = np.full(len(pairs.same), np.inf)
    for row, (first, second) in enumerate(zip(pairs.first, pairs.second, strict=True)):
        a, b = embeddings[first], embeddings[second]
        if a is not None and b is not None:
            distances[row] = np.linalg.norm(a - b)
    return distances


def evaluate_verification(
    pairs: Pairs,
    images: Path,
    embed_all: Callable[[list[Path]], list[NDArray[np.float32] | None]],
) -> VerificationReport:
    """Measure on all pairs.

    `embed_all` gives the embedding (d,) of each picture, None where no face was found.
    """
    start = time.perf_counter()
    names = pairs.images
    answers = embed_all([images / name for name in names])
    embeddings = dict(zip(names, answers, strict=True))
    distances = pair_distances(pairs, embeddings)
    not_found = sum(embedding is None for embedding in answers)
    return report_verification(pairs, distances, not_found, time.perf_counter() - start)


def report_verification(
    pairs: Pairs, distances: NDArray[np.float64], not_found: int, seconds: float
) -> VerificationReport:
    """All figures of pairs whose distances (n,) are known; infinite where no face was found."""
    accuracy, deviation = cross_validated_accuracy(distances, pairs.same, pairs.folds)
    count, genuine = len(pairs.same), int(pairs.same.sum())
    rates = {f"{far:g}": true_accept_rate(distances, pairs.same, far) for far in FARS}
    return VerificationReport(
        pairs=count,
        images=len(pairs.images),
        not_found=not_found,
        accuracy=accuracy,
        accuracy_std=deviation,
        auc=roc_auc(distances, pairs.same),
        eer=equal_error_rate(distances, pairs.same),
        tar_at_far=rates,
        threshold=best_threshold(distances, pairs.same),
        intervals={
            "accuracy": list(wilson_interval(round(accuracy * count), count)),
            "tar_at_far": {
                far: list(wilson_interval(round(rate * genuine), genuine))
                for far, rate in rates.items()
            },
        },
        seconds=seconds,
    )
