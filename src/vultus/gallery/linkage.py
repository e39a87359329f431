"""Joining the nearest clusters of points for as long as they are near enough. Pure functions.

How far apart two clusters are is the mean of their nearest pair's distance and of the mean over all
their pairs. The first is at most the second, so that two clusters are never nearer to each other
than their nearest points are: clusters that no chain of near points connects are never joined.
Each such component is worked on alone, and no table of all points with all points is ever made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.gallery.matcher import distances_to

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]

_BLOCK = 8 * 2**20  # distances at once
_LARGE = 2000  # clusters of a component that are first joined within a smaller limit
_SMALLER = 0.8


@dataclass(frozen=True)
class Points:
    """places: (m, d) float32; weights: (m,), how many faces lie there."""

    places: Floats
    weights: Floats


@dataclass(frozen=True)
class Cluster:
    """points: their rows. Two that are `kept` are never joined, nor two that share a picture."""

    points: list[int]
    kept: bool = False
    pictures: frozenset[int] = frozenset()


def join_near(points: Points, clusters: list[Cluster], limit: float) -> list[Cluster]:
    """Join the two nearest clusters until no two that may be joined are within `limit`.

    What is joined within a smaller limit is joined first in any case; large components are, to
    keep their tables small.
    """
    joined: list[Cluster] = []
    for component in _components(points, clusters, limit):
        members = [clusters[row] for row in component]
        if len(members) > _LARGE:
            members = join_near(points, members, limit * _SMALLER)
        joined += _join_component(points, members, limit)
    return sorted(joined, key=lambda cluster: cluster.points[0])


def _join_component(points: Points, members: list[Cluster], limit: float) -> list[Cluster]:
    if len(members) < 2:
        return members
    tables = _Tables(points, members)
    while tables.nearest_gap() <= limit:
        tables.join_nearest()
    return tables.clusters()


def _blocks(starts: Ints, total: int) -> Iterator[tuple[int, int]]:
    """Runs of whole clusters, by number, with about `_BLOCK` distances to all points.

    starts: where each cluster's points begin among `total` ones, and the end of the last.
    """
    first = 0
    while first < len(starts) - 1:
        most = starts[first] + max(1, _BLOCK // total)
        last = max(first + 1, int(np.searchsorted(starts, most, "right")) - 1)
        yield first, last
        first = last


def _components(points: Points, clusters: list[Cluster], radius: float) -> list[list[int]]:
    """Clusters by number, together where a chain of points within `radius` connects them."""
    rows, starts = _in_turn(clusters)
    places = points.places[rows]
    owner = np.repeat(np.arange(len(clusters)), np.diff(starts))
    label = np.arange(len(clusters))
    for first, last in _blocks(starts, len(rows)):
        begin, end = starts[first], starts[last]
        near = distances_to(places[begin:end], places[begin:]) <= radius
        for reached in near:
            found = label[owner[begin:][reached]]
            if len(found) and (found != found[0]).any():
                together = np.zeros(len(clusters), bool)
                together[found] = True
                label[together[label]] = found.min()
    order = np.argsort(label, kind="stable")
    cuts = np.flatnonzero(np.diff(label[order])) + 1
    return [part.tolist() for part in np.split(order, cuts)] if len(order) else []


def _in_turn(clusters: list[Cluster]) -> tuple[Ints, Ints]:
    """The points of all clusters one after the other, and where each begins, with the end."""
    rows = np.array([row for cluster in clusters for row in cluster.points], np.intp)
    sizes = [len(cluster.points) for cluster in clusters]
    return rows, np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)


class _Tables:
    """Distances between the clusters of a component, kept up while they are joined.

    mean, least: (k, k) float32, mean and smallest distance of the pairs between two clusters; each
    cluster knows its nearest other one, so that a join costs a few rows and not the whole table.
    """

    def __init__(self, points: Points, clusters: list[Cluster]) -> None:
        self._members = dict(enumerate(clusters))
        self._barred = _barred(clusters)
        self._mean, self._least, self._sizes = _measure(points, clusters)
        np.fill_diagonal(self._mean, np.inf)
        self._nearest = np.zeros(len(clusters), np.intp)
        self._gaps = np.full(len(clusters), np.inf, np.float32)
        for row in range(len(clusters)):
            self._find_nearest(row)

    def nearest_gap(self) -> float:
        """How far apart the two nearest clusters are; infinite where no two may be joined."""
        return float(self._gaps.min())

    def join_nearest(self) -> None:
        first = int(self._gaps.argmin())
        kept, gone = sorted((first, int(self._nearest[first])))
        share = self._sizes[kept] / (self._sizes[kept] + self._sizes[gone])
        mean = share * self._mean[kept] + (1 - share) * self._mean[gone]
        least = np.minimum(self._least[kept], self._least[gone])
        mean[[kept, gone]] = np.inf
        for table, row in ((self._mean, mean), (self._least, least)):
            table[kept], table[:, kept] = row, row
        self._mean[gone] = self._mean[:, gone] = np.inf
        self._sizes[kept] += self._sizes[gone]
        self._barred[kept] |= self._barred[gone]
        self._barred[:, kept] = self._barred[kept]
        one, other = self._members[kept], self._members.pop(gone)
        self._members[kept] = Cluster(
            one.points + other.points, one.kept or other.kept, one.pictures | other.pictures
        )
        self._update_nearest(kept, gone)

    def _apart(self, row: int) -> Floats:
        apart: Floats = (self._mean[row] + self._least[row]) / np.float32(2)
        apart[self._barred[row]] = np.inf
        return apart

    def _find_nearest(self, row: int) -> None:
        apart = self._apart(row)
        self._nearest[row] = apart.argmin()
        self._gaps[row] = apart[self._nearest[row]]

    def _update_nearest(self, kept: int, gone: int) -> None:
        self._gaps[gone] = np.inf
        pointed = (self._nearest == kept) | (self._nearest == gone)
        pointed[kept], pointed[gone] = True, False
        for row in np.flatnonzero(pointed & np.isfinite(self._gaps)):
            self._find_nearest(int(row))
        apart = self._apart(kept)
        nearer = apart < self._gaps
        self._nearest[nearer] = kept
        self._gaps[nearer] = apart[nearer]

    def clusters(self) -> list[Cluster]:
        """What there is now, in the order of each one's first."""
        return [self._members[number] for number in sorted(self._members)]


