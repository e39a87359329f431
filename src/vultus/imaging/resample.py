"""Resizing and bordering, typed: OpenCV answers with a type that says less."""

from __future__ import annotations

import cv2
import numpy as np

from vultus.imaging.load import Image


def resize(image: Image, size_wh: tuple[int, int]) -> Image:
    """By area where the picture gets smaller, which smooths; straight lines where it grows."""
    smaller = size_wh[0] <= image.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size_wh, interpolation=how), np.uint8)


def with_border(image: Image, pixels: int) -> Image:
    """The image with so many black pixels on every side."""
    bordered = cv2.copyMakeBorder(image, pixels, pixels, pixels, pixels, cv2.BORDER_CONSTANT)
    return np.asarray(bordered, np.uint8)
