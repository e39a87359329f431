"""The converted networks against a plain NumPy forward pass of what the weights describe."""

from __future__ import annotations

from collections.abc import Iterator

import lz4.frame
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from vultus.models import mtcnn
from vultus.models.arrays_pickle import load_arrays
from vultus.models.catalogue import DETECTOR, card
from vultus.models.session import OnnxSession
from vultus.models.store import read_weights
from vultus.settings import RuntimeSettings

RNG = np.random.default_rng(5)


@pytest.fixture(scope="module")
def sessions() -> dict[str, OnnxSession]:
    """Converted now, whatever lies in the cache."""
    runtime = RuntimeSettings(provider="cpu")
    converted = mtcnn.convert(read_weights(card(DETECTOR)))
    return {
        name.removesuffix(".onnx"): OnnxSession(data, name, runtime)
        for name, data in converted.items()
    }


@pytest.fixture(scope="module")
def weights():
    files = read_weights(card(DETECTOR))

    def arrays(name: str) -> Iterator[np.ndarray]:
        raw = load_arrays(lz4.frame.decompress(files[f"{name}.lz4"]), name)
        return iter([array.astype(np.float64) for array in raw])

    return arrays


# layers as TensorFlow has them: (n, height, width, channel)


def conv(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    windows = sliding_window_view(x, kernel.shape[:2], axis=(1, 2))
    return np.einsum("nyxchw,hwco->nyxo", windows, kernel) + bias


def prelu(x: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + slopes.ravel() * np.minimum(x, 0)


def pool(x: np.ndarray, size: int, *, same: bool) -> np.ndarray:
    """Max-pool of stride 2; 'same' fills up with minus infinity, more of it at the end."""
    if same:
        fill = [max((-(-n // 2) - 1) * 2 + size - n, 0) for n in x.shape[1:3]]
        ends = [(total // 2, total - total // 2) for total in fill]
        x = np.pad(x, [(0, 0), *ends, (0, 0)], constant_values=-np.inf)
    return sliding_window_view(x, (size, size), axis=(1, 2))[:, ::2, ::2].max(axis=(-2, -1))


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def block(x: np.ndarray, arrays: Iterator[np.ndarray]) -> np.ndarray:
    return prelu(conv(x, next(arrays), next(arrays)), next(arrays))


def dense(x: np.ndarray, arrays: Iterator[np.ndarray]) -> np.ndarray:
    return x @ next(arrays) + next(arrays)


def permuted(x: np.ndarray) -> np.ndarray:
    """The feature map taken as (width, height, channel)."""
    return x.transpose(0, 2, 1, 3).reshape(len(x), -1)


def normalised(image: np.ndarray) -> np.ndarray:
    return (image.astype(np.float64) - 127.5) / 128


@pytest.mark.parametrize("size", [(12, 12), (13, 12), (31, 44), (40, 27)])
def test_pnet(sessions, weights, size):
    arrays = weights("pnet")
    image = RNG.integers(0, 256, (2, *size, 3), dtype=np.uint8)
    x = pool(block(normalised(image), arrays), 2, same=True)
    x = block(block(x, arrays), arrays)
    box = conv(x, next(arrays), next(arrays))
    face = softmax(conv(x, next(arrays), next(arrays)))[..., 1]
    (found,) = sessions["pnet"].run(image)
    np.testing.assert_allclose(found[:, :4].transpose(0, 2, 3, 1), box, atol=1e-4)
    np.testing.assert_allclose(1 / (1 + np.exp(-found[:, 4].astype(float))), face, atol=1e-4)
    assert next(arrays, None) is None


def test_rnet(sessions, weights):
    arrays = weights("rnet")
    image = RNG.integers(0, 256, (5, 24, 24, 3), dtype=np.uint8)
    x = pool(block(normalised(image), arrays), 3, same=True)
    x = pool(block(x, arrays), 3, same=False)
    x = permuted(block(x, arrays))
    x = prelu(dense(x, arrays), next(arrays))
    expected = dense(x, arrays), softmax(dense(x, arrays))
    for found, wanted in zip(sessions["rnet"].run(image), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert next(arrays, None) is None


def test_onet(sessions, weights):
    arrays = weights("onet")
    image = RNG.integers(0, 256, (5, 48, 48, 3), dtype=np.uint8)
    x = pool(block(normalised(image), arrays), 3, same=True)
    x = pool(block(x, arrays), 3, same=False)
    x = pool(block(x, arrays), 2, same=True)
    x = permuted(block(x, arrays))
    x = prelu(dense(x, arrays), next(arrays))
    expected = dense(x, arrays), dense(x, arrays), softmax(dense(x, arrays))
    for found, wanted in zip(sessions["onet"].run(image), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert next(arrays, None) is None


def test_an_empty_batch_makes_empty_answers(sessions):
    box, points, score = sessions["onet"].run(np.zeros((0, 48, 48, 3), np.uint8))
    assert (box.shape, points.shape, score.shape) == ((0, 4), (0, 10), (0, 2))
