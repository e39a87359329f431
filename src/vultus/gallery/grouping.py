"""Which of many faces are the same person, where nobody says who anybody is. Pure functions.

Agglomerative: every face begins alone, and the two nearest groups are joined for as long as they
are near enough. How far apart two groups are is the mean of their nearest pair's distance and of
the mean over all their pairs, as a person of the gallery is judged by nearest face and mean face.

How near is near enough depends on how many people there are, which only the groups tell: the limit
rises as they become fewer, until no two are within it. How this compares with Chinese whispers,
DBSCAN, HDBSCAN and other linkages stands in docs/benchmarks.md, "Grouping faces".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.gallery.calibration import Calibrator
from vultus.gallery.linkage import Cluster, Points, join_near

Floats = NDArray[np.float32]

# Chosen on half of the people of lfw-grey, over sets of many kinds and sizes, and measured on the
# other half: `python -m benchmarks clustering`.
_FEW = 10  # people among whom a pair is judged as `verify` would
_SHARE = 0.6  # of the logarithm that counts


@dataclass(frozen=True)
class Grouping:
    """A partition of faces, by their row. groups: two faces or more, largest first; alone: others.

    Rows are in ascending order; groups of one size come by their first row.
    """

    groups: list[list[int]]
    alone: list[int]


def group_faces(
    embeddings: Floats,
    calibrator: Calibrator,
    *,
    begun: Sequence[int | None] | None = None,
    distinct: bool = True,
    pictures: Sequence[int] | None = None,
) -> Grouping:
    """Group faces, embeddings (n, d) of the calibrator's model, by person.

    Args:
        begun: of each face the number of the group that it is in already, None for those that are
            in none.
        distinct: no two groups that are begun become one.
        pictures: of each face the number of its picture; nobody is in a picture twice. Without it
            any two faces may be one person.

    A face whose embedding is not finite is alone. A thousand faces take about a tenth of a second.
    """
    usable = np.flatnonzero(np.isfinite(embeddings).all(axis=1)).tolist()
    owners = dict.fromkeys(usable) if begun is None else {row: begun[row] for row in usable}
    places = _places(embeddings, owners)
    firsts = [rows[0] for rows in places]
    weights = np.array([len(rows) for rows in places], np.float32)
    points = Points(embeddings[firsts].astype(np.float32), weights)
    shown = None if pictures is None else [frozenset(pictures[row] for row in r) for r in places]
    clusters = _begin([owners[row] for row in firsts], shown, distinct)
    while True:
        count = len(clusters)
        clusters = join_near(points, clusters, limit_for(count, calibrator))
        if len(clusters) == count:
            break
    members = [sorted(row for at in one.points for row in places[at]) for one in clusters]
    several = [rows for rows in members if len(rows) > 1]
    broken = set(range(len(embeddings))).difference(usable)
    return Grouping(
        sorted(several, key=lambda rows: (-len(rows), rows[0])),
        sorted(broken.union(rows[0] for rows in members if len(rows) == 1)),
    )


def limit_for(people: int, calibrator: Calibrator) -> float:
    """The distance within which groups are joined: the threshold, less among many people.

    The more people there are, the less likely are two groups that are picked at random to be one;
    log-odds fall with the logarithm of their number, and a distance's log-odds with its slope. A
    part of it counts, as groups of several faces are surer than one pair of faces is.
    """
    return calibrator.threshold - _SHARE * math.log(max(1.0, people / _FEW)) / calibrator.slope


def _places(embeddings: Floats, owners: dict[int, int | None]) -> list[list[int]]:
    """The rows of equal faces together, which spares thousands of copies of a picture the work.

    Those that begin in different groups stay apart. The first row of each tells its owner.
    """
    found: dict[tuple[bytes, int | None], list[int]] = {}
    any_owner: dict[bytes, int | None] = {}
    for row in sorted(owners, key=lambda row: (owners[row] is None, row)):
        content = embeddings[row].tobytes()
        owner = owners[row]
        if owner is None:
            owner = any_owner.get(content)
        any_owner.setdefault(content, owner)
        found.setdefault((content, owner), []).append(row)
    return sorted(found.values(), key=min)


def _begin(
    owners: list[int | None], shown: list[frozenset[int]] | None, distinct: bool
) -> list[Cluster]:
    """The clusters to begin with: points of one owner together, every other one alone."""
    together: dict[object, list[int]] = {}
    for point, owner in enumerate(owners):
        key = ("alone", point) if owner is None else owner
        together.setdefault(key, []).append(point)
    return [
        Cluster(
            points,
            kept=distinct and owners[points[0]] is not None,
            pictures=frozenset().union(*(shown[point] for point in points) if shown else ()),
        )
        for points in together.values()
    ]
