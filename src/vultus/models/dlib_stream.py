"""Reading dlib's `.dat` serialisation: integers, floats, strings, matrices, tensors.

Integers have variable length (a count byte, then little-endian bytes) and floats are two
of them (mantissa, exponent), so a file is one long run of tokens. Bulk parts are
tokenised with one compiled pattern and decoded by NumPy, not one value at a time.
"""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

from vultus.errors import ModelDamaged

# A token: a byte whose low nibble n is 1..8 (top bit: the sign), then n bytes.
_TOKEN = re.compile(
    b"|".join(b"[\\x%02x\\x%02x].{%d}" % (n, 0x80 | n, n) for n in range(1, 9)), re.DOTALL
)
_SPECIAL_EXPONENTS = {32000: np.inf, 32001: -np.inf, 32002: np.nan}


class DlibStream:
    """A cursor over the bytes of one dlib file."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data = data
        self._name = name
        self.position = 0

    @property
    def at_end(self) -> bool:
        return self.position == len(self._data)

    def fail(self, expected: str, found: object) -> ModelDamaged:
        """The error for a file that is not what it should be."""
        return ModelDamaged(
            f"{self._name}: expected {expected} at byte {self.position}, found {found!r}.",
            "Install the distribution that carries this file again.",
        )

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if count < 0 or end > len(self._data):
            raise self.fail(f"{count} more bytes", "the end of the file")
        chunk = self._data[self.position : end]
        self.position = end
        return chunk

    def integer(self) -> int:
        head = self._take(1)[0]
        length = head & 0x0F
        if not 1 <= length <= 8:
            raise self.fail("an integer", head)
        value = int.from_bytes(self._take(length), "little")
        return -value if head & 0x80 else value

    def integers(self, count: int) -> NDArray[np.int64]:
        """`count` integers at once, shape (count,)."""
        if not 0 <= 2 * count <= len(self._data) - self.position:
            raise self.fail(f"{count} integers", "the end of the file")
        values = np.empty(count, np.int64)
        scan = _TOKEN.scanner(self._data, self.position)  # type: ignore[attr-defined]
        tokens: list[bytes] = []
        for _ in range(count):
            match = scan.match()
            if match is None:
                raise self.fail(f"{count} integers", "something else")
            tokens.append(match.group())
        if tokens:
            self.position = match.end()
        self._decode(tokens, values)
        return values

    @staticmethod
    def _decode(tokens: list[bytes], out: NDArray[np.int64]) -> None:
        lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            raw = np.frombuffer(b"".join([tokens[row] for row in rows]), np.uint8)
            raw = raw.reshape(len(rows), length)
            padded = np.zeros((len(rows), 8), np.uint8)
            padded[:, : length - 1] = raw[:, 1:]
            magnitude = padded.view("<i8")[:, 0]
            out[rows] = np.where(raw[:, 0] & 0x80, -magnitude, magnitude)

    def floats(self, count: int) -> NDArray[np.float64]:
        """`count` floats (mantissa times two to the exponent), shape (count,)."""
        return decode_floats(self.integers(2 * count).reshape(count, 2))

    def seek_layer(self, name: str) -> None:
        """Go on behind the next layer of this name; layers come in the order data meets them."""
        mark = bytes([1, len(name)]) + name.encode("ascii")
        found = self._data.find(mark, self.position)
        if found < 0:
            raise self.fail(f"a layer {name}", "none")
        self.position = found + len(mark)

    def matrix(self) -> NDArray[np.float32]:
        """A matrix of floats; dlib writes its rows and columns as negative integers."""
        rows, columns = -self.integer(), -self.integer()
        if rows < 0 or columns < 0:
            raise self.fail("the size of a matrix", (rows, columns))
        return self.floats(rows * columns).reshape(rows, columns).astype(np.float32)

    def tensor(self) -> NDArray[np.float32]:
        """A tensor: version, four sizes, then raw little-endian float32."""
        version = self.integer()
        if version != 2:
            raise self.fail("a tensor of version 2", version)
        shape = tuple(int(size) for size in self.integers(4))
        data = self._take(4 * math.prod(shape))
        return np.frombuffer(data, "<f4").reshape(shape)


def decode_floats(pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mantissa and exponent, shape (..., 2), to float64, shape (...)."""
    mantissa, exponent = pairs[..., 0], pairs[..., 1]
    special = exponent >= 32000
    values = np.ldexp(mantissa.astype(np.float64), np.where(special, 0, exponent))
    for code, meaning in _SPECIAL_EXPONENTS.items():
        values[exponent == code] = meaning
    return values
