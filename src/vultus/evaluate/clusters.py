"""How well groups without names agree with who people are. Pure functions.

Everything is computed from the table of how many faces of each person are in each cluster, never
from pairs one by one; sources of the figures are in docs/evaluation.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.evaluate.metrics import Floats

Labels = NDArray[np.integer]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Score:
    """precision: how pure clusters are; recall: how whole people are; f: their harmonic mean."""

    precision: float
    recall: float

    @property
    def f(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    def to_dict(self) -> dict[str, float]:
        return {"precision": self.precision, "recall": self.recall, "f": self.f}


@dataclass(frozen=True)
class Overlaps:
    """The table of people and clusters, without its zeros.

    counts: (c,) faces that a person and a cluster have in common; person, cluster: (c,) which;
    people, clusters: how many faces each has.
    """

    counts: Counts
    person: Counts
    cluster: Counts
    people: Counts
    clusters: Counts

    @classmethod
    def of(cls, people: Labels, clusters: Labels) -> Overlaps:
        """From the person and the cluster of each face, (n,), any whole numbers, n > 0."""
        _, person = np.unique(people, return_inverse=True)
        _, cluster = np.unique(clusters, return_inverse=True)
        width = int(cluster.max()) + 1
        cells, counts = np.unique(
            person.astype(np.int64) * width + cluster.astype(np.int64), return_counts=True
        )
        return cls(
            counts.astype(np.int64),
            cells // width,
            cells % width,
            np.bincount(person).astype(np.int64),
            np.bincount(cluster).astype(np.int64),
        )

    @property
    def faces(self) -> int:
        return int(self.counts.sum())


def pairwise(table: Overlaps) -> Score:
    """Of all pairs of faces: those put together that are one person, and the other way round.

    Where there is no pair to judge nothing is wrong: 1.
    """
    both, together, same = (
        _pairs(counts) for counts in (table.counts, table.clusters, table.people)
    )
    return Score(both / together if together else 1.0, both / same if same else 1.0)


def bcubed(table: Overlaps) -> Score:
    """Mean over faces of how much of its cluster is its person, and of its person its cluster."""
    squares = table.counts.astype(np.float64) ** 2
    return Score(
        float(np.sum(squares / table.clusters[table.cluster])) / table.faces,
        float(np.sum(squares / table.people[table.person])) / table.faces,
    )


def adjusted_rand(table: Overlaps) -> float:
    """The Rand index less what chance gives: 0 by chance, 1 where both are the same."""
    both, together, same = (
        _pairs(counts) for counts in (table.counts, table.clusters, table.people)
    )
    every = table.faces * (table.faces - 1) // 2
    if together == both == same:
        return 1.0
    # whole numbers of any size as far as they go: products of pairs pass 64 bits
    expected = together * same / every
    return (both - expected) / ((together + same) / 2 - expected)


@dataclass(frozen=True)
class Information:
    """In shares: homogeneity (clusters hold one person), completeness (people one cluster),
    v_measure (harmonic mean of both, the same as nmi with the arithmetic mean of entropies)."""

    homogeneity: float
    completeness: float
    v_measure: float
    nmi: float


def information(table: Overlaps) -> Information:
    """What clusters tell about people, by entropy."""
    of_people, of_clusters = _entropy(table.people), _entropy(table.clusters)
    shared = _mutual_information(table)
    homogeneity = shared / of_people if of_people else 1.0
    completeness = shared / of_clusters if of_clusters else 1.0
    both = homogeneity + completeness
    if not of_people and not of_clusters:
        nmi = 1.0
    else:
        nmi = shared / ((of_people + of_clusters) / 2)
    return Information(
        homogeneity, completeness, 2 * homogeneity * completeness / both if both else 0.0, nmi
    )


def report_clusters(people: Labels, clusters: Labels) -> dict[str, Any]:
    """All figures as `vultus evaluate clusters` prints them; labels (n,), n > 0."""
    table = Overlaps.of(people, clusters)
    told = information(table)
    parts, mixed = np.bincount(table.person), np.bincount(table.cluster)
    return {
        "faces": table.faces,
        "people": len(table.people),
        "clusters": len(table.clusters),
        "alone": int((table.clusters == 1).sum()),
        "whole_people": int((parts == 1).sum()),
        "pure_clusters": int((mixed == 1).sum()),
        "pairwise": pairwise(table).to_dict(),
        "bcubed": bcubed(table).to_dict(),
        "bcubed_f_interval": list(bcubed_interval(table)),
        "ari": adjusted_rand(table),
        "nmi": told.nmi,
        "homogeneity": told.homogeneity,
        "completeness": told.completeness,
        "clusters_of_person": _histogram(parts),
        "people_in_cluster": _histogram(mixed),
    }


def bcubed_interval(table: Overlaps, *, rounds: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Where B-cubed F lies, 19 times of 20, had other people been photographed.

    Bootstrap: people are drawn again, each with the precision and recall of all their faces, as
    often as there are people (Efron and Tibshirani, 1993).
    """
    squares = table.counts.astype(np.float64) ** 2
    sums = [
        np.bincount(table.person, squares / sizes)
        for sizes in (table.clusters[table.cluster], table.people[table.person])
    ]
    count = len(table.people)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), rounds)
    faces = drawn @ table.people
    precision, recall = (drawn @ sum_ / faces for sum_ in sums)
    low, high = np.percentile(2 * precision * recall / (precision + recall), [2.5, 97.5])
    return float(low), float(high)


def _pairs(counts: Counts) -> int:
    """A Python integer: it may be multiplied without limit."""
    return int(np.sum(counts * (counts - 1))) // 2


def _entropy(counts: Counts) -> float:
    if len(counts) < 2:
        return 0.0
    shares = counts / counts.sum()
    return float(-np.sum(shares * np.log(shares)))


def _mutual_information(table: Overlaps) -> float:
    if len(table.people) < 2 or len(table.clusters) < 2:
        return 0.0
    joint: Floats = table.counts / table.faces
    alone: Floats = np.log(table.people[table.person]) + np.log(table.clusters[table.cluster])
    gain = joint * (np.log(table.counts) + np.log(table.faces) - alone)
    # rounding alone must not look like something known
    gain = np.where(np.abs(gain) < np.finfo(np.float64).eps, 0.0, gain)
    return max(0.0, float(gain.sum()))


def _histogram(counts: NDArray[np.intp]) -> dict[str, int]:
    """How many have one, two, three, and four or more."""
    several = {str(number): int((counts == number).sum()) for number in (1, 2, 3)}
    return {**several, "4+": int((counts >= 4).sum())}
