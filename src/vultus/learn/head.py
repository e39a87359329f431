"""A head that users train: from the features of the expression network to labels of their own.

One zip: head.json (what it is), weights.npy float32 (k, d), bias.npy float32 (k,). No pickle.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import secrets
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vultus.errors import ModelDamaged, ModelMismatch, ModelMissing, StorageError
from vultus.learn.folders import MAX_CLASSES, MAX_LABEL
from vultus.learn.softmax import softmax
from vultus.models import catalogue

Floats = NDArray[np.float32]

FORMAT = 1
_MAX_FILE_BYTES = 2**24
_MAX_ABOUT_BYTES = 2**18
_MAX_FEATURES = 8192
_AGAIN = "Train it again with `vultus train expression`."
# What the readers of zip, JSON and NumPy files raise on damaged or hostile ones.
_READING_ERRORS = (
    OSError,
    EOFError,
    KeyError,
    MemoryError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


class HeadCard(BaseModel):
    """What is known of a head.

    networks: see `networks_id`; temperature: what logits are divided by; counts: pictures of each
    label; strength: of the penalty; accuracy, balanced_accuracy: cross-validated.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    kind: Literal["expression"] = "expression"
    labels: list[Annotated[str, Field(min_length=1, max_length=MAX_LABEL)]] = Field(
        min_length=2, max_length=MAX_CLASSES
    )
    features: int = Field(ge=1, le=_MAX_FEATURES)
    networks: str = Field(pattern=r"^[0-9a-f]{64}$")
    temperature: float = Field(ge=0.01, le=100)
    counts: list[Annotated[int, Field(ge=1)]]
    strength: float = Field(gt=0, le=1e6)
    accuracy: float = Field(ge=0, le=1)
    balanced_accuracy: float = Field(ge=0, le=1)
    made_at: datetime
    vultus: str = Field(max_length=100)

    @model_validator(mode="after")
    def _fits(self) -> HeadCard:
        if len(set(self.labels)) < len(self.labels) or len(self.counts) != len(self.labels):
            raise ValueError("labels and counts do not fit")
        return self


@dataclass(frozen=True)
class ExpressionHead:
    """Answers one of its own labels. weights: (k, d), bias: (k,), for features as they come."""

    card: HeadCard
    weights: Floats
    bias: Floats

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.card.labels)

    def probabilities(self, features: Floats) -> Floats:
        """(n, k), calibrated, for the features (n, d) of `AttributeNetworks.expression`."""
        if features.ndim != 2 or features.shape[1] != self.card.features:
            raise ModelMismatch(
                f"The head wants {self.card.features} features, these have shape {features.shape}.",
                _AGAIN,
            )
        logits = (features @ self.weights.T + self.bias).astype(np.float64)
        return softmax(logits / self.card.temperature).astype(np.float32)


def networks_id() -> str:
    """The id of the networks whose features heads are trained on: changes when they do."""
    files = catalogue.card(catalogue.ATTRIBUTES).files
    digests = files["trunk.onnx"] + files["expression.onnx"]
    return hashlib.sha256(digests.encode("ascii")).hexdigest()


def save_head(head: ExpressionHead, path: Path) -> None:
    """Write a head; the file appears whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            _write_members(file, head)
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


def _write_members(file: BinaryIO, head: ExpressionHead) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("head.json", head.card.model_dump_json(indent=1))
        for name, array in (("weights.npy", head.weights), ("bias.npy", head.bias)):
            data = io.BytesIO()
            np.save(data, array.astype("<f4"), allow_pickle=False)
            archive.writestr(name, data.getvalue())


def load_head(path: Path, networks_id: str) -> ExpressionHead:
    """Read a head for the networks with this id.

    Raises:
        ModelMissing: there is no such file.
        ModelDamaged: it is no head, is damaged, or is of a newer Vultus.
        ModelMismatch: it was trained on the features of other networks.
    """
    try:
        if not path.exists():
            raise ModelMissing(f"There is no file {path}.", "Check the path.")
        if not path.is_file():
            raise ValueError("it is no file")  # a pipe would not end
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ValueError(f"it has more than {_MAX_FILE_BYTES:,} bytes")
        with zipfile.ZipFile(path) as archive:
            head = _read_members(archive)
    except _READING_ERRORS as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelDamaged(f"{path} is no trained head: {reason}.", _AGAIN) from error
    if head.card.networks != networks_id:
        raise ModelMismatch(f"{path} was trained on the features of other networks.", _AGAIN)
    return head


def _read_members(archive: zipfile.ZipFile) -> ExpressionHead:
    raw = json.loads(_member(archive, "head.json", _MAX_ABOUT_BYTES))
    found = raw.get("format") if isinstance(raw, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise ValueError(f"it has format {found}, known is {FORMAT}: a newer Vultus wrote it")
    card = _checked(raw)
    classes = len(card.labels)
    weights = _array(archive, "weights.npy", (classes, card.features))
    return ExpressionHead(card, weights, _array(archive, "bias.npy", (classes,)))


def _checked(raw: object) -> HeadCard:
    try:
        return HeadCard.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "all of it"
        raise ValueError(f"head.json: {where}: {first['msg']}") from None


def _array(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...]) -> Floats:
    data = _member(archive, name, 4 * int(np.prod(shape)) + 1024)
    array: Floats = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    if array.shape != shape or array.dtype != np.dtype("<f4"):
        raise ValueError(f"{name} is no float32 of shape {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds numbers that are none")
    return array


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """One member, refused when it is larger than it may be, whatever its header says."""
    with archive.open(name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"{name} is larger than {limit:,} bytes")
    return data
