"""Cutting face chips exactly as dlib does, so that embeddings made there and here are the same.

`imaging.align` cuts better ones; this is for programs whose stored embeddings are dlib's. What is
followed, rounding included (dlib/image_transforms/interpolation.h and image_pyramid.h): a chip is
a turned square of the picture; a square of more than twice the chip's pixels is cut from a picture
halved by a 5 x 5 binomial filter, once or more often; in between, bilinear interpolation; values
are cut off, not rounded; where one of the four neighbours is missing, the chip is black.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.imaging.align import CHIP_SIZE, chip_points
from vultus.imaging.geometry import similarity_transforms
from vultus.imaging.load import Image

Doubles = NDArray[np.float64]

_PADDING = 0.25
_SMALLEST_HALVED = 9  # dlib halves no picture with a smaller side: it answers with an empty one

# Of the 68 points those by which dlib aligns (nose, eyes, upper lip, inner mouth) and where they
# lie in its mean face, in the unit square (get_face_chip_details in interpolation.h).
ALIGNED_68 = (*range(27, 55), *range(60, 65))
# fmt: off
MEAN_FACE_68 = np.array([
    (0.490127, 0.203352), (0.490127, 0.307009), (0.490127, 0.409805), (0.490127, 0.515625),
    (0.36688, 0.587326), (0.426036, 0.609345), (0.490127, 0.628106), (0.554217, 0.609345),
    (0.613373, 0.587326), (0.121737, 0.216423), (0.187122, 0.178758), (0.265825, 0.179852),
    (0.334606, 0.231733), (0.260918, 0.245099), (0.182743, 0.244077), (0.645647, 0.231733),
    (0.714428, 0.179852), (0.793132, 0.178758), (0.858516, 0.216423), (0.79751, 0.244077),
    (0.719335, 0.245099), (0.254149, 0.780233), (0.340985, 0.745405), (0.428858, 0.727388),
    (0.490127, 0.742578), (0.551395, 0.727388), (0.639268, 0.745405), (0.726104, 0.780233),
    (0.290379, 0.784792), (0.428096, 0.778746), (0.490127, 0.785343), (0.552157, 0.778746),
    (0.689874, 0.784792),
])
# fmt: on


@dataclass(frozen=True)
class ChipPlace:
    """A square of the picture, corners inclusive, turned by `angle` (radians) about its centre."""

    left: float
    top: float
    right: float
    bottom: float
    angle: float

    def moved(self, x: float, y: float) -> ChipPlace:
        """The same square seen from another origin."""
        return ChipPlace(self.left - x, self.top - y, self.right - x, self.bottom - y, self.angle)

    def halved(self) -> ChipPlace:
        """Where it lies in the halved picture; the shifts are dlib's (pyramid_down<2>)."""
        return ChipPlace(
            self.left / 2 - 1.25,
            self.top / 2 - 0.75,
            self.right / 2 - 1.25,
            self.bottom / 2 - 0.75,
            self.angle,
        )

    @property
    def area(self) -> float:
        """In pixels; 0 where it is empty."""
        width, height = self.right - self.left + 1, self.bottom - self.top + 1
        return width * height if width >= 1 and height >= 1 else 0.0

    def corners(self) -> Doubles:
        """Top left, top right, bottom left, bottom right after turning, (4, 2)."""
        across, down = (self.left + self.right) / 2, (self.top + self.bottom) / 2
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        return np.array(
            [
                (
                    cosine * (x - across) - sine * (y - down) + across,
                    sine * (x - across) + cosine * (y - down) + down,
                )
                for y in (self.top, self.bottom)
                for x in (self.left, self.right)
            ]
        )


def chip_place(points: NDArray[np.integer]) -> ChipPlace:
    """Where dlib cuts a face with these 5 or 68 points, shape (p, 2), in whole pixels."""
    if len(points) == 5:
        target, used = chip_points(), points
    else:
        target = (MEAN_FACE_68 + _PADDING) / (2 * _PADDING + 1) * CHIP_SIZE
        used = points[list(ALIGNED_68)]
    transform = similarity_transforms(target, used.astype(np.float64))
    across, down = transform @ (CHIP_SIZE / 2, CHIP_SIZE / 2, 1.0)
    along, rise = transform[0, 0], transform[1, 0]
    half = (CHIP_SIZE * math.hypot(along, rise) - 1) / 2
    angle = math.atan2(rise, along)
    return ChipPlace(across - half, down - half, across + half, down + half, angle)


