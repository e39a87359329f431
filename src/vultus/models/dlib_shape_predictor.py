"""dlib's shape predictors (Kazemi and Sullivan, CVPR 2014), from `.dat` to plain arrays.

A cascade of regression-tree forests. Every tree of a file has the same size, so a cascade
decodes as one block; the result is kept as `.npz` without any object arrays.
"""

from __future__ import annotations

import io
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vultus.models.dlib_stream import DlibStream, decode_floats


def convert(files: dict[str, bytes]) -> dict[str, bytes]:
    """The one `.dat` of a predictor to `predictor.npz`; 3 s and 310 MB for the 68 points."""
    ((name, data),) = files.items()
    return {"predictor.npz": _to_npz(read_predictor(data, name))}


def read_predictor(data: bytes, name: str) -> dict[str, NDArray[np.generic]]:
    """Decode a predictor of p points, c cascades, t trees of s splits, f features.

    Returns arrays: `initial` (p, 2) float32, `splits` (c, t, s, 2) uint16 (pairs of feature
    indices), `thresholds` (c, t, s) float32, `leaves` (c, t, s + 1, 2 p) float32,
    `anchors` (c, f) uint16 and `deltas` (c, f, 2) float32. Lengths are in the unit square.
    """
    stream = DlibStream(data, name)
    version = stream.integer()
    if version != 1:
        raise stream.fail("a shape predictor of version 1", version)
    initial = stream.matrix().reshape(-1, 2)
    forests = [_read_forest(stream, 2 * len(initial)) for _ in range(stream.integer())]
    anchors = [stream.integers(stream.integer()) for _ in range(stream.integer())]
    deltas = [_read_points(stream) for _ in range(stream.integer())]
    if not stream.at_end or not len(forests) == len(anchors) == len(deltas):
        raise stream.fail("the end of the file", "more")
    splits, thresholds, leaves = zip(*forests, strict=True)
    return {
        "initial": initial,
        "splits": np.stack(splits),
        "thresholds": np.stack(thresholds),
        "leaves": np.stack(leaves),
        "anchors": np.stack(anchors).astype(np.uint16),
        "deltas": np.stack(deltas),
    }


def _read_forest(
    stream: DlibStream, numbers: int
) -> tuple[NDArray[np.uint16], NDArray[np.float32], NDArray[np.float32]]:
    """All trees of one cascade; `numbers` is the length of a leaf."""
    trees = stream.integer()
    splits = _peek(stream)
    # tree: count, splits x (index, index, mantissa, exponent), count,
    # leaves x (rows, columns, numbers x (mantissa, exponent))
    split_end = 1 + 4 * splits
    leaf_size = 2 + 2 * numbers
    tokens = stream.integers(trees * (split_end + 1 + (splits + 1) * leaf_size))
    tokens = tokens.reshape(trees, -1)
    leaf_part = tokens[:, split_end + 1 :].reshape(trees, splits + 1, leaf_size)
    sizes_right = (
        (tokens[:, 0] == splits).all()
        and (tokens[:, split_end] == splits + 1).all()
        and (leaf_part[..., 0] == -numbers).all()
        and (leaf_part[..., 1] == -1).all()
    )
    if not sizes_right:
        raise stream.fail("trees of one size", "others")
    split_part = tokens[:, 1:split_end].reshape(trees, splits, 4)
    values = decode_floats(leaf_part[..., 2:].reshape(trees, splits + 1, numbers, 2))
    return (
        split_part[..., :2].astype(np.uint16),
        decode_floats(split_part[..., 2:]).astype(np.float32),
        values.astype(np.float32),
    )


def _peek(stream: DlibStream) -> int:
    """The integer that comes next, not consumed."""
    start = stream.position
    value = stream.integer()
    stream.position = start
    return value


def _read_points(stream: DlibStream) -> NDArray[np.float32]:
    count = stream.integer()
    return stream.floats(2 * count).reshape(count, 2).astype(np.float32)


def _to_npz(arrays: dict[str, NDArray[np.generic]]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **cast(Any, arrays))
    return buffer.getvalue()
