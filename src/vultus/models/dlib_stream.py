"""Reading dlib's `.dat` serialisation: integers, floats, strings, matrices, tensors.

Integers have variable length (a count byte, then little-endian bytes) and floats are two
of them (mantissa, exponent), so a file is one long run of tokens. Bulk parts are found and
decoded by NumPy, many at a time.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from vultus.errors import ModelDamaged

# A token: a byte whose low nibble n is 1..8 (top bit: the sign), then n bytes.
_LONGEST = 9
# By the first byte, how many bytes a token has; 1 where none begins so.
_SIZES = np.array([head % 16 + 1 if 1 <= head % 16 <= 8 else 1 for head in range(256)], np.uint8)
# By the size of a token, which bits of the eight bytes after its first are its own.
_MASKS = np.array([0, *((1 << 8 * n) - 1 for n in range(9))], np.uint64).view(np.int64)
# Bytes that are looked at together, and bytes of a lane in them; shorter lanes were slower.
_WINDOW = 1 << 22
_LANE = 1 << 11
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
        filled = 0
        while filled < count:
            size = min(_WINDOW, _LONGEST * (count - filled))
            window = np.frombuffer(self._data[self.position : self.position + size], np.uint8)
            starts = _token_starts(window)[: count - filled]
            ends = starts + _SIZES[window[starts]]
            whole = starts[ends <= len(window)]
            if not len(whole) or _SIZES[window[whole]].min() == 1:
                raise self.fail(f"{count} integers", "something else")
            values[filled : filled + len(whole)] = _decode(window, whole)
            filled += len(whole)
            self.position += int(ends[len(whole) - 1])
        return values

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


def _token_starts(window: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Where the tokens of a run begin; the first one begins at 0.

    Each token tells where the next one is. To follow that in many places at once, the run is cut
    into lanes; each is walked from its first byte, and again from another one where the lane
    before says so. A walk from a wrong byte soon gets into step with the right one, so that the
    second round is mostly the last; it ends with the right answer for any run.
    """
    lanes = -(-len(window) // _LANE)
    steps = np.zeros((lanes, _LANE), np.uint8)
    steps.reshape(-1)[: len(window)] = _SIZES[window]
    # Behind its end a lane has zeros, where a walk stays and tells how far it went.
    steps = np.pad(steps, ((0, 0), (0, _LONGEST)))
    seen = np.zeros(steps.shape, bool)
    first = np.zeros(lanes, np.intp)
    last = np.zeros(lanes, np.intp)
    again = np.arange(lanes)
    while len(again):
        seen[again] = False
        lane_start = again * steps.shape[1]
        last[again] = _walk(steps.ravel(), lane_start + first[again], seen.ravel()) - lane_start
        right = np.concatenate([[0], last[:-1] - _LANE])
        again = np.flatnonzero(first != right)
        first = right
    starts = np.flatnonzero(seen[:, :_LANE])
    return starts[starts < len(window)]


def _walk(
    steps: NDArray[np.uint8], places: NDArray[np.intp], seen: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Go on from all places until no step is left; note in `seen` where that led."""
    places = places.copy()
    step = steps[places]
    while step.any():
        seen[places] = True
        places += step
        step = steps[places]
    return places


def _decode(window: NDArray[np.uint8], starts: NDArray[np.intp]) -> NDArray[np.int64]:
    """The integers whose tokens begin there and end within the window."""
    heads = window[starts]
    padded = np.concatenate([window, np.zeros(_LONGEST, np.uint8)])
    eight_bytes = sliding_window_view(padded, 8)[starts + 1]
    values = eight_bytes.view("<i8")[:, 0] & _MASKS[_SIZES[heads]]
    np.negative(values, out=values, where=heads >= 0x80)
    return values


def decode_floats(pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mantissa and exponent, shape (..., 2), to float64, shape (...)."""
    mantissa, exponent = pairs[..., 0], pairs[..., 1]
    special = exponent >= 32000
    values = np.ldexp(mantissa.astype(np.float64), np.where(special, 0, exponent))
    for code, meaning in _SPECIAL_EXPONENTS.items():
        values[exponent == code] = meaning
    return values
