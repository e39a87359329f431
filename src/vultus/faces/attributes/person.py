"""Age and gender, told from what the recognition network sees on the way to its embedding.

That network has learnt from millions of faces, and it runs anyway where people are recognised. A
small head on its inner features told both better than networks that were trained for it on the few
thousand faces at hand (docs/attributes.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vultus.faces.attributes.types import Ages
from vultus.models.session import Session

Floats = NDArray[np.float32]

_INSIDE = 0.8  # probability that an age lies in its interval


class PersonHead:
    """Thread-safe, as its session is."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def told(self, inner: Floats) -> tuple[Ages, Floats]:
        """Ages and probabilities of a woman or girl, (n,), from `DlibResNet.look`'s features."""
        if not len(inner):
            none = np.zeros(0, np.float32)
            return Ages(none, none, none), none
        shares, female = self._session.run(inner)
        return ages_of(shares), female[:, 0]


def ages_of(shares: Floats) -> Ages:
    """The mean of distributions over the years, (n, years), and their middle 80 %."""
    years = np.arange(shares.shape[1], dtype=np.float32)
    below = np.cumsum(shares, axis=1)
    rest = np.float32((1 - _INSIDE) / 2)
    low = (below < rest).sum(axis=1)
    high = np.minimum((below < 1 - rest).sum(axis=1) + 1, len(years) - 1)
    value: Floats = shares @ years
    return Ages(
        value,
        np.minimum(low.astype(np.float32), value),
        np.maximum(high.astype(np.float32), value),
    )
