"""dlib's MMOD face detector without dlib: the same boxes in the same order.

The method: King, Max-Margin Object Detection, 2015, with a convolutional network (2016). The
network scores windows of 80 pixels on a canvas that shows the picture in many sizes
(`mmod_pyramid`); a score above zero is a face, and of windows that overlap the best one stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vultus.errors import ImageTooLarge, ImageUnreadable, UsageError
from vultus.faces.mmod_pyramid import STEP, Layout, Pyramid, Tile, enlarge, enlarged_size, lay_out
from vultus.imaging.load import Image
from vultus.models import catalogue
from vultus.models.mmod_window import CENTRE, FEATURES, HALO, OVERLAP, REACH, STRIDE, WINDOW
from vultus.models.session import Session, load_sessions
from vultus.settings import LimitSettings, Settings, load_settings

Corners = NDArray[np.float64]  # (n, 4): left, top, right, bottom, as dlib's rectangles
Scores = NDArray[np.float32]

# A strip of the canvas for the trunk, in pixels and in rows of features; rows of features that
# the head sees at once. Small ones stay in the processor's cache, large ones share less.
_STRIP_PIXELS = 1 << 18
_FEWEST_ROWS = 16
_BAND_PLACES = 1 << 17
# How dlib goes up a level of the pyramid, and back from a picture to the half of its size.
_LEVEL_SHIFT = 0.3
_HALF_SHIFT = np.array([1.25, 0.75, 1.25, 0.75])


class MmodBox(NamedTuple):
    """A face as dlib's `mmod_rectangle`: pixels, both ends inclusive, not clipped."""

    left: int
    top: int
    right: int
    bottom: int
    confidence: float


