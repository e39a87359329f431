"""A classifier in one file, by skops; no pickle, and nothing in it that we do not know.

skops trusts every type of scikit-learn and NumPy, some of which do things when they are made. Here
a file may hold dictionaries, lists, text, arrays and two linear estimators, each of which is
checked. It holds embeddings, which are biometric data: it is written for its owner alone.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from vultus.errors import ModelDamaged, ModelMismatch, ModelMissing, StorageError
from vultus.events.private import make_file
from vultus.learn.classifier import Classifier, ClassifierCard
from vultus.learn.classifier_kinds import Kind, require_learn
from vultus.learn.people import DIGEST_BYTES, LabelledFaces
from vultus.models import catalogue

FORMAT = 1
_MAX_FILE_BYTES = 2**30
_MAX_MEMBERS = 64
_MAX_SCHEMA_BYTES = 2**26
_MAX_BYTES = 2**31  # all members, unpacked
_MAX_RATIO = 1000  # a real file shrinks by two
_AGAIN = "Train it again with `vultus train classifier`."
_KEYS = {"card", "sources", "embeddings", "targets", "digests", "estimator"}
_ESTIMATORS: dict[Kind, tuple[str, str]] = {
    "svm": ("sklearn.svm._classes", "LinearSVC"),
    "logistic": ("sklearn.linear_model._logistic", "LogisticRegression"),
}
# How skops loads a part, and of which type it is: nothing else is let in.
_TRUSTED = {
    ("DictNode", "builtins", "dict"),
    ("ListNode", "builtins", "list"),
    ("JsonNode", "builtins", "str"),
    ("TypeNode", "builtins", "str"),
    ("NdArrayNode", "numpy", "ndarray"),
    *(("ObjectNode", module, name) for module, name in _ESTIMATORS.values()),
}
# What the readers of zip, JSON, NumPy files and skops raise on damaged or hostile ones.
_READING_ERRORS = (
    OSError,
    EOFError,
    KeyError,
    AttributeError,
    IndexError,
    TypeError,
    MemoryError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def save_classifier(classifier: Classifier, path: str | os.PathLike[str]) -> None:
    """Write a classifier; the file appears whole or not at all, for its owner alone.

    Raises:
        StorageError: it cannot be written. ExtraMissing: skops is not installed.
    """
    require_learn()
    import skops.io

    faces = classifier.faces
    content = {
        "card": classifier.card.model_dump_json(),
        "sources": json.dumps(list(faces.sources)),
        "embeddings": faces.embeddings.astype("<f4"),
        "targets": faces.targets.astype("<i8"),
        "digests": np.array(faces.digests),
        "estimator": classifier.estimator,
    }
    data = skops.io.dumps(content, compression=zipfile.ZIP_DEFLATED)
    path = Path(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        make_file(part)
        with part.open("r+b") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}.", "Choose another place."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def load_classifier(path: str | os.PathLike[str]) -> Classifier:
    """Read a classifier.

    Raises:
        ModelMissing: there is no such file.
        ModelDamaged: it is no classifier, is damaged or tampered with, or is of a newer Vultus.
        ModelMismatch: its embeddings are of a model that is not known here.
        ExtraMissing: scikit-learn or skops is not installed.
    """
    require_learn()
    try:
        data = _bytes_of(Path(path))
        classifier = _classifier_of(_content_of(data))
    except _READING_ERRORS as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelDamaged(f"{path} is no trained classifier: {reason}.", _AGAIN) from error
    card = catalogue.cards().get(classifier.embedder)
    if card is None or card.kind != "embedder":
        raise ModelMismatch(
            f"{path} was trained on embeddings of {classifier.embedder}, which is not known here.",
            _AGAIN,
        )
    return classifier


def _bytes_of(path: Path) -> bytes:
    if not path.exists():
        raise ModelMissing(f"There is no file {path}.", "Check the path.")
    if not path.is_file():
        raise ValueError("it is no file")  # a pipe would not end
    with path.open("rb") as file:
        data = file.read(_MAX_FILE_BYTES + 1)
    if len(data) > _MAX_FILE_BYTES:
        raise ValueError(f"it has more than {_MAX_FILE_BYTES:,} bytes")
    return data


def _content_of(data: bytes) -> dict[str, Any]:
    """What skops makes of the file, once everything in it is known to be harmless."""
    import skops.io

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        _check_members(archive)
        schema = json.loads(archive.read("schema.json"))
        _check_schema(schema, set(archive.namelist()))
        for name in archive.namelist():
            if name != "schema.json":
                _check_array(archive.read(name), name)
    with warnings.catch_warnings():
        # another scikit-learn wrote it: what is used of it are two arrays, see `_check_estimator`
        warnings.simplefilter("ignore")
        content = skops.io.loads(data, trusted=[])
    if not isinstance(content, dict) or set(content) != _KEYS:
        raise ValueError("its parts are not those of a classifier")
    return content


def _check_members(archive: zipfile.ZipFile) -> None:
    """Sizes first, so that nothing is unpacked that is larger than it may be."""
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS or len({member.filename for member in members}) < len(members):
        raise ValueError("it has other members than a classifier")
    if sum(member.file_size for member in members) > _MAX_BYTES:
        raise ValueError(f"it holds more than {_MAX_BYTES:,} bytes")
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{member.filename} is packed in another way")
        if member.file_size > _MAX_RATIO * max(member.compress_size, 1):
            raise ValueError(f"{member.filename} unpacks to {member.file_size:,} bytes")
        if member.filename == "schema.json" and member.file_size > _MAX_SCHEMA_BYTES:
            raise ValueError("schema.json is too large")


def _check_schema(schema: object, members: set[str]) -> None:
    for node in _nodes(schema):
        kind = (node.get("__loader__"), node.get("__module__"), node.get("__class__"))
        if kind not in _TRUSTED:
            what = ".".join(str(part)[:80] for part in kind[1:])
            raise ValueError(f"it holds something that is not trusted: {what}")
        if kind[0] == "NdArrayNode" and (
            node.get("type") != "numpy" or node.get("file") not in members
        ):
            raise ValueError("an array in it is none")


def _nodes(part: object) -> Iterator[dict[str, Any]]:
    """Everything in the schema that skops would make something of."""
    if isinstance(part, dict):
        if "__loader__" in part or "__class__" in part or "__module__" in part:
            yield part
        for each in part.values():
            yield from _nodes(each)
    elif isinstance(part, list):
        for each in part:
            yield from _nodes(each)


def _check_array(data: bytes, name: str) -> None:
    """An array of plain numbers that is all there; its header could promise any size."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"{name} has another format")
    size = dtype.itemsize
    for side in shape:
        size *= int(side)
    if dtype.kind not in "fiu" or size != len(data) - file.tell():
        raise ValueError(f"{name} is no array of numbers")


