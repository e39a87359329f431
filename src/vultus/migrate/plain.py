"""Plain values from files that others wrote: pickles, .npy, .npz and JSON; nothing in them is run.

Plain are lists, dicts, tuples, text, bytes, numbers, None and NumPy arrays of these.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import ImportInvalid
from vultus.imaging.load import readable
from vultus.models.arrays_pickle import JOBLIB_WORDS, checked_count
from vultus.models.pickle_machine import Machine, Pending, PickleRefused, Word

MAX_BYTES = 256 * 2**20
_MAX_MEMBERS = 100_000
_LIST_BYTES = 64  # about what an empty one takes
_KINDS = "biufSU"
_NPY = b"\x93NUMPY"
_ZIP = b"PK\x03\x04"
_COMPRESSED = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"x\x9c",
    b"x\x01",
    b"x^",
    b"x\xda",
    b"\x04\x22M\x18",
)
# RuntimeError: members that are encrypted or compressed in an unknown way
_UNPACKING_ERRORS = (
    OSError,
    EOFError,
    KeyError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
_WRITE_AGAIN = "Write it again, in Python: np.savez('faces.npz', encodings=encodings, names=names)."


class _Array(Pending):
    """An array as `ndarray.__reduce__` writes it: made empty, filled by its state."""

    def build(self, state: Any, machine: Machine) -> None:
        if self.value is not None or not isinstance(state, tuple) or len(state) not in (4, 5):
            raise PickleRefused("an array is damaged")
        shape, dtype, fortran, data = state[-4:]
        if isinstance(dtype, np.dtype) and dtype.kind == "O":
            self.value = _nested(shape, fortran, data, machine)
        else:
            self.value = _filled(dtype, shape, "F" if fortran else "C", data)


def _filled(dtype: Any, shape: Any, order: Any, data: Any) -> NDArray[Any]:
    count = checked_count(dtype, shape, _KINDS)
    if order not in ("C", "F") or not isinstance(data, bytes):
        raise PickleRefused("an array is damaged")
    if len(data) != count * dtype.itemsize:
        raise PickleRefused("an array does not have as many bytes as it says")
    array: NDArray[Any] = np.frombuffer(data, dtype, count).reshape(shape, order=order)
    return array


def _nested(shape: Any, fortran: Any, items: Any, machine: Machine) -> Any:
    """An array of objects as lists in lists; the object itself where it has no dimension."""
    count = checked_count(np.dtype("O"), shape, "O")
    if not isinstance(items, list) or len(items) != count or (fortran and len(shape) > 1):
        raise PickleRefused("an array is damaged")
    if not shape:
        return items[0]
    if not count:
        return []
    for side in shape[:0:-1]:
        machine.spend(_LIST_BYTES * (len(items) // side))
        items = [items[start : start + side] for start in range(0, len(items), side)]
    return items


def _reconstruct(arguments: tuple[Any, ...], machine: Machine) -> _Array:
    del machine
    if not arguments or getattr(arguments[0], "name", None) != "ndarray":
        raise PickleRefused("an array is of a class that is not admitted")
    return _Array()


def _from_buffer(arguments: tuple[Any, ...], machine: Machine) -> NDArray[Any]:
    """An array as protocol 5 writes it: bytes, dtype, shape, order."""
    del machine
    if len(arguments) not in (4, 5) or any(arguments[4:]):
        raise PickleRefused("an array is damaged")
    data, dtype, shape, order = arguments[:4]
    return _filled(dtype, shape, order, data)


def _scalar(arguments: tuple[Any, ...], machine: Machine) -> Any:
    if len(arguments) != 2:
        raise PickleRefused("a number is damaged")
    number = _filled(arguments[0], (), "C", arguments[1])
    machine.spend(number.nbytes)  # it may be text, as long as an array's items may be
    return number.item()


def _encode(arguments: tuple[Any, ...], machine: Machine) -> bytes:
    """Bytes as protocols 0 to 2 write them: as text of Latin 1."""
    if len(arguments) != 2 or type(arguments[0]) is not str or arguments[1] != "latin1":
        raise PickleRefused("bytes are damaged")
    machine.spend(len(arguments[0]))
    return arguments[0].encode("latin-1")


def _empty_bytes(arguments: tuple[Any, ...], machine: Machine) -> bytes:
    del machine
    if arguments:
        raise PickleRefused("bytes are damaged")
    return b""


def _empty_dict(arguments: tuple[Any, ...], machine: Machine) -> dict[Any, Any]:
    """An OrderedDict, or a defaultdict of lists; pairs follow."""
    del machine
    if [getattr(argument, "name", None) for argument in arguments] not in ([], ["list"]):
        raise PickleRefused("a dict is of a kind that is not admitted")
    return {}


# The modules of NumPy 1 and 2, and Python's by their names of version 2 and 3.
_WORDS = {
    **JOBLIB_WORDS,
    **{
        (f"numpy.{core}.{module}", name): Word(name, make)
        for core in ("core", "_core")
        for module, name, make in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
    **{(module, "bytes"): Word("bytes", _empty_bytes) for module in ("builtins", "__builtin__")},
    **{(module, "list"): Word("list") for module in ("builtins", "__builtin__")},
    ("_codecs", "encode"): Word("encode", _encode),
    ("collections", "OrderedDict"): Word("OrderedDict", _empty_dict),
    ("collections", "defaultdict"): Word("defaultdict", _empty_dict),
}


def read_plain(path: Path) -> Any:
    """The value of a file; its kind is told by its first bytes, JSON by its ending.

    Raises:
        ImportInvalid: it cannot be read, is too large, or holds something that is not plain.
    """
    data = read_bytes(path)
    if data.startswith(_NPY):
        return _read_npy(data, path, path.name)
    if data.startswith(_ZIP):
        return _read_npz(data, path)
    if data.startswith(_COMPRESSED):
        raise ImportInvalid(
            f"{readable(str(path))} is compressed.", "Unpack it first, or write it uncompressed."
        )
    if path.suffix.lower() == ".json" or data.lstrip()[:1] in (b"[", b"{"):
        return _read_json(data, path)
    return read_pickle(data, path)


def read_bytes(path: Path) -> bytes:
    """The whole file. Raises ImportInvalid: it is not there, no file, empty or too large."""
    shown = readable(str(path))
    try:
        if path.exists() and not path.is_file():
            raise ImportInvalid(f"{shown} is no file.", "Name a file.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImportInvalid(f"{shown} cannot be read: {reason}.", "Check the path.") from None
    if not data:
        raise ImportInvalid(f"{shown} is empty (0 bytes).", "Take another copy of it.")
    if len(data) > MAX_BYTES:
        raise ImportInvalid(f"{shown} has more than {MAX_BYTES:,} bytes.", "Split it.")
    return data


def read_pickle(data: bytes, path: Path, *, start: int = 0) -> Any:
    """The value of a pickle, whichever Python and NumPy wrote it.

    Raises:
        ImportInvalid: it is damaged or wants to load something; nothing of it has run.
    """
    try:
        return Machine(data, _WORDS, start=start).run()
    except PickleRefused as error:
        raise ImportInvalid(
            f"{readable(str(path))} is not read: {error}. Nothing of it was run.",
            _hint(error.wanted),
        ) from error


def _hint(wanted: str | None) -> str:
    if wanted is None:
        return "Pickles, .npy, .npz and .json with encodings and names are read."
    if wanted.startswith("sklearn."):
        return (
            "It is a classifier of scikit-learn, not encodings: import the folder of pictures "
            "that it was trained with, `vultus import folder TRAIN_DIR`."
        )
    return f"Only lists, dicts, text, numbers and NumPy arrays are. {_WRITE_AGAIN}"


def _read_npy(data: bytes, path: Path, name: str) -> Any:
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read(stream)
        if dtype.hasobject:
            return read_pickle(data, path, start=stream.tell())
        count = checked_count(dtype, shape, _KINDS)
        return _filled(dtype, shape, "F" if fortran else "C", stream.read(count * dtype.itemsize))
    except ImportInvalid:
        raise
    except (
        Exception
    ) as error:  # the header is Python source that NumPy reads: it may fail in any way
        raise ImportInvalid(
            f"{readable(str(path))}: {readable(name)} is no array that can be read: {error}.",
            _WRITE_AGAIN,
        ) from error


def _read_npz(data: bytes, path: Path) -> dict[str, Any]:
    shown = readable(str(path))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS or sum(m.file_size for m in members) > MAX_BYTES:
                raise ImportInvalid(f"{shown} unpacks to too much.", "Split it.")
            if not all(member.filename.endswith(".npy") for member in members):
                raise ImportInvalid(
                    f"{shown} is a zip archive that holds other things than arrays.",
                    "Unpack it, and import the folder or file in it.",
                )
            return {
                member.filename.removesuffix(".npy"): _read_npy(
                    _member(archive, member), path, member.filename
                )
                for member in members
            }
    except _UNPACKING_ERRORS as error:
        raise ImportInvalid(f"{shown} is damaged: {error}.", _WRITE_AGAIN) from error


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        data = file.read(member.file_size + 1)
    if len(data) > member.file_size:
        raise ValueError("a member is larger than it says")
    return data


def read_json(path: Path) -> Any:
    """The value of a JSON file. Raises ImportInvalid: it cannot be read, or is none."""
    return _read_json(read_bytes(path), path)


def _read_json(data: bytes, path: Path) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ImportInvalid(
            f"{readable(str(path))} is no JSON that can be read: {error}.", "Write it again."
        ) from error
