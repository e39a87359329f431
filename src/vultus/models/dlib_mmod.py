"""dlib's MMOD face detector (King, 2016), from its `.dat` file to ONNX.

Three 5x5 convolutions of stride 2 without padding, three 5x5 ones with padding, and a 9x9 one that
scores; batch normalisation and a ReLU after each but the last. What goes in and comes out is in
`mmod_window`.

It becomes two networks, cut where the padding begins: `trunk` can run over a canvas strip by
strip, and strips that share REACH - STRIDE rows meet exactly; `head` can where HALO rows more are
given on each side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from vultus.models import mmod_window as window
from vultus.models.dlib_stream import DlibStream
from vultus.models.graph import GraphBuilder

Array = NDArray[np.float32]

# (filters, side, stride, padding) of each convolution; the rest of the code rests on these.
_SHAPES = (
    (16, 5, 2, 0),
    (32, 5, 2, 0),
    (window.FEATURES, 5, 2, 0),
    (45, 5, 1, 2),
    (45, 5, 1, 2),
    (45, 5, 1, 2),
    (1, 9, 1, 4),
)
_TRUNK = 3
# ONNX Runtime computes so many channels together, and is slow where they do not come out even.
_TOGETHER = 16
_FILE = "mmod_human_face_detector.dat"


@dataclass(frozen=True)
class Conv:
    """A convolution of the network with the normalisation after it folded in."""

    kernel: Array  # (out, in, height, width)
    bias: Array  # (out,)
    stride: int
    pad: int


def convert(files: dict[str, bytes]) -> dict[str, bytes]:
    """The `.dat` file by name to two networks by name.

    `trunk.onnx`: float32 (n, 3, height, width) to (n, FEATURES, rows, columns).
    `head.onnx`: that to scores, (n, 1, rows, columns).
    """
    stream = DlibStream(files[_FILE], _FILE)
    _check_options(stream)
    _check_input(stream)
    convolutions = read_convolutions(stream)
    return {
        "trunk.onnx": _trunk(convolutions[:_TRUNK]),
        "head.onnx": _head(convolutions[_TRUNK:]),
    }


def _check_options(stream: DlibStream) -> None:
    """`mmod_options` of version 1: one window, two losses, the truth's overlap, two tests."""
    stream.seek_layer("loss_mmod_")
    found = (stream.integer(), stream.integer(), stream.integer())
    if found != (1, window.WINDOW, window.WINDOW):
        raise stream.fail(f"a window of {window.WINDOW} pixels", found)
    overlap, covered = stream.floats(5)[3:]
    if (overlap, covered) != (window.OVERLAP, 1.0):
        raise stream.fail(f"an overlap of {window.OVERLAP}", (overlap, covered))


def _check_input(stream: DlibStream) -> None:
    stream.seek_layer("input_rgb_image_pyramid")
    mean = stream.floats(3).astype(np.float32)
    if not np.array_equal(mean, window.MEAN):
        raise stream.fail(f"the mean {window.MEAN}", mean)


def read_convolutions(stream: DlibStream) -> list[Conv]:
    """Its seven convolutions in the order in which data meets them."""
    found: list[Conv] = []
    channels = 3
    for number, expected in enumerate(_SHAPES):
        count, side, stride, pad = expected
        stream.seek_layer("con_4")
        values = _numbers(stream, count * (channels * side**2 + 1))
        sizes = tuple(int(v) for v in stream.integers(7))
        if sizes != (count, side, side, stride, stride, pad, pad):
            raise stream.fail(f"convolution {number} to be {expected}", sizes)
        kernel, bias = values[:-count].reshape(count, channels, side, side), values[-count:]
        if number < len(_SHAPES) - 1:
            gain, shift = _normalisation(stream, count)
            kernel, bias = kernel * gain[:, None, None, None], bias * gain + shift
        found.append(Conv(kernel.astype(np.float32), bias.astype(np.float32), stride, pad))
        channels = count
    return found


def _numbers(stream: DlibStream, count: int) -> Array:
    """The next tensor as one row, which has so many numbers."""
    values = stream.tensor().ravel()
    if len(values) != count:
        raise stream.fail(f"a tensor of {count} numbers before", len(values))
    return values


def _normalisation(stream: DlibStream, count: int) -> tuple[Array, Array]:
    """The next batch normalisation as a factor and a summand of each channel."""
    stream.seek_layer("bn_con2")
    gamma, beta = _numbers(stream, 2 * count).reshape(2, count)
    stream.integers(2 * 5)  # the shapes of these two
    # the first two are of the last batch it was trained with
    _, _, means, variances = (_numbers(stream, count) for _ in range(4))
    stream.integers(2)
    epsilon = stream.floats(5)[-1]
    gain = gamma / np.sqrt(variances + epsilon)
    return gain.astype(np.float32), (beta - gain * means).astype(np.float32)


def _trunk(convolutions: list[Conv]) -> bytes:
    graph = GraphBuilder()
    x = "image"
    for conv in convolutions:
        x = graph.node("Relu", graph.conv(x, conv.kernel, conv.bias, stride=conv.stride))
    graph.rename(x, "features")
    return graph.build(
        ("n", 3, "height", "width"),
        {"features": ("n", window.FEATURES, "rows", "columns")},
        name="dlib_mmod_trunk",
        kind=TensorProto.FLOAT,
    )


def _head(convolutions: list[Conv]) -> bytes:
    graph = GraphBuilder()
    *inner, last = (_filled_up(conv) for conv in convolutions)
    x = "image"
    for conv in inner:
        x = graph.node("Relu", graph.conv(x, conv.kernel, conv.bias, pad=conv.pad))
    graph.rename(graph.conv(x, last.kernel, last.bias, pad=last.pad), "scores")
    return graph.build(
        ("n", window.FEATURES, "rows", "columns"),
        {"scores": ("n", 1, "rows", "columns")},
        name="dlib_mmod_head",
        kind=TensorProto.FLOAT,
    )


def _filled_up(conv: Conv) -> Conv:
    """The same with channels of zeros, so that they come out even; one output stays one."""
    outputs, inputs = conv.kernel.shape[:2]
    more = -outputs % _TOGETHER if outputs > 1 else 0
    kernel = np.pad(conv.kernel, [(0, more), (0, -inputs % _TOGETHER), (0, 0), (0, 0)])
    return Conv(kernel, np.pad(conv.bias, (0, more)), conv.stride, conv.pad)
