"""Files as other programs write them."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np


def encodings(count: int, seed: int = 0) -> np.ndarray:
    """Vectors as long as dlib's, float64 as face_recognition gives them, (count, 128)."""
    rows = np.random.default_rng(seed).normal(size=(count, 128))
    scaled: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True) * 1.4
    return scaled


def of_numpy_1(data: bytes) -> bytes:
    """The same pickle with the modules that NumPy 1 wrote."""
    for name in (b"multiarray", b"numeric"):
        new, old = b"numpy._core." + name, b"numpy.core." + name
        data = data.replace(bytes([0x8C, len(new)]) + new, bytes([0x8C, len(old)]) + old)
        data = data.replace(b"c" + new + b"\n", b"c" + old + b"\n")
    return data


def of_python_2(names: list[bytes], rows: np.ndarray, *, binary: bool) -> bytes:
    """`pickle.dumps({"encodings": [...], "names": [...]}, 2 or 0)` of Python 2 with NumPy 1."""
    text: Callable[[bytes], bytes] = _binary if binary else _quoted
    number: Callable[[int], bytes] = lambda n: b"I%d\n" % n  # noqa: E731
    parts = [b"\x80\x02" if binary else b"", b"(d", text(b"encodings"), b"(l"]
    for row in rows:
        parts += [
            *(b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(", number(0), b"t"),
            *(text(b"b"), b"tR(", number(1), b"(", number(len(row)), b"tcnumpy\ndtype\n("),
            *(text(b"f8"), number(0), number(1), b"tR(", number(3), text(b"<"), b"NNN"),
            *(number(-1), number(-1), number(0), b"tbI00\n", text(row.tobytes()), b"tba"),
        ]
    parts += [b"s", text(b"names"), b"(l", *(text(name) + b"a" for name in names), b"s."]
    return b"".join(parts)


def _binary(data: bytes) -> bytes:
    return b"T" + len(data).to_bytes(4, "little") + data


def _quoted(data: bytes) -> bytes:
    return b"S" + repr(data)[1:].encode() + b"\n"


class Fake:
    """Pickled, it is an object of a class of another module."""

    def __init__(self, module: str, name: str) -> None:
        self.of = (module, name)

    def dumps(self) -> bytes:
        module, name = (part.encode() for part in self.of)
        return b"\x80\x02c" + module + b"\n" + name + b"\n)\x81}b."


def dumps(value: object, protocol: int = 4) -> bytes:
    return pickle.dumps(value, protocol)
