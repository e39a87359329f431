from __future__ import annotations

import numpy as np

from tests.learn.networks import ColourNetworks
from vultus.errors import ImageUnreadable
from vultus.learn.collecting import Collection
from vultus.learn.cutting import CutFaces
from vultus.learn.training import PROBED_CHIPS, look


def cut(shades, rows, found=None, errors=None):
    chips = np.zeros((len(shades), 150, 150, 3), np.uint8)
    chips[:] = np.array(shades, np.uint8)[:, None, None, None]
    found = [True] * len(shades) if found is None else found
    return CutFaces(chips, np.array(rows), np.array(found), errors or {})


def add(collection, first, faces):
    collection.add(first, faces, look(ColourNetworks(), faces.chips))


def test_places_are_those_of_the_whole_set():
    collection = Collection()
    add(collection, 0, cut([10, 20], [0, 2], errors={1: ImageUnreadable("broken")}))
    add(collection, 3, cut([30, 40], [0, 1], found=[False, True]))
    assert collection.rows == [0, 2, 3, 4]
    assert collection.whole == [3]
    assert list(collection.errors) == [1]
    chips = cut([10, 20, 30, 40], range(4)).chips
    expected = look(ColourNetworks(), chips)
    assert np.allclose(collection.samples.features, expected.features)
    assert np.allclose(collection.samples.shipped, expected.shipped)
    assert np.array_equal(collection.some_chips, chips)


def test_a_picture_that_is_there_twice_counts_once():
    collection = Collection()
    add(collection, 0, cut([10, 20, 10], [0, 1, 2]))
    add(collection, 3, cut([20, 30], [0, 1], found=[False, False]))
    assert collection.rows == [0, 1, 4]
    assert collection.twice == {2: 0, 3: 1}
    assert collection.whole == [4]
    assert len(collection.samples.features) == 3


def test_pictures_without_a_face():
    collection = Collection()
    collection.add(5, cut([], [], errors={0: ImageUnreadable("broken")}), None)
    assert collection.rows == []
    assert list(collection.errors) == [5]


def test_few_chips_are_kept():
    collection = Collection()
    for first in range(0, 3 * PROBED_CHIPS, 64):
        add(collection, first, cut([first // 64 + 1] + [0] * 63, range(64)))
    assert len(collection.some_chips) <= PROBED_CHIPS + 64
