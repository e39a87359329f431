"""A file of what was tracked: JSON lines, a header and then a line an analysed frame.

It holds embeddings, which are biometric data: keep it as you keep a gallery.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from pydantic import TypeAdapter

from vultus.errors import StorageError, TracksInvalid
from vultus.events.visit import moment_of, utc_text
from vultus.faces.attributes.voting import look_of, look_record
from vultus.faces.embedder import EMBEDDING_SIZE
from vultus.settings import VideoSettings
from vultus.video.moment import Look, Moment, Sighting

_FORMAT = 1
_LONGEST_LINE = 4 * 2**20


@dataclass(frozen=True)
class TrackHeader:
    """Where the tracks come from. model: that made the embeddings. video: the settings used."""

    camera: str
    group: str | None
    model: str
    video: dict[str, Any]
    zones: dict[str, list[tuple[float, float]]]


class TrackWriter:
    """Writes moments as they come; the file is readable up to the last whole line at any time.

    Raises:
        StorageError: the file cannot be written.
    """

    def __init__(self, path: Path, header: TrackHeader) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # for the owner's eyes: it holds embeddings
            self._file: TextIO = open(path, "w", encoding="utf-8", opener=_private)  # noqa: SIM115
        except OSError as error:
            raise self._failed(error) from error
        self._line({"vultus_tracks": _FORMAT, **asdict(header)})

    def write(self, moment: Moment) -> None:
        record = {
            "index": moment.index,
            "media_time": str(moment.media_time),
            "taken_at": utc_text(moment.taken_at),
            "size_wh": moment.size_wh,
            "ended": moment.ended,
            "sightings": [_sighting_record(sighting) for sighting in moment.sightings],
        }
        self._line(record)

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise self._failed(error) from error

    def _line(self, record: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> StorageError:
        return StorageError(
            f"{self.path} cannot be written: {error.strerror or error}.",
            "Choose another place, or free some space.",
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class TrackReader:
    """Reads a file that `TrackWriter` wrote. video: the settings of its recording.

    Raises:
        TracksInvalid: it cannot be read, or is something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        first = next(self._records(), None)
        if first is None or first[1].get("vultus_tracks") != _FORMAT:
            raise TracksInvalid(
                f"{path} is no file of tracks of a known format.",
                "Make one with: vultus watch SOURCE --tracks FILE.",
            )
        known: dict[str, Any] = {
            field.name: first[1].get(field.name) for field in fields(TrackHeader)
        }
        try:
            self.header = TypeAdapter(TrackHeader).validate_python(known)
            self.video = VideoSettings.model_validate(self.header.video)
        except ValueError as error:  # pydantic's, too
            raise self._damaged(1) from error

    def moments(self) -> Iterator[Moment]:
        """All moments, in order; a torn last line, as after a crash, is left out."""
        for number, record in self._records():
            if number == 1:
                continue
            try:
                yield _moment(record)
            except (KeyError, TypeError, ValueError, ArithmeticError) as error:
                raise self._damaged(number) from error

    def _records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        try:
            with self._path.open("rb") as file:  # so that what is no text has its line number
                number = 0
                while line := file.readline(_LONGEST_LINE):
                    number += 1
                    if not line.endswith(b"\n") and len(line) < _LONGEST_LINE:
                        return  # torn
                    record = json.loads(line)
                    if not isinstance(record, dict):
                        raise self._damaged(number)
                    yield number, record
        except OSError as error:
            raise TracksInvalid(
                f"{self._path} cannot be read: {error.strerror}.", "Name a file of tracks."
            ) from error
        except (ValueError, RecursionError) as error:  # no JSON, or no text
            raise self._damaged(number) from error

    def _damaged(self, line: int) -> TracksInvalid:
        return TracksInvalid(
            f"{self._path} is damaged at line {line}, or is no file of tracks.", "Make it anew."
        )


def _sighting_record(sighting: Sighting) -> dict[str, Any]:
    record: dict[str, Any] = {
        "track": sighting.track,
        "box": sighting.box,
        "score": sighting.score,
        "quality": sighting.quality,
        "poor": sighting.poor,
    }
    look = sighting.look
    if look is not None:
        vector = np.ascontiguousarray(look.embedding, "<f4").tobytes()
        told = {} if look.attributes is None else {"attributes": look_record(look.attributes)}
        record["look"] = {
            "embedding": base64.b64encode(vector).decode("ascii"),
            "quality": look.quality,
            "face_px": look.face_px,
            "sharpness": look.sharpness,
            "yaw_deg": look.yaw_deg,
            **told,
        }
    return record


def _moment(record: dict[str, Any]) -> Moment:
    width, height = record["size_wh"]
    return Moment(
        index=int(record["index"]),
        media_time=Fraction(record["media_time"]),
        taken_at=moment_of(record["taken_at"]),
        size_wh=(int(width), int(height)),
        sightings=tuple(_sighting(each) for each in record["sightings"]),
        ended=tuple(int(number) for number in record["ended"]),
    )


def _sighting(record: dict[str, Any]) -> Sighting:
    x, y, width, height = (float(value) for value in record["box"])
    quality = record["quality"]
    look = record.get("look")
    return Sighting(
        track=int(record["track"]),
        box=(x, y, width, height),
        score=float(record["score"]),
        quality=None if quality is None else float(quality),
        look=None if look is None else _look(look),
        poor=record["poor"],
    )


def _look(record: dict[str, Any]) -> Look:
    vector = np.frombuffer(base64.b64decode(record["embedding"]), "<f4")
    if vector.shape != (EMBEDDING_SIZE,):
        raise ValueError("an embedding of another size")
    told = record.get("attributes")
    return Look(
        embedding=vector.astype(np.float32),
        quality=float(record["quality"]),
        face_px=float(record["face_px"]),
        sharpness=float(record["sharpness"]),
        yaw_deg=float(record["yaw_deg"]),
        attributes=None if told is None else look_of(told),
    )
