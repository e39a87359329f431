"""What was seen in one analysed frame. `--tracks` writes it, `vultus replay` reads it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vultus.events.visit import Box
from vultus.faces.attributes.types import Attributes


@dataclass(frozen=True)
class Look:
    """One face of a track, described. embedding: (d,) float32; quality: 0 to 1.

    attributes: of this one face, where they are wanted.
    """

    embedding: NDArray[np.float32]
    quality: float
    face_px: float
    sharpness: float
    yaw_deg: float
    attributes: Attributes | None = None


@dataclass(frozen=True)
class Sighting:
    """A tracked face in one frame.

    track: number within this watcher, from 1. box: x, y, width, height in pixels of the full
    frame. quality: 0 to 1, None where it was not measured. look: only where this face was worth
    embedding. poor: which gate kept it from that (`small`, `blurred`, `turned`, `doubtful`).
    """

    track: int
    box: Box
    score: float
    quality: float | None = None
    look: Look | None = None
    poor: str | None = None


@dataclass(frozen=True)
class Moment:
    """Everything tracked in one analysed frame; `ended` tracks will not be seen again."""

    index: int
    media_time: Fraction
    taken_at: datetime
    size_wh: tuple[int, int]
    sightings: tuple[Sighting, ...] = ()
    ended: tuple[int, ...] = ()
