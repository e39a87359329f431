"""Encodings of face_recognition, or of dlib itself, as programs keep them, to enrolled faces.

An encoding is what `face_recognition.face_encodings` gives: 128 numbers of dlib's network, which is
the network of Vultus too. There is no picture behind it: no box, no quality.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import ImportInvalid, ModelMismatch, VultusError
from vultus.faces.embedder import EMBEDDING_SIZE
from vultus.gallery.enrolment import PreparedFace
from vultus.gallery.rows import check_name
from vultus.gallery.store import FaceRecord
from vultus.imaging.load import readable
from vultus.migrate.names import read_names
from vultus.migrate.plain import read_plain
from vultus.models import catalogue

MAX_FACES = 100_000
MAX_NUMBERS = MAX_FACES * 512  # as long as embeddings of other models are, which are named

_ENCODING_KEYS = (
    "encodings",
    "encoding",
    "known_face_encodings",
    "known_encodings",
    "face_encodings",
    "embeddings",
    "embedding",
)
_NAME_KEYS = (
    "names",
    "name",
    "known_face_names",
    "known_names",
    "face_names",
    "labels",
    "label",
    "known_face_ids",
)
# Lengths of vectors; those of dlib over lfw-grey are 1.18 to 1.69.
_SHORTEST, _LONGEST = 0.8, 2.5
_LAYOUTS = (
    'a dict {"encodings": [...], "names": [...]}, a dict of names to encodings, a pair '
    "(encodings, names), or a list of dicts with name and encoding"
)


@dataclass(frozen=True)
class Entry:
    """One encoding of a file: whose it is, and the face or why it cannot be taken.

    source: the file's name and the number of the entry in it, from 1.
    """

    source: str
    person: str
    face: PreparedFace | None
    error: VultusError | None = None


def read_encodings(path: Path, names: Path | None = None) -> list[Entry]:
    """All encodings of a file, in its order.

    path: pickle, .npy, .npz or .json. names: a file of names in the order of the encodings, where
    these have none of their own.

    Raises:
        ImportInvalid: the file cannot be read, or its layout is none that is known.
        ModelMismatch: these are embeddings of another model.
    """
    listed = None if names is None else read_names(names)
    named = list(_limited(_named(read_plain(path), listed, readable(str(path))), path))
    if not named:
        raise ImportInvalid(f"{readable(str(path))} holds no encodings.", f"Expected {_LAYOUTS}.")
    _check_model([vector for _, vector in named], path)
    shown = readable(path.name)
    return [
        _entry(f"{shown}#{number}", name, vector) for number, (name, vector) in enumerate(named, 1)
    ]


def _limited(pairs: Iterator[tuple[Any, Any]], path: Path) -> Iterator[tuple[Any, Any]]:
    shown, numbers = readable(str(path)), 0
    for number, (name, vector) in enumerate(pairs):
        if number >= MAX_FACES:
            raise ImportInvalid(f"{shown} has more than {MAX_FACES:,} encodings.", "Split it.")
        numbers += vector.size if isinstance(vector, np.ndarray) else 0
        if numbers > MAX_NUMBERS:  # a pickle may name one long list again and again
            raise ImportInvalid(f"{shown} has more than {MAX_NUMBERS:,} numbers.", "Split it.")
        yield name, vector


# layouts


def _named(value: Any, names: list[Any] | None, shown: str) -> Iterator[tuple[Any, Any]]:
    """Pairs of name and vector, whatever the layout."""
    if isinstance(value, dict):
        found = _of_key(value, _ENCODING_KEYS)
        if found is not None:
            own = _of_key(value, _NAME_KEYS)
            if isinstance(own, str | bytes):
                found, own = [found], [own]
            return _columns(found, names if own is None else own, shown)
        if names is None:
            return _columns(list(value.values()), list(value), shown)
        raise ImportInvalid(f"{shown} has names of its own.", "Leave --names out.")
    # a row of numbers: one encoding, as np.save writes it
    items = [value] if _numbers(value) is not None else _items(value)
    if items is None:
        raise ImportInvalid(
            f"{shown} holds a {type(value).__name__}, not encodings.", f"Expected {_LAYOUTS}."
        )
    encodings, own = _own_names(items) or (items, None)
    return _columns(encodings, names if own is None else own, shown)


def _own_names(items: list[Any]) -> tuple[Any, Any] | None:
    """Encodings and names, where the items of a list bring both."""
    if items and all(isinstance(item, dict) for item in items):
        names = [_of_key(item, _NAME_KEYS) for item in items]
        named = any(name is not None for name in names)
        return [_of_key(item, _ENCODING_KEYS) for item in items], names if named else None
    if len(items) == 2:  # the columns, in either order
        for encodings, names in (items, items[::-1]):
            if _are_names(names) and not (_are_names(encodings) and _items(encodings)):
                return encodings, names
    pairs = [item for item in items if isinstance(item, list | tuple) and len(item) == 2]
    if items and len(pairs) == len(items):
        for name, encoding in ((0, 1), (1, 0)):
            if _are_names([pair[name] for pair in pairs]):
                return [pair[encoding] for pair in pairs], [pair[name] for pair in pairs]
    return None


def _of_key(value: dict[Any, Any], keys: tuple[str, ...]) -> Any:
    """What a dict has under the first of these keys, however they are written."""
    found = {_text(key).lower(): item for key, item in value.items()}
    return next((found[key] for key in keys if key in found), None)


def _are_names(value: Any) -> bool:
    items = _items(value)
    return items is not None and all(isinstance(item, str | bytes) for item in items)


def _items(value: Any) -> list[Any] | None:
    """The items of a list, a tuple or an array; None of anything else.

    Of more than are taken only as many as show it.
    """
    if isinstance(value, np.ndarray) and value.ndim:
        if not value.size:
            return []
        value = value[: MAX_FACES + 1]
        return list(value) if value.dtype.kind in "biuf" else list(value.tolist())
    return list(value[: MAX_FACES + 1]) if isinstance(value, list | tuple) else None


def _columns(encodings: Any, names: Any, shown: str) -> Iterator[tuple[Any, Any]]:
    """A person may have several encodings under one name."""
    if names is None:
        raise ImportInvalid(
            f"{shown} has encodings without names.",
            "Give them in their order: --names FILE, text with a line a name, JSON or .npy.",
        )
    vectors, labels = _items(encodings), _items(names)
    if vectors is None or labels is None:
        raise ImportInvalid(f"{shown} holds something else.", f"Expected {_LAYOUTS}.")
    if len(vectors) != len(labels):
        raise ImportInvalid(
            f"{shown} has {len(vectors)} encodings and {len(labels)} names.",
            "Both must be as many; find out which one is missing.",
        )
    for name, vector in zip(labels, vectors, strict=True):
        for one in _vectors(vector):
            yield name, one


def _vectors(value: Any) -> list[Any]:
    """One encoding, or the several of one name, each as an array where it is one of numbers."""
    numbers = _numbers(value)
    if numbers is not None:
        return [numbers]
    items = _items(value)
    if not items:
        return [value]
    return [one if (one := _numbers(item)) is not None else item for item in items]


def _numbers(value: Any) -> NDArray[Any] | None:
    """A row of numbers as an array (n,); None of anything else."""
    if isinstance(value, np.ndarray):
        return value if value.ndim == 1 and value.dtype.kind in "iuf" else None
    if not isinstance(value, list | tuple) or not value:
        return None
    if not all(type(item) in (int, float) for item in value):
        return None
    try:
        return np.array(value, np.float64)
    except OverflowError:
        return np.full(len(value), np.inf)


# entries


def _check_model(vectors: list[Any], path: Path) -> None:
    """Raises ModelMismatch where no encoding of a file can be dlib's."""
    rows = [row for row in map(_numbers, vectors) if row is not None]
    lengths = {len(row) for row in rows}
    shown = readable(str(path))
    if rows and EMBEDDING_SIZE not in lengths:
        raise ModelMismatch(
            f"{shown} holds embeddings of {min(lengths)} numbers; dlib's network, and so "
            f"face_recognition, gives {EMBEDDING_SIZE}.",
            "Those of another model (ArcFace, FaceNet512, VGG) cannot be converted: import the "
            "pictures that they were made from, `vultus import folder DIR`.",
        )
    norms = [_norm(row) for row in rows if len(row) == EMBEDDING_SIZE]
    norms = [norm for norm in norms if np.isfinite(norm)]
    if norms and not any(_SHORTEST < norm < _LONGEST and abs(norm - 1) > 1e-3 for norm in norms):
        raise ModelMismatch(
            f"{shown} holds vectors of a length that dlib's network does not give "
            f"({norms[0]:.3f}; its own are 1.1 to 1.7 long).",
            "Those of another model (OpenFace, FaceNet), or normalised ones, cannot be used: "
            "import the pictures that they were made from, `vultus import folder DIR`.",
        )


