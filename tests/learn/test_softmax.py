from __future__ import annotations

import numpy as np
import pytest

from tests.learn.networks import samples_of
from vultus.learn.softmax import Linear, fit_softmax, log_loss, minimise, softmax


def fit(features, targets, strength, weights=None, prior=None):
    weights = np.ones(len(targets)) if weights is None else weights
    return fit_softmax(
        features, targets, weights, strength, prior or Linear.zero(3, features.shape[1])
    )


@pytest.mark.parametrize("strength", [1.0, 0.1, 0.003])
def test_the_same_as_scikit_learn(strength):
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    features, targets = samples_of(60)
    weights = np.random.default_rng(1).uniform(0.2, 2, len(targets))
    theirs = linear.LogisticRegression(
        C=1 / (strength * weights.sum()), tol=1e-8, max_iter=5000, fit_intercept=False
    )
    with_one = np.column_stack([features, np.ones(len(targets))])
    theirs.fit(with_one, targets, weights)
    ours = fit(features, targets, strength, weights)
    assert np.abs(np.column_stack([ours.weights, ours.bias]) - theirs.coef_).max() < 2e-3
    chances = softmax(ours.logits(features))
    assert np.abs(chances - theirs.predict_proba(with_one)).max() < 1e-3


def test_rows_without_weight_do_not_count():
    features, targets = samples_of(30)
    used = np.arange(len(targets)) % 3 > 0
    wrong = np.where(used, targets, 0)
    some = fit(features[used], targets[used], 0.1)
    all_of_them = fit(features, wrong, 0.1, used.astype(float))
    assert np.abs(some.weights - all_of_them.weights).max() < 1e-3


def test_weights_are_drawn_to_the_prior():
    features, targets = samples_of(30)
    prior = Linear(np.random.default_rng(2).normal(0, 1, (3, 6)), np.array([2.0, 0.0, -2.0]))
    fitted = [fit(features, targets, strength, prior=prior) for strength in (100.0, 1.0, 0.01)]
    distances = [np.linalg.norm(found.weights - prior.weights) for found in fitted]
    assert np.abs(fitted[0].bias - prior.bias).max() < 0.05
    assert distances[0] < 0.05 < distances[1] < distances[2]


def test_where_the_search_begins_does_not_matter():
    features, targets = samples_of(30)
    zero = Linear.zero(3, 6)
    far = Linear(np.full((3, 6), 5.0), np.array([3.0, -3.0, 0.0]))
    found = [fit_softmax(features, targets, np.ones(90), 0.1, zero, start) for start in (None, far)]
    assert np.abs(found[0].weights - found[1].weights).max() < 2e-3


def test_separable_classes_do_not_run_away():
    features, targets = samples_of(20, apart=50.0)
    fitted = fit(features, targets, 0.001)
    assert np.isfinite(fitted.weights).all()
    assert (fitted.logits(features).argmax(axis=1) == targets).all()


def test_softmax_and_loss_of_extreme_logits():
    logits = np.array([[1e4, -1e4, 0.0], [0.0, 0.0, 0.0]])
    assert np.allclose(softmax(logits), [[1, 0, 0], [1 / 3] * 3])
    weights = np.array([1.0, 3.0])
    assert log_loss(logits, np.array([0, 2]), weights) == pytest.approx(0.75 * np.log(3))


def test_minimise_finds_the_bottom_of_a_long_valley():
    scales = np.array([1.0, 100.0, 1e4])
    where = np.array([1.0, -2.0, 3.0])
    found = minimise(
        lambda at: (
            float((scales * (at - where) ** 2).sum() / 2),
            scales * (at - where),
        ),
        np.zeros(3),
    )
    assert np.allclose(found, where, atol=1e-4)
