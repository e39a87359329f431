"""Geometry on arrays: boxes, overlaps, similarity transforms. Pure functions, no state.

Boxes here are corners (left, top, right, bottom) in pixels, float32, shape (n, 4), unless a
name says `xywh`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

_SUPPRESSION_BLOCK = 128


def corners_to_xywh(boxes: Floats) -> NDArray[np.float32]:
    """(left, top, right, bottom) to (x, y, width, height), shape (n, 4)."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).astype(np.float32)


def xywh_to_corners(boxes: Floats) -> NDArray[np.float32]:
    """(x, y, width, height) to (left, top, right, bottom), shape (n, 4)."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1).astype(np.float32)


def to_squares(boxes: Floats) -> NDArray[np.float32]:
    """Squares with the same centres, as large as the longer sides."""
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    starts = (boxes[:, :2] + boxes[:, 2:] - sides) / 2
    return np.concatenate([starts, starts + sides], axis=1).astype(np.float32)


def suppress_overlaps(
    boxes: Floats, scores: Floats, limit: float, *, of_smaller: bool = False
) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: indices of the boxes kept, best score first.

    A box goes when its overlap with a better one exceeds `limit`. Overlap is intersection
    over union, or over the smaller of the two areas.
    """
    order = np.argsort(-scores, kind="stable")
    if len(order) < 2:
        return order
    sorted_boxes = boxes[order]
    alive = np.ones(len(order), bool)
    for start in range(0, len(order), _SUPPRESSION_BLOCK):
        # rows of this block against everything behind them, in one matrix
        rows = start + np.flatnonzero(alive[start : start + _SUPPRESSION_BLOCK])
        rest = start + np.flatnonzero(alive[start:])
        near = overlaps_exceed(sorted_boxes[rows], sorted_boxes[rest], limit, of_smaller)
        near &= rest > rows[:, None]
        for number in np.flatnonzero(near.any(axis=1)):
            if alive[rows[number]]:
                alive[rest[near[number]]] = False
    return order[alive]


def overlaps_exceed(
    boxes: Floats, others: Floats, limit: float, of_smaller: bool = False
) -> NDArray[np.bool_]:
    """Whether overlaps, as `suppress_overlaps` takes them, exceed `limit`, shape (n, m)."""
    left, top, right, bottom = (column[:, None] for column in boxes.T)
    width = np.minimum(right, others[:, 2]) - np.maximum(left, others[:, 0])
    height = np.minimum(bottom, others[:, 3]) - np.maximum(top, others[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    areas = (right - left) * (bottom - top)
    other_areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    if of_smaller:
        against = np.minimum(areas, other_areas)
    else:
        against = areas + other_areas - shared
    exceed: NDArray[np.bool_] = shared > limit * against
    return exceed


def similarity_transforms(source: Floats, target: Floats) -> NDArray[np.float64]:
    """Least-squares rotation, scale and shift from `source` to `target`, without reflection.

    Shapes (..., p, 2) each; returns (..., 2, 3), to be applied as M @ (x, y, 1). In the plane
    the problem is linear in complex numbers (Umeyama 1991 is the general case).
    """
    a = np.asarray(source, np.float64) @ np.array([1, 1j])
    b = np.asarray(target, np.float64) @ np.array([1, 1j])
    a_mean, b_mean = a.mean(-1, keepdims=True), b.mean(-1, keepdims=True)
    a_centred, b_centred = a - a_mean, b - b_mean
    power = (np.abs(a_centred) ** 2).sum(-1)
    factor = (a_centred.conj() * b_centred).sum(-1) / np.where(power > 0, power, 1)
    shift = b_mean[..., 0] - factor * a_mean[..., 0]
    rows = [factor.real, -factor.imag, shift.real, factor.imag, factor.real, shift.imag]
    return np.stack(rows, axis=-1).reshape(*factor.shape, 2, 3)
