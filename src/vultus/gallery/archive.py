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
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    field_validator,
)

from vultus.errors import ArchiveInvalid, StorageError
from vultus.gallery.store import FaceRecord

SCHEMA = 1
_MAX_FACES = 1_000_000
_MAX_ROW_BYTES = 8192  # of the manifest, for each face
_MAX_CROP_BYTES = 2**17  # an aligned face of 150 x 150 pixels as PNG is at most 70 kB
_MAX_TOTAL_BYTES = 2**31
# Exports unpack to about twice their size; what unpacks to far more was made to fill the memory.
_MAX_RATIO = 100
_SMALL_BYTES = 2**26
_LONGEST_EMBEDDING = 100.0  # Euclidean; real ones are about 1.4
_PNG = b"\x89PNG\r\n\x1a\n"
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

    @field_validator("enrolled_at")
    @classmethod
    def _in_utc(cls, value: datetime.datetime) -> datetime.datetime:
        """UTC without a zone, which is how the database keeps it."""
        zoned = value.astimezone(datetime.timezone.utc) if value.tzinfo else value
        return zoned.replace(tzinfo=None)


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    schema_version: int
    group: str
    faces: list[_Row] = Field(max_length=_MAX_FACES)


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
    unpacked = sum(info.file_size for info in archive.infolist())
    most = min(_MAX_TOTAL_BYTES, max(_SMALL_BYTES, _MAX_RATIO * path.stat().st_size))
    if unpacked > most:
        raise ValueError(f"it unpacks to more than {most:,} bytes")
    data = io.BytesIO(_member(archive, "embeddings.npy", _MAX_FACES * 512 + 1024))
    embeddings: NDArray[np.float32] = np.lib.format.read_array(data)
    if embeddings.ndim != 2 or embeddings.dtype != np.dtype("<f4"):
        raise ValueError("the embeddings are no matrix of float32")
    longest = (len(embeddings) + 1) * _MAX_ROW_BYTES
    raw = json.loads(_member(archive, "manifest.json", longest))
    if isinstance(raw, dict) and raw.get("schema_version", SCHEMA) != SCHEMA:
        raise ArchiveInvalid(
            f"{path} has schema {raw['schema_version']}, known is {SCHEMA}.", "Upgrade Vultus."
        )
    manifest = _checked(raw)
    lengths = np.linalg.norm(embeddings.astype(np.float64), axis=1)
    if len(embeddings) != len(manifest.faces) or not (lengths < _LONGEST_EMBEDDING).all():
        raise ValueError("the embeddings do not fit the manifest")
    records = []
    for number, (row, embedding) in enumerate(zip(manifest.faces, embeddings, strict=True)):
        crop = _member(archive, f"crops/{number}.png", _MAX_CROP_BYTES) if row.crop else None
        if crop is not None and not crop.startswith(_PNG):
            raise ValueError(f"crops/{number}.png is no PNG")
        fields = row.model_dump(exclude={"crop"})
        records.append(FaceRecord(embedding=embedding, crop=crop, **fields))
    return manifest.group, records


def _checked(raw: object) -> _Manifest:
    try:
        return _Manifest.model_validate(raw)
    except ValidationError as error:  # its own text shows what is in the rows: people's names
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "all of it"
        raise ValueError(f"manifest.json: {where}: {first['msg']}") from None


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """One member, refused when it is larger than it may be, whatever its header says."""
    with archive.open(name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"{name} is larger than {limit:,} bytes")
    return data
