"""Which pictures lie below the paths that somebody named, and whom they show."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vultus.errors import NothingToDo

_NAMES = "jpg jpeg jpe jfif png webp bmp gif tif tiff ppm pgm pbm jp2 avif"
ENDINGS = frozenset(f".{name}" for name in _NAMES.split())


@dataclass(frozen=True)
class Picture:
    """A file to work on; `place` is its path below the folder that was named."""

    path: Path
    place: Path

    @property
    def person(self) -> str:
        """Whom it shows: the first folder of its place, or the file's own name."""
        folders = self.place.parts[:-1]
        return folders[0] if folders else self.path.stem


@dataclass
class Found:
    """What walking the named paths gave; `skipped` files are no pictures by their name."""

    pictures: list[Picture] = field(default_factory=list)
    skipped: int = 0


def find_pictures(paths: Sequence[Path]) -> Found:
    """All pictures below the paths, sorted; a file that is named itself is always taken.

    Raises:
        NothingToDo: there are none.
    """
    found = Found()
    for path in paths:
        if is_folder(path):
            _walk(path, found)
        else:
            found.pictures.append(Picture(path, Path(path.name)))
    if not found.pictures:
        names = ", ".join(str(path) for path in paths)
        raise NothingToDo(
            f"There is no picture in {names} ({found.skipped} other files).",
            f"Pictures end with {' '.join(sorted(ENDINGS))}; folders must be readable.",
        )
    return found


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; a name that no file can have is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _walk(folder: Path, found: Found) -> None:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(root) / name
            hidden = name.startswith(".") or path.suffix.lower() not in ENDINGS
            if hidden or not path.is_file():  # a pipe would be waited for without end
                found.skipped += 1
            else:
                found.pictures.append(Picture(path, path.relative_to(folder)))
