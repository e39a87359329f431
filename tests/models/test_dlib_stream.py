from __future__ import annotations

import io
import struct
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.errors import ModelDamaged
from vultus.models import dlib_stream
from vultus.models.dlib_shape_predictor import convert, read_predictor
from vultus.models.dlib_stream import DlibStream, decode_floats

# A writer of dlib's format, from its description, to read back.


def integer(value: int, width: int | None = None) -> bytes:
    length = width or max(1, -(-abs(value).bit_length() // 8))
    sign = 0x80 if value < 0 else 0
    return bytes([length | sign]) + abs(value).to_bytes(length, "little")


def real(mantissa: int, exponent: int) -> bytes:
    return integer(mantissa) + integer(exponent)


def vector(items: list[bytes]) -> bytes:
    return integer(len(items)) + b"".join(items)


def matrix(rows: int, columns: int, items: list[bytes]) -> bytes:
    return integer(-rows) + integer(-columns) + b"".join(items)


def tensor(values: np.ndarray) -> bytes:
    sizes = b"".join(map(integer, (2, *values.shape)))
    return sizes + values.astype("<f4").tobytes()


def stream(data: bytes) -> DlibStream:
    return DlibStream(data, "test.dat")


INTEGERS = st.integers(-(2**63) + 1, 2**63 - 1)


@given(st.lists(INTEGERS, max_size=30))
def test_integers_one_by_one_and_all_at_once(values):
    data = b"".join(map(integer, values))
    single, bulk = stream(data), stream(data)
    assert [single.integer() for _ in values] == values
    assert bulk.integers(len(values)).tolist() == values
    assert single.at_end
    assert bulk.at_end


@given(INTEGERS.filter(lambda value: abs(value) < 2**32), st.integers(4, 8))
def test_integers_longer_than_they_need_to_be(value, width):
    data = integer(value, width)
    assert stream(data).integer() == value
    assert stream(data).integers(1).tolist() == [value]


def many(count: int) -> list[int]:
    """Integers of all lengths, most of them short as in real files."""
    rng = np.random.default_rng(count)
    bits = rng.choice(
        [1, 7, 8, 20, 24, 31, 40, 63], count, p=[0.1, 0.3, 0.1, 0.1, 0.3, 0.06, 0.02, 0.02]
    )
    return [int(rng.integers(-(2**n) + 1, 2**n)) for n in bits.tolist()]


@pytest.mark.parametrize("count", [600, 5000, 50_000])
def test_long_runs_of_integers(count):
    """Longer than what is looked at together, and than a lane of it."""
    values = many(count)
    reader = stream(b"".join(map(integer, values)) + b"rest")
    with mock.patch.object(dlib_stream, "_WINDOW", 1 << 16):
        assert reader.integers(count).tolist() == values
    assert not reader.at_end
    assert reader._take(4) == b"rest"


@pytest.mark.parametrize("first", range(1, 9))
def test_a_run_in_which_a_wrong_start_never_gets_into_step(first):
    values = [2 ** (8 * first - 1) - 1] + [1] * 10_000
    assert stream(b"".join(map(integer, values))).integers(len(values)).tolist() == values


@pytest.mark.parametrize("wrong", [b"\x00", b"\x0f", b"\x89"])
def test_what_is_no_integer_in_a_long_run_is_told(wrong):
    run = b"".join(map(integer, many(9000)))
    with pytest.raises(ModelDamaged, match="expected 9002 integers at byte"):
        stream(run + wrong + integer(1) * 30_000).integers(9002)


def test_a_long_run_that_is_cut_off_is_told():
    run = b"".join(map(integer, many(9000)))
    for end in (-1, -2, -40):
        with pytest.raises(ModelDamaged, match="expected 9000 integers"):
            stream(run[:end]).integers(9000)


@given(st.lists(st.tuples(st.integers(-(2**24), 2**24), st.integers(-60, 60)), max_size=20))
def test_floats_are_mantissa_times_two_to_the_exponent(pairs):
    data = b"".join(real(*pair) for pair in pairs)
    expected = [float(mantissa) * 2.0**exponent for mantissa, exponent in pairs]
    assert stream(data).floats(len(pairs)).tolist() == expected


def test_special_floats():
    values = stream(real(0, 32000) + real(0, 32001) + real(0, 32002) + real(3, -1)).floats(4)
    np.testing.assert_array_equal(values, [np.inf, -np.inf, np.nan, 1.5])
    assert decode_floats(np.zeros((2, 3, 2), np.int64)).shape == (2, 3)


def test_a_matrix():
    data = matrix(2, 3, [real(value, 0) for value in range(6)])
    found = stream(data).matrix()
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[0, 1, 2], [3, 4, 5]])


