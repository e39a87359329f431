"""Glasses and masks.

The labels of LFW were told by eye: of a random photo each of 324 random people whether there are
glasses or sunglasses before the eyes; two where that could not be told are left out. None was
chosen by a classifier, and nothing is trained on them.
"""

from __future__ import annotations

import json
import tarfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.shared import LfwArchive, shared
from vultus import models
from vultus.faces.analyzer import Analyzer
from vultus.faces.attributes.coverings import KINDS, Coverings
from vultus.faces.crops import face_of_crop
from vultus.imaging.load import load
from vultus.models.session import OnnxSession
from vultus.settings import load_settings

NETWORKS = Path(models.__file__).with_name("networks")
LABELS = Path(__file__).parents[2] / "reference/lfw_glasses.json"
SHIPPED = 0.9  # the least balanced accuracy that is shipped


class Answers:
    """A session that answers with the mean of each row, and with its double."""

    def __init__(self) -> None:
        self.runs = 0

    def run(self, image: np.ndarray) -> list[np.ndarray]:
        self.runs += 1
        mean = image.mean(axis=(1, 2, 3))[:, None].astype(np.float32)
        return [mean, 2 * mean]


@cache
def _session(name: str) -> OnnxSession:
    return OnnxSession((NETWORKS / name).read_bytes(), name, load_settings().runtime)


@cache
def _analyzer() -> Analyzer:
    return Analyzer()


def _told(chips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    maps = [_session("trunk.onnx").run(chips[i : i + 8])[0] for i in range(0, len(chips), 8)]
    return Coverings(_session("coverings.onnx")).told(np.concatenate(maps))


def _chip(picture: np.ndarray) -> np.ndarray:
    return face_of_crop(_analyzer(), picture).chip


def _balanced(said: np.ndarray, true: np.ndarray) -> float:
    return float((said[true].mean() + (~said[~true]).mean()) / 2)


def _some(names: list[str], count: int) -> list[str]:
    """Evenly over a sorted list."""
    return [names[i] for i in np.linspace(0, len(names) - 1, count).astype(int)]


def test_answers_come_in_the_order_of_the_outputs() -> None:
    maps = np.stack([np.full((64, 13, 13), value, np.float32) for value in (0.1, 0.4)])
    glasses, mask = Coverings(Answers()).told(maps)
    assert KINDS == ("glasses", "mask")
    np.testing.assert_allclose(glasses, [0.1, 0.4], rtol=1e-5)
    np.testing.assert_allclose(mask, [0.2, 0.8], rtol=1e-5)


def test_no_face_is_no_run() -> None:
    session = Answers()
    glasses, mask = Coverings(session).told(np.zeros((0, 64, 13, 13), np.float32))
    assert glasses.shape == mask.shape == (0,)
    assert glasses.dtype == mask.dtype == np.float32
    assert session.runs == 0


def test_the_network_is_small() -> None:
    assert (NETWORKS / "coverings.onnx").stat().st_size < 200_000


def test_a_face_is_told_the_same_alone_and_among_others() -> None:
    random = np.random.default_rng(0)
    maps = np.abs(random.normal(0, 1.5, (5, 64, 13, 13))).astype(np.float32)
    coverings = Coverings(_session("coverings.onnx"))
    together = np.stack(coverings.told(maps))
    alone = np.concatenate([np.stack(coverings.told(maps[i : i + 1])) for i in range(5)], axis=1)
    assert together.shape == (2, 5)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("kind", ["black", "white", "noise"])
def test_what_is_no_face_gives_probabilities_all_the_same(kind: str) -> None:
    chips = {
        "black": np.zeros((1, 150, 150, 3), np.uint8),
        "white": np.full((1, 150, 150, 3), 255, np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, (1, 150, 150, 3)).astype(np.uint8),
    }[kind]
    for column in _told(chips):
        assert column.shape == (1,)
        assert 0 <= column[0] <= 1


def test_the_labels_are_of_different_people() -> None:
    labels = json.loads(LABELS.read_text())
    people = {name.rsplit("_", 1)[0] for name in labels}
    assert len(people) == len(labels) >= 200
    assert set(labels.values()) == {0, 1}
    assert sum(labels.values()) >= 40


def test_glasses_on_photos_of_lfw() -> None:
    labels = json.loads(LABELS.read_text())
    worn = [name for name in labels if labels[name]]
    names = worn + _some([name for name in labels if not labels[name]], 60)
    with LfwArchive() as lfw:
        photos = [lfw.photo(f"lfw-grey/images/{n.rsplit('_', 1)[0]}/{n}") for n in names]
    glasses, mask = _told(np.stack([_chip(photo) for photo in photos]))
    true = np.array([labels[name] for name in names], bool)
    assert _balanced(glasses >= 0.5, true) >= SHIPPED
    assert (mask < 0.5).mean() >= SHIPPED


def test_masks_on_photos() -> None:
    with tarfile.open(shared("mask.tar")) as tar:
        files = sorted(name for name in tar.getnames() if name.endswith(".jpg"))
        names = _some([n for n in files if "without" not in n], 50)
        names += _some([n for n in files if "without" in n], 50)
        photos = [load(tar.extractfile(name).read()) for name in names]
    _, mask = _told(np.stack([_chip(photo) for photo in photos]))
    assert _balanced(mask >= 0.5, np.arange(len(names)) < 50) >= SHIPPED


def test_a_black_bar_over_the_eyes_does_not_raise() -> None:
    """Covered eyes may be called sunglasses or not; the mask is another matter."""
    chips = np.full((1, 150, 150, 3), 170, np.uint8)
    chips[:, 35:60, 20:130] = 0
    glasses, mask = _told(chips)
    assert np.isfinite(glasses).all()
    assert np.isfinite(mask).all()
