from __future__ import annotations

import numpy as np
import pytest

from tests.learn.networks import samples_of
from vultus.learn import validation
from vultus.learn.softmax import Linear, log_loss, softmax
from vultus.learn.validation import (
    Rows,
    class_weights,
    cross_validate,
    fit_temperature,
    stratified_folds,
)


def rows_of(features, targets):
    return Rows(np.concatenate([features, features]), targets, class_weights(targets, 3))


def test_every_class_is_spread_over_the_folds():
    targets = np.repeat([0, 1, 2], [23, 5, 11])
    folds = stratified_folds(targets, 5)
    for target in range(3):
        counts = np.bincount(folds[targets == target], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert np.bincount(folds).max() - np.bincount(folds).min() <= 1
    assert (folds == stratified_folds(targets, 5)).all()


def test_classes_count_the_same():
    targets = np.repeat([0, 1], [30, 10])
    weights = class_weights(targets, 2)
    assert weights[targets == 0].sum() == pytest.approx(weights[targets == 1].sum())
    assert weights.mean() == pytest.approx(1)


def test_nothing_is_learnt_from_noise():
    """Labels that mean nothing: cross-validated answers must not know them."""
    features = np.random.default_rng(0).normal(0, 1, (120, 200)).astype(np.float32)
    targets = np.random.default_rng(1).permutation(np.repeat(np.arange(3), 40))
    found = cross_validate(rows_of(features, targets), Linear.zero(3, 200))
    assert (found.logits.argmax(axis=1) == targets).mean() < 0.45
    assert found.strength >= 1


def test_clear_classes_are_learnt_with_less_penalty():
    features, targets = samples_of(40, apart=3.0)
    found = cross_validate(rows_of(features, targets), Linear.zero(3, 6))
    assert (found.logits.argmax(axis=1) == targets).mean() > 0.95
    assert found.strength < 0.1


def test_a_picture_is_answered_by_models_that_did_not_see_it(monkeypatch):
    features, targets = samples_of(10)
    seen = []
    fit = Rows.fit

    def watched(self, used, *more):
        seen.append(used)
        return fit(self, used, *more)

    monkeypatch.setattr(Rows, "fit", watched)
    monkeypatch.setattr(validation, "_STRENGTHS", (1.0,))
    cross_validate(rows_of(features, targets), Linear.zero(3, 6))
    assert len(seen) == 5
    assert (np.sum([~used for used in seen], axis=0) == 1).all()


def test_a_class_of_three_gives_three_folds():
    features, targets = samples_of(10)
    some = np.r_[0:20, 20:23]
    found = cross_validate(rows_of(features[some], targets[some]), Linear.zero(3, 6))
    assert np.isfinite(found.logits).all()


@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
def test_the_temperature_makes_probabilities_right(true):
    random = np.random.default_rng(3)
    logits = random.normal(0, 2, (4000, 3))
    chances = softmax(logits)
    targets = np.array([random.choice(3, p=row) for row in chances])
    weights = np.ones(len(targets))
    found = fit_temperature(logits * true, targets, weights)
    assert found == pytest.approx(true, rel=0.1)
    assert log_loss(logits * true / found, targets, weights) <= log_loss(
        logits * true, targets, weights
    )
