"""What the picture of a face is like: blur, exposure and noise, each 0 to 1.

The levels that belong to the values are in `types`; they are Microsoft's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vultus.faces import noise
from vultus.faces.types import Quality
from vultus.imaging.load import Image

Floats = NDArray[np.float32]

# Noise of this deviation counts as 1. Noise that counts as 0.3 moved the embeddings of 16 photos
# by 0.1 (median), as 0.7 by 0.25; the threshold is 0.53.
_MOST_NOISE = 40.0


def measure_blur(quality: Quality) -> Floats:
    """0 (crisp) to 1, (n,)."""
    return _graded(1 - quality.sharpness)


def measure_exposure(quality: Quality) -> Floats:
    """0 (black) to 1 (white), (n,): the mean grey value of the face."""
    return _graded(quality.brightness / 255)


def measure_noise(image: Image, boxes: Floats) -> Floats:
    """0 (none) to 1 of the faces in boxes (n, 4) of an image, (n,)."""
    return _graded(noise.measure_noise(image, boxes) / _MOST_NOISE)


def _graded(values: NDArray[np.floating]) -> Floats:
    graded: Floats = np.clip(values, 0, 1).astype(np.float32)
    return graded
