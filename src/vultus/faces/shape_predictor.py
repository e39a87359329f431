"""Landmarks by a cascade of regression-tree forests (Kazemi and Sullivan, CVPR 2014).

Evaluated as dlib does: grey values are compared at points that move with the shape; each tree
answers with a shift of the whole shape. All faces and all trees of a cascade are done in the
same few array operations: every split of every tree is evaluated at once, its 15 answers make a
number, and a table says which leaf that number leads to.
"""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vultus.imaging.load import Image

Floats = NDArray[np.float32]


@cache
def _leaf_table(splits: int) -> NDArray[np.uint8]:
    """For every combination of a tree's split answers (bit i: go left at split i), the leaf."""
    answers = np.arange(1 << splits)
    node = np.zeros(len(answers), np.int64)
    while (inner := node < splits).any():
        left = (answers >> np.minimum(node, splits - 1)) & 1
        node = np.where(inner, 2 * node + 2 - left, node)
    return (node - splits).astype(np.uint8)


class ShapePredictor:
    """A trained cascade; `predict` is pure and thread-safe."""

    def __init__(
        self,
        initial: Floats,
        splits: NDArray[np.uint16],
        thresholds: Floats,
        leaves: Floats,
        anchors: NDArray[np.uint16],
        deltas: Floats,
    ) -> None:
        self._initial = initial
        plane = initial @ np.array([1, 1j])
        centred = plane - plane.mean()
        self._turn = centred.conj() / (np.abs(centred) ** 2).sum()
        self._first = splits[..., 0].reshape(len(splits), -1).astype(np.intp)
        self._second = splits[..., 1].reshape(len(splits), -1).astype(np.intp)
        self._thresholds = thresholds.reshape(len(splits), -1)
        self._leaves = leaves
        self._anchors = anchors.astype(np.intp)
        self._deltas = deltas
        trees, per_tree = thresholds.shape[1:]
        self._tree_shape = (trees, per_tree)
        self._tree_index = np.arange(trees)
        self._table = _leaf_table(per_tree)
        self._bit_values = (1 << np.arange(per_tree)).astype(np.uint16)

    @classmethod
    def from_npz(cls, data: bytes) -> ShapePredictor:
        """From the converted file; see `models.dlib_shape_predictor`."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return cls(**arrays)

    def predict(self, image: Image, boxes: NDArray[np.floating]) -> Floats:
        """Landmarks in pixels, shape (n, p, 2), not rounded (dlib rounds to whole pixels).

        `boxes` are (left, top, right, bottom), shape (n, 4), as dlib's detector draws them:
        squares around brows, chin and cheeks, both corners inclusive.
        """
        return self._place(image, boxes).astype(np.float32)

    def predict_pixels(self, image: Image, boxes: NDArray[np.floating]) -> NDArray[np.int64]:
        """As `predict`, in whole pixels, shape (n, p, 2): to the pixel what dlib answers."""
        return np.floor(self._place(image, boxes) + 0.5).astype(np.int64)

    def _place(self, image: Image, boxes: NDArray[np.floating]) -> NDArray[np.float64]:
        corners = np.asarray(boxes, np.float64)
        if not len(corners):
            return np.zeros((0, *self._initial.shape))
        pixels = np.ascontiguousarray(image).reshape(-1, 3)
        shapes = np.repeat(self._initial[None], len(corners), axis=0)
        start, size = corners[:, None, :2], corners[:, None, 2:] - corners[:, None, :2]
        for cascade in range(len(self._leaves)):
            values = self._features(pixels, image.shape, shapes, cascade, start, size)
            shapes = self._shift(shapes, values, cascade)
        return start + shapes * size

    def _features(
        self,
        pixels: NDArray[np.uint8],
        image_shape: tuple[int, ...],
        shapes: Floats,
        cascade: int,
        start: NDArray[np.float64],
        size: NDArray[np.float64],
    ) -> Floats:
        """Grey values, (r + g + b) // 3, at the cascade's points, (n, f); 0 outside the image."""
        # The rotation and scale that best carry the initial shape to each current one, as one
        # complex number a face: the least-squares answer is linear in the current points.
        turn = (shapes @ np.array([1, 1j]) @ self._turn).astype(np.complex64)
        # Each product is rounded to float32, as dlib does; a matrix product need not do that.
        along, across = turn.real[:, None], turn.imag[:, None]
        x, y = self._deltas[cascade].T
        moved = np.stack([along * x - across * y, across * x + along * y], axis=-1)
        points = start + (moved + shapes[:, self._anchors[cascade]]) * size
        rounded = np.floor(points + 0.5).astype(np.intp)
        x, y = rounded[..., 0], rounded[..., 1]
        height, width = image_shape[:2]
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        colours = pixels.take(np.where(inside, y * width + x, 0), axis=0).astype(np.int16)
        grey = (colours[..., 0] + colours[..., 1] + colours[..., 2]) // np.int16(3)
        return np.where(inside, grey, 0).astype(np.float32)

    def _shift(self, shapes: Floats, values: Floats, cascade: int) -> Floats:
        """The shapes plus all trees' answers, added one after the other as dlib adds them.

        The order matters: with another one, float32 rounding flips a comparison now and then,
        and one face in ten ends up a pixel away from dlib's.
        """
        first = values.take(self._first[cascade], axis=1, mode="clip")
        second = values.take(self._second[cascade], axis=1, mode="clip")
        left = (first - second) > self._thresholds[cascade]
        answers = left.reshape(len(values), *self._tree_shape) @ self._bit_values
        leaves = self._leaves[cascade][self._tree_index, self._table[answers]]
        terms = np.concatenate([shapes.reshape(len(shapes), 1, -1), leaves], axis=1)
        # a sum over an outer axis adds row by row, in order
        total: Floats = terms.sum(axis=1)
        return total.reshape(shapes.shape)
