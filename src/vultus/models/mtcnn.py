"""MTCNN's three networks (Zhang et al., 2016), from the distribution `mtcnn` to ONNX.

Each file is an LZ4 frame around a joblib pickle of a list of float32 arrays in layer order:
kernel (height, width, in, out), bias, PReLU slopes.
"""

from __future__ import annotations

from collections.abc import Iterator

import lz4.frame
import numpy as np
from numpy.typing import NDArray

from vultus.errors import ModelDamaged
from vultus.models.arrays_pickle import load_arrays
from vultus.models.graph import GraphBuilder, fold_normalisation
from vultus.models.prelu import absorb, conv_prelu

Array = NDArray[np.float32]

_MEAN = np.full(3, 127.5, np.float32)
_SCALE = 128.0
_LAYERS = {"pnet": 13, "rnet": 16, "onet": 21}


def convert(files: dict[str, bytes]) -> dict[str, bytes]:
    """Weight files by name (pnet.lz4, ...) to ONNX files by name (pnet.onnx, ...)."""
    builders = {"pnet": _pnet, "rnet": _rnet, "onet": _onet}
    return {f"{name}.onnx": build(_read(files, name)) for name, build in builders.items()}


def _read(files: dict[str, bytes], name: str) -> Iterator[Array]:
    file = f"{name}.lz4"
    try:
        raw = lz4.frame.decompress(files[file])
    except RuntimeError as error:
        raise ModelDamaged(
            f"{file} cannot be decompressed: {error}.", "Install the distribution mtcnn again."
        ) from error
    arrays = load_arrays(raw, file)
    if len(arrays) != _LAYERS[name]:
        raise ModelDamaged(
            f"{file}: expected {_LAYERS[name]} arrays, found {len(arrays)}.",
            "Install the distribution mtcnn==1.0.0 again.",
        )
    return iter(arrays)


def _kernel(arrays: Iterator[Array]) -> Array:
    """The next kernel, (height, width, in, out) to (out, in, height, width)."""
    return np.ascontiguousarray(next(arrays).transpose(3, 2, 0, 1))


def _block(
    graph: GraphBuilder, x: str, arrays: Iterator[Array], mix: Array | None
) -> tuple[str, Array]:
    """The next convolution with its PReLU; the first one (no mix) takes raw pixels."""
    kernel, bias = _kernel(arrays), next(arrays)
    if mix is None:
        kernel, bias = fold_normalisation(kernel, bias, _MEAN, _SCALE)
    else:
        kernel = absorb(kernel, mix)
    return conv_prelu(graph, x, kernel, bias, next(arrays).ravel())


def _pnet(arrays: Iterator[Array]) -> bytes:
    """Outputs `map` (n, 5, h, w): box regression x1, y1, x2, y2 and the face's log-odds."""
    graph = GraphBuilder()
    x, mix = _block(graph, graph.pixels_to_planes("image"), arrays, None)
    x = graph.max_pool(x, 2, ceil=True)
    x, mix = _block(graph, x, arrays, mix)
    x, mix = _block(graph, x, arrays, mix)
    box, box_bias = _kernel(arrays), next(arrays)
    face, face_bias = _kernel(arrays), next(arrays)
    # softmax over two classes is the logistic function of their difference
    kernel = np.concatenate([box, face[1:] - face[:1]])
    bias = np.concatenate([box_bias, face_bias[1:] - face_bias[:1]])
    graph.rename(graph.conv(x, absorb(kernel, mix), bias), "map")
    size = ("n", "height", "width", 3)
    return graph.build(size, {"map": ("n", 5, "rows", "columns")}, name="pnet")


def _dense_trunk(graph: GraphBuilder, x: str, mix: Array, arrays: Iterator[Array]) -> str:
    """The first dense layer, over the feature map taken as (width, height, channel)."""
    weight, bias, slopes = next(arrays), next(arrays), next(arrays)
    channels, carried = mix.shape
    side = round((weight.shape[0] / channels) ** 0.5)
    # rows are (width, height, channel); here the map is flattened as (channel, height, width)
    cube = weight.reshape(side, side, channels, -1)
    cube = np.einsum("whco,cj->jhwo", cube, mix).reshape(side * side * carried, -1)
    x = graph.dense(graph.node("Flatten", x), cube.astype(np.float32), bias)
    return graph.node("PRelu", x, graph.constant(slopes.ravel()))


def _heads(graph: GraphBuilder, x: str, arrays: Iterator[Array], landmarks: bool) -> None:
    graph.rename(graph.dense(x, next(arrays), next(arrays)), "box")
    if landmarks:
        graph.rename(graph.dense(x, next(arrays), next(arrays)), "points")
    face = graph.dense(x, next(arrays), next(arrays))
    graph.rename(graph.node("Softmax", face, axis=1), "score")


def _rnet(arrays: Iterator[Array]) -> bytes:
    """(n, 24, 24, 3) to `box` (n, 4) and `score` (n, 2: no face, face)."""
    graph = GraphBuilder()
    x, mix = _block(graph, graph.pixels_to_planes("image"), arrays, None)
    x, mix = _block(graph, graph.max_pool(x, 3, ceil=True), arrays, mix)
    x, mix = _block(graph, graph.max_pool(x, 3), arrays, mix)
    _heads(graph, _dense_trunk(graph, x, mix, arrays), arrays, landmarks=False)
    return graph.build(("n", 24, 24, 3), {"box": ("n", 4), "score": ("n", 2)}, name="rnet")


def _onet(arrays: Iterator[Array]) -> bytes:
    """(n, 48, 48, 3) to `box` (n, 4), `points` (n, 10) and `score` (n, 2: no face, face)."""
    graph = GraphBuilder()
    x, mix = _block(graph, graph.pixels_to_planes("image"), arrays, None)
    x, mix = _block(graph, graph.max_pool(x, 3, ceil=True), arrays, mix)
    x, mix = _block(graph, graph.max_pool(x, 3), arrays, mix)
    x, mix = _block(graph, graph.max_pool(x, 2, ceil=True), arrays, mix)
    _heads(graph, _dense_trunk(graph, x, mix, arrays), arrays, landmarks=True)
    outputs: dict[str, tuple[str | int, ...]] = {
        "box": ("n", 4),
        "points": ("n", 10),
        "score": ("n", 2),
    }
    return graph.build(("n", 48, 48, 3), outputs, name="onet")
