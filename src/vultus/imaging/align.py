"""Cutting aligned face chips, as the embedding network was trained on.

A chip is a similarity transform of five points (dlib's: the four eye corners and the base of
the nose) onto dlib's mean face, with a padding of 0.25 of the face on every side.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.imaging.geometry import similarity_transforms
from vultus.imaging.load import Image

CHIP_SIZE = 150
_PADDING = 0.25

# dlib's mean face in the unit square: outer and inner corner of the subject's left eye, of the
# right eye likewise, base of the nose (dlib/image_transforms/interpolation.h).
MEAN_FACE = np.array(
    [
        (0.8595674595992, 0.2134981538014),
        (0.6460604764104, 0.2289674387677),
        (0.1205750620789, 0.2137274526848),
        (0.3340850613712, 0.2290642403242),
        (0.4901123135679, 0.6277975316475),
    ]
)


def chip_points(size: int = CHIP_SIZE, padding: float = _PADDING) -> NDArray[np.float64]:
    """Where the five points lie in a chip of `size` pixels, shape (5, 2)."""
    return (MEAN_FACE + padding) / (2 * padding + 1) * size


def cut_chips(
    image: Image, points: NDArray[np.floating], size: int = CHIP_SIZE
) -> NDArray[np.uint8]:
    """Aligned chips, uint8 (n, size, size, 3), for faces with five points, shape (n, 5, 2)."""
    chips = np.zeros((len(points), size, size, 3), np.uint8)
    for transform, chip in zip(
        similarity_transforms(points, chip_points(size)), chips, strict=True
    ):
        _warp(image, transform, chip)
    return chips


def cut_square(image: Image, corners: NDArray[np.floating], size: int) -> NDArray[np.uint8]:
    """A square of an image, (left, top, right, bottom), as uint8 (size, size, 3).

    What lies outside the image is black.
    """
    left, top, right, _ = (float(value) for value in corners)
    factor = size / max(right - left, 1e-3)
    # pixel centres: x_out + 0.5 = (x + 0.5 - left) * factor
    shifts = (0.5 - left) * factor - 0.5, (0.5 - top) * factor - 0.5
    out = np.zeros((size, size, 3), np.uint8)
    _warp(image, np.array([[factor, 0, shifts[0]], [0, factor, shifts[1]]]), out)
    return out


def _warp(image: Image, transform: NDArray[np.float64], out: NDArray[np.uint8]) -> None:
    """Bilinear warp into `out`; a much larger face is first shrunk by area, against aliasing."""
    size = out.shape[0]
    scale = float(np.hypot(transform[0, 0], transform[1, 0]))
    if scale <= 0 or not np.isfinite(transform).all():
        return  # points in one place: a black chip, which is like nobody
    shrink = int(1 / scale)
    if shrink >= 2:
        image, transform = _shrunk_region(image, transform, size, shrink)
    cv2.warpAffine(image, transform, (size, size), dst=out, flags=cv2.INTER_LINEAR)


def _shrunk_region(
    image: Image, transform: NDArray[np.float64], size: int, shrink: int
) -> tuple[Image, NDArray[np.float64]]:
    """The part of the image that the chip covers, `shrink` times smaller, and its transform."""
    inverse = cv2.invertAffineTransform(transform)
    corners = np.array([(0, 0, 1), (size, 0, 1), (0, size, 1), (size, size, 1)]) @ inverse.T
    height, width = image.shape[:2]
    left, top = np.clip(np.floor(corners.min(0)).astype(int) - shrink, 0, (width, height))
    right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + shrink, 0, (width, height))
    # whole blocks only, so that the shrunk grid lies exactly on the image's
    right -= (right - left) % shrink
    bottom -= (bottom - top) % shrink
    if right <= left or bottom <= top:
        return image[:1, :1] * 0, transform
    small_wh = (int(right - left) // shrink, int(bottom - top) // shrink)
    small = cv2.resize(image[top:bottom, left:right], small_wh, interpolation=cv2.INTER_AREA)
    # pixel centres: x_image = left + shrink * x_small + (shrink - 1) / 2
    back = np.array(
        [[shrink, 0, left + (shrink - 1) / 2], [0, shrink, top + (shrink - 1) / 2], [0, 0, 1]]
    )
    return np.asarray(small, np.uint8), np.asarray(transform @ back)
