"""Data sets as arrays: what the Analyzer's own detector and aligner cut out of them, and labels.

Made once into a working folder, then read from there. Nothing of it is ever committed.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.faces.analyzer import Analyzer
from vultus.faces.crops import face_of_crop
from vultus.imaging.load import load
from vultus.settings import load_settings

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
_PROCESSES = 2


@dataclass(frozen=True)
class Chips:
    """chips: (n, 150, 150, 3) uint8, or (n, 150, 150) where the set is grey; labels: one row each.

    found: (n,) bool, whether the detector saw the face; names: file names.
    """

    chips: NDArray[np.uint8]
    labels: NDArray[np.int64]
    found: NDArray[np.bool_]
    names: list[str]

    def select(self, chosen: NDArray[np.generic]) -> Chips:
        index = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        names = [self.names[i] for i in index]
        return Chips(self.chips[index], self.labels[index], self.found[index], names)


def share_of(name: str, parts: int) -> int:
    """Which of `parts` equal shares a file belongs to: by its name, so for ever."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % parts


def fer2013(shared: Path, work: Path, split: str) -> Chips:
    """FER2013's `train` or `public_test`; labels (n,): the row in EXPRESSIONS."""
    archive = shared / "data/fer2013.tar.gz"

    def label(path: Path) -> list[int] | None:
        parts = path.parts
        return [EXPRESSIONS.index(parts[2])] if parts[1] == split else None

    return _made(work / f"fer2013-{split}", archive, label, grey=True)


def utkface(shared: Path, work: Path) -> Chips:
    """UTKFace's crops; labels (n, 3): age in years, gender (0 male, 1 female), ethnicity."""

    def label(path: Path) -> list[int] | None:
        parts = path.name.split("_")
        return [int(part) for part in parts[:3]] if len(parts) == 4 else None

    return _made(work / "utkface", shared / "data/utkface.tar", label, grey=False)


def _made(folder: Path, archive: Path, label: Any, *, grey: bool) -> Chips:
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _make(folder, archive, label, grey=grey)
        (folder / "done").touch()
    chips = np.load(folder / "chips.npy", mmap_mode="r")
    names = (folder / "names.txt").read_text().splitlines()
    return Chips(chips, np.load(folder / "labels.npy"), np.load(folder / "found.npy"), names)


def _make(folder: Path, archive: Path, label: Any, *, grey: bool) -> None:
    chips, labels, found, names = [], [], [], []
    with ProcessPoolExecutor(_PROCESSES) as pool:
        wanted = ((p, d, label(p)) for p, d in _members(archive))
        kept = [(p, d, told) for p, d, told in wanted if told is not None]
        aligned = pool.map(_align, (data for _, data, _ in kept), chunksize=32)
        for (path, _, told), (chip, seen) in zip(kept, aligned, strict=True):
            chips.append(chip[..., 0] if grey else chip)
            labels.append(told)
            found.append(seen)
            names.append(path.name)
            if len(chips) % 1000 == 0:
                print(f"{folder.name}: {len(chips)} of {len(kept)}", flush=True)
    np.save(folder / "chips.npy", np.stack(chips))
    np.save(folder / "labels.npy", np.squeeze(np.array(labels, np.int64)))
    np.save(folder / "found.npy", np.array(found))
    (folder / "names.txt").write_text("\n".join(names))


def _members(archive: Path) -> Iterator[tuple[Path, bytes]]:
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None:
                yield Path(member.name), file.read()


@cache
def _analyzer() -> Analyzer:
    import cv2

    cv2.setNumThreads(1)
    settings = load_settings()
    runtime = settings.runtime.model_copy(update={"threads": 1})
    return Analyzer(settings.model_copy(update={"runtime": runtime}))


def _align(data: bytes) -> tuple[NDArray[np.uint8], bool]:
    face = face_of_crop(_analyzer(), load(data))
    return face.chip, face.found
