"""Boxes against dlib's own (`reference/make_mmod_reference.py`), and what a picture may be."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tests.shared import shared
from vultus.errors import ImageTooLarge, ImageUnreadable, UsageError
from vultus.faces import mmod, mmod_pyramid
from vultus.faces.mmod import MmodBox, MmodDetector
from vultus.faces.mmod_pyramid import Layout, Pyramid, Tile, enlarge, lay_out
from vultus.imaging.load import load
from vultus.models.catalogue import MMOD, card
from vultus.models.dlib_mmod import convert
from vultus.models.mmod_window import FEATURES, MEAN
from vultus.models.session import OnnxSession
from vultus.models.store import read_weights
from vultus.settings import RuntimeSettings, Settings

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "mmod_reference.json").read_text("utf-8")
)


@pytest.fixture(scope="module")
def detector() -> MmodDetector:
    """Converted now, whatever lies in the cache."""
    runtime = RuntimeSettings(provider="cpu")
    nets = convert(read_weights(card(MMOD)))
    return MmodDetector(
        OnnxSession(nets["trunk.onnx"], "trunk.onnx", runtime),
        OnnxSession(nets["head.onnx"], "head.onnx", runtime),
    )


def agree(found: list[MmodBox], dlibs: list[list[float]]) -> None:
    assert [list(box[:4]) for box in found] == [box[:4] for box in dlibs]
    confidences = [box.confidence for box in found]
    assert confidences == pytest.approx([box[4] for box in dlibs], abs=1e-4)


@pytest.mark.parametrize("path", REFERENCE["photos"])
def test_boxes_and_their_order_are_dlibs(detector, path):
    agree(detector.detect([load(shared(f"photos/{path}"))])[0], REFERENCE["photos"][path])


@pytest.mark.parametrize(("path", "times", "dlibs"), REFERENCE["upsampled"])
def test_boxes_in_enlarged_pictures_are_dlibs(detector, path, times, dlibs):
    agree(detector.detect([load(shared(f"photos/{path}"))], times)[0], dlibs)


def test_boxes_in_small_and_narrow_pictures_are_dlibs(detector):
    parts, faces = [], 0
    for path, (left, top, right, bottom), _ in REFERENCE["crops"]:
        parts.append(load(shared(f"photos/{path}"))[top:bottom, left:right])
    for found, (_, _, dlibs) in zip(detector.detect(parts), REFERENCE["crops"], strict=True):
        agree(found, dlibs)
        faces += len(dlibs)
    assert len(parts) == 39
    assert faces > 10


def test_some_of_the_reference_shows_several_faces_and_some_none():
    counts = [len(boxes) for boxes in REFERENCE["photos"].values()]
    assert len(counts) >= 20
    assert max(counts) >= 5
    assert min(counts) == 0


def test_a_picture_in_strips_is_the_picture_at_once(detector, astronaut, monkeypatch):
    layout = lay_out(512, 512)
    whole = detector._score(Pyramid(astronaut, layout))
    monkeypatch.setattr(mmod, "_STRIP_PIXELS", 1)
    monkeypatch.setattr(mmod, "_FEWEST_ROWS", 3)
    monkeypatch.setattr(mmod, "_BAND_PLACES", 1)
    monkeypatch.setattr(mmod_pyramid, "_PIXELS_AT_ONCE", 1)
    parts = detector._score(Pyramid(astronaut, layout))
    assert (whole > 0).any()
    np.testing.assert_allclose(parts, whole, atol=1e-4)


def test_several_pictures_are_answered_as_one_by_one(detector, astronaut):
    small = np.ascontiguousarray(astronaut[:300, 100:400])
    assert detector.detect([astronaut, small, astronaut]) == [
        *detector.detect([astronaut]),
        *detector.detect([small]),
        *detector.detect([astronaut]),
    ]
    assert len(detector.detect([small])[0]) == 1
    assert detector.detect([]) == []


def test_it_is_made_from_the_settings(detector, astronaut):
    made = MmodDetector.from_settings(Settings(limits={"max_image_pixels": 512 * 512}))
    assert made.detect([astronaut]) == detector.detect([astronaut])
    with pytest.raises(ImageTooLarge):
        made.detect([astronaut], 1)


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 500), (500, 1), (6, 200), (200, 9), (7, 10), (28, 28), (79, 79)]
)
def test_a_picture_too_small_for_a_face_has_none(detector, shape):
    noise = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    assert detector.detect([noise]) == [[]]


@pytest.mark.parametrize("value", [0, 122, 255])
def test_a_blank_picture_has_no_face(detector, value):
    assert detector.detect([np.full((240, 320, 3), value, np.uint8)], 1) == [[]]


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((90, 90), np.uint8),
        np.zeros((90, 90, 1), np.uint8),
        np.zeros((90, 90, 4), np.uint8),
        np.zeros((90, 90, 3), np.float32),
        np.zeros((1, 90, 90, 3), np.uint8),
        np.zeros((0, 90, 3), np.uint8),
        [[1, 2, 3]],
        None,
    ],
    ids=["grey", "one channel", "alpha", "float", "batch", "empty", "list", "none"],
)
def test_what_is_no_rgb_picture_is_refused(detector, picture):
    with pytest.raises(ImageUnreadable, match=r"no RGB picture.*\(height, width, 3\)"):
        detector.detect([np.zeros((20, 20, 3), np.uint8), picture])


@pytest.mark.parametrize("times", [-1, 1.5, "1", None])
def test_a_number_of_times_that_makes_no_sense_is_refused(detector, astronaut, times):
    with pytest.raises(UsageError, match=r"Give 0, 1, 2"):
        detector.detect([astronaut], times)


@pytest.mark.parametrize("times", [0, 1, 2, 100_000_000])
def test_a_picture_that_gets_too_large_is_refused_before_it_is_enlarged(times):
    detector = MmodDetector(Refusing(), Refusing(), max_pixels=99)
    tracemalloc.start()
    with pytest.raises(ImageTooLarge, match=rf"10 x 10 pixels, enlarged {times} times"):
        detector.detect([np.zeros((10, 10, 3), np.uint8)], times)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


class Refusing:
    """No network may be asked."""

    def run(self, image: np.ndarray) -> list[np.ndarray]:
        raise AssertionError("a network was run")


class Empty:
    """A trunk that says nothing, in the right shape."""

    def run(self, image: np.ndarray) -> list[np.ndarray]:
        rows, columns = ((side - 29) // 8 + 1 for side in image.shape[2:])
        return [np.zeros((1, FEATURES, rows, columns), np.float32)]


class Planned:
    """A head that gives scores by place (row, column), and less than nothing elsewhere."""

    def __init__(self, scores: dict[tuple[int, int], float]) -> None:
        self._scores = scores

    def run(self, image: np.ndarray) -> list[np.ndarray]:
        answer = np.full((1, 1, *image.shape[2:]), -1, np.float32)
        for (row, column), score in self._scores.items():
            answer[0, 0, row, column] = score
        return [answer]


def planned(scores: dict[tuple[int, int], float], times: int = 0) -> list[tuple]:
    """What is found in a picture of 400 x 300 with these scores."""
    detector = MmodDetector(Empty(), Planned(scores))
    found = detector.detect([np.zeros((300, 400, 3), np.uint8)], times)[0]
    return [(*box[:4], round(box.confidence, 3)) for box in found]


def test_a_place_on_the_canvas_is_a_window_of_80_pixels_in_the_picture():
    # (10, 20) is pixel 174, 94 of the canvas, whose border is 11 pixels wide: 163, 83;
    # 39.5 more and less end in halves, which are rounded up
    assert planned({(10, 20): 0.5}) == [(124, 44, 203, 123, 0.5)]


def test_below_zero_halves_are_rounded_down_and_boxes_are_not_clipped():
    assert planned({(0, 0): 0.5}) == [(-37, -37, 43, 43, 0.5)]


def test_a_place_on_a_smaller_level_is_a_larger_window():
    # the second level begins at row 11 + 300 + 10: pixel 182, 342 of the canvas is 171, 21 there,
    # the window's corners 131.5, -18.5 and 210.5, 60.5, and of these 1.2 times and 0.3 more
    assert planned({(41, 21): 0.5}) == [(158, -22, 253, 73, 0.5)]


def test_a_score_of_zero_is_no_face():
    assert planned({(10, 20): 0.0, (10, 40): 1e-6}) == [(284, 44, 363, 123, 0.0)]


def test_faces_are_in_the_order_of_their_scores():
    found = planned({(2, 4): 0.2, (10, 40): 0.9, (20, 20): 0.4})
    assert [box[4] for box in found] == [0.9, 0.4, 0.2]


@pytest.mark.parametrize(("place", "stay"), [((10, 24), 1), ((12, 23), 1), ((10, 25), 2)])
def test_of_windows_that_share_much_the_better_one_stays(place, stay):
    # 80 pixels wide and 32 apart they share 0.43 of what is around both, 40 apart 0.33
    found = planned({(10, 20): 0.4, place: 0.5})
    assert len(found) == stay
    assert found[0][4] == 0.5


def test_what_counts_is_the_share_of_the_rectangle_around_both():
    # 22 pixels apart in both directions: 0.32 of that, though 0.36 of the union
    boxes = np.array([(0, 0, 79, 79), (22, 22, 101, 101), (21, 21, 100, 100)], np.float64)
    np.testing.assert_array_equal(mmod._best_of_each(boxes), [0, 1])


def test_a_box_is_hidden_only_by_one_that_stays():
    boxes = np.array([(0, 0, 79, 79), (30, 0, 109, 79), (60, 0, 139, 79)], np.float64)
    np.testing.assert_array_equal(mmod._best_of_each(boxes), [0, 2])


def test_in_an_enlarged_picture_the_box_is_mapped_back():
    # of the larger picture: (124, 44, 203, 123); halved, less 1.25 across and 0.75 down
    assert planned({(10, 20): 0.5}, 1) == [(61, 21, 100, 61, 0.5)]


def overlap(one, other) -> bool:
    return not (
        one.right < other.left
        or other.right < one.left
        or one.bottom < other.top
        or other.bottom < one.top
    )


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (100, 100), (2000, 90), (75, 3000)])
def test_levels_stand_apart_on_the_canvas(size):
    layout = lay_out(*size)
    tiles = layout.tiles
    assert (tiles[0].width, tiles[0].height) == size
    assert len(tiles) > 5
    for level, tile in enumerate(tiles):
        assert 11 <= tile.left <= tile.right <= layout.width - 12
        assert 11 <= tile.top <= tile.bottom <= layout.height - 12
        assert not any(overlap(tile, other) for other in tiles[:level])
        if level:
            before = tiles[level - 1]
            assert tile.width == int(before.width * 5 / 6)
            assert tile.height == int(before.height * 5 / 6)


def test_the_canvas_shows_the_picture_the_mean_of_the_network_being_zero(astronaut):
    layout = lay_out(512, 512)
    canvas = Pyramid(astronaut, layout).strip(0, layout.height)
    assert canvas.shape == (3, layout.height, 512 + 22)
    first = canvas[:, 11:523, 11:523]
    expected = (astronaut.transpose(2, 0, 1).astype(np.float64) - MEAN[:, None, None]) / 256
    np.testing.assert_allclose(first, expected, atol=1e-6)
    shown = np.zeros(canvas.shape[1:], bool)
    for tile in layout.tiles:
        shown[tile.top : tile.bottom + 1, tile.left : tile.right + 1] = True
        level = canvas[:, tile.top : tile.bottom + 1, tile.left : tile.right + 1]
        np.testing.assert_allclose(level.mean(axis=(1, 2)), first.mean(axis=(1, 2)), atol=0.05)
        # the corners of a level are those of the level before, and so of the picture
        np.testing.assert_allclose(level[:, 0, 0], first[:, 0, 0], atol=1e-6)
        np.testing.assert_allclose(level[:, -1, -1], first[:, -1, -1], atol=1e-3)
    assert not canvas[:, ~shown].any()


@pytest.mark.parametrize("name", REFERENCE["enlarged"])
def test_an_enlarged_picture_is_dlibs(name):
    """Cut off, not rounded; of four equal pixels between two that is one less now and then."""
    height, width = (int(side) for side in name.split("x"))
    made = enlarge(np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8))
    assert made.shape == (2 * height + 1, 2 * width + 2, 3)
    different = made[::7, ::29].ravel() != REFERENCE["enlarged"][name]
    assert different.mean() < 0.001


@pytest.mark.parametrize("name", REFERENCE["shrunk"])
def test_a_level_is_dlibs(name):
    height, width = (int(side) for side in name.split("x"))
    image = np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    first, second = Tile(0, 0, width, height), Tile(0, height, width * 5 // 6, height * 5 // 6)
    canvas = Layout((first, second), width, height + second.height)
    made = Pyramid(image, canvas).strip(height, canvas.height)[:, :, : second.width]
    np.testing.assert_allclose(made[0, ::2, ::11].ravel(), REFERENCE["shrunk"][name], atol=2e-6)
