"""Geometry on arrays: boxes, overlaps, similarity transforms. Pure functions, no state.

Boxes here are corners (left, top, right, bottom) in pixels, float32, shape (n, 4), unless a
name says `xywh`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def corners_to_xywh(boxes: Floats) -> NDArray[np.float32]:
    """(left, top, right, bottom) to (x, y, width, height), shape (n, 4)."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).astype(np.float32)


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
    left, top, right, bottom = boxes[order].T
    areas = (right - left) * (bottom - top)
    alive = np.ones(len(order), bool)
    kept = []
    for i in range(len(order)):
        if not alive[i]:
            continue
        kept.append(order[i])
        rest = i + 1 + np.flatnonzero(alive[i + 1 :])
        width = np.minimum(right[i], right[rest]) - np.maximum(left[i], left[rest])
        height = np.minimum(bottom[i], bottom[rest]) - np.maximum(top[i], top[rest])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        if of_smaller:
            against = np.minimum(areas[i], areas[rest])
        else:
            against = areas[i] + areas[rest] - shared
        alive[rest[shared > limit * against]] = False
    return np.array(kept, np.intp)


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
