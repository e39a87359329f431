"""Pictures of strangers: people who are in no group, to measure how often somebody is taken for
somebody of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vultus.errors import NothingToDo, UsageError
from vultus.evaluate.calibrating import Strangers
from vultus.gallery.calibration import Calibrator
from vultus.gallery.grouping import group_faces
from vultus.imaging.folders import find_pictures, is_folder
from vultus.imaging.load import readable
from vultus.learn.embeddings import FolderFaces

_MAX_PICTURES = 200_000


@dataclass(frozen=True)
class StrangerPictures:
    """paths: n pictures; folders: of each the person's folder, None where it lies in none."""

    paths: list[Path]
    folders: list[str | None]

    @property
    def most(self) -> int:
        """How many strangers these can be at most."""
        return len(set(self.folders) - {None}) + self.folders.count(None)


def list_strangers(folder: Path) -> StrangerPictures:
    """The pictures of a folder with a folder a person, or with pictures of one person each.

    Raises:
        UsageError: it is no folder, or there are too many pictures. NothingToDo: there is none.
    """
    if not is_folder(folder):
        raise UsageError(f"{folder} is no folder.", "Name one with pictures of strangers.")
    pictures = find_pictures([folder]).pictures
    if len(pictures) > _MAX_PICTURES:
        raise UsageError(f"{folder} has more than {_MAX_PICTURES:,} pictures.", "Take fewer.")
    folders = [
        unicodedata.normalize("NFC", readable(picture.person))
        if len(picture.place.parts) > 1
        else None
        for picture in pictures
    ]
    return StrangerPictures([picture.path for picture in pictures], folders)


def gather_strangers(
    listed: StrangerPictures, looked: Sequence[FolderFaces], model: str
) -> Strangers:
    """The large face in the middle of each picture, by person.

    Pictures that lie in nobody's folder are grouped by their faces: two of one person count once.

    Raises:
        NothingToDo: no picture shows a face.
    """
    rows = [row for row, one in enumerate(looked) if one.main is not None]
    if not rows:
        raise NothingToDo("No picture of strangers shows a face.", "Give pictures of faces.")
    faces = [looked[row].main for row in rows]
    embeddings = np.stack([np.asarray(face.embedding) for face in faces if face is not None])
    names: list[str] = sorted({name for row in rows if (name := listed.folders[row]) is not None})
    place_of = {name: place for place, name in enumerate(names)}
    people = np.full(len(rows), -1, np.intp)
    for at, row in enumerate(rows):
        folder = listed.folders[row]
        if folder is not None:
            people[at] = place_of[folder]
    loose = np.flatnonzero(people < 0)
    grouping = group_faces(embeddings[loose], Calibrator.of(model))
    for members in [*grouping.groups, *([one] for one in grouping.alone)]:
        people[loose[members]] = len(names)
        names.append(readable(str(listed.paths[rows[int(loose[members[0]])]].name)))
    sources = [readable(str(listed.paths[row])) for row in rows]
    return Strangers(embeddings, people, names, sources)
