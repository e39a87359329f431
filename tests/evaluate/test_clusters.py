"""Each figure against scikit-learn's, or against its definition over all faces or pairs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vultus.evaluate.clusters import (
    Overlaps,
    adjusted_rand,
    bcubed,
    bcubed_interval,
    information,
    pairwise,
    report_clusters,
)

reference = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

EXACT = 1e-9


@st.composite
def labels(draw):
    """People and clusters of some faces, from all alike to all apart."""
    count = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    people = rng.integers(draw(st.integers(1, count)), size=count)
    if draw(st.booleans()):  # clusters that agree, but for some faces
        clusters = people * 7 + 3
        moved = rng.random(count) < 0.2
        clusters[moved] = rng.integers(100, 103, moved.sum())
        return people, clusters
    return people, rng.integers(draw(st.integers(1, count)), size=count)


@settings(max_examples=40)
@given(labels())
def test_rand_index_and_information(both):
    people, clusters = both
    table = Overlaps.of(people, clusters)
    told = information(table)
    homogeneity, completeness, v_measure = reference.homogeneity_completeness_v_measure(
        people, clusters
    )
    assert adjusted_rand(table) == pytest.approx(
        reference.adjusted_rand_score(people, clusters), abs=EXACT
    )
    assert told.nmi == pytest.approx(
        reference.normalized_mutual_info_score(people, clusters), abs=EXACT
    )
    assert told.homogeneity == pytest.approx(homogeneity, abs=EXACT)
    assert told.completeness == pytest.approx(completeness, abs=EXACT)
    assert told.v_measure == pytest.approx(v_measure, abs=EXACT)


@settings(max_examples=40)
@given(labels())
def test_pairs(both):
    people, clusters = both
    score = pairwise(Overlaps.of(people, clusters))
    pairs = list(combinations(range(len(people)), 2))
    same = [people[a] == people[b] for a, b in pairs]
    together = [clusters[a] == clusters[b] for a, b in pairs]
    hits = sum(a and b for a, b in zip(same, together, strict=True))
    assert score.precision == pytest.approx(hits / sum(together) if any(together) else 1, abs=EXACT)
    assert score.recall == pytest.approx(hits / sum(same) if any(same) else 1, abs=EXACT)
    if len(people) > 1:  # scikit-learn counts each pair twice
        (_, false), (missed, true) = reference.cluster.pair_confusion_matrix(people, clusters)
        assert (true, true + false, true + missed) == (
            2 * hits,
            2 * sum(together),
            2 * sum(same),
        )


@given(labels())
def test_bcubed_by_its_definition(both):
    """Bagga and Baldwin, 1998: over every face, and every other face beside it."""
    people, clusters = both
    precisions, recalls = [], []
    for face in range(len(people)):
        mine = [other for other in range(len(people)) if clusters[other] == clusters[face]]
        own = [other for other in range(len(people)) if people[other] == people[face]]
        precisions.append(sum(people[other] == people[face] for other in mine) / len(mine))
        recalls.append(sum(clusters[other] == clusters[face] for other in own) / len(own))
    score = bcubed(Overlaps.of(people, clusters))
    precision, recall = np.mean(precisions), np.mean(recalls)
    assert score.precision == pytest.approx(precision, abs=EXACT)
    assert score.recall == pytest.approx(recall, abs=EXACT)
    assert score.f == pytest.approx(2 * precision * recall / (precision + recall), abs=EXACT)


def test_a_known_case():
    """By hand: two faces of the first person are together, the third is with the second person."""
    people = np.array([0, 0, 0, 1, 1])
    clusters = np.array([5, 5, 9, 9, 9])
    score = bcubed(Overlaps.of(people, clusters))
    assert score.precision == pytest.approx((1 + 1 + 1 / 3 + 2 / 3 + 2 / 3) / 5)
    assert score.recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5)
    pairs = pairwise(Overlaps.of(people, clusters))
    assert (pairs.precision, pairs.recall) == (2 / 4, 2 / 4)


def test_counts_of_very_many_pairs_do_not_overflow():
    people = np.repeat([0, 1], 200_000)
    assert adjusted_rand(Overlaps.of(people, people)) == 1
    crossed = np.tile([0, 1], 200_000)
    assert adjusted_rand(Overlaps.of(people, crossed)) == pytest.approx(0, abs=1e-4)


def test_the_interval_holds_the_figure_and_narrows_with_more_people():
    rng = np.random.default_rng(3)

    def width(count):
        people = np.repeat(np.arange(count), 4)
        clusters = np.where(rng.random(4 * count) < 0.2, people + 10_000, people)
        table = Overlaps.of(people, clusters)
        low, high = bcubed_interval(table)
        assert low < bcubed(table).f < high
        return high - low

    assert width(400) < width(25)
    perfect = Overlaps.of(np.arange(9) // 3, np.arange(9) // 3)
    assert bcubed_interval(perfect) == (1.0, 1.0)


def test_the_report_counts_people_and_clusters():
    people = np.array([0, 0, 0, 0, 1, 1, 2])
    clusters = np.array([0, 1, 2, 3, 4, 4, 4])
    told = report_clusters(people, clusters)
    assert (told["faces"], told["people"], told["clusters"], told["alone"]) == (7, 3, 5, 4)
    assert (told["whole_people"], told["pure_clusters"]) == (2, 4)
    assert told["clusters_of_person"] == {"1": 2, "2": 0, "3": 0, "4+": 1}
    assert told["people_in_cluster"] == {"1": 4, "2": 1, "3": 0, "4+": 0}
