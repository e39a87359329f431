from __future__ import annotations

import io
import pickle

import lz4.frame
import numpy as np
import pytest

from vultus.errors import ModelDamaged
from vultus.models import mtcnn
from vultus.models.arrays_pickle import load_arrays

FLOATS = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def inner(value: object) -> bytes:
    """The opcodes that make a value, to be put into a larger pickle."""
    return pickle.dumps(value, protocol=2)[2:-1]


def header(shape=(2, 3, 4), dtype="<f4", order="C", **more: object) -> bytes:
    """An array's header as joblib writes it; the array's bytes follow it."""
    state = {"subclass": np.ndarray, "shape": shape, "order": order, "dtype": np.dtype(dtype)}
    state |= {"allow_mmap": True} | more
    return b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81" + inner(state) + b"b"


def listed(*parts: bytes) -> bytes:
    return b"\x80\x02](" + b"".join(parts) + b"e."


def padded(array: np.ndarray, alignment: int) -> bytes:
    return bytes([alignment]) + b"\xff" * alignment + array.tobytes()


def test_arrays_are_read():
    data = listed(header() + FLOATS.tobytes(), header((3,), "<i8") + np.arange(3).tobytes())
    floats, integers = load_arrays(data, "weights")
    np.testing.assert_array_equal(floats, FLOATS)
    np.testing.assert_array_equal(integers, [0, 1, 2])
    floats[0] = 0  # an array of its own


def test_padding_before_an_array_is_skipped():
    data = listed(header(numpy_array_alignment_bytes=16) + padded(FLOATS, 5))
    np.testing.assert_array_equal(load_arrays(data, "weights")[0], FLOATS)


def test_the_order_of_an_array_is_kept():
    data = listed(header(order="F") + FLOATS.tobytes(order="F"))
    np.testing.assert_array_equal(load_arrays(data, "weights")[0], FLOATS)


def test_an_empty_list_and_an_empty_array_are_read():
    assert load_arrays(listed(), "weights") == []
    assert load_arrays(listed(header((0, 3))), "weights")[0].shape == (0, 3)


def test_what_joblib_itself_writes_is_read():
    joblib = pytest.importorskip("joblib")
    arrays = [FLOATS, np.asfortranarray(FLOATS), np.float32([1.5]), np.zeros((0, 2), np.float32)]
    buffer = io.BytesIO()
    joblib.dump(arrays, buffer)
    for found, expected in zip(load_arrays(buffer.getvalue(), "w"), arrays, strict=True):
        np.testing.assert_array_equal(found, expected)


def getattr_chain() -> bytes:
    """numpy.dtype.__class__.__subclasses__ ..., which needs getattr."""
    return b"cbuiltins\ngetattr\n(cnumpy\ndtype\nX\x09\x00\x00\x00__class__tR"


RAN: list[str] = []


def run_here(word: str) -> list[str]:
    RAN.append(word)
    return RAN


class Exploit:
    """An ordinary reader of its pickle calls `run_here`."""

    def __reduce__(self):
        return (run_here, ("ran",))


