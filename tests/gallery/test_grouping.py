from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared import shared
from vultus.faces.analyzer import Analyzer
from vultus.gallery.calibration import Calibrator
from vultus.gallery.grouping import Grouping, group_faces, limit_for
from vultus.models.catalogue import EMBEDDER

CALIBRATOR = Calibrator.of(EMBEDDER)
SIZES = st.lists(st.integers(1, 6), max_size=12)


def points(*places: float) -> np.ndarray:
    """Embeddings on a line."""
    embeddings = np.zeros((len(places), 128), np.float32)
    embeddings[:, 0] = places
    return embeddings


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


def test_among_many_people_a_pair_has_to_be_nearer():
    limits = [limit_for(number, CALIBRATOR) for number in (1, 2, 10, 100, 1000)]
    assert limits[:3] == [CALIBRATOR.threshold] * 3
    assert limits[2] > limits[3] > limits[4] > 0.4
    # each ten times more people: as if a pair's odds were about four times worse
    odds = CALIBRATOR.probability(np.array(limits[2:]))
    odds = odds / (1 - odds)
    assert odds[1:] / odds[:-1] == pytest.approx(10**0.6)


def test_the_fewer_people_are_left_the_farther_apart_groups_may_be():
    """Pairs at the same distance: one of them among strangers, or among groups that were joined."""
    limit = limit_for(100, CALIBRATOR)
    assert limit_for(200, CALIBRATOR) < limit < limit_for(52, CALIBRATOR)
    pair = points(0, limit)
    strangers = points(*np.arange(10, 208))
    crowd = np.concatenate([pair, strangers])
    assert group_faces(crowd, CALIBRATOR).groups == []
    sisters = strangers + np.float32(0.01)  # 198 faces more, and no person more
    assert [0, 1] not in group_faces(np.concatenate([crowd, sisters]), CALIBRATOR).groups
    album = np.concatenate([pair, *[strangers[:50] + np.float32(0.001 * k) for k in range(4)]])
    assert len(album) == len(crowd) + 2
    assert [0, 1] in group_faces(album, CALIBRATOR).groups


def test_groups_that_are_begun_get_faces_and_never_become_one():
    faces = points(0, 0.1, 0.2, 0.3, 5, 5.1)
    assert group_faces(faces, CALIBRATOR).groups == [[0, 1, 2, 3], [4, 5]]
    begun = [7, None, None, 9, None, None]
    assert group_faces(faces, CALIBRATOR, begun=begun).groups == [[0, 1], [2, 3], [4, 5]]
    far = [1, None, None, None, 1, None]  # somebody's decision, whatever the distance
    assert group_faces(faces, CALIBRATOR, begun=far).groups == [[1, 2, 3], [0, 4]]
    same = points(0, 0, 0, 0)
    assert group_faces(same, CALIBRATOR, begun=[None, 2, 1, None]).groups == [[0, 1, 3]]
    assert group_faces(same, CALIBRATOR, begun=[None, 2, 1, None]).alone == [2]


def test_nobody_is_in_a_picture_twice():
    sisters = points(0, 0.2, 0.05, 0.25)
    assert group_faces(sisters, CALIBRATOR).groups == [[0, 1, 2, 3]]
    assert group_faces(sisters, CALIBRATOR, pictures=[1, 1, 2, 2]).groups == [[0, 2], [1, 3]]
    mirrored = points(0, 0)  # one face at one place, whatever the pictures say
    assert group_faces(mirrored, CALIBRATOR, pictures=[1, 1]).groups == [[0, 1]]


def test_thousands_of_copies_are_one_place():
    copies = points(*[0.0] * 3000, *[0.4] * 3000, 3.0)
    found = group_faces(copies, CALIBRATOR)
    assert found == Grouping([list(range(6000))], [6000])


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
