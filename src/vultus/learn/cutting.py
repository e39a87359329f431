"""Cutting the face out of each of some pictures, be they photos or crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.errors import FaceError, ImageError, NoFace, VultusError
from vultus.faces.analyzer import Analyzer
from vultus.faces.crops import face_of_crop
from vultus.imaging.align import CHIP_SIZE
from vultus.imaging.load import load

CROP_PX = 256  # crops of faces, as data sets come, are no larger


@dataclass(frozen=True)
class CutFaces:
    """Aligned chips of m faces, uint8 (m, 150, 150, 3), and of which pictures they are.

    rows: (m,) places of the pictures; found: (m,) whether the detector saw the face, or the
    whole picture was taken for it; errors: by place, what is wrong with the other pictures.
    """

    chips: NDArray[np.uint8]
    rows: NDArray[np.intp]
    found: NDArray[np.bool_]
    errors: dict[int, VultusError]


def cut_faces(
    analyzer: Analyzer, paths: Sequence[Path], largest_whole_px: float = np.inf
) -> CutFaces:
    """The largest face of each picture, or the whole picture where none is found.

    A picture with a side of more than `largest_whole_px` is no crop: without a face it is an
    error, `NoFace`.
    """
    chips, rows, found = [], [], []
    errors: dict[int, VultusError] = {}
    for row, path in enumerate(paths):
        try:
            image = load(path, analyzer.settings.limits)
            face = face_of_crop(analyzer, image)
            if not face.found and max(image.shape[:2]) > largest_whole_px:
                raise NoFace(f"{path} shows no face.", "Take a picture with a clear face.")
        except (ImageError, FaceError) as error:
            errors[row] = error
            continue
        chips.append(face.chip)
        rows.append(row)
        found.append(face.found)
    stacked = np.array(chips, np.uint8).reshape(-1, CHIP_SIZE, CHIP_SIZE, 3)
    return CutFaces(stacked, np.array(rows, np.intp), np.array(found, bool), errors)
