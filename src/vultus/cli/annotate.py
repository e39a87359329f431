"""Annotated copies of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vultus.imaging.folders import Picture

if TYPE_CHECKING:
    from vultus.imaging.draw import Mark
    from vultus.imaging.load import Image


class Annotator:
    """Writes each picture with its marks below one folder, as JPEG; no two share a name."""

    def __init__(self, folder: Path, pictures: Sequence[Picture]) -> None:
        self.folder = folder
        self.count = 0
        self._taken = {picture.path.resolve() for picture in pictures}  # originals are never hit

    def write(self, picture: Picture, image: Image, marks: Sequence[Mark]) -> Path:
        from vultus.imaging.draw import draw_faces, save_picture

        path = self._free(self.folder / picture.place.with_suffix(".jpg"))
        save_picture(draw_faces(image, marks), path)
        self.count += 1
        return path

    def _free(self, wanted: Path) -> Path:
        path, number = wanted, 1
        while path.resolve() in self._taken:
            number += 1
            path = wanted.with_name(f"{wanted.stem}-{number}.jpg")
        self._taken.add(path.resolve())
        return path