def _norm(row: NDArray[Any]) -> float:
    with np.errstate(over="ignore"):  # what is too large is infinite, and refused
        return float(np.linalg.norm(row.astype(np.float64)))


def _entry(source: str, name: Any, vector: Any) -> Entry:
    person = _text(name)
    try:
        return Entry(source, person, prepare_encoding(person, vector, source))
    except VultusError as error:
        return Entry(source, person, None, error)


def prepare_encoding(person: str, vector: Any, source: str) -> PreparedFace:
    """A face without a picture, ready to be enrolled.

    vector: (128,), any plain number type.

    Raises:
        ImportInvalid: these are no 128 finite numbers. UsageError: the name is none.
    """
    person = check_name(person, "person")
    row = _numbers(vector)
    if row is None or len(row) != EMBEDDING_SIZE:
        found = type(vector).__name__ if row is None else len(row)
        raise ImportInvalid(
            f"{source} is no encoding: expected {EMBEDDING_SIZE} numbers, found {found}.",
            "Make it again from the picture.",
        )
    norm = _norm(row)
    if not _SHORTEST < norm < _LONGEST:  # also where a number is none
        raise ImportInvalid(
            f"{source} is no encoding: it has numbers that are not finite, or a length that "
            f"dlib's network does not give ({norm:.3f}).",
            "Make it again from the picture.",
        )
    embedding = row.astype(np.float32)
    digest = hashlib.sha256(b"encoding" + embedding.astype("<f4").tobytes()).hexdigest()
    record = FaceRecord(
        person=person,
        model=catalogue.EMBEDDER,
        embedding=embedding,
        source=source,
        digest=digest,
        box=(0.0, 0.0, 0.0, 0.0),
        quality=0.0,
    )
    return PreparedFace(record, [])


def _text(name: Any) -> str:
    """A name as text, its letters written in one way; Python 2 wrote bytes."""
    if isinstance(name, bytes):
        try:
            name = name.decode("utf-8")
        except UnicodeDecodeError:
            name = name.decode("latin-1")
    if isinstance(name, np.generic):
        name = name.item()
    if isinstance(name, bool) or not isinstance(name, str | int):
        return ""  # which `check_name` refuses
    return unicodedata.normalize("NFC", str(name))
