"""One picture of a video and the moment it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from functools import cached_property

from vultus.imaging.load import Image
from vultus.imaging.resample import resize

Convert = Callable[[tuple[int, int]], Image]


class Frame:
    """A frame; its pixels are converted when they are asked for.

    Args:
        index: position in the source, from 0; frames that were not handed out are counted too.
        media_time: seconds since the source's first frame, exact.
        taken_at: the same moment in UTC, with its zone.
        size_wh: width and height of the upright, full frame in pixels.
        convert: makes an RGB image, uint8 (height, width, 3), of the given (width, height).
        corrupt: the decoder says that parts of the picture are wrong.
    """

    def __init__(
        self,
        index: int,
        media_time: Fraction,
        taken_at: datetime,
        size_wh: tuple[int, int],
        convert: Convert,
        *,
        corrupt: bool = False,
    ) -> None:
        self.index = index
        self.media_time = media_time
        self.taken_at = taken_at
        self.size_wh = size_wh
        self.corrupt = corrupt
        self._convert = convert

    @cached_property
    def image(self) -> Image:
        """The full frame, RGB uint8 (height, width, 3), read-only; converted once."""
        image = self._convert(self.size_wh)
        image.setflags(write=False)
        return image

    def small(self, longer_px: int) -> Image:
        """A copy whose longer side has at most so many pixels; the full frame if it has fewer."""
        longer = max(self.size_wh)
        if longer <= longer_px:
            return self.image
        width, height = (max(1, round(side * longer_px / longer)) for side in self.size_wh)
        # By way of the full frame: its conversion has a fast path (0.7 ms at 1080p), scaling in
        # the same step has none that keeps the colours right (13 ms).
        return resize(self.image, (width, height))
