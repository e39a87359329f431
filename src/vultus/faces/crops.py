"""The one face of a picture that is a crop of a face already, as data sets come.

Such pictures are small (48 pixels, 200 pixels) and tight. Where the detector sees nothing in one,
the whole picture is taken as the face, and the caller is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.faces.analyzer import Analyzer
from vultus.faces.types import Faces
from vultus.imaging.load import Image

# Smaller pictures are enlarged: landmarks are placed better between pixels that are there.
_SIDE_PX = 192

# Where the detector's landmarks lie in a face that fills a tight square, in parts of its side;
# medians over the crops of FER2013 in which it finds a face.
_LANDMARKS = np.array([(0.31, 0.36), (0.69, 0.36), (0.50, 0.57), (0.34, 0.77), (0.66, 0.77)])


@dataclass(frozen=True)
class CroppedFace:
    """The one face of a picture.

    faces: that face alone. chip: it, aligned, uint8 (150, 150, 3). found: the detector saw it; else
    the whole picture was taken as the face.
    """

    faces: Faces
    chip: NDArray[np.uint8]
    found: bool


def face_of_crop(analyzer: Analyzer, image: Image) -> CroppedFace:
    """Align the face of a crop: the largest that is found, else the whole picture."""
    image = enlarged(image)
    faces = analyzer.locate(image)
    found = len(faces) > 0
    faces = faces.select(slice(0, 1)) if found else whole_picture(image)
    faces = analyzer.describe(image, faces, embed=False, quality=False, chips=True)
    return CroppedFace(faces, cast("NDArray[np.uint8]", faces.chips)[0], found)


def enlarged(image: Image) -> Image:
    """A picture with a side under 192 pixels made so large; others as they are."""
    shorter = min(image.shape[:2])
    if shorter >= _SIDE_PX:
        return image
    factor = _SIDE_PX / shorter
    size_wh = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    return np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_CUBIC), np.uint8)


def whole_picture(image: Image) -> Faces:
    """The face that a picture is, where nothing in it was found; its score is 0."""
    height, width = image.shape[:2]
    box = np.array([[0, 0, width, height]], np.float32)
    landmarks = (_LANDMARKS * (width, height)).astype(np.float32)[None]
    return Faces(box, np.zeros(1, np.float32), landmarks, (width, height))
