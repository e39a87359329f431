"""Whether faces wear glasses and masks, by the head that `training/coverings.py` makes.

It reads the maps of the attribute networks' trunk, so one more face costs next to nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vultus.models.session import Session

Floats = NDArray[np.float32]

KINDS = ("glasses", "mask")  # the outputs of the network, in order


class Coverings:
    """Thread-safe, as its session is."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def told(self, maps: Floats) -> tuple[Floats, Floats]:
        """Probabilities of glasses and of a mask, (n,) each, from `AttributeNetworks.maps`.

        Sunglasses are glasses. A mask is one of any cloth over mouth and chin, also below the
        nose.
        """
        if not len(maps):
            return np.zeros(0, np.float32), np.zeros(0, np.float32)
        glasses, mask = self._session.run(maps)
        return glasses[:, 0], mask[:, 0]
