from __future__ import annotations

import collections
import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from tests.migrate.files import Fake, encodings, of_numpy_1, of_python_2
from tests.models.test_arrays_pickle import RAN, Exploit
from vultus.errors import ImportInvalid
from vultus.migrate import plain
from vultus.migrate.plain import read_plain
from vultus.models import pickle_machine

ROWS = encodings(3)


@pytest.fixture
def read(tmp_path):
    """Read bytes as a file of this name."""

    def read_file(data: bytes, name: str = "file.pickle"):
        path = tmp_path / name
        path.write_bytes(data)
        return read_plain(path)

    return read_file


ARRAYS = {
    "doubles": ROWS,
    "floats": ROWS.astype(np.float32),
    "one row": ROWS[0],
    "columns first": np.asfortranarray(ROWS),
    "every other": ROWS[:, ::2],
    "big end first": ROWS.astype(">f8"),
    "whole numbers": np.arange(5, dtype=np.int16),
    "truths": np.array([True, False]),
    "names": np.array(["ada", "bö"]),
    "names in bytes": np.array([b"ada", b"bob"]),
    "empty": np.zeros((0, 128)),
    "one number": np.array(1.5),
}


@pytest.mark.parametrize("old", [False, True], ids=["NumPy 2", "NumPy 1"])
@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_protocol_are_read(read, protocol, old):
    data = pickle.dumps(ARRAYS, protocol)
    assert (b"numpy._core" in data) == (np.lib.NumpyVersion(np.__version__) >= "2.0.0")
    found = read(of_numpy_1(data) if old else data)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype, name
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("protocol", range(6))
def test_numbers_and_dicts_of_numpy_and_the_standard_library(read, protocol):
    by_name = collections.defaultdict(list)
    by_name["ada"].append(ROWS[0])
    value = [np.float64(1.5), np.int32(-3), np.str_("ada"), np.bool_(True), by_name]
    value.append(collections.OrderedDict(b=1, a=2))
    half, minus, name, truth, lists, ordered = read(pickle.dumps(value, protocol))
    assert (half, minus, name, truth) == (1.5, -3, "ada", True)
    assert list(ordered.items()) == [("b", 1), ("a", 2)]
    np.testing.assert_array_equal(lists["ada"][0], ROWS[0])


def test_an_array_that_is_there_twice_is_read(read):
    first, second = read(pickle.dumps([ROWS, ROWS]))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("shape", [(2,), (2, 1), (2, 1, 1), ()])
def test_arrays_of_objects_become_lists(read, shape):
    array = np.empty(shape, object)
    for number, place in enumerate(np.ndindex(*shape)):
        array[place] = {"name": str(number)}
    found = read(pickle.dumps(array))
    assert found == array.tolist()
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    assert read(buffer.getvalue(), "people.npy") == found


@pytest.mark.parametrize("binary", [True, False])
def test_what_python_2_wrote_is_read(read, binary):
    names = ["Zoë".encode(), b"it's \\ 'ada'", b"\xe9tienne"]
    found = read(of_python_2(names, ROWS, binary=binary))
    assert found[b"names"] == names
    np.testing.assert_array_equal(np.stack(found[b"encodings"]), ROWS)


def test_what_joblib_writes_is_read(read):
    joblib = pytest.importorskip("joblib")
    buffer = io.BytesIO()
    joblib.dump({"encodings": list(ROWS), "names": ["a", "b", "c"]}, buffer)
    np.testing.assert_array_equal(np.stack(read(buffer.getvalue())["encodings"]), ROWS)
    packed = io.BytesIO()
    joblib.dump([ROWS], packed, compress=3)
    with pytest.raises(ImportInvalid, match="compressed"):
        read(packed.getvalue())


def npz(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy(array: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ARRAYS)
def test_npy_and_npz(read, name):
    np.testing.assert_array_equal(read(npy(ARRAYS[name]), "a.npy"), ARRAYS[name])
    np.testing.assert_array_equal(read(npz(x=ARRAYS[name]), "a.npz")["x"], ARRAYS[name])


def test_json_with_a_mark_at_its_beginning(read):
    assert read(b"\xef\xbb\xbf" + json.dumps({"names": ["Zoë"]}).encode(), "a.json") == {
        "names": ["Zoë"]
    }


def shaped(shape: object, descr: str = "<f8", body: bytes = b"") -> bytes:
    """An .npy whose header says this."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body


def bomb() -> bytes:
    """A zip that unpacks to far more."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.npy", bytes(100 * 2**20))
    return buffer.getvalue()


def with_readme() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("train/ada/1.jpg", b"picture")
    return buffer.getvalue()