def _classifier_of(content: dict[str, Any]) -> Classifier:
    card = _card(content["card"])
    sources = json.loads(content["sources"])
    count = len(sources)
    if not isinstance(sources, list) or not all(isinstance(name, str) for name in sources):
        raise ValueError("sources are no names")
    faces = LabelledFaces(
        _array(content["embeddings"], np.dtype("<f4"), (count, card.dimensions)),
        _array(content["targets"], np.dtype("<i8"), (count,)).astype(np.intp),
        tuple(card.labels),
        tuple(sources),
        _array(content["digests"], np.dtype("u1"), (count, DIGEST_BYTES)),
    )
    if not np.isfinite(faces.embeddings).all():
        raise ValueError("embeddings hold numbers that are none")
    # every person has faces, and they lie next to each other in the order of the labels
    steps = np.diff(faces.targets, prepend=-1, append=len(card.labels))
    if not count or steps.min() < 0 or steps.max() > 1 or steps[0] != 1 or steps[-1] != 1:
        raise ValueError("faces and people do not fit")
    _check_estimator(card, content["estimator"])
    return Classifier(card, faces, content["estimator"])


def _card(text: object) -> ClassifierCard:
    raw = json.loads(text) if isinstance(text, str) else None
    found = raw.get("format") if isinstance(raw, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise ValueError(f"it has format {found}, known is {FORMAT}: a newer Vultus wrote it")
    try:
        return ClassifierCard.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "all of it"
        raise ValueError(f"card: {where}: {first['msg']}") from None


def _array(found: object, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if not isinstance(found, np.ndarray) or found.dtype != dtype or found.shape != shape:
        raise ValueError(f"an array is not {dtype} of shape {shape}")
    return found


def _check_estimator(card: ClassifierCard, estimator: Any) -> None:
    """The estimator of the card's kind, with the two arrays that are used of it."""
    wanted = _ESTIMATORS.get(card.kind)
    if wanted is None:
        if estimator is not None:
            raise ValueError(f"{card.kind} needs no estimator")
        return
    if (type(estimator).__module__, type(estimator).__name__) != wanted:
        raise ValueError(f"its estimator is none for {card.kind}")
    rows = 1 if len(card.labels) == 2 else len(card.labels)
    arrays = {
        "coef_": (rows, card.dimensions),
        "intercept_": (rows,),
        "classes_": (len(card.labels),),
    }
    for name, shape in arrays.items():
        found = getattr(estimator, name, None)
        if not isinstance(found, np.ndarray) or found.shape != shape:
            raise ValueError(f"{name} of the estimator does not fit")
        if found.dtype.kind not in "fi" or not np.isfinite(found).all():
            raise ValueError(f"{name} of the estimator holds numbers that are none")
    if getattr(estimator, "n_features_in_", card.dimensions) != card.dimensions:
        raise ValueError("the estimator wants other embeddings")
