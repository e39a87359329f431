"""PReLU layers in a form that ONNX Runtime keeps in its blocked convolution layout.

PReLU(x) = a x + (1 - a) max(x, 0), with one slope a a channel. As ONNX's PRelu operator it
breaks the chain of blocked convolutions (reordered out and in again) and is itself slow:
measured on P-Net, 6.0 of 11.9 ms. Written as two depthwise 1x1 convolutions, one of them
with a ReLU, and their sum, everything stays blocked: 6.9 ms for the same numbers.

A depthwise ReLU cannot carry a negative factor 1 - a, so a channel with a > 1 becomes two
channels, x and max(x, 0), and the next layer's weights mix them: W (a x + (1 - a) max(x, 0)).
Both are monotone in x, so a max-pool in between stays exact. Channels are filled up with zeros
to whole blocks, without which the next convolution would leave the blocked layout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.models.graph import GraphBuilder

Array = NDArray[np.float32]

_BLOCK = 16  # channels that ONNX Runtime's blocked layout takes together, at most


@dataclass(frozen=True)
class _Split:
    source: NDArray[np.int64]  # (c',) the channel that each carried channel is made of
    linear: Array  # (c',) factor of x
    relu: Array  # (c',) factor of max(x, 0), never negative
    mix: Array  # (c, c') carried channels to PReLU's channels


def _split(slopes: Array) -> _Split:
    count = len(slopes)
    steep = np.flatnonzero(slopes > 1)
    carried = -(-(count + len(steep)) // _BLOCK) * _BLOCK
    source = np.zeros(carried, np.int64)
    linear, relu = np.zeros(carried, np.float32), np.zeros(carried, np.float32)
    source[:count], linear[:count], relu[:count] = np.arange(count), slopes, 1 - slopes
    mix = np.eye(count, carried, dtype=np.float32)
    for extra, channel in enumerate(steep, start=count):
        source[extra], linear[extra], relu[extra] = channel, 0, 1
        linear[channel], relu[channel] = 1, 0
        mix[channel, channel] = slopes[channel]
        mix[channel, extra] = 1 - slopes[channel]
    return _Split(source, linear, relu, mix)


def conv_prelu(
    graph: GraphBuilder, x: str, kernel: Array, bias: Array, slopes: Array
) -> tuple[str, Array]:
    """Convolution and PReLU. Returns the output and the mix that the next layer must absorb."""
    parts = _split(slopes)
    channels = len(parts.source)
    none = np.zeros(channels, np.float32)
    values = graph.conv(x, kernel[parts.source], bias[parts.source])
    relu = graph.node(
        "Relu", graph.conv(values, parts.relu.reshape(-1, 1, 1, 1), none, groups=channels)
    )
    linear = graph.conv(values, parts.linear.reshape(-1, 1, 1, 1), none, groups=channels)
    return graph.node("Add", linear, relu), parts.mix


def absorb(kernel: Array, mix: Array) -> Array:
    """The next convolution's kernel (out, c, h, w) over the carried channels (out, c', h, w)."""
    mixed: Array = np.einsum("oihw,ij->ojhw", kernel, mix).astype(np.float32)
    return mixed
