"""Collecting what is learnt from: one sample a picture, none twice, and what was left out."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from vultus.errors import VultusError
from vultus.learn.cutting import CutFaces
from vultus.learn.training import PROBED_CHIPS, Samples


class Collection:
    """Samples of the pictures of a set, which are known by their places in it.

    rows: places of the pictures that samples are of; whole: of those that were taken as a whole,
    because no face was found in them; errors: what is wrong with others; twice: those that show
    what another one shows, pixel by pixel, and that one.
    """

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.whole: list[int] = []
        self.errors: dict[int, VultusError] = {}
        self.twice: dict[int, int] = {}
        self._parts: list[Samples] = []
        self._chips: list[NDArray[np.uint8]] = []
        self._seen: dict[bytes, int] = {}

    def add(self, first: int, cut: CutFaces, samples: Samples | None) -> None:
        """What some pictures gave, the first of which has this place; None: no face."""
        self.errors |= {first + row: error for row, error in cut.errors.items()}
        if samples is None:
            return
        new = np.array(
            [
                self._is_new(first + int(row), chip)
                for row, chip in zip(cut.rows, cut.chips, strict=True)
            ]
        )
        places = first + cut.rows
        self.rows += places[new].tolist()
        self.whole += places[new & ~cut.found].tolist()
        self._parts.append(samples.select(new))
        if len(self.rows) <= PROBED_CHIPS:
            self._chips.append(cut.chips[new])

    def _is_new(self, row: int, chip: NDArray[np.uint8]) -> bool:
        other = self._seen.setdefault(hashlib.sha256(chip.tobytes()).digest(), row)
        if other != row:
            self.twice[row] = other
        return other == row

    @property
    def samples(self) -> Samples:
        """All samples, in the order of `rows`, of which there must be some."""
        return Samples.joined(self._parts)

    @property
    def some_chips(self) -> NDArray[np.uint8]:
        """Some of the faces themselves, (m, 150, 150, 3)."""
        return np.concatenate(self._chips)