HOSTILE = {
    "os.system": listed(b"cos\nsystem\n(X\x02\x00\x00\x00idtR"),
    "posix.system": listed(b"cposix\nsystem\n(X\x02\x00\x00\x00idtR"),
    "subprocess": listed(b"csubprocess\nPopen\n(X\x02\x00\x00\x00idtR"),
    "eval": listed(b"cbuiltins\neval\n(X\x03\x00\x00\x001+1tR"),
    "exec": listed(b"cbuiltins\nexec\n(X\x04\x00\x00\x00passtR"),
    "python 2 eval": listed(b"c__builtin__\neval\n(X\x03\x00\x00\x001+1tR"),
    "getattr": listed(getattr_chain()),
    "getattr in a name": b"\x80\x04\x8c\x05numpy\x8c\x13dtype.__subclasses__\x93)R.",
    "name of a base": b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__base__\x93.",
    "numpy.load": listed(b"cnumpy\nload\n(X\x01\x00\x00\x00atR"),
    "numpy reconstruct": pickle.dumps([FLOATS]),
    "joblib.load": listed(b"cjoblib\nload\n(X\x01\x00\x00\x00atR"),
    "import by instance": listed(b"(X\x02\x00\x00\x00idios\nsystem\n"),
    "extension": listed(b"\x82\x01"),
    "persistent id": listed(b"Pname\n"),
    "array called": listed(b"cnumpy\nndarray\n((J\x00\x00\x00\x40ttR"),
    "array made new": listed(b"cnumpy\nndarray\n(J\x00\x00\x00\x40t\x85\x81"),
    "class changed": listed(
        b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n(N}X\x04\x00\x00\x00readcnumpy\ndtype\nstb"
    ),
    "objects": listed(header((1,), "O") + b"\0" * 8),
    "objects in fields": listed(header((1,), [("a", "O")]) + b"\0" * 8),
    "strings": listed(header((2,), "S4") + b"\0" * 8),
    "dates": listed(header((1,), "M8[s]") + b"\0" * 8),
    "empty items": listed(header((3,), "V0")),
    "huge shape": listed(header((2**40,), "<f4")),
    "shape over 64 bits": listed(header((2**32, 2**32), "<f4")),
    "negative shape": listed(header((-1,), "<f4")),
    "two negatives": listed(header((-2, -3), "<f4") + b"\0" * 24),
    "shape of words": listed(header(("a",), "<f4")),
    "unknown order": listed(header(order="K") + FLOATS.tobytes()),
    "too few bytes": listed(header()) + FLOATS.tobytes()[:-3],
    "header without fields": listed(b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}b"),
    "header alone": listed(b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81"),
    "a type": listed(b"cnumpy\ndtype\n"),
    "numbers": pickle.dumps([1, 2]),
    "a dictionary": pickle.dumps({"a": 1}),
    "a tuple": pickle.dumps(()),
    "an array alone": b"\x80\x02" + header() + FLOATS.tobytes() + b".",
    "nothing": b"",
    "text": b"hello",
    "numpy file": b"\x93NUMPY\x01\x00",
    "deep": b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b".",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_anything_else_is_refused(data):
    with pytest.raises(ModelDamaged, match=r"weights\.lz4"):
        load_arrays(data, "weights.lz4")


def test_refusing_runs_nothing():
    with pytest.raises(ModelDamaged, match="not admitted"):
        load_arrays(pickle.dumps([Exploit()]), "weights")
    assert not RAN
    pickle.loads(pickle.dumps([Exploit()]))  # noqa: S301 - an ordinary reader would have run it
    assert RAN


def test_a_hostile_file_does_not_spoil_the_next_one():
    for data in HOSTILE.values():
        with pytest.raises(ModelDamaged):
            load_arrays(data, "weights")
    (array,) = load_arrays(listed(header() + FLOATS.tobytes()), "weights")
    np.testing.assert_array_equal(array, FLOATS)


@pytest.mark.parametrize("part", np.linspace(0, 0.99, 12))
def test_a_file_cut_off_is_refused(part):
    whole = listed(header() + FLOATS.tobytes(), header() + FLOATS.tobytes())
    with pytest.raises(ModelDamaged):
        load_arrays(whole[: int(len(whole) * part)], "weights")


def packed(data: bytes) -> dict[str, bytes]:
    return {f"{name}.lz4": lz4.frame.compress(data) for name in ("pnet", "rnet", "onet")}


def test_a_weight_file_with_another_number_of_arrays_is_refused():
    with pytest.raises(ModelDamaged, match="expected 13 arrays, found 1"):
        mtcnn.convert(packed(listed(header() + FLOATS.tobytes())))


def test_a_weight_file_that_is_not_compressed_is_refused():
    with pytest.raises(ModelDamaged, match="decompressed"):
        mtcnn.convert({"pnet.lz4": b"not lz4", "rnet.lz4": b"", "onet.lz4": b""})
