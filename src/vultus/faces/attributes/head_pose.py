"""Head pose: the rotation that makes a three-dimensional mean face look like the 68 points.

Perspective-n-point (Terzakis and Lourakis, ECCV 2020, refined by Levenberg-Marquardt, both
OpenCV's). Turned by up to 30 (pitch), 45 (yaw) and 30 (roll) degrees in every combination, heads of
48 to 540 pixels in six places of the picture, a pixel of noise on the points: mean error 0.8
degrees, and 1.9 where every head also differs from the mean face by 5 % in each direction and by
2 % of the eyes' distance in each point. With OpenFace's mean face, which others made from other
pictures, 2.3: its level face looks up by 4 degrees for this one. On 24 photos and their mirror
images pitch, yaw and roll differ by 0.9, 1.0 and 0.6 degrees. 0.3 ms a face.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.faces.attributes.types import HeadPoses

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# Points of the 68 that neither speech nor a smile moves much: brows, nose, corners of the eyes,
# top of the upper lip. The jaw is left out, since its covered half is guessed; so are the corners
# of the mouth: with them smiling faces of lfw-grey look down by 2 degrees more than others
# (median), without them 0.6 up.
_USED = (*range(17, 36), 36, 39, 42, 45, 51)

# The left half and the middle of the mean face in units of the distance between the outer corners
# of the eyes; x to the viewer's right, y down, z away from the viewer. Solved for together with
# all poses from the points of the 2,971 photos of lfw-grey (bundle adjustment, weak perspective,
# symmetric); it came out the same from a flat start. Turned so that the median pitch of the 755
# frontal photos labelled neutral is 0.
_LEFT = {
    17: (-0.667, -0.143, 0.117),
    18: (-0.567, -0.237, 0.019),
    19: (-0.422, -0.269, -0.063),
    20: (-0.271, -0.253, -0.130),
    21: (-0.130, -0.198, -0.174),
    27: (0.000, -0.041, -0.209),
    28: (0.000, 0.098, -0.285),
    29: (0.000, 0.236, -0.372),
    30: (0.000, 0.378, -0.459),
    31: (-0.166, 0.476, -0.256),
    32: (-0.086, 0.506, -0.299),
    33: (0.000, 0.530, -0.325),
    36: (-0.500, -0.006, 0.027),
    39: (-0.215, 0.006, -0.027),
    51: (0.000, 0.699, -0.264),
}
_MIRRORED = {17: 26, 18: 25, 19: 24, 20: 23, 21: 22, 31: 35, 32: 34, 36: 45, 39: 42}
_RIGHT = {_MIRRORED[i]: (-x, y, z) for i, (x, y, z) in _LEFT.items() if i in _MIRRORED}
MEAN_FACE: Doubles = np.array([(_LEFT | _RIGHT)[i] for i in _USED])
_SPREAD = float(np.linalg.norm((MEAN_FACE - MEAN_FACE.mean(axis=0))[:, :2]))

# The focal length is not known: that of a lens which sees 53 degrees over the longer side, unless
# the face would then be nearer than half a metre (in units of the model), as in a tight crop.
_NEAREST = 5.6
_LEAST_PX, _MOST_PX = 4.0, 1e5  # between the outer corners of the eyes
# Smaller to larger extent of the points: a face has 0.32 or more unless it is turned by over 80
# degrees; on a line they tell no pose.
_LEAST_FLATNESS = 0.2
# Points that lie farther from the mean face than this (root of the mean square, in its units) are
# no face: of lfw-grey's the worst has 0.065.
_MOST_RESIDUAL = 0.2


def measure_head_pose(points68: Floats, image_wh: tuple[int, int]) -> HeadPoses:
    """Degrees from the points of an image of this size, (n, 68, 2); see `HeadPoses` for signs.

    The head is first pitched, then turned about the camera's vertical axis, then tilted in the
    image, so that roll is the slope of the line between the eyes. NaN where the points are not
    those of a face: too near to each other, not finite, or in no face's places.
    """
    used = np.ascontiguousarray(points68[:, _USED], np.float64)  # OpenCV takes no other
    angles = [_pose(points, image_wh) for points in used]
    pitch, yaw, roll = np.array(angles, np.float32).reshape(-1, 3).T
    return HeadPoses(pitch, yaw, roll)


def _pose(points: Doubles, image_wh: tuple[int, int]) -> Doubles:
    """Pitch, yaw and roll in degrees from the points in use."""
    unknown = np.full(3, np.nan)
    if not np.isfinite(points).all():
        return unknown
    size, flatness = _extent(points)
    if not _LEAST_PX <= size <= _MOST_PX or flatness < _LEAST_FLATNESS:
        return unknown
    width, height = image_wh
    focal = max(width, height, _NEAREST * size)
    camera = np.array([(focal, 0, width / 2), (0, focal, height / 2), (0, 0, 1)])
    try:
        _, turn, shift = cv2.solvePnP(MEAN_FACE, points, camera, None, flags=cv2.SOLVEPNP_SQPNP)
        turn, shift = cv2.solvePnPRefineLM(MEAN_FACE, points, camera, None, turn, shift)
        seen = cv2.projectPoints(MEAN_FACE, turn, shift, camera, None)[0][:, 0]
    except cv2.error:
        return unknown
    residual = np.sqrt(((seen - points) ** 2).sum(axis=1).mean()) / size
    if not residual <= _MOST_RESIDUAL or shift[2, 0] <= 0:
        return unknown
    return _angles(np.asarray(cv2.Rodrigues(turn)[0], np.float64))


def _extent(points: Doubles) -> tuple[float, float]:
    """Pixels a unit of the mean face (too few where the face is turned away), and how the smaller
    extent compares with the larger one."""
    larger, smaller = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    size = np.hypot(larger, smaller) / _SPREAD
    return float(size), float(smaller / max(larger, 1e-9))


def _angles(rotation: Doubles) -> Doubles:
    """Of a rotation matrix (roll times yaw times pitch) with y down and z away from the viewer."""
    across = np.hypot(rotation[0, 0], rotation[1, 0])
    pitch = -np.arctan2(rotation[2, 1], rotation[2, 2])
    yaw = np.arctan2(rotation[2, 0], across)
    roll = np.arctan2(rotation[1, 0], rotation[0, 0])
    angles: Doubles = np.degrees(np.array([pitch, yaw, roll]))
    return angles