class MmodDetector:
    """Finds faces of about 80 pixels or more; of half of that for each time it enlarges.

    Args:
        trunk, head: the two networks of the model `dlib-mmod`.
        max_pixels: the most pixels that a picture may have once it is enlarged; by default
            the setting `limits.max_image_pixels` as it is shipped.

    Keeps nothing of a picture; safe to use from several threads.
    """

    def __init__(self, trunk: Session, head: Session, max_pixels: int | None = None) -> None:
        self._trunk = trunk
        self._head = head
        self._max_pixels = LimitSettings().max_image_pixels if max_pixels is None else max_pixels

    @classmethod
    def from_settings(cls, settings: Settings | None = None) -> MmodDetector:
        """With the networks from the model cache, run and limited as the settings say.

        Raises:
            ModelError: the model cannot be loaded.
        """
        settings = settings or load_settings()
        nets = load_sessions(catalogue.MMOD, settings.runtime)
        return cls(nets["trunk"], nets["head"], settings.limits.max_image_pixels)

    def detect(self, images: Sequence[Image], upsample: int = 0) -> list[list[MmodBox]]:
        """The faces of each picture, uint8 (height, width, 3) RGB, most confident first.

        upsample: how often the picture is doubled in size; boxes are in pixels as given. A
        picture that is too small for the network (dlib fails on it) has no faces.

        Raises:
            ImageUnreadable: an array that is no RGB picture.
            ImageTooLarge: a picture that has too many pixels once it is enlarged.
            UsageError: `upsample` is no number from 0 up.
        """
        if not isinstance(upsample, int | np.integer) or upsample < 0:
            raise UsageError(
                f"A picture cannot be enlarged {upsample!r} times.", "Give 0, 1, 2 or so."
            )
        for image in images:
            _check_picture(image)
            self._check_size(image, upsample)
        return [self._faces(image, upsample) for image in images]

    def _check_size(self, image: Image, upsample: int) -> None:
        height, width = image.shape[:2]
        for _ in range(upsample):
            width, height = enlarged_size(width, height)
            if width * height > self._max_pixels:
                break
        if width * height > self._max_pixels:
            raise ImageTooLarge(
                f"A picture of {image.shape[1]:,} x {image.shape[0]:,} pixels, enlarged "
                f"{upsample} times, has more than the {self._max_pixels:,} that are allowed.",
                "Enlarge it less often, make it smaller, or raise VULTUS_LIMITS__MAX_IMAGE_PIXELS.",
            )

    def _faces(self, image: Image, upsample: int) -> list[MmodBox]:
        for _ in range(upsample):
            image = enlarge(image)
        layout = lay_out(image.shape[1], image.shape[0])
        if min(layout.width, layout.height) < REACH:
            return []
        scores = self._score(Pyramid(image, layout))
        rows, columns = np.nonzero(scores > 0)
        found = scores[rows, columns]
        order = np.argsort(-found, kind="stable")
        middles = np.stack([columns, rows], axis=1)[order] * STRIDE + CENTRE
        boxes = _in_picture(middles, layout)
        kept = _best_of_each(boxes)
        placed = _round(_shrunk(boxes[kept], upsample)).astype(int).tolist()
        confidences = found[order[kept]].tolist()
        return [
            MmodBox(left, top, right, bottom, confidence)
            for (left, top, right, bottom), confidence in zip(placed, confidences, strict=True)
        ]

    def _score(self, pyramid: Pyramid) -> Scores:
        """The scores of all places of the canvas, (rows, columns)."""
        features = self._features(pyramid)
        rows, columns = features.shape[1:]
        at_once = max(_BAND_PLACES // columns, 4 * HALO)
        bands = []
        for start in range(0, rows, at_once):
            first, last = max(0, start - HALO), min(rows, start + at_once + HALO)
            band = self._head.run(features[None, :, first:last])[0][0, 0]
            bands.append(band[start - first :][:at_once])
        return np.concatenate(bands)

    def _features(self, pyramid: Pyramid) -> NDArray[np.float32]:
        """What the trunk makes of the canvas, (FEATURES, rows, columns)."""
        width, height = pyramid.size_wh
        rows, columns = ((side - REACH) // STRIDE + 1 for side in (height, width))
        features = np.empty((FEATURES, rows, columns), np.float32)
        at_once = max(_FEWEST_ROWS, _STRIP_PIXELS // width // STRIDE)
        for start in range(0, rows, at_once):
            end = min(rows, start + at_once)
            strip = pyramid.strip(start * STRIDE, (end - 1) * STRIDE + REACH)
            features[:, start:end] = self._trunk.run(strip[None])[0][0]
        return features


def _check_picture(image: Image) -> None:
    shape: tuple[int, ...] = getattr(image, "shape", ())
    dtype = getattr(image, "dtype", None)
    if dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise ImageUnreadable(
            f"{type(image).__name__} of shape {shape} and dtype {dtype} is no RGB picture.",
            "Give an array of uint8, shape (height, width, 3).",
        )


def _in_picture(middles: NDArray[np.integer], layout: Layout) -> Corners:
    """The windows around places of the canvas, (n, 2), as boxes in the picture, whole pixels."""
    levels = _nearest(middles, layout.tiles)
    origins = np.array([(tile.left, tile.top) for tile in layout.tiles])[levels]
    reach = (WINDOW - 1) / 2
    starts = middles - origins
    corners = np.concatenate([starts - reach, starts + reach], axis=1)
    ratio = STEP / (STEP - 1.0)
    for level in range(levels.max(initial=0)):
        below = levels > level
        corners[below] = corners[below] * ratio + _LEVEL_SHIFT
    return _round(corners)


def _nearest(points: NDArray[np.integer], tiles: Sequence[Tile]) -> NDArray[np.intp]:
    """The tile that each point lies in, or next to; the first of several."""
    ends = np.array([(tile.left, tile.top, tile.right, tile.bottom) for tile in tiles])
    nearest = np.clip(points[:, None], ends[:, :2], ends[:, 2:])
    return np.asarray(((nearest - points[:, None]) ** 2).sum(axis=2).argmin(axis=1))


def _best_of_each(boxes: Corners) -> NDArray[np.intp]:
    """Which boxes stay, of boxes from the best one down.

    A box goes where it shares more than OVERLAP with a better one that stays: of the rectangle
    around both, which is not intersection over union.
    """
    kept: list[int] = []
    left = np.arange(len(boxes))
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        mine, others = boxes[best], boxes[left]
        shared = np.minimum(mine[2:], others[:, 2:]) - np.maximum(mine[:2], others[:, :2]) + 1
        around = np.maximum(mine[2:], others[:, 2:]) - np.minimum(mine[:2], others[:, :2]) + 1
        areas = shared.clip(min=0).prod(axis=1)
        left = left[areas / around.prod(axis=1) <= OVERLAP]
    return np.array(kept, np.intp)


def _shrunk(boxes: Corners, times: int) -> Corners:
    """Boxes in an enlarged picture, in pixels of the picture itself."""
    for _ in range(times):
        boxes = boxes / 2 - _HALF_SHIFT
    return boxes


def _round(values: Corners) -> Corners:
    """To whole numbers, halves away from zero."""
    return np.copysign(np.floor(np.abs(values) + 0.5), values)
