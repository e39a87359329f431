"""Trust no frame: grey, smeared and frozen pictures are found before anybody looks for faces."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vultus.imaging.load import Image
from vultus.settings import VideoSettings
from vultus.video.frame import Frame

GREY, SMEARED, FROZEN = "grey", "smeared", "frozen"

REASONS: dict[str, str] = {
    GREY: "the picture is one flat colour, or filled in where it never arrived",
    SMEARED: "part of the picture was lost on the way",
    FROZEN: "the picture does not change any more",
}

# In grey levels, 0 to 255. Noise of a sensor, and what a coder leaves of it, differs from pixel
# to pixel; what a decoder fills in does not.
_FLAT_RANGE = 3
_GRAIN_SHARE = 0.02
# What decoders put where nothing came: mid grey (Y = 128, in full or video range), or pure green
# (Y = U = V = 0), in which the world has red and blue, too.
_GREY_FILL = (126, 132)
_GREY_SHARE = 0.6
_GREEN_LEAST, _GREEN_OTHER_MOST = 100, 2
_GREEN_SHARE = 0.15
_SMEAR_SHARE = (0.25, 0.97)  # stripes over all of the picture are a picture of stripes
_SMEAR_STEP = 0.6
_SMEAR_TEXTURE = 3.0
_SMEAR_RATIO = 0.1
_EVERY = 4
_LEAST_SIDE = 8  # pixels


class FrameHealth:
    """Judges each frame of one source, and counts what was wrong.

    Args:
        settings: `frozen_s` says how long the very same pixels may last.
        live: a recording may show a still picture for as long as it likes; only a live source
            freezes.
    """

    def __init__(self, settings: VideoSettings, *, live: bool) -> None:
        self._frozen_s, self._live = settings.frozen_s, live
        self._last: Image | None = None
        self._same_since: Fraction | None = None
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """Frames so far that were not fit, by reason; every reason is there."""
        return {reason: self._counts[reason] for reason in REASONS}

    def check(self, frame: Frame, small: Image) -> str | None:
        """Why a frame is not fit to be looked at, a key of `REASONS`, or None.

        small: a copy of the frame, RGB uint8 (height, width, 3), some hundred pixels wide.
        """
        frozen = self._is_frozen(frame, small)
        if min(small.shape[:2]) < _LEAST_SIDE:  # nothing can be seen in it, nor be wrong with it
            return None
        if frame.corrupt or is_smeared(small):
            reason: str | None = SMEARED
        elif is_grey(small):
            reason = GREY
        else:
            reason = FROZEN if frozen else None
        if reason is not None:
            self._counts[reason] += 1
        return reason

    def _is_frozen(self, frame: Frame, small: Image) -> bool:
        if not self._live:
            return False
        last, self._last = self._last, small
        if last is None or self._same_since is None or not np.array_equal(last, small):
            self._same_since = frame.media_time
            return False
        return frame.media_time - self._same_since > self._frozen_s


def is_grey(small: Image) -> bool:
    """Whether all is one colour, or a large part is what a decoder fills in.

    A dark night keeps the noise of its sensor; a wall has grain and is seldom just this grey.
    """
    thin = small[::_EVERY, ::_EVERY]
    red, green, blue = (thin[..., channel].astype(np.int16) for channel in range(3))
    if int(green.max()) - int(green.min()) < _FLAT_RANGE and not _has_grain(green):
        return True
    greenish = (green >= _GREEN_LEAST) & (np.maximum(red, blue) <= _GREEN_OTHER_MOST)
    if greenish.mean() >= _GREEN_SHARE:
        return True
    neutral = green[(red == green) & (blue == green)]
    filled = np.bincount(neutral, minlength=256)[_GREY_FILL[0] : _GREY_FILL[1] + 1]
    return bool(filled.max() >= _GREY_SHARE * green.size)


def is_smeared(small: Image) -> bool:
    """Whether one textured row is repeated down to the lower edge: lost packets were concealed.

    Upright lines of the world, such as a fence, differ from row to row by more than this.
    """
    grey = small[:, ::_EVERY, 1].astype(np.int16)
    down = np.abs(np.diff(grey, axis=0)).mean(axis=1)
    across = np.abs(np.diff(grey, axis=1)).mean(axis=1)[1:]
    repeated = (down < _SMEAR_STEP) & (across > _SMEAR_TEXTURE) & (down < _SMEAR_RATIO * across)
    run = len(repeated) if repeated.all() else int(np.argmin(repeated[::-1]))
    return _SMEAR_SHARE[0] <= run / len(grey) <= _SMEAR_SHARE[1]


def _has_grain(grey: NDArray[np.int16]) -> bool:
    """Whether neighbours differ here and there, as no fill does."""
    return bool((np.diff(grey, axis=1) != 0).mean() > _GRAIN_SHARE)
