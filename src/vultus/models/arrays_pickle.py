"""Reading joblib files that hold a list of NumPy arrays, and nothing else.

A pickle is a program: loading one runs it. This reader admits exactly three names (the
array class, the dtype class, joblib's array header) and refuses every other before it is
looked up, so a file can build arrays of plain numbers and do nothing more.
"""

from __future__ import annotations

import io
import pickle  # the restricted reader below is the only user
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from vultus.errors import ModelDamaged

_MAX_ARRAY_BYTES = 64 * 2**20


class _ArrayHeader:
    """Stands in for joblib's header object; raw array bytes follow it in the stream."""

    def read(self, stream: BinaryIO) -> NDArray[Any]:
        fields = vars(self)
        dtype, shape = fields["dtype"], fields["shape"]
        if dtype.kind not in "biuf" or fields["order"] not in ("C", "F"):
            raise pickle.UnpicklingError("only arrays of plain numbers are admitted")
        count = int(np.prod(shape, dtype=np.int64))
        if not 0 <= count * dtype.itemsize <= _MAX_ARRAY_BYTES:
            raise pickle.UnpicklingError("an array is too large")
        if fields.get("numpy_array_alignment_bytes") is not None:
            stream.read(stream.read(1)[0])
        data = stream.read(count * dtype.itemsize)
        array = np.frombuffer(data, dtype, count).reshape(shape, order=fields["order"])
        return np.array(array)


_ADMITTED = {
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): _ArrayHeader,
    ("numpy", "ndarray"): "ndarray",  # a word in headers; never called, so never allocated
    ("numpy", "dtype"): np.dtype,
}


# typeshed knows the C unpickler only
_PurePython: Any = pickle._Unpickler  # type: ignore[attr-defined, unused-ignore]


class _ArraysUnpickler(_PurePython):  # type: ignore[misc, unused-ignore]
    """The pure-Python unpickler, because array bytes have to be read between its opcodes."""

    dispatch: ClassVar[dict[int, Any]] = dict(_PurePython.dispatch)

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self._stream = stream

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not admitted") from None

    def load_build(self) -> None:
        if not isinstance(self.stack[-2], _ArrayHeader | np.dtype):  # a class is not built on
            raise pickle.UnpicklingError("only headers and dtypes have a state")
        super().load_build()
        if isinstance(self.stack[-1], _ArrayHeader):
            self.stack.append(self.stack.pop().read(self._stream))

    dispatch[pickle.BUILD[0]] = load_build


def load_arrays(data: bytes, name: str) -> list[NDArray[Any]]:
    """Read a joblib pickle (already decompressed) that holds a list of arrays.

    Raises:
        ModelDamaged: the bytes are anything else than a list of plain arrays.
    """
    stream = io.BytesIO(data)
    try:
        value = _ArraysUnpickler(stream).load()
    except Exception as error:  # a hostile file may fail in any way; none may pass
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
