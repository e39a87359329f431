"""Reading joblib files that hold a list of NumPy arrays, and nothing else.

A pickle is a program: loading one runs it. `pickle_machine` reads it without running it, and three
names are admitted: the array class, the dtype class, joblib's array header. So a file can build
arrays of plain numbers and do nothing more.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import ModelDamaged
from vultus.models.pickle_machine import Machine, Pending, PickleRefused, Word

_MAX_ARRAY_BYTES = 256 * 2**20
_MAX_DIMENSIONS = 8
_DTYPE = re.compile(r"[<>=|]?(?:b1|[iu][1248]|f[248]|[SU][1-9]\d{0,5}|O8?)")
_DTYPE_STATE = 8  # items: version, byte order, subarray, names, fields, item size, ...


class DType(Pending):
    """A dtype of plain items; its state brings the order of bytes."""

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        name = arguments[0] if arguments else None
        text = name.decode("ascii", "replace") if isinstance(name, bytes) else name
        if not isinstance(text, str) or not _DTYPE.fullmatch(text):
            raise PickleRefused("an array has items that are no plain ones")
        self.value = np.dtype(text)

    def build(self, state: Any, machine: Machine) -> None:
        del machine
        if not isinstance(state, tuple) or len(state) < _DTYPE_STATE or any(state[2:5]):
            raise PickleRefused("an array has items that are no plain ones")
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        if order not in ("<", ">", "=", "|"):
            raise PickleRefused("an array has an unknown order of bytes")
        self.value = self.value.newbyteorder(order)


class JoblibArray(Pending):
    """joblib's header of an array; the array's raw bytes follow it in the stream."""

    def build(self, state: Any, machine: Machine) -> None:
        if self.value is not None or not isinstance(state, dict):
            raise PickleRefused("an array's header is damaged")
        dtype: Any = state.get("dtype")
        shape, order = state.get("shape"), state.get("order")
        count = checked_count(dtype, shape, "biuf")
        if order not in ("C", "F"):
            raise PickleRefused("an array has an unknown order")
        if state.get("numpy_array_alignment_bytes") is not None:
            machine.take(machine.take(1)[0])
        data = machine.take(count * dtype.itemsize)
        array = np.frombuffer(data, dtype, count).reshape(shape, order=order)
        self.value = np.array(array)


def checked_count(dtype: Any, shape: Any, kinds: str) -> int:
    """How many items an array has. Raises PickleRefused where there can be no such array."""
    if not isinstance(dtype, np.dtype) or dtype.kind not in kinds:
        raise PickleRefused("an array has items that are no plain ones")
    plain = isinstance(shape, tuple) and all(type(side) is int and side >= 0 for side in shape)
    if not plain or len(shape) > _MAX_DIMENSIONS:
        raise PickleRefused("an array has an impossible shape")
    count = 1
    for side in shape:  # Python's own whole numbers, which do not overflow
        count *= side
    if count * dtype.itemsize > _MAX_ARRAY_BYTES:
        raise PickleRefused(f"an array has more than {_MAX_ARRAY_BYTES:,} bytes")
    return count


def _header(arguments: tuple[Any, ...], machine: Machine) -> JoblibArray:
    del machine
    if arguments:
        raise PickleRefused("an array's header is damaged")
    return JoblibArray()


def _dtype(arguments: tuple[Any, ...], machine: Machine) -> DType:
    del machine
    return DType(arguments)


JOBLIB_WORDS = {
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): Word("header", _header),
    ("numpy", "ndarray"): Word("ndarray"),  # stands in headers; never called, so never allocated
    ("numpy", "dtype"): Word("dtype", _dtype),
}


def load_arrays(data: bytes, name: str) -> list[NDArray[Any]]:
    """Read a joblib pickle (already decompressed) that holds a list of arrays.

    Raises:
        ModelDamaged: the bytes are anything else than a list of plain arrays.
    """
    try:
        value = Machine(data, JOBLIB_WORDS).run()
    except PickleRefused as error:
        raise ModelDamaged(
            f"{name} holds something else than arrays: {error}.",
            "Install the distribution that carries this file again.",
        ) from error
    if not isinstance(value, list) or not all(type(item) is np.ndarray for item in value):
        raise ModelDamaged(
            f"{name}: expected a list of arrays, found {type(value).__name__}.",
            "Install the distribution that carries this file again.",
        )
    return value
