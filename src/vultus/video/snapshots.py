"""Pictures of visits on disk: CAMERA/DAY/VISIT-SEQUENCE.jpg and VISIT-SEQUENCE_annotated.jpg."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from threading import Lock

import cv2

from vultus.errors import StorageError
from vultus.events.visit import Box, Visit
from vultus.imaging.load import Image
from vultus.video.overlay import annotate, name_label

_JPEG_QUALITY = 92
_ANNOTATED_PX = 1280
_PICTURE = re.compile(r"(?P<visit>.+)-\d+(_annotated)?\.jpg")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_PART = ".part"
_LOOK_AGAIN_S = 3600.0  # others write here, too: another camera's watcher, a person
_MOST_NAME_BYTES = 150  # file systems allow 255
_SPECIAL = '<>:"/\\|?*'
_NO_NAME = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # Windows


@dataclass(frozen=True)
class _Kept:
    """One picture: seconds since 1970 when it was written, bytes, the visit as in its name."""

    written_at: float
    size: int
    visit: str


class Snapshots:
    """Saves a clean and an annotated picture of a visit, and deletes them again. Thread-safe.

    The clean one is the picture as it was given, to see who it was and to enrol it; the
    annotated one has at most 1280 pixels, to look at. Days are UTC days.

    Args:
        folder: made when the first picture is saved.
        days: pictures are kept so long after they were written; None: for ever.
        megabytes: most of all pictures together, millions of bytes; None: no limit.
    """

    def __init__(
        self, folder: Path | str, days: float | None = None, megabytes: float | None = None
    ) -> None:
        self.folder = Path(folder)
        self.days = days
        self.megabytes = megabytes
        self._index: dict[Path, _Kept] = {}
        self._looked_at: float | None = None
        self._lock = Lock()

    def save(self, visit: Visit, image: Image, box: Box) -> Path:
        """Save a picture of a visit; both files are on disk, whole, when this returns.

        Args:
            visit: its camera, id, sequence, time and name are used.
            image: RGB, uint8 (height, width, 3). box: of the face, x, y, width, height in
                pixels of this image.

        Returns:
            The path of the clean picture.

        Raises:
            StorageError: the disk is full, read-only or not there.
        """
        day = visit.time.astimezone(timezone.utc).strftime("%Y-%m-%d")
        name = safe_name(visit.id)
        place = self.folder / safe_name(visit.camera) / day / f"{name}-{visit.sequence}.jpg"
        small, scale = _shrink(image)
        face = (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale)
        label = name_label(face, visit.person, visit.stranger, visit.probability, visit.attributes)
        pictures = {
            place: image,
            place.with_name(f"{place.stem}_annotated.jpg"): annotate(small, [label]),
        }
        for path, picture in pictures.items():
            data = encode_jpeg(picture, _JPEG_QUALITY)
            write_whole(path, data)
            with self._lock:
                self._index[path] = _Kept(time.time(), len(data), name)
        return place

    def forget(self, visit_ids: Iterable[str]) -> int:
        """Delete all pictures of these visits; returns how many.

        Raises:
            StorageError: one cannot be deleted; the others are.
        """
        names = {safe_name(visit_id) for visit_id in visit_ids}
        with self._lock:
            self._look(time.time())
            return self._delete([path for path, kept in self._index.items() if kept.visit in names])

    def clean(self, now: datetime) -> int:
        """Delete what is too old, then the oldest beyond the size; returns how many pictures.

        Cheap enough for every minute: the folder is looked through once an hour.

        Raises:
            StorageError: one cannot be deleted; the others are.
        """
        if self.days is None and self.megabytes is None:
            return 0
        with self._lock:
            self._look(now.timestamp())
            return self._delete(list(self._outdated(now.timestamp())))

    def _outdated(self, now: float) -> Iterator[Path]:
        oldest_first = sorted(self._index.items(), key=lambda item: item[1].written_at)
        total = sum(kept.size for _, kept in oldest_first)
        most = float("inf") if self.megabytes is None else self.megabytes * 1e6
        limit = float("-inf") if self.days is None else now - self.days * 86_400
        for path, kept in oldest_first:
            if kept.written_at >= limit and total <= most:
                return
            total -= kept.size
            yield path

    def _delete(self, paths: list[Path]) -> int:
        failed: OSError | None = None
        deleted = 0
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                failed = error
                continue
            deleted += 1
            del self._index[path]
            with suppress(OSError):  # not empty
                path.parent.rmdir()
        if failed is not None:
            raise StorageError(
                f"{failed.filename} cannot be deleted: {failed.strerror}.",
                "Check the permissions of the folder of snapshots.",
            ) from failed
        return deleted

    def _look(self, now: float) -> None:
        """Look through the folder, unless that was done within the hour."""
        if self._looked_at is not None and abs(now - self._looked_at) < _LOOK_AGAIN_S:
            return
        self._index = dict(_find_pictures(self.folder, now))
        self._looked_at = now


def _find_pictures(folder: Path, now: float) -> Iterator[tuple[Path, _Kept]]:
    """Only files that are named as ours are; what a crash left half-written is deleted."""
    for path in folder.glob("*/*/*"):
        if not _DAY.fullmatch(path.parent.name):
            continue
        found = _PICTURE.fullmatch(path.name)
        with suppress(OSError):  # deleted meanwhile
            state = path.stat()
            if found:
                yield path, _Kept(state.st_mtime, state.st_size, found["visit"])
            elif path.name.endswith(f".jpg{_PART}") and now - state.st_mtime > _LOOK_AGAIN_S:
                path.unlink()


def _shrink(image: Image) -> tuple[Image, float]:
    scale = min(1.0, _ANNOTATED_PX / max(image.shape[:2]))
    if scale == 1.0:
        return image, scale
    size_wh = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small: Image = cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return small, scale


def encode_jpeg(image: Image, quality: int) -> bytes:
    """An RGB image as JPEG; quality 1 to 100."""
    image_bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, even after a power cut.

    Raises:
        StorageError: it cannot be written.
    """
    part = path.with_name(path.name + _PART)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}.",
            "Free some space, or choose another place.",
        ) from error


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows opens no folders
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def safe_name(name: str) -> str:
    """A name for one file or folder on any system: what could lead elsewhere is replaced.

    A name that has to be changed gets six digits of its digest, so that no two become one.
    """
    cleaned = "".join(c if c.isprintable() and c not in _SPECIAL else "_" for c in name)
    cleaned = cleaned.encode()[:_MOST_NAME_BYTES].decode("utf-8", "ignore").strip(" .")
    if cleaned == name and name and not _NO_NAME.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:6]
    stem, dot, ending = cleaned.rpartition(".")
    if not (stem and ending.isalnum() and len(ending) <= 4):
        stem, dot, ending = cleaned, "", ""
    return f"{stem or '_'}-{digest}{dot}{ending}"
