from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vultus.faces.embedder import DlibResNet, embed_mirrored, look_mirrored
from vultus.models import dlib_resnet
from vultus.models.catalogue import EMBEDDER, card
from vultus.models.session import OnnxSession
from vultus.models.store import read_weights
from vultus.settings import RuntimeSettings

REFERENCE = Path(__file__).parents[1] / "reference" / "dlib_reference.json"


@pytest.fixture(scope="module")
def embedder() -> DlibResNet:
    """Converted now, whatever lies in the cache."""
    converted = dlib_resnet.convert(read_weights(card(EMBEDDER)))["resnet.onnx"]
    return DlibResNet(OnnxSession(converted, "resnet", RuntimeSettings()), EMBEDDER)


def test_embeddings_are_dlibs(embedder, lfw):
    reference = json.loads(REFERENCE.read_text())["embeddings"]
    assert len(reference) == 60
    chips = np.stack([lfw(name)[25:325:2, 25:325:2] for name in reference])
    found = embedder.embed(chips)
    assert np.abs(found - np.array(list(reference.values()))).max() <= 1e-5


def chips(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 150, 150, 3), dtype=np.uint8)


def test_the_real_network_says_what_it_is(analyzer):
    found = analyzer.embedder.embed(chips(2))
    assert analyzer.embedder.model_id == EMBEDDER == analyzer.embedder_id
    assert found.shape == (2, 128)
    assert found.dtype == np.float32


def test_a_batch_is_as_its_chips_alone(analyzer):
    batch = chips(3)
    alone = np.concatenate([analyzer.embedder.embed(chip[None]) for chip in batch])
    np.testing.assert_allclose(analyzer.embedder.embed(batch), alone, atol=1e-5)


def test_inner_features_hold_the_embedding_means_and_maps(embedder):
    embeddings, inner = embedder.look(chips(2))
    assert inner.shape == (2, dlib_resnet.INNER_SIZE)
    np.testing.assert_array_equal(inner[:, :128], embeddings)
    sizes = [32] * 3 + [64] * 4 + [128] * 3 + [256] * 4
    means = np.split(inner[:, 128 : 128 + sum(sizes)], np.cumsum(sizes)[:-1], axis=1)
    last, parts = np.split(inner[:, 128 + sum(sizes) :], [256 * 4], axis=1)
    np.testing.assert_allclose(last.reshape(2, 256, 4).mean(2), means[-1], atol=1e-5)
    # parts share their edges, so that their mean is near that of the map, not equal to it
    off = np.abs(parts.reshape(2, 64, 16).mean(2) - means[6])
    assert off.max() < 0.25 * means[6].max()
    assert parts.reshape(2, 64, 16).std(2).max() > 0


def test_parts_of_the_face_are_told_apart(embedder):
    left = chips(1)
    left[:, :, 75:] = 128
    _, inner = embedder.look(np.concatenate([left, left[:, :, ::-1]]))
    parts = inner[:, -64 * 16 :].reshape(2, 64, 4, 4)
    here, there = parts[0], parts[1][:, :, ::-1]
    spread = np.abs(parts[0] - parts[0][:, :, ::-1]).mean()
    assert np.abs(here - there).mean() < spread


class Means:
    """A session whose answer tells each chip's mean of the left half, and the batches it got."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def run(self, image: np.ndarray) -> list[np.ndarray]:
        self.batches.append(len(image))
        left = image[:, :, :75].mean(axis=(1, 2, 3), dtype=np.float32)[:, None]
        return [left, left + 1]


@pytest.mark.parametrize(("count", "batches"), [(0, []), (1, [1]), (8, [8]), (20, [8, 8, 4])])
def test_crowds_go_in_batches_and_come_back_in_order(count, batches):
    session = Means()
    many = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones(
        (1, 150, 150, 3), np.uint8
    )
    found = DlibResNet(session, "means").embed(many)
    assert session.batches == batches
    assert found[:, 0].tolist() == list(range(count))


def test_no_chips_make_no_embeddings_of_the_right_length():
    assert DlibResNet(Means(), "means").embed(chips(0)).shape == (0, 128)


def test_the_mirrored_embedding_is_the_mean_of_both_sides():
    chip = np.zeros((2, 150, 150, 3), np.uint8)
    chip[0, :, :75], chip[0, :, 75:] = 10, 30
    chip[1] = 7
    found = embed_mirrored(DlibResNet(Means(), "means"), chip)
    np.testing.assert_array_equal(found, [[20], [7]])
    embeddings, inner = look_mirrored(DlibResNet(Means(), "means"), chip)
    np.testing.assert_array_equal(embeddings, found)
    np.testing.assert_array_equal(inner, found + 1)


def test_a_mirrored_embedding_does_not_care_for_mirrors(analyzer):
    batch = chips(2)
    there = embed_mirrored(analyzer.embedder, batch)
    back = embed_mirrored(analyzer.embedder, batch[:, :, ::-1])
    np.testing.assert_allclose(there, back, atol=1e-5)
