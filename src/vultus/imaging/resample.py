"""Resizing and bordering, typed: OpenCV answers with a type that says less."""

from __future__ import annotations

import cv2
import numpy as np

from vultus.imaging.load import Image

_LEFT_TO_DO = 1.5  # after halving, so that what it has rounded is in the mean of several pixels


def resize(image: Image, size_wh: tuple[int, int]) -> Image:
    """By area where the picture gets smaller, which smooths; straight lines where it grows.

    Far smaller ones are halved first: the mean of four is fast, areas with parts of pixels are
    not. 4000x3000 to 357x268: 8 ms instead of 37.
    """
    smaller = size_wh[0] <= image.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    while (half_wh := _half(image)) and all(
        half >= _LEFT_TO_DO * wanted for half, wanted in zip(half_wh, size_wh, strict=True)
    ):
        image = np.asarray(cv2.resize(image, half_wh, interpolation=how), np.uint8)
    return np.asarray(cv2.resize(image, size_wh, interpolation=how), np.uint8)


def _half(image: Image) -> tuple[int, int] | None:
    """Half the width and height, where both are even."""
    height, width = image.shape[:2]
    return None if width % 2 or height % 2 else (width // 2, height // 2)


def with_border(image: Image, pixels: int) -> Image:
    """The image with so many black pixels on every side."""
    bordered = cv2.copyMakeBorder(image, pixels, pixels, pixels, pixels, cv2.BORDER_CONSTANT)
    return np.asarray(bordered, np.uint8)
