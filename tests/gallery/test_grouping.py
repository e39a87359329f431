from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared import shared
from vultus.faces.analyzer import Analyzer
from vultus.gallery.calibration import Calibrator
from vultus.gallery.grouping import Grouping, group_faces, join, limit_for
from vultus.gallery.matcher import distances_to
from vultus.models.catalogue import EMBEDDER

CALIBRATOR = Calibrator.of(EMBEDDER)
SIZES = st.lists(st.integers(1, 6), max_size=12)


def points(*places: float) -> np.ndarray:
    """Embeddings on a line."""
    embeddings = np.zeros((len(places), 128), np.float32)
    embeddings[:, 0] = places
    return embeddings


def plain_join(distances: np.ndarray, limit: float) -> list[list[int]]:
    """The definition, without any of the tables that make it quick."""
    groups = [[row] for row in range(len(distances))]

    def apart(one: list[int], other: list[int]) -> float:
        pairs = distances[np.ix_(one, other)]
        return (pairs.mean() + pairs.min()) / 2

    while len(groups) > 1:
        gap, first, second = min(
            (apart(groups[a], groups[b]), a, b)
            for a in range(len(groups))
            for b in range(a + 1, len(groups))
        )
        if gap > limit:
            break
        groups[first] = sorted(groups[first] + groups.pop(second))
    return sorted(groups)


@given(st.integers(0, 2**32 - 1), st.integers(0, 25), st.floats(0.1, 2.0))
def test_the_quick_way_gives_what_the_definition_says(seed, faces, limit):
    places = np.random.default_rng(seed).normal(size=(faces, 3)).astype(np.float32)
    distances = distances_to(places, places).astype(np.float64)
    assert join(distances, limit) == plain_join(distances, limit)


@given(SIZES, st.randoms())
def test_people_who_are_far_apart_are_told_apart_in_any_order(sizes, random):
    people = [person for person, size in enumerate(sizes) for _ in range(size)]
    random.shuffle(people)
    found = group_faces(points(*(5.0 * person for person in people)), CALIBRATOR)
    together = [[row for row, p in enumerate(people) if p == person] for person in set(people)]
    assert sorted(found.groups) == sorted(rows for rows in together if len(rows) > 1)
    assert found.alone == sorted(rows[0] for rows in together if len(rows) == 1)
    lengths = [len(rows) for rows in found.groups]
    assert lengths == sorted(lengths, reverse=True)


def test_two_faces_are_one_person_up_to_the_threshold():
    for factor, expected in ((0.99, Grouping([[0, 1]], [])), (1.01, Grouping([], [0, 1]))):
        faces = points(0, CALIBRATOR.threshold * factor)
        assert group_faces(faces, CALIBRATOR) == expected


def test_a_chain_of_neighbours_is_not_one_person():
    # each is like the next, the ends are like nobody's sisters
    chain = points(*np.arange(0, 3, 0.4))
    assert max(len(rows) for rows in group_faces(chain, CALIBRATOR).groups) < 4


def test_among_many_faces_a_pair_has_to_be_nearer():
    limits = [limit_for(number, CALIBRATOR) for number in (1, 2, 50, 100, 1000)]
    assert limits[:3] == [CALIBRATOR.threshold] * 3
    assert limits[2] > limits[3] > limits[4] > 0.4
    # ten times more faces: as if a pair's odds were ten times worse
    worse = CALIBRATOR.probability(limit_for(500, CALIBRATOR))
    assert worse / (1 - worse) == pytest.approx(10)


def test_nobody_and_broken_faces_make_no_group():
    assert group_faces(points(), CALIBRATOR) == Grouping([], [])
    assert group_faces(points(1), CALIBRATOR) == Grouping([], [0])
    assert group_faces(points(0, np.nan, 0), CALIBRATOR) == Grouping([[0, 2]], [1])


def test_real_people_are_found_among_strangers():
    analyzer = Analyzer()
    folders = ("obama", "biden", "rose_leslie", "kit_harington", "alex_lacamoire")
    owners, embeddings = [], []
    for folder in folders:
        for picture in sorted(shared(f"photos/people/{folder}").iterdir()):
            faces = analyzer.analyze(picture, quality=False)
            owners.append(folder)
            embeddings.append(faces.embeddings[0])
    alone = shared("photos/people/lin_manuel_miranda") / "1.png"
    embeddings.append(analyzer.analyze(alone, quality=False).embeddings[0])
    found = group_faces(np.stack(embeddings), CALIBRATOR)
    assert len(found.groups[0]) == 5
    named = [{owners[row] for row in rows} for rows in found.groups]
    assert sorted(name for names in named for name in names) == sorted(folders)
    assert all(len(names) == 1 for names in named)
    assert found.alone == [len(embeddings) - 1]
