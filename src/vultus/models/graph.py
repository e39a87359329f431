"""A small builder of ONNX graphs, used by the converters."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_OPSET = 17
_IR_VERSION = 8  # readable by every ONNX Runtime that Vultus admits

Array = NDArray[np.float32]


class GraphBuilder:
    """Collects nodes and weights; every method returns the name of its output."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._count = 0

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"

    def constant(self, value: NDArray[np.generic]) -> str:
        name = self._name("weight")
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        output = self._name(operator.lower())
        self._nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def pixels_to_planes(self, image: str) -> str:
        """uint8 (n, height, width, 3) to float32 (n, 3, height, width)."""
        planes = self.node("Transpose", image, perm=[0, 3, 1, 2])
        return self.node("Cast", planes, to=TensorProto.FLOAT)

    def conv(
        self, x: str, kernel: Array, bias: Array, *, stride: int = 1, pad: int = 0, groups: int = 1
    ) -> str:
        """2-D convolution; kernel is (out, in / groups, height, width)."""
        weights = self.constant(kernel.astype(np.float32)), self.constant(bias.astype(np.float32))
        return self.node(
            "Conv", x, *weights, strides=[stride, stride], pads=[pad] * 4, group=groups
        )

    def dense(self, x: str, kernel: Array, bias: Array | None = None) -> str:
        """(n, in) times kernel (in, out), plus bias."""
        product = self.node("MatMul", x, self.constant(kernel.astype(np.float32)))
        if bias is None:
            return product
        return self.node("Add", product, self.constant(bias.astype(np.float32)))

    def max_pool(self, x: str, size: int, *, stride: int = 2, ceil: bool = False) -> str:
        return self.node(
            "MaxPool", x, kernel_shape=[size] * 2, strides=[stride] * 2, ceil_mode=int(ceil)
        )

    def build(
        self,
        input_shape: tuple[str | int, ...],
        outputs: dict[str, tuple[str | int, ...]],
        *,
        name: str,
        kind: int = TensorProto.UINT8,
    ) -> bytes:
        """Serialise; the one input is called `image`, `outputs` maps names to shapes.

        kind: what the input consists of; pixels, or the floats that another network made.
        """
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info("image", kind, input_shape)],
            [
                helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)
                for output, shape in outputs.items()
            ],
            self._weights,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
            producer_name="vultus",
        )
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))

    def rename(self, output: str, name: str) -> None:
        """Give the output of a node the name under which it leaves the graph."""
        self._nodes.append(helper.make_node("Identity", [output], [name]))


def fold_normalisation(
    kernel: Array, bias: Array, mean: Array, scale: float
) -> tuple[Array, Array]:
    """Move (pixel - mean) / scale into an unpadded first convolution. Exact but for rounding."""
    wide = kernel.astype(np.float64) / scale
    shift = np.einsum("oihw,i->o", wide, np.asarray(mean, np.float64))
    return wide.astype(np.float32), (bias - shift).astype(np.float32)
