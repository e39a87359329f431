"""The attribute networks of face-api, rebuilt from its published weights, to compare with.

From the description of its TensorFlow.js code (vladmandic/face-api, MIT): both take 112 pixels;
the expression network has four blocks of separable convolutions whose outputs are added up, that
for age and gender is a small Xception.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.models.dlib_resnet import CHIP_MEAN
from vultus.models.graph import GraphBuilder, fold_normalisation

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]

SIDE = 112
# its expressions, by the names of FER2013
EXPRESSIONS = ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise")


def read_weights(folder: Path, name: str) -> Weights:
    """The arrays of a manifest; those of 8 bits are scale * value + min."""
    manifest = json.loads((folder / f"{name}-weights_manifest.json").read_text())
    data = b"".join((folder / path).read_bytes() for path in manifest[0]["paths"])
    found, at = {}, 0
    for entry in manifest[0]["weights"]:
        quantised = entry.get("quantization")
        dtype = np.dtype(quantised["dtype"] if quantised else "float32")
        count = int(np.prod(entry["shape"]))
        values = np.frombuffer(data, dtype, count, at).astype(np.float32)
        at += count * dtype.itemsize
        if quantised:
            values = values * np.float32(quantised["scale"]) + np.float32(quantised["min"])
        found[entry["name"]] = values.reshape(entry["shape"])
    return found


@dataclass
class _Layers:
    """Layers by their names in the manifest, on a graph."""

    graph: GraphBuilder
    weights: Weights

    def relu(self, x: str) -> str:
        return self.graph.node("Relu", x)

    def add(self, *parts: str) -> str:
        return self.graph.node("Sum", *parts)

    def conv(self, x: str, name: str, *, stride: int = 2, first: bool = False) -> str:
        kernel = self.weights[f"{name}/filters"].transpose(3, 2, 0, 1)
        bias = self.weights[f"{name}/bias"]
        if first:  # pixels less their mean, by 255; what is outside of the picture stays 0
            mean = self.graph.constant(CHIP_MEAN.reshape(1, 3, 1, 1))
            x = self.graph.node("Sub", x, mean)
            kernel, bias = fold_normalisation(kernel, bias, np.zeros(3, np.float32), 255.0)
        return self._same(x, kernel, bias, stride)

    def separable(self, x: str, name: str, *, stride: int = 1) -> str:
        depth = self.weights[f"{name}/depthwise_filter"].transpose(2, 3, 0, 1)
        none = np.zeros(len(depth), np.float32)
        x = self._same(x, depth, none, stride, groups=len(depth))
        point = self.weights[f"{name}/pointwise_filter"].transpose(3, 2, 0, 1)
        return self._same(x, point, self.weights[f"{name}/bias"], 1)

    def _same(self, x: str, kernel: Floats, bias: Floats, stride: int, groups: int = 1) -> str:
        """TensorFlow's padding: the odd pixel at the end."""
        inputs = x, self.graph.constant(kernel), self.graph.constant(bias)
        return self.graph.node(
            "Conv", *inputs, strides=[stride] * 2, auto_pad="SAME_UPPER", group=groups
        )


def expression_network(folder: Path) -> bytes:
    """uint8 (n, 112, 112, 3) to probabilities (n, 7) in the order of EXPRESSIONS."""
    graph = GraphBuilder()
    layers = _Layers(graph, read_weights(folder, "face_expression_model"))
    x = graph.pixels_to_planes("image")
    for number in range(4):
        x = _dense_block(layers, x, f"dense{number}", first=number == 0)
    x = _pooled(graph, x)
    logits = graph.dense(x, layers.weights["fc/weights"], layers.weights["fc/bias"])
    graph.rename(graph.node("Softmax", logits, axis=1), "probabilities")
    return graph.build(("n", SIDE, SIDE, 3), {"probabilities": ("n", 7)}, name="peer_expression")


def _dense_block(layers: _Layers, x: str, name: str, *, first: bool) -> str:
    if first:
        start = layers.relu(layers.conv(x, f"{name}/conv0", first=True))
    else:
        start = layers.relu(layers.separable(x, f"{name}/conv0", stride=2))
    parts = [start]
    for number in (1, 2, 3):
        inside = parts[0] if number == 1 else layers.relu(layers.add(*parts))
        parts.append(layers.separable(inside, f"{name}/conv{number}"))
    return layers.relu(layers.add(*parts))


def age_gender_network(folder: Path) -> bytes:
    """uint8 (n, 112, 112, 3) to ages (n, 1) and probabilities of male and female (n, 2)."""
    graph = GraphBuilder()
    layers = _Layers(graph, read_weights(folder, "age_gender_model"))
    x = layers.relu(layers.conv(graph.pixels_to_planes("image"), "entry_flow/conv_in", first=True))
    x = _reduction(layers, x, "entry_flow/reduction_block_0", activate=False)
    x = _reduction(layers, x, "entry_flow/reduction_block_1")
    for number in (0, 1):
        x = _main_block(layers, x, f"middle_flow/main_block_{number}")
    x = _reduction(layers, x, "exit_flow/reduction_block")
    x = layers.relu(layers.separable(x, "exit_flow/separable_conv"))
    x = _pooled(graph, x)
    weights = layers.weights
    graph.rename(graph.dense(x, weights["fc/age/weights"], weights["fc/age/bias"]), "age")
    gender = graph.dense(x, weights["fc/gender/weights"], weights["fc/gender/bias"])
    graph.rename(graph.node("Softmax", gender, axis=1), "gender")
    outputs: dict[str, tuple[str | int, ...]] = {"age": ("n", 1), "gender": ("n", 2)}
    return graph.build(("n", SIDE, SIDE, 3), outputs, name="peer_age_gender")


def _reduction(layers: _Layers, x: str, name: str, *, activate: bool = True) -> str:
    y = layers.separable(layers.relu(x) if activate else x, f"{name}/separable_conv0")
    y = layers.separable(layers.relu(y), f"{name}/separable_conv1")
    y = layers.graph.node("MaxPool", y, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    return layers.add(y, layers.conv(x, f"{name}/expansion_conv"))


def _main_block(layers: _Layers, x: str, name: str) -> str:
    y = x
    for number in range(3):
        y = layers.separable(layers.relu(y), f"{name}/separable_conv{number}")
    return layers.add(y, x)


def _pooled(graph: GraphBuilder, x: str) -> str:
    pooled = graph.node("AveragePool", x, kernel_shape=[7, 7], strides=[2, 2])
    return graph.node("Flatten", pooled)


def as_input(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Square pictures (n, side, side, 3) of any side as the networks take them."""
    return np.stack([cv2.resize(picture, (SIDE, SIDE)) for picture in pictures])
