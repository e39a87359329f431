from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vultus.evaluate.classification import named_at, report_closed, report_open, worst_pairs

reference = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

EXACT = 1e-9


def sample(seed):
    """Probabilities of 2 to 6 people, ties among them, and truths of some of these."""
    rng = np.random.default_rng(seed)
    people = int(rng.integers(2, 7))
    count = int(rng.integers(5, 80))
    targets = rng.integers(0, people, count)
    logits = np.round(rng.normal(0, 1, (count, people)) + 2 * np.eye(people)[targets], 1)
    probabilities = np.exp(logits)
    return targets, probabilities / probabilities.sum(axis=1, keepdims=True)


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_figures_are_scikit_learns(seed):
    targets, probabilities = sample(seed)
    people = probabilities.shape[1]
    labels = [f"p{place}" for place in range(people)]
    answers = probabilities.argmax(axis=1)
    told = report_closed(labels, targets, probabilities)
    assert told["accuracy"] == pytest.approx(reference.accuracy_score(targets, answers), abs=EXACT)
    recalls = [
        (answers[targets == target] == target).mean() for target in np.unique(targets).tolist()
    ]
    assert told["balanced_accuracy"] == pytest.approx(np.mean(recalls), abs=EXACT)
    if set(answers) <= set(targets):  # scikit-learn warns otherwise
        assert told["balanced_accuracy"] == pytest.approx(
            reference.balanced_accuracy_score(targets, answers), abs=EXACT
        )
    assert told["log_loss"] == pytest.approx(
        reference.log_loss(targets, probabilities, labels=range(people)), abs=EXACT
    )
    shown = sorted(set(targets.tolist()))
    columns = reference.precision_recall_fscore_support(
        targets, answers, labels=shown, zero_division=0
    )
    for place, target in enumerate(shown):
        one = told["per_class"][labels[target]]
        assert one["precision"] == pytest.approx(columns[0][place], abs=EXACT)
        assert one["recall"] == pytest.approx(columns[1][place], abs=EXACT)
        assert one["f1"] == pytest.approx(columns[2][place], abs=EXACT)
        assert one["images"] == columns[3][place]
    assert list(told["per_class"]) == [labels[target] for target in shown]
    for name, column in (("precision", columns[0]), ("f1", columns[2])):
        assert told[name] == pytest.approx(column.mean(), abs=EXACT)


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_worst_pairs_are_the_largest_of_the_confusion(seed):
    targets, probabilities = sample(seed)
    people = probabilities.shape[1]
    answers = probabilities.argmax(axis=1)
    table = reference.confusion_matrix(targets, answers, labels=range(people))
    np.fill_diagonal(table, 0)
    pairs = worst_pairs([str(place) for place in range(people)], targets, answers)
    expected = sorted(table[table > 0].tolist(), reverse=True)[:10]
    assert [one["count"] for one in pairs] == expected
    for one in pairs:
        assert table[int(one["person"]), int(one["taken_for"])] == one["count"]


@given(st.integers(0, 10_000))
def test_named_at_a_rate_by_its_definition(seed):
    rng = np.random.default_rng(seed)
    scores, strangers = np.round(rng.random(40), 2), np.round(rng.random(60), 2)
    scores[:3] = -np.inf  # no face was found
    right = rng.random(40) < 0.8
    for rate in (0.05, 0.2):
        limits = [t for t in np.linspace(-0.005, 1.015, 103) if (strangers >= t).mean() <= rate]
        best = max((right & (scores >= limit)).mean() for limit in limits)
        assert named_at(right, scores, strangers, rate) == pytest.approx(best, abs=EXACT)


def test_the_open_set_counts_who_is_named():
    right = np.array([True, True, True, False])
    named = np.array([True, True, False, True])
    scores = np.array([0.9, 0.8, 0.4, 0.6])
    strangers = np.concatenate([[0.7, 0.65], np.full(98, 0.1)])
    told = report_open(right, named, scores, strangers > 0.5, strangers)
    assert (told["named"], told["misnamed"]) == (0.5, 0.25)
    assert (told["strangers"], told["strangers_named"]) == (100, 0.02)
    assert told["named_at_fpir"] == {"0.01": 0.5, "0.001": None}
    assert list(told["not_stated"]) == ["0.001"]


def test_without_strangers_nothing_is_said_of_them():
    none = np.zeros(0)
    told = report_open(np.array([True]), np.array([True]), np.array([0.9]), none.astype(bool), none)
    assert (told["strangers"], told["strangers_named"]) == (0, None)
    assert told["named_at_fpir"] == {"0.01": None, "0.001": None}
