"""dlib's 128-d face recognition ResNet (29 convolutions), from its `.dat` file to ONNX.

Input 150 x 150 RGB. A stem (7x7/2, max-pool 3x3/2), residual blocks of two 3x3 convolutions,
global average pool, linear to 128 numbers that are not normalised; distances are Euclidean.
A down block halves the size: stride 2 in its first convolution, unpadded, and an average
pool 2x2/2 as its shortcut. Where the two sides of a block differ in channels or size, the
smaller one is zero-padded at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vultus.models.dlib_stream import DlibStream

if TYPE_CHECKING:
    from vultus.models.graph import GraphBuilder

Array = NDArray[np.float32]

CHIP_SIZE = 150
INNER_SIZE = 128 + 3 * 32 + 4 * 64 + 3 * 128 + 4 * 256 + 2 * 2 * 256 + 4 * 4 * 64
CHIP_MEAN = np.array([122.782, 117.001, 104.298], np.float32)
CHIP_SCALE = 256.0
_CONVOLUTIONS = 29
_LAST_OF_64 = 6  # block
_FILE = "dlib_face_recognition_resnet_model_v1.dat"


@dataclass(frozen=True)
class Conv:
    """A convolution of the network with the affine layer after it folded in."""

    kernel: Array  # (out, in, height, width)
    bias: Array  # (out,)
    stride: int
    pad: int


def convert(files: dict[str, bytes]) -> dict[str, bytes]:
    """The `.dat` file by name to `resnet.onnx`: uint8 (n, 150, 150, 3) to float32 (n, 128).

    A second output, `inner` (n, INNER_SIZE), are the embedding, the mean of each channel after
    every block, the last map, and the map of the last block with 64 channels in 4 x 4 parts: what
    heads for other questions are trained on. It costs 0.03 ms of the 6.3 ms that a chip takes on
    one thread.
    """
    stream = DlibStream(files[_FILE], _FILE)
    convolutions = _read_convolutions(stream)
    stream.seek_layer("fc_2")
    outputs, inputs = stream.integer(), stream.integer()
    linear = stream.tensor().reshape(inputs, outputs)
    return {"resnet.onnx": _build(convolutions, linear)}


def read_convolutions(files: dict[str, bytes]) -> list[Conv]:
    """Its 29 convolutions in the order in which data meets them."""
    return _read_convolutions(DlibStream(files[_FILE], _FILE))


def _read_convolutions(stream: DlibStream) -> list[Conv]:
    found: list[Conv] = []
    channels = 3
    for _ in range(_CONVOLUTIONS):
        stream.seek_layer("con_4")
        values = stream.tensor().ravel()
        count, rows, columns, stride, _, pad, _ = (int(v) for v in stream.integers(7))
        kernel = values[:-count].reshape(count, channels, rows, columns)
        bias = values[-count:]
        stream.seek_layer("affine_")
        gamma, beta = stream.tensor().ravel().reshape(2, count)
        found.append(Conv(kernel * gamma[:, None, None, None], bias * gamma + beta, stride, pad))
        channels = count
    return found


def _build(convolutions: list[Conv], linear: Array) -> bytes:
    # onnx takes 70 ms to import, and whoever runs the network needs only numbers of this file
    from vultus.models.graph import GraphBuilder, fold_normalisation

    graph = GraphBuilder()
    stem, *rest = convolutions
    kernel, bias = fold_normalisation(stem.kernel, stem.bias, CHIP_MEAN, CHIP_SCALE)
    x = graph.pixels_to_planes("image")
    x = graph.node("Relu", graph.conv(x, kernel, bias, stride=stem.stride, pad=stem.pad))
    x = graph.max_pool(x, 3)
    size = ((CHIP_SIZE - 7) // 2 + 1 - 3) // 2 + 1
    means, parts = [], ""
    for block, (first, second) in enumerate(zip(rest[::2], rest[1::2], strict=True)):
        x, size = residual_block(graph, x, size, first, second)
        means.append(graph.node("Flatten", graph.node("GlobalAveragePool", x)))
        if block == _LAST_OF_64:  # 17 x 17: parts of 5 x 5 that share their edges
            parts = graph.node("AveragePool", x, kernel_shape=[5, 5], strides=[4, 4])
    embedding = graph.dense(means[-1], linear)
    graph.rename(embedding, "embedding")
    flat = (graph.node("Flatten", maps) for maps in (x, parts))
    inner = graph.node("Concat", embedding, *means, *flat, axis=1)
    graph.rename(inner, "inner")
    outputs: dict[str, tuple[str | int, ...]] = {
        "embedding": ("n", linear.shape[1]),
        "inner": ("n", INNER_SIZE),
    }
    return graph.build(("n", CHIP_SIZE, CHIP_SIZE, 3), outputs, name="dlib_resnet")


def residual_block(
    graph: GraphBuilder, x: str, size: int, first: Conv, second: Conv
) -> tuple[str, int]:
    """One block; returns its output and the side of its square feature map."""
    y = graph.conv(x, first.kernel, first.bias, stride=first.stride, pad=first.pad)
    y = graph.conv(graph.node("Relu", y), second.kernel, second.bias, pad=second.pad)
    if first.stride == 1:
        return graph.node("Relu", graph.node("Add", y, x)), size
    shortcut = graph.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    inside, outside = (size - 3) // 2 + 1, size // 2
    if outside > inside:
        y = _zero_pad(graph, y, height=outside - inside, width=outside - inside)
    missing = len(second.kernel) - first.kernel.shape[1]
    if missing:
        shortcut = _zero_pad(graph, shortcut, channels=missing)
    return graph.node("Relu", graph.node("Add", y, shortcut)), outside


def _zero_pad(
    graph: GraphBuilder, x: str, *, channels: int = 0, height: int = 0, width: int = 0
) -> str:
    ends = np.array([0, 0, 0, 0, 0, channels, height, width], np.int64)
    return graph.node("Pad", x, graph.constant(ends))
