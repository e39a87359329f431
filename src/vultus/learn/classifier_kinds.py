"""Four ways to tell people apart: each gives every known person a score for a face."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vultus.errors import ExtraMissing
from vultus.gallery.matcher import distances_to

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Targets = NDArray[np.intp]
Kind = Literal["svm", "logistic", "knn", "centroid"]

KINDS: tuple[Kind, ...] = get_args(Kind)
# What penalties are divided by. On lfw-grey, 35 faces of 18 people, nothing depends on them much:
# accuracy within 0.001 from 1 to 10 (svm) and from 10 to 100 (logistic).
_SVM_C = 10.0
_LOGISTIC_C = 100.0
_MOST_STEPS = 2000
_NEIGHBOURS = 5
_NO_VOTE = 1e-2
_BLOCK = 256  # faces at once, for the memory of their distances
# Distances of this embedding that differ by so little are worth something.
_UNIT_OF_DISTANCE = 0.02


def require_learn() -> None:
    """Raises ExtraMissing where the packages are not installed that classifiers need."""
    try:
        import sklearn  # noqa: F401
        import skops.io  # noqa: F401
    except ImportError:
        raise ExtraMissing(
            "Classifiers need scikit-learn and skops.", "pip install 'vultus[learn]'"
        ) from None


def fit_estimator(kind: Kind, embeddings: Floats, targets: Targets) -> Any:
    """scikit-learn's estimator of a kind, for targets 0 to k - 1; None for what needs none.

    Linear ones only: what is read from a file is then two arrays of numbers, which can be checked.
    """
    if kind == "svm":
        from sklearn.svm import LinearSVC

        return LinearSVC(C=_SVM_C, max_iter=20 * _MOST_STEPS, random_state=0).fit(
            embeddings, targets
        )
    if kind == "logistic":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=_LOGISTIC_C, max_iter=_MOST_STEPS).fit(embeddings, targets)
    return None


def scores_of(
    kind: Kind, estimator: Any, embeddings: Floats, targets: Targets, probes: Floats
) -> Doubles:
    """What speaks for each of the k people, (n, k): logits but for a factor.

    embeddings, targets: what was learnt from; of `knn` and `centroid` that is all there is.
    """
    if estimator is not None:
        # `decision_function` of a linear estimator, without trusting one that came out of a file
        found = probes.astype(np.float64) @ estimator.coef_.T + estimator.intercept_
        return found if found.shape[1] > 1 else np.concatenate([-found, found], axis=1)
    score = _centroid_scores if kind == "centroid" else _neighbour_scores
    parts = [
        score(embeddings, targets, probes[start : start + _BLOCK])
        for start in range(0, len(probes), _BLOCK)
    ]
    classes = int(targets.max()) + 1
    return np.concatenate(parts) if parts else np.zeros((0, classes))


def _centroid_scores(embeddings: Floats, targets: Targets, probes: Floats) -> Doubles:
    """How near the mean of each person's faces is."""
    means = np.stack([embeddings[targets == each].mean(axis=0) for each in np.unique(targets)])
    found: Doubles = -distances_to(probes, means).astype(np.float64) / _UNIT_OF_DISTANCE
    return found


def _neighbour_scores(embeddings: Floats, targets: Targets, probes: Floats) -> Doubles:
    """The votes of the nearest faces, weighted by nearness (Dudani, 1976)."""
    distances = distances_to(probes, embeddings)
    count = min(_NEIGHBOURS, distances.shape[1])
    nearest = np.argpartition(distances, count - 1, axis=1)[:, :count]
    weights = 1 / (np.take_along_axis(distances, nearest, axis=1) + 1e-6)
    votes = np.zeros((len(probes), int(targets.max()) + 1))
    np.add.at(votes, (np.arange(len(probes))[:, None], targets[nearest]), weights)
    found: Doubles = np.log(votes / votes.sum(axis=1, keepdims=True) + _NO_VOTE)
    return found