REFUSED = {
    "npy beyond memory": (shaped((2**40, 128)), "bytes"),
    "npy with too few rows": (shaped((2, 128), body=bytes(100)), "as many bytes"),
    "npy of dates": (shaped((1,), "<M8[s]", bytes(8)), "plain"),
    "npy of a later kind": (b"\x93NUMPY\x09\x00" + bytes(10), "no array"),
    "npy with source in its header": (shaped("__import__('os')"), "no array"),
    "npy cut off": (npy(ROWS)[:-1], "as many bytes"),
    "npy of objects that load": (npy(np.array([Exploit()], object)), "run_here"),
    "npz of objects that load": (npz(names=np.array([Exploit()], object)), "run_here"),
    "npz cut off": (npz(a=ROWS)[:-40], "damaged"),
    "npz that is a bomb": (bomb(), "unpacks to too much"),
    "a zip of pictures": (with_readme(), "Unpack it"),
    "gzip": (b"\x1f\x8b\x08" + bytes(20), "compressed"),
    "JSON cut off": (b'{"names": ["a"', "no JSON"),
    "JSON that is deep": (b"[" * 200_000, "no JSON"),
    "text": (b"hello", "is not read"),
    "a picture": (b"\xff\xd8\xff\xe0" + bytes(100), "is not read"),
    "nothing": (b"", "empty"),
    "scikit-learn": (
        Fake("sklearn.neighbors._classification", "KNeighborsClassifier").dumps(),
        "vultus import folder TRAIN_DIR",
    ),
    "pandas": (Fake("pandas.core.frame", "DataFrame").dumps(), "pandas.core.frame.DataFrame"),
    "a matrix": (Fake("numpy", "matrix").dumps(), "numpy.matrix"),
    "dates": (pickle.dumps(np.array(["2020-01-01"], "M8[D]")), "plain"),
    "complex numbers": (pickle.dumps(np.array([1j])), "plain"),
    "fields": (pickle.dumps(np.zeros(1, [("a", "f8")])), "plain"),
}


@pytest.mark.parametrize(("data", "says"), REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused_in_plain_words(read, data, says):
    RAN.clear()
    with pytest.raises(ImportInvalid, match=says):
        read(data, "file.dat")
    assert not RAN


def test_arrays_that_contradict_themselves_are_refused(read):
    whole = pickle.dumps(ROWS, 2)
    for old, new in (
        (b"K\x03K\x80\x86", b"K\x04K\x80\x86"),
        (b"X\x02\x00\x00\x00f8", b"X\x02\x00\x00\x00O8"),
    ):
        assert old in whole
        with pytest.raises(ImportInvalid):
            read(whole.replace(old, new))


@pytest.mark.parametrize("protocol", range(6))
def test_an_array_cut_off_anywhere_is_refused(read, protocol):
    whole = pickle.dumps({"encodings": ROWS[:1], "names": ["ada"]}, protocol)
    for end in [*range(1, 300, 7), len(whole) // 2, len(whole) - 1]:
        with pytest.raises(ImportInvalid):
            read(whole[:end])


def long_texts() -> bytes:
    """One text of 40,000 bytes, made anew 100 times."""
    text = "a" * 10_000
    dtype = b"cnumpy\ndtype\nX\x07\x00\x00\x00<U10000\x85Rq\x010"
    data = b"B" + (40_000).to_bytes(4, "little") + text.encode("utf-32-le") + b"q\x020"
    word = b"cnumpy._core.multiarray\nscalar\nq\x030"
    return b"\x80\x03" + dtype + data + word + b"](" + b"h\x03h\x01h\x02\x86R" * 100 + b"e."


def many_lists() -> bytes:
    """One array of 10,000 rows of one object, made anew 100 times."""
    dtype = b"cnumpy\ndtype\nX\x02\x00\x00\x00O8\x85R"
    shape, items = b"M\x10\x27K\x01\x86", b"](" + b"N" * 10_000 + b"e"
    state = b"(K\x01" + shape + dtype + b"\x89" + items + b"tq\x010"
    arguments = b"cnumpy\nndarray\n\x85q\x020"
    word = b"cnumpy._core.multiarray\n_reconstruct\nq\x030"
    array = b"h\x03h\x02Rh\x01b"
    return b"\x80\x03" + state + arguments + word + b"](" + array * 100 + b"e."


@pytest.mark.parametrize("bomb", [long_texts, many_lists])
def test_what_is_made_again_and_again_is_counted(read, bomb, monkeypatch):
    data = bomb()
    assert len(read(data)) == 100
    monkeypatch.setattr(pickle_machine, "_MAX_MADE_BYTES", 2**21)
    with pytest.raises(ImportInvalid, match="makes more than 2,097,152 bytes"):
        read(data)


def test_a_file_over_the_limit_is_refused(read, monkeypatch):
    monkeypatch.setattr(plain, "MAX_BYTES", 1000)
    with pytest.raises(ImportInvalid, match="more than 1,000 bytes"):
        read(bytes(1001))


def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "missing.pickle", tmp_path / "a\0b"):
        with pytest.raises(ImportInvalid):
            read_plain(path)
