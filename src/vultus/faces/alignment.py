"""Where the shape predictor starts, and the points by which chips are aligned.

The predictor expects squares as dlib's own detector draws them. Two such squares can be told
from what MTCNN answers, one from its box and one from its landmarks; their mean is the start.

Tried on the 1,682 pairs of lfw-grey and left out: averaging the points of two to six starts,
mixing in MTCNN's own landmarks, other filters for the chip. All stay within 0.979 to 0.985,
which is what chance does to the figure (one pair is 0.0006): what is left is the embedding's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vultus.faces.mtcnn import Detections
from vultus.faces.shape_predictor import ShapePredictor
from vultus.imaging.load import Image

Floats = NDArray[np.float32]

# The square from a box: its side and the height of its centre, in parts of the box.
_SIDE_OF_WIDTH = 1.06
_CENTRE_OF_HEIGHT = 0.55
# The square from landmarks, in parts of the geometric mean of the distances between the eyes and
# from eyes to mouth; medians over lfw-grey that make it the box's square on average.
_SIDE_OF_SPAN = 2.21
_RISE_OF_SPAN = 0.067


def place_points(predictor: ShapePredictor, image: Image, found: Detections) -> Floats:
    """The predictor's points of each face, float32 (n, p, 2).

    Five to align by (eye corners, nose base), or the 68 of iBUG 300-W.
    """
    return predictor.predict(image, dlib_squares(found))


def dlib_squares(found: Detections) -> Floats:
    """Squares as dlib's HOG detector would draw them around these faces, corners (n, 4)."""
    both: Floats = _squares_of_boxes(found.boxes) + _squares_of_points(found.landmarks)
    return np.divide(both, 2, dtype=np.float32)


def _squares(centres: Floats, sides: Floats) -> Floats:
    half = sides[:, None] / 2
    return np.concatenate([centres - half, centres + half], axis=1)


def _squares_of_boxes(boxes: Floats) -> Floats:
    starts, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    centres = starts + size * np.array([0.5, _CENTRE_OF_HEIGHT], np.float32)
    return _squares(centres, size[:, 0] * np.float32(_SIDE_OF_WIDTH))


def _squares_of_points(landmarks: Floats) -> Floats:
    eyes = landmarks[:, 0:2].mean(axis=1)
    mouth = landmarks[:, 3:5].mean(axis=1)
    between = np.linalg.norm(landmarks[:, 1] - landmarks[:, 0], axis=1)
    span = np.sqrt(between * np.linalg.norm(mouth - eyes, axis=1))
    centres = (eyes + mouth) / 2
    centres[:, 1] -= np.float32(_RISE_OF_SPAN) * span
    return _squares(centres, np.float32(_SIDE_OF_SPAN) * span)
