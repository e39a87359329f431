"""Each figure against scikit-learn's or a plain definition, on random distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.evaluate import metrics

sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")


def sample(seed: int, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Distances, some of them tied and some infinite, and labels of both kinds."""
    rng = np.random.default_rng(seed)
    same = rng.random(count) < 0.5
    same[:2] = True, False
    distances = np.where(same, rng.normal(0.4, 0.15, count), rng.normal(0.7, 0.15, count))
    distances[rng.random(count) < 0.02] = np.inf
    return np.round(distances, 2), same


def scores_of(distances: np.ndarray) -> np.ndarray:
    return -np.where(np.isfinite(distances), distances, 1e9)


@given(st.integers(0, 10_000))
def test_area_under_the_curve(seed):
    distances, same = sample(seed)
    expected = sklearn_metrics.roc_auc_score(same, scores_of(distances))
    assert metrics.roc_auc(distances, same) == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 10_000), st.sampled_from([0.001, 0.01, 0.1, 0.5, 1.0]))
def test_true_accept_rate(seed, far):
    distances, same = sample(seed)
    reachable = [-np.inf, *np.unique(distances[np.isfinite(distances)])]
    possible = [
        (distances[same] <= threshold).mean()
        for threshold in reachable
        if (distances[~same] <= threshold).mean() <= far
    ]
    expected = 1.0 if far == 1.0 else max(possible)
    assert metrics.true_accept_rate(distances, same, far) == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 10_000))
def test_equal_error_rate_lies_where_the_two_rates_cross(seed):
    distances, same = sample(seed)
    accepted, kept, _ = sklearn_metrics.roc_curve(same, scores_of(distances))
    rejected = 1 - kept
    crossing = np.flatnonzero(accepted >= rejected)[0]
    low = min(accepted[crossing - 1], rejected[crossing])
    high = max(rejected[crossing - 1], accepted[crossing])
    assert low - 1e-9 <= metrics.equal_error_rate(distances, same) <= high + 1e-9


def test_equal_error_rate_of_a_known_case():
    distances = np.array([0.1, 0.2, 0.3, 0.6, 0.4, 0.7, 0.8, 0.9])
    same = np.array([True] * 4 + [False] * 4)
    assert metrics.equal_error_rate(distances, same) == pytest.approx(0.25)


def test_perfect_and_useless():
    same = np.array([True, True, False, False])
    perfect = np.array([0.1, 0.2, 0.8, 0.9])
    assert metrics.roc_auc(perfect, same) == 1
    assert metrics.equal_error_rate(perfect, same) == 0
    assert metrics.true_accept_rate(perfect, same, 0.001) == 1
    assert metrics.roc_auc(np.ones(4), same) == 0.5
    assert metrics.true_accept_rate(np.ones(4), same, 0.001) == 0


@given(st.integers(0, 10_000))
def test_best_threshold_has_the_best_accuracy(seed):
    distances, same = sample(seed, 60)
    threshold = metrics.best_threshold(distances, same)
    accuracy = ((distances <= threshold) == same).mean()
    every = [((distances <= t) == same).mean() for t in np.linspace(-1, 2, 3001)]
    assert accuracy == pytest.approx(max(every), abs=1e-9)


def test_cross_validation_judges_each_fold_by_the_others():
    # the last fold's distances are shifted: its own best threshold would be perfect
    distances = np.array([0.1, 0.9] * 3 + [1.1, 1.9])
    same = np.array([True, False] * 4)
    folds = np.repeat([1, 2, 3, 4], 2)
    accuracy, deviation = metrics.cross_validated_accuracy(distances, same, folds)
    assert accuracy == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert deviation == pytest.approx(np.std([1, 1, 1, 0.5]))


def test_a_face_that_was_not_found_counts_as_different():
    distances = np.array([0.1, np.inf, 0.9, np.inf])
    same = np.array([True, True, False, False])
    accuracy, _ = metrics.cross_validated_accuracy(distances, same, np.array([1, 1, 1, 1]))
    assert accuracy == 0.75


def test_calibration_error():
    rng = np.random.default_rng(1)
    probabilities = rng.random(200_000)
    honest = rng.random(200_000) < probabilities
    assert metrics.calibration_error(probabilities, honest) < 0.01
    assert metrics.calibration_error(np.full(1000, 0.9), np.zeros(1000, bool)) == pytest.approx(0.9)
    weights = np.array([3.0, 1.0])
    outcome = np.array([True, False])
    assert metrics.calibration_error(np.array([0.75, 0.75]), outcome, weights) == pytest.approx(0)
