"""One group in one file: a zip of JSON, a NumPy array and the crops that were kept.

manifest.json     schema, model, group, and a row a face: person, source, digest, box, ...
embeddings.npy    float32 (n, d), in the order of the rows
crops/N.png       the aligned face of row N, where it was kept
"""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from vultus.errors import ArchiveInvalid, StorageError
from vultus.gallery.store import FaceRecord

SCHEMA = 1
_MAX_MEMBER_BYTES = 2**30
_MAX_CROP_BYTES = 2**20
# What the readers of zip, JSON and NumPy files raise on damaged or hostile ones. RuntimeError:
# encrypted members, unknown compression, JSON nested too deeply.
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


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")
    person: str
    model: str
    source: str
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
    quality: float = Field(ge=0, le=1)
    enrolled_at: datetime.datetime
    crop: bool


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    schema_version: int
    group: str
    faces: list[_Row] = Field(max_length=10_000_000)


def write_archive(path: Path, group: str, records: list[FaceRecord]) -> None:
    """Write a group; the file appears whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            _write_members(file, group, records)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()


def _cannot_write(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path} cannot be written: {error.strerror or error}.", "Choose another place."
    )


def _write_members(file: Any, group: str, records: list[FaceRecord]) -> None:
    rows = [
        _Row(
            person=record.person,
            model=record.model,
            source=record.source,
            digest=record.digest,
            box=record.box,
            quality=record.quality,
            enrolled_at=record.enrolled_at or datetime.datetime.min,
            crop=record.crop is not None,
        )
        for record in records
    ]
    manifest = _Manifest(schema_version=SCHEMA, group=group, faces=rows)
    embeddings = io.BytesIO()
    stacked = np.stack([r.embedding for r in records]) if records else np.zeros((0, 0))
    np.save(embeddings, stacked.astype("<f4"), allow_pickle=False)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", manifest.model_dump_json(indent=1))
        archive.writestr("embeddings.npy", embeddings.getvalue())
        for number, record in enumerate(records):
            if record.crop is not None:
                archive.writestr(f"crops/{number}.png", record.crop)


def read_archive(path: Path) -> tuple[str, list[FaceRecord]]:
    """The group's name and its faces.

    Raises:
        ArchiveInvalid: the file is no export of Vultus, is damaged, or is of a newer version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_members(archive, path)
    except _READING_ERRORS as error:
        raise ArchiveInvalid(
            f"{path} cannot be imported: {error}.", "Give a file that `groups export` wrote."
        ) from error


def _read_members(archive: zipfile.ZipFile, path: Path) -> tuple[str, list[FaceRecord]]:
    raw = json.loads(_member(archive, "manifest.json", _MAX_MEMBER_BYTES))
    if isinstance(raw, dict) and raw.get("schema_version", SCHEMA) != SCHEMA:
        raise ArchiveInvalid(
            f"{path} has schema {raw['schema_version']}, known is {SCHEMA}.", "Upgrade Vultus."
        )
    manifest = _Manifest.model_validate(raw)
    data = io.BytesIO(_member(archive, "embeddings.npy", _MAX_MEMBER_BYTES))
    embeddings: NDArray[np.float32] = np.lib.format.read_array(data)
    sound = embeddings.ndim == 2 and embeddings.dtype == np.dtype("<f4")
    if not sound or len(embeddings) != len(manifest.faces) or not np.isfinite(embeddings).all():
        raise ValueError("the embeddings do not fit the manifest")
    records = []
    for number, (row, embedding) in enumerate(zip(manifest.faces, embeddings, strict=True)):
        crop = _member(archive, f"crops/{number}.png", _MAX_CROP_BYTES) if row.crop else None
        fields = row.model_dump(exclude={"crop"})
        records.append(FaceRecord(embedding=embedding, crop=crop, **fields))
    return manifest.group, records


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """One member, refused when it is larger than it may be, whatever its header says."""
    with archive.open(name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"{name} is larger than {limit:,} bytes")
    return data