def cut_chip(image: Image, place: ChipPlace, size: int = CHIP_SIZE) -> NDArray[np.uint8]:
    """The chip at this place, uint8 (size, size, 3); black where the picture has ended."""
    smaller, halvings, margin = place.halved(), 0, 2.0
    while smaller.area > size * size:
        smaller, halvings, margin = smaller.halved(), halvings + 1, margin * 2 + 2
    left, top, right, bottom = _region(image, place, margin)
    region = image[top:bottom, left:right]
    place = place.moved(left, top)
    for _ in range(halvings):
        region, place = _halve(region), place.halved()
    return _interpolate(region, place, size)


def _region(image: Image, place: ChipPlace, margin: float) -> tuple[int, int, int, int]:
    """The part of the picture that is looked at: (left, top, right, bottom), ends exclusive.

    dlib halves this part alone, so it decides which pixels meet in a pair.
    """
    height, width = image.shape[:2]
    corners = place.corners()
    starts = np.maximum(corners.min(axis=0) - margin, 0)
    ends = np.minimum(corners.max(axis=0) + margin, (width - 1, height - 1))
    if (starts > ends).any():
        return 0, 0, 0, 0
    left, top = np.floor(starts + 0.5).astype(int).tolist()
    right, bottom = np.floor(ends + 0.5).astype(int).tolist()
    return left, top, right + 1, bottom + 1


def _halve(image: Image) -> Image:
    """Every second pixel after a filter of 1 4 6 4 1, without the border that it cannot reach."""
    height, width = image.shape[:2]
    if min(height, width) < _SMALLEST_HALVED:
        return np.zeros((0, 0, 3), np.uint8)
    # OpenCV rounds at the end; with the value in the upper byte, it has nothing to round
    high = cv2.pyrDown(np.left_shift(image, 8, dtype=np.uint16))
    inner = high[1 : 1 + (height - 3) // 2, 1 : 1 + (width - 3) // 2]
    return np.right_shift(inner, 8).astype(np.uint8)


def _interpolate(image: Image, place: ChipPlace, size: int) -> NDArray[np.uint8]:
    """The square's pixels between those of the image, in float64 and dlib's order of terms."""
    height, width = image.shape[:2]
    if height < 2 or width < 2:
        return np.zeros((size, size, 3), np.uint8)
    start, across, down = place.corners()[:3]
    steps = np.arange(size, dtype=np.float64)
    along, downward = (across - start) / (size - 1), (down - start) / (size - 1)
    x = along[0] * steps + downward[0] * steps[:, None] + start[0]
    y = along[1] * steps + downward[1] * steps[:, None] + start[1]
    left, top = np.floor(x), np.floor(y)
    x -= left
    y -= top
    outside = (left < 0) | (top < 0) | (left >= width - 1) | (top >= height - 1)
    index = np.where(outside, 0, top * width + left).astype(np.intp)
    # pixels of four bytes, so that one is fetched at once
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA).view(np.uint32).ravel()
    upper, lower = (
        _mix(_planes(pixels[row:], index), _planes(pixels[row + 1 :], index), x)
        for row in (0, width)
    )
    # a value is cut off, as a cast does in C
    chip = cv2.merge(tuple(_mix(upper, lower, y).astype(np.uint8)))
    chip[outside] = 0
    return np.asarray(chip, np.uint8)


def _planes(pixels: NDArray[np.uint32], index: NDArray[np.intp]) -> Doubles:
    """The colours of the pixels at these places, (3, size, size)."""
    colours = pixels.take(index).view(np.uint8).reshape(*index.shape, 4)
    planes: Doubles = colours.transpose(2, 0, 1)[:3].astype(np.float64, order="C")
    return planes


def _mix(these: Doubles, those: Doubles, part: Doubles) -> Doubles:
    """`part` of those and the rest of these, which are changed."""
    these *= 1 - part
    those *= part
    these += those
    return these