def _barred(clusters: list[Cluster]) -> NDArray[np.bool_]:
    """Which may not be joined with which, (k, k)."""
    kept = np.array([cluster.kept for cluster in clusters])
    barred: NDArray[np.bool_] = kept[:, None] & kept
    of_picture: dict[int, list[int]] = {}
    for number, cluster in enumerate(clusters):
        for picture in cluster.pictures:
            of_picture.setdefault(picture, []).append(number)
    for numbers in of_picture.values():
        barred[np.ix_(numbers, numbers)] = True
    return barred


def _measure(points: Points, clusters: list[Cluster]) -> tuple[Floats, Floats, Floats]:
    """Mean and smallest distances between clusters, (k, k), and how many faces they have, (k,)."""
    rows, starts = _in_turn(clusters)
    places, weights = points.places[rows], points.weights[rows]
    sizes = np.add.reduceat(weights, starts[:-1])
    mean = np.empty((len(clusters), len(clusters)), np.float32)
    least = np.empty_like(mean)
    for first, last in _blocks(starts, len(rows)):
        begin, end = starts[first], starts[last]
        found = distances_to(places[begin:end], places)
        inner = starts[first:last] - begin
        by_column = np.minimum.reduceat(found, starts[:-1], axis=1)
        least[first:last] = np.minimum.reduceat(by_column, inner, axis=0)
        found *= weights
        found *= weights[begin:end, None]
        total = np.add.reduceat(np.add.reduceat(found, starts[:-1], axis=1), inner, axis=0)
        mean[first:last] = total / sizes / sizes[first:last, None]
    return mean, least, sizes
