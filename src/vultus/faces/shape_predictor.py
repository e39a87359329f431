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

_SUM = np.ones(3, np.float32)
_THIRD = np.float32(1 / 3)  # a little more than that, so multiples of three stay whole


@cache
def _leaf_table(splits: int) -> NDArray[np.intp]:
    """For every combination of a tree's split answers (bit i: go left at split i), the leaf."""
    answers = np.arange(1 << splits)
    node = np.zeros(len(answers), np.int64)
    while (inner := node < splits).any():
        left = (answers >> np.minimum(node, splits - 1)) & 1
        node = np.where(inner, 2 * node + 2 - left, node)
    return node - splits


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
        cascades, trees, per_tree = thresholds.shape
        self._initial = np.ascontiguousarray(initial.T)
        self._turn = _turning(initial)
        # An even number of bytes holds the answers of a tree; what fills it is never true.
        fill = ((0, 0), (0, 0), (0, 16 - per_tree))
        pairs = np.pad(splits, (*fill, (0, 0))).reshape(cascades, -1, 2)
        self._pairs = pairs.transpose(0, 2, 1).astype(np.intp)
        limits = np.pad(thresholds, fill, constant_values=np.inf)
        self._thresholds = limits.reshape(cascades, -1)
        self._leaf_of = _leaf_table(per_tree)
        self._first_leaf = np.arange(trees)[:, None] * (per_tree + 1)
        planes = leaves.reshape(cascades, -1, len(initial), 2).transpose(0, 1, 3, 2)
        self._leaves = planes.reshape(cascades, -1, 2 * len(initial))
        self._anchors = anchors.astype(np.intp)
        self._deltas = np.ascontiguousarray(deltas.transpose(0, 2, 1))

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
            return np.zeros((0, self._initial.shape[1], 2))
        picture = np.ascontiguousarray(image)
        # planes of x and y, (n, 2, p): every step below is one operation for both
        shapes = np.repeat(self._initial[None], len(corners), axis=0)
        start, size = corners[:, :2, None], (corners[:, 2:] - corners[:, :2])[:, :, None]
        for cascade in range(len(self._leaves)):
            values = _grey_values(picture, self._points(shapes, cascade) * size + start)
            shapes = self._shift(shapes, values, cascade)
        return np.asarray((start + shapes * size).transpose(0, 2, 1))

    def _points(self, shapes: Floats, cascade: int) -> Floats:
        """Where the cascade looks, (n, 2, f), in the unit square of the face's box."""
        # The rotation and scale that best carry the initial shape to each current one, as one
        # complex number a face: the least-squares answer is linear in the current points.
        turns = (shapes.reshape(len(shapes), -1) @ self._turn).astype(np.float32)
        of_x, of_y = turns.reshape(-1, 2, 2, 1).transpose(2, 0, 1, 3)
        # Each product is rounded to float32, as dlib does; a matrix product need not do that.
        x, y = self._deltas[cascade]
        moved: Floats = of_x * x
        moved += of_y * y
        moved += shapes.take(self._anchors[cascade], axis=2)
        return moved

    def _shift(self, shapes: Floats, values: Floats, cascade: int) -> Floats:
        """The shapes plus all trees' answers, added one after the other as dlib adds them.

        The order matters: with another one, float32 rounding flips a comparison now and then,
        and one face in ten ends up a pixel away from dlib's.
        """
        pairs = values.take(self._pairs[cascade], axis=1, mode="clip")
        left = pairs[:, 0] - pairs[:, 1] > self._thresholds[cascade]
        answers = np.packbits(left, axis=1, bitorder="little").view("<u2")
        leaves = self._leaf_of.take(answers.T) + self._first_leaf
        terms = np.empty((len(leaves) + 1, len(shapes), shapes[0].size), np.float32)
        terms[0] = shapes.reshape(len(shapes), -1)
        self._leaves[cascade].take(leaves, axis=0, out=terms[1:])
        # a sum over the outer axis adds row by row, in order
        total: Floats = terms.sum(axis=0)
        return total.reshape(shapes.shape)


def _turning(initial: Floats) -> NDArray[np.float64]:
    """What times a shape, (2 p,) planes, is the matrix of its turn row by row, (2 p, 4)."""
    plane = initial @ np.array([1, 1j])
    centred = plane - plane.mean()
    of_x = centred.conj() / (np.abs(centred) ** 2).sum()
    turn = np.concatenate([of_x, 1j * of_x])
    return np.stack([turn.real, -turn.imag, turn.imag, turn.real], axis=1)


def _grey_values(picture: Image, points: NDArray[np.float64]) -> Floats:
    """Grey values, (r + g + b) // 3, at points (n, 2, f) of x and y; 0 outside the picture."""
    height, width = picture.shape[:2]
    points += 0.5
    x, y = np.floor(points, out=points).astype(np.intp).transpose(1, 0, 2)
    # negative ones are very large without their sign
    inside = (x.view(np.uintp) < width) & (y.view(np.uintp) < height)
    whole = inside.all()
    places = y * width + x
    if not whole:
        places[~inside] = 0
    colours = picture.reshape(-1, 3).take(places, axis=0).astype(np.float32)
    grey: Floats = np.floor(colours @ _SUM * _THIRD)
    if not whole:
        grey[~inside] = 0
    return grey
