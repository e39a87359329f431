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
    GREY: "the picture is one flat colour",
    SMEARED: "part of the picture was lost on the way",
    FROZEN: "the picture does not change any more",
}

# All values below are in grey levels, 0 to 255. Noise of a sensor, and what a coder leaves of it,
# differs from pixel to pixel; what a decoder fills in does not.
_FLAT_RANGE = 3
_FILL = (124, 134)  # mid grey, as a decoder fills what it never got, in full or video range
_FILL_COLOUR = 3
_FILL_SHARE = 0.5
_SMEAR_SHARE = 0.25
_SMEAR_STEP = 1.5
_SMEAR_TEXTURE = 3.0
_SMEAR_RATIO = 0.1
_EVERY = 2


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
    """Whether all is one colour, or most is the grey that a decoder fills in.

    A dark night keeps the noise of its sensor; a wall has grain and is seldom just this grey.
    """
    thin = small[::_EVERY, ::_EVERY]
    grey = thin[..., 1].astype(np.int16)
    low, high = np.percentile(grey, (0.5, 99.5))
    if high - low < _FLAT_RANGE and not _has_grain(grey):
        return True
    return _filled_share(thin, grey) >= _FILL_SHARE


def is_smeared(small: Image) -> bool:
    """Whether one textured row is repeated down to the lower edge: lost packets were concealed.

    Upright lines of the world, such as a fence, differ from row to row by more than this.
    """
    grey = small[..., 1].astype(np.int16)
    rows = len(grey)
    down = np.abs(np.diff(grey, axis=0)).mean(axis=1)
    across = np.abs(np.diff(grey, axis=1)).mean(axis=1)[1:]
    repeated = (down < _SMEAR_STEP) & (across > _SMEAR_TEXTURE) & (down < _SMEAR_RATIO * across)
    run = int(np.argmin(repeated[::-1])) if not repeated.all() else len(repeated)
    return run >= _SMEAR_SHARE * rows


def _has_grain(grey: NDArray[np.int16]) -> bool:
    """Whether neighbours differ here and there, as no fill does."""
    return bool((np.diff(grey, axis=1) != 0).mean() > 0.02)


def _filled_share(rgb: Image, grey: NDArray[np.int16]) -> float:
    values = rgb.astype(np.int16)
    colour = values.max(axis=2) - values.min(axis=2)
    filled = (grey >= _FILL[0]) & (grey <= _FILL[1]) & (colour <= _FILL_COLOUR)
    filled[:, 1:] &= np.diff(grey, axis=1) == 0
    return float(filled.mean())