def test_a_tensor():
    values = np.random.default_rng(0).normal(size=(2, 3, 1, 4)).astype(np.float32)
    reader = stream(tensor(values) + b"rest")
    np.testing.assert_array_equal(reader.tensor(), values)
    assert not reader.at_end


def test_layers_are_found_by_name_in_order():
    layer = bytes([1, 7]) + b"affine_"
    reader = stream(b"noise" + layer + integer(5) + b"affine_" + layer + integer(6))
    found = []
    for _ in range(2):
        reader.seek_layer("affine_")
        found.append(reader.integer())
    assert found == [5, 6]
    with pytest.raises(ModelDamaged, match="a layer affine_"):
        reader.seek_layer("affine_")


@pytest.mark.parametrize(
    ("data", "method", "argument"),
    [
        (b"", "integer", ()),
        (b"\x00", "integer", ()),
        (b"\x09" + b"\0" * 9, "integer", ()),
        (b"\x04\x00", "integer", ()),
        (b"\x01\x01\x04\x00", "integers", (2,)),
        (b"\x00\x01", "integers", (1,)),
        (real(1, 1)[:-1], "floats", (1,)),
        (integer(2) + integer(3), "matrix", ()),
        (matrix(2, 3, [real(1, 0)] * 5), "matrix", ()),
        (integer(1) + integer(1) * 4, "tensor", ()),
        (tensor(np.zeros((2, 3, 1, 4)))[:-1], "tensor", ()),
        (integer(2) + integer(2**40) * 4, "tensor", ()),
        (integer(2) + integer(-1) * 4, "tensor", ()),
        (integer(1), "integers", (2**40,)),
        (integer(1), "integers", (-1,)),
        (integer(-(2**20)) * 2, "matrix", ()),
    ],
)
def test_what_is_not_there_is_told_with_its_place(data, method, argument):
    with pytest.raises(ModelDamaged, match=r"test\.dat: expected .* at byte \d+, found"):
        getattr(stream(data), method)(*argument)


# a small shape predictor: 2 points, 2 cascades of 2 trees with 3 splits, 4 features


def tree(first: int, splits: int = 3) -> bytes:
    nodes = [integer(first) + integer(i) + real(i, -1) for i in range(splits)]
    leaves = [
        matrix(4, 1, [real(10 * leaf + i, 0) for i in range(4)]) for leaf in range(splits + 1)
    ]
    return vector(nodes) + vector(leaves)


def predictor(version: int = 1, anchors: int = 2, second_tree: bytes = b"") -> bytes:
    initial = matrix(4, 1, [real(value, -2) for value in (1, 2, 3, 2)])
    forest = vector([tree(7), second_tree or tree(9)])
    anchor = vector([integer(value) for value in (0, 1, 1, 0)])
    delta = vector([real(1, 0) + real(value, 0) for value in range(4)])
    return (
        integer(version)
        + initial
        + vector([forest, forest])
        + vector([anchor] * anchors)
        + vector([delta, delta])
    )


def test_a_shape_predictor_is_decoded():
    found = read_predictor(predictor(), "small.dat")
    np.testing.assert_array_equal(found["initial"], [[0.25, 0.5], [0.75, 0.5]])
    assert found["splits"].shape == (2, 2, 3, 2)
    assert found["splits"][0, :, :, 0].tolist() == [[7] * 3, [9] * 3]
    np.testing.assert_array_equal(found["thresholds"][1, 1], [0, 0.5, 1])
    assert found["leaves"].shape == (2, 2, 4, 4)
    np.testing.assert_array_equal(found["leaves"][0, 0, 2], [20, 21, 22, 23])
    assert found["anchors"].tolist() == [[0, 1, 1, 0]] * 2
    np.testing.assert_array_equal(found["deltas"][1, 3], [1, 3])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (predictor(version=2), "version 1"),
        (predictor(anchors=1), "end of the file"),
        (predictor() + b"\0", "end of the file"),
        (predictor()[:-2], "expected"),
        (predictor(second_tree=tree(9, 7)), "expected"),
        (b"", "expected"),
        (struct.pack("<10f", *range(10)), "expected"),
    ],
)
def test_another_file_is_no_shape_predictor(data, expected):
    with pytest.raises(ModelDamaged, match=expected):
        read_predictor(data, "small.dat")


def test_a_predictor_becomes_plain_arrays():
    (converted,) = convert({"small.dat": predictor()}).values()
    with np.load(io.BytesIO(converted), allow_pickle=False) as arrays:
        for name, expected in read_predictor(predictor(), "small.dat").items():
            assert arrays[name].dtype == expected.dtype
            np.testing.assert_array_equal(arrays[name], expected)


def test_a_damaged_predictor_is_refused_by_its_name():
    with pytest.raises(ModelDamaged, match=r"small\.dat: expected"):
        convert({"small.dat": predictor()[:-2]})
