"""Data sets from folders: one folder a class, pictures in it at any depth."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.errors import NothingToDo, UsageError
from vultus.imaging.folders import ENDINGS, find_pictures, is_folder
from vultus.imaging.load import readable

MAX_CLASSES = 200
MAX_LABEL = 100  # characters
MAX_PICTURES = 100_000
_ONE_A_CLASS = "Make one folder a class, as in images/Happy and images/Sad."


@dataclass(frozen=True)
class PictureSet:
    """labels: k names, sorted; paths: n pictures; targets: the place of each one's label.

    outside: how many pictures lie beside the class folders.
    """

    labels: tuple[str, ...]
    paths: list[Path]
    targets: list[int]
    outside: int

    def count(self, target: int) -> int:
        """How many pictures a class has."""
        return self.targets.count(target)

    def targets_of(self, rows: Sequence[int]) -> NDArray[np.intp]:
        """The targets of some of the pictures, by their places, (m,)."""
        return np.array(self.targets, np.intp)[np.array(rows, np.intp)]


def read_classes(folder: Path, max_classes: int = MAX_CLASSES) -> PictureSet:
    """The pictures of a folder that has a folder a class; an empty class is one, too.

    Names of classes may hold any letters. Folders whose names begin with a dot are left out.

    Raises:
        UsageError: no folder, none in it, too many, too long names, or too many pictures.
    """
    found: dict[str, list[Path]] = {}
    for place in _children(folder):
        if is_folder(place) and not place.name.startswith("."):
            found.setdefault(_label(place.name), []).extend(_pictures(place))
    if not found:
        raise UsageError(f"There is no folder in {folder}.", _ONE_A_CLASS)
    if len(found) > max_classes:
        raise UsageError(f"{folder} has more than {max_classes:,} folders.", _ONE_A_CLASS)
    count = sum(len(paths) for paths in found.values())
    if count > MAX_PICTURES:
        raise UsageError(f"{folder} has more than {MAX_PICTURES:,} pictures.", "Take fewer.")
    labels = tuple(sorted(found))
    paths = [path for label in labels for path in found[label]]
    targets = [place for place, label in enumerate(labels) for _ in found[label]]
    outside = sum(path.suffix.lower() in ENDINGS and path.is_file() for path in _children(folder))
    return PictureSet(labels, paths, targets, outside)


def _children(folder: Path) -> list[Path]:
    if not is_folder(folder):
        raise UsageError(f"{folder} is no folder.", _ONE_A_CLASS)
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be read: {error.strerror or error}.", "Check its permissions."
        ) from error


def _pictures(folder: Path) -> list[Path]:
    try:
        return [picture.path for picture in find_pictures([folder]).pictures]
    except NothingToDo:
        return []


def _label(name: str) -> str:
    """One label for all ways of writing a name's letters."""
    label = unicodedata.normalize("NFC", readable(name))
    if len(label) > MAX_LABEL:
        raise UsageError(
            f"The name {label[:20]!r}... has more than {MAX_LABEL} characters.",
            "Rename the folder: its name is the label.",
        )
    return label
