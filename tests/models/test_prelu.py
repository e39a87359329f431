from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from vultus.models.graph import GraphBuilder, fold_normalisation
from vultus.models.prelu import absorb, conv_prelu

RNG = np.random.default_rng(11)


def run(data: bytes, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image})[0]


def conv(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """x (n, c, h, w), kernel (out, in, height, width), in float64."""
    windows = sliding_window_view(x, kernel.shape[2:], axis=(2, 3))
    return np.einsum("ncyxhw,ochw->noyx", windows, kernel) + bias[:, None, None]


def prelu(x: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, x * slopes[:, None, None])


def max_pool(x: np.ndarray, size: int, stride: int) -> np.ndarray:
    windows = sliding_window_view(x, (size, size), axis=(2, 3))
    return windows[:, :, ::stride, ::stride].max(axis=(-2, -1))


def network(first, slopes, last, *, pool: bool) -> bytes:
    """Convolution, PReLU, perhaps a max-pool, convolution."""
    graph = GraphBuilder()
    x, mix = conv_prelu(graph, graph.pixels_to_planes("image"), *first, slopes)
    if pool:
        x = graph.max_pool(x, 2)
    graph.rename(graph.conv(x, absorb(last[0], mix), last[1]), "out")
    return graph.build((1, 12, 12, 3), {"out": (1, 4, "rows", "columns")}, name="prelu")


SLOPES = {
    "negative": [-0.5, -3.0, -0.01],
    "between": [0.0, 0.25, 1.0],
    "above one": [1.01, 2.5, 40.0],
    "mixed": [-1.0, 0.0, 0.3, 1.0, 1.5, -0.2, 3.0, 0.9],
    "more than a block": [*np.linspace(-2, 3, 21)],
}


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("slopes", SLOPES.values(), ids=SLOPES)
def test_the_split_prelu_is_prelu(slopes, pool):
    slopes = np.array(slopes, np.float32)
    count = len(slopes)
    # small whole numbers, so that float32 is exact but for the slopes
    first = RNG.integers(-2, 3, (count, 3, 3, 3)).astype(np.float32), np.ones(count, np.float32)
    last = RNG.integers(-2, 3, (4, count, 2, 2)).astype(np.float32), np.zeros(4, np.float32)
    image = RNG.integers(0, 9, (1, 12, 12, 3), dtype=np.uint8)
    found = run(network(first, slopes, last, pool=pool), image)
    x = conv(image.transpose(0, 3, 1, 2).astype(np.float64), *first)
    assert x.min() < 0 < x.max()
    x = prelu(x, slopes)
    expected = conv(max_pool(x, 2, 2) if pool else x, *last)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_channels_are_filled_up_to_whole_blocks_that_carry_nothing():
    graph = GraphBuilder()
    slopes = np.array([0.5, 2.0, 3.0], np.float32)
    kernel = RNG.normal(size=(3, 3, 1, 1)).astype(np.float32)
    _, mix = conv_prelu(graph, "image", kernel, np.zeros(3, np.float32), slopes)
    assert mix.shape == (3, 16)
    assert not mix[:, 5:].any()  # three channels and a second one for each steep slope


def test_a_normalisation_is_folded_into_the_first_convolution():
    kernel = RNG.normal(size=(4, 3, 3, 3)).astype(np.float32)
    bias = RNG.normal(size=4).astype(np.float32)
    mean = np.array([120, 110, 100], np.float32)
    pixels = RNG.integers(0, 256, (1, 3, 8, 8)).astype(np.float64)
    folded = fold_normalisation(kernel, bias, mean, 128.0)
    expected = conv((pixels - mean[:, None, None]) / 128, kernel, bias)
    np.testing.assert_allclose(conv(pixels, *folded), expected, atol=2e-5)
