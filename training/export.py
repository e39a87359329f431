"""A trained network to the ONNX files inside the package, weights kept as 16-bit floats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto

from training.network import FEATURES, SIDE, Block, Branch, Network
from vultus.models.attributes import CROP
from vultus.models.dlib_resnet import CHIP_MEAN, CHIP_SCALE, CHIP_SIZE, residual_block
from vultus.models.graph import GraphBuilder, fold_normalisation

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green, blue (ITU-R BT.601)
MAPS: tuple[str | int, ...] = ("n", 64, 13, 13)


class HalfGraph(GraphBuilder):
    """A graph whose weights are half as large on disk; they are computed with as 32-bit floats."""

    def constant(self, value: np.ndarray) -> str:
        if value.dtype != np.float32 or value.size < 64:
            return super().constant(value)
        return self.node("Cast", super().constant(value.astype(np.float16)), to=TensorProto.FLOAT)


def export(network: Network, folder: Path, temperature: float) -> None:
    """Write `trunk.onnx` and `expression.onnx`.

    temperature: what the logits are divided by, so that probabilities are right on held-back faces.
    The branch for age and gender has done its part in the training; `person.py` tells them better.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network = network.eval()
    (folder / "trunk.onnx").write_bytes(_trunk(network))
    (folder / "expression.onnx").write_bytes(_expression(network.expression, temperature))


def _trunk(network: Network) -> bytes:
    graph = HalfGraph()
    left, top, right, bottom = CROP
    bounds = [np.array(b, np.int64) for b in ((top, left), (bottom, right), (1, 2))]
    x = graph.node("Slice", "image", *(graph.constant(bound) for bound in bounds))
    x = graph.pixels_to_planes(x)
    stem = network.trunk.stem.folded()
    kernel, bias = fold_normalisation(stem.kernel, stem.bias, CHIP_MEAN, CHIP_SCALE)
    # it was trained on grey, so that one plane is enough, which takes a third of the work
    x = graph.conv(x, _LUMINANCE.reshape(1, 3, 1, 1), np.zeros(1, np.float32))
    kernel = kernel.sum(1, keepdims=True)
    x = graph.max_pool(graph.node("Relu", graph.conv(x, kernel, bias, stride=2)), 3)
    size = ((SIDE - 7) // 2 + 1 - 3) // 2 + 1
    for block in network.trunk.blocks:
        x, size = _block(graph, x, size, block)
    graph.rename(x, "maps")
    return graph.build(("n", CHIP_SIZE, CHIP_SIZE, 3), {"maps": MAPS}, name="attributes_trunk")


def _features(graph: GraphBuilder, branch: Branch) -> str:
    x, size = "image", int(MAPS[-1])
    for block in branch.middle:
        x, size = _block(graph, x, size, block)
    middle = x
    last, _ = _block(graph, x, size, branch.last)
    pools = (("GlobalAveragePool", middle), ("GlobalMaxPool", middle), ("GlobalAveragePool", last))
    flat = [graph.node("Flatten", graph.node(pool, x)) for pool, x in pools]
    return graph.node("Concat", *flat, axis=1)


def _expression(branch: Branch, temperature: float) -> bytes:
    graph = HalfGraph()
    features = _features(graph, branch)
    logits = _head(graph, branch, "expression", features, temperature)
    graph.rename(graph.node("Softmax", logits, axis=1), "probabilities")
    graph.rename(features, "features")
    outputs: dict[str, tuple[str | int, ...]] = {
        "probabilities": ("n", 7),
        "features": ("n", FEATURES),
    }
    return graph.build(MAPS, outputs, name="expression", kind=TensorProto.FLOAT)


def _head(graph: GraphBuilder, branch: Branch, name: str, features: str, temperature: float) -> str:
    layer = branch.heads[name]
    kernel, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    by = np.float32(temperature)
    return graph.dense(features, kernel.T / by, bias / by)


def _block(graph: GraphBuilder, x: str, size: int, block: Block) -> tuple[str, int]:
    return residual_block(graph, x, size, block.first.folded(), block.second.folded())
