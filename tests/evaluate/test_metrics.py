"""Each figure against scikit-learn's or a plain definition, on random distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
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


@settings(max_examples=50)
@given(st.integers(0, 10_000))
def test_equal_error_rate_is_where_the_curve_crosses(seed):
    """As it is usually computed from scikit-learn's curve: 1 - x = TPR(x), between its points."""
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is not installed")
    distances, same = sample(seed)
    accepted, kept, _ = sklearn_metrics.roc_curve(
        same, scores_of(distances), drop_intermediate=False
    )
    crossing = int(np.flatnonzero(accepted >= 1 - kept)[0])
    part = slice(crossing - 1, crossing + 1)  # where the curve rises upright, x does not tell
    along = optimize.brentq(
        lambda t: np.interp(t, [0, 1], accepted[part]) - 1 + np.interp(t, [0, 1], kept[part]),
        0,
        1,
        xtol=1e-12,
    )
    expected = np.interp(along, [0, 1], accepted[part])
    assert metrics.equal_error_rate(distances, same) == pytest.approx(expected, abs=1e-9)


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


@settings(max_examples=30)
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


@given(st.integers(0, 10_000))
def test_receiver_operating_is_scikit_learns(seed):
    distances, same = sample(seed)
    rates = metrics.receiver_operating(distances, same)
    far, tar, _ = sklearn_metrics.roc_curve(same, scores_of(distances), drop_intermediate=False)
    # ours ends before what is never accepted, which is last there
    assert rates.far == pytest.approx(far[: len(rates.far)], abs=1e-9)
    assert rates.tar == pytest.approx(tar[: len(rates.tar)], abs=1e-9)
    assert len(far) - len(rates.far) == int(np.isinf(distances).any())
    if np.isfinite(distances).all():
        area = sklearn_metrics.auc(rates.far, rates.tar)
        assert metrics.roc_auc(distances, same) == pytest.approx(area, abs=1e-9)


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([2, 5]))
def test_losses_of_probabilities(seed, classes):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, classes, 50)
    raw = rng.random((50, classes)) ** 8
    raw[0] = np.eye(classes)[0]  # sure, rightly or not
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    expected = sklearn_metrics.log_loss(targets, probabilities, labels=range(classes))
    assert metrics.log_loss(probabilities, targets) == pytest.approx(expected, abs=1e-9)
    outcomes = targets == 0
    expected = sklearn_metrics.brier_score_loss(outcomes, probabilities[:, 0])
    assert metrics.brier_score(probabilities[:, 0], outcomes) == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 2000), st.integers(1, 2000))
def test_wilson_interval_is_scipys(hits, trials):
    stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed")
    hits = min(hits, trials)
    expected = stats.binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    assert metrics.wilson_interval(hits, trials) == pytest.approx(tuple(expected), abs=1e-9)


def test_no_trials_tell_nothing():
    assert metrics.wilson_interval(0, 0) == (0.0, 1.0)


@given(st.integers(0, 10_000))
def test_reliability_sums_up_to_the_calibration_error(seed):
    rng = np.random.default_rng(seed)
    probabilities = rng.random(200)
    probabilities[:2] = 0.0, 1.0
    outcomes = rng.random(200) < probabilities**2
    bins = metrics.reliability(probabilities, outcomes)
    assert sum(count for _, _, count in bins) == 200
    error = sum(abs(mean - rate) * count for mean, rate, count in bins) / 200
    assert metrics.calibration_error(probabilities, outcomes) == pytest.approx(error, abs=1e-9)


@given(st.integers(0, 10_000))
def test_reliability_bins_are_scikit_learns(seed):
    calibration = pytest.importorskip("sklearn.calibration")
    rng = np.random.default_rng(seed)
    probabilities = rng.random(100)
    outcomes = rng.random(100) < probabilities
    rates, means = calibration.calibration_curve(outcomes, probabilities, n_bins=15)
    bins = metrics.reliability(probabilities, outcomes)
    assert [mean for mean, _, _ in bins] == pytest.approx(means, abs=1e-9)
    assert [rate for _, rate, _ in bins] == pytest.approx(rates, abs=1e-9)
