"""Evaluation sets of people: one folder a person."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.errors import ImageNotFound, NothingToDo, UsageError
from vultus.imaging.folders import find_pictures, is_folder
from vultus.imaging.load import readable

MAX_PICTURES = 1_000_000
_NAMED = 3  # of files that are missing, so many are named
_ONE_A_PERSON = "Make one folder a person, as in people/Ada_Lovelace and people/Alan_Turing."


@dataclass(frozen=True)
class PeoplePictures:
    """names: k people, sorted; paths: n pictures; targets: (n,) whose each one is.

    outside: how many pictures lie in no person's folder; they are left out.
    """

    names: list[str]
    paths: list[Path]
    targets: NDArray[np.intp]
    outside: int

    def with_at_least(self, pictures: int) -> PeoplePictures:
        """Only the people of whom there are so many pictures.

        Raises:
            NothingToDo: there is nobody.
        """
        counts = np.bincount(self.targets, minlength=len(self.names))
        kept = np.flatnonzero(counts >= pictures)
        if not len(kept):
            raise NothingToDo(
                f"Nobody has {pictures} pictures or more.", "Ask for fewer, or add pictures."
            )
        rows = np.flatnonzero(np.isin(self.targets, kept))
        return PeoplePictures(
            [self.names[place] for place in kept],
            [self.paths[row] for row in rows],
            np.searchsorted(kept, self.targets[rows]).astype(np.intp),
            self.outside,
        )


def read_people(folder: Path) -> PeoplePictures:
    """The pictures of a folder that has a folder a person.

    Raises:
        UsageError: it is no folder, or there are too many pictures.
        NothingToDo: there is no picture in any person's folder, or there is but one person.
    """
    if not is_folder(folder):
        raise UsageError(f"{folder} is no folder.", _ONE_A_PERSON)
    pictures = find_pictures([folder]).pictures
    mine = [picture for picture in pictures if len(picture.place.parts) > 1]
    if len(mine) > MAX_PICTURES:
        raise UsageError(f"{folder} has more than {MAX_PICTURES:,} pictures.", "Take fewer.")
    labels = [unicodedata.normalize("NFC", readable(picture.person)) for picture in mine]
    names = sorted(set(labels))
    if len(names) < 2:
        raise NothingToDo(f"There are not two people's folders in {folder}.", _ONE_A_PERSON)
    place_of = {name: place for place, name in enumerate(names)}
    return PeoplePictures(
        names,
        [picture.path for picture in mine],
        np.array([place_of[label] for label in labels], np.intp),
        len(pictures) - len(mine),
    )


def check_there(names: Sequence[str], images: Path, listed_in: Path) -> None:
    """That all pictures that a file names are there, before hours are spent on some of them.

    Raises:
        ImageNotFound: with how many are not, and the first of them.
    """
    missing = [name for name in names if not _is_file(images / name)]
    if missing:
        first = ", ".join(missing[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
        raise ImageNotFound(
            f"{len(missing)} of the {len(names)} pictures that {listed_in} names are not in "
            f"{images}: {first}.",
            "Names are paths below --images; check that folder.",
        )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False
