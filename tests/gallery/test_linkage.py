from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vultus.gallery import linkage
from vultus.gallery.linkage import Cluster, Points, join_near
from vultus.gallery.matcher import distances_to


def plain_join(points: Points, clusters: list[Cluster], limit: float) -> list[list[int]]:
    """The definition, without components, blocks and tables."""
    distances = distances_to(points.places, points.places).astype(np.float64)
    groups = list(clusters)

    def apart(one: Cluster, other: Cluster) -> float:
        if (one.kept and other.kept) or one.pictures & other.pictures:
            return np.inf
        pairs = distances[np.ix_(one.points, other.points)]
        weights = np.outer(points.weights[one.points], points.weights[other.points])
        return (np.average(pairs, weights=weights) + pairs.min()) / 2

    while len(groups) > 1:
        gap, first, second = min(
            (apart(groups[a], groups[b]), a, b)
            for a in range(len(groups))
            for b in range(a + 1, len(groups))
        )
        if gap > limit:
            break
        gone, stays = groups.pop(second), groups[first]
        groups[first] = Cluster(
            stays.points + gone.points, stays.kept or gone.kept, stays.pictures | gone.pictures
        )
    return sorted(sorted(group.points) for group in groups)


def at(seed: int, count: int) -> tuple[Points, np.random.Generator]:
    random = np.random.default_rng(seed)
    places = random.normal(size=(count, 3)).astype(np.float32)
    return Points(places, random.integers(1, 4, count).astype(np.float32)), random


def begin(random: np.random.Generator, count: int) -> list[Cluster]:
    """Some points together already, some of these to be kept apart, and some pictures shared."""
    owners = random.integers(0, max(1, count), count)
    groups = [np.flatnonzero(owners == owner).tolist() for owner in np.unique(owners)]
    made = [
        Cluster(rows, bool(random.random() < 0.2), frozenset(random.integers(0, 2 * count, 2)))
        for rows in groups
    ]
    return sorted(made, key=lambda cluster: cluster.points[0])


@given(st.integers(0, 2**32 - 1), st.integers(0, 30), st.floats(0.1, 2.0))
def test_it_gives_what_the_definition_says(seed, count, limit):
    points, random = at(seed, count)
    clusters = begin(random, count)
    found = join_near(points, clusters, limit)
    assert sorted(sorted(one.points) for one in found) == plain_join(points, clusters, limit)
    kept = [row for one in clusters if one.kept for row in one.points]
    assert all(one.kept == bool(set(kept) & set(one.points)) for one in found)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 2.0))
def test_small_blocks_and_components_in_stages_change_nothing(seed, limit):
    points, random = at(seed, 40)
    clusters = begin(random, 40)
    plain = join_near(points, clusters, limit)
    block, large = linkage._BLOCK, linkage._LARGE
    linkage._BLOCK, linkage._LARGE = 100, 5
    try:
        assert join_near(points, clusters, limit) == plain
    finally:
        linkage._BLOCK, linkage._LARGE = block, large


def test_no_table_of_all_points_is_made(monkeypatch):
    """600 points in 200 places that are far apart, by blocks of a few thousand distances."""
    asked: list[int] = []

    def counted(probes, gallery, squares=None):
        found = distances_to(probes, gallery, squares)
        asked.append(found.size)
        return found

    monkeypatch.setattr(linkage, "distances_to", counted)
    monkeypatch.setattr(linkage, "_BLOCK", 5000)
    places = np.repeat(np.arange(200.0), 3)[:, None].astype(np.float32)
    points = Points(places + np.tile([[0.0], [0.1], [0.2]], (200, 1)), np.ones(600, np.float32))
    found = join_near(points, [Cluster([row]) for row in range(600)], 0.5)
    assert [one.points for one in found] == [[3 * k, 3 * k + 1, 3 * k + 2] for k in range(200)]
    assert max(asked) <= 5000
