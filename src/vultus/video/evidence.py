"""What a track has shown so far: its best looks, fused, and who they say it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.faces.attributes.voting import vote
from vultus.gallery.matcher import Decision
from vultus.video.moment import Look

Floats = NDArray[np.float32]

_BEST_LOOKS = 5
# A look so far from the fused embedding is another face that has slipped into the track. Within a
# track of one person 0.69 was seen, so this catches some, and the cut finder others.
_ANOTHER_FACE = 0.72
_OUTLIERS_TO_SPLIT = 2
# A stranger is nobody's poor picture: while a known person is this probable, looks count half.
_NEARLY_KNOWN = 0.15
# Nobody can be told apart by looks worse than this: such a face is not even a stranger.
_LEAST_TO_BE_SOMEBODY = 0.2


@dataclass
class Evidence:
    """Looks at one track. `looks` are the best by quality; `count` is how many there were."""

    looks: list[Look] = field(default_factory=list)
    count: int = 0
    outliers: list[Look] = field(default_factory=list)
    candidate: str | None = None  # whom the fused look has named lately
    agreeing: int = 0  # looks in a row that did
    strange: float = 0.0  # looks in a row that were nobody's
    decision: Decision | None = None  # the last one
    _told: dict[str, Any] | None = None  # by the looks as they are

    def add(self, look: Look) -> bool:
        """Take a look into account; False when the track shows another face since some looks."""
        if self.looks and float(np.linalg.norm(look.embedding - self.fused())) > _ANOTHER_FACE:
            self.outliers.append(look)
            return len(self.outliers) < _OUTLIERS_TO_SPLIT
        self.outliers.clear()
        self.count += 1
        self.looks = sorted([*self.looks, look], key=lambda each: -each.quality)[:_BEST_LOOKS]
        self._told = None
        return True

    def restart(self) -> Evidence:
        """The evidence of the face that has slipped in."""
        fresh = Evidence()
        for look in self.outliers:
            fresh.add(look)
        return fresh

    def fused(self) -> Floats:
        """The mean embedding, weighted by quality, (d,)."""
        weights = np.array([_weight(look) for look in self.looks], np.float32)
        stacked = np.stack([look.embedding for look in self.looks])
        mean: Floats = (weights @ stacked / weights.sum()).astype(np.float32)
        return mean

    def attributes(self) -> dict[str, Any]:
        """What the looks say together, as events have it."""
        if self._told is None:
            self._told = attributes_by(self.looks)
        return self._told

    def judge(self, decision: Decision) -> None:
        """Take note of what the fused embedding says after a new look."""
        self.decision = decision
        if decision.person is not None:
            same = decision.person == self.candidate
            self.candidate, self.agreeing = decision.person, self.agreeing + 1 if same else 1
            self.strange = 0.0
            return
        self.agreeing = 0
        if self.looks[0].quality < _LEAST_TO_BE_SOMEBODY:
            self.strange = 0.0
        elif decision.rule in ("threshold", "no_people"):
            self.strange += 1.0 if decision.probability < _NEARLY_KNOWN else 0.5
        else:  # between two people, or taken: somebody known, we cannot say who
            self.strange = 0.0


def attributes_by(looks: Sequence[Look]) -> dict[str, Any]:
    """The vote of looks by their quality, as events have it; empty where none was asked for any."""
    told = [(look.attributes, _weight(look)) for look in looks if look.attributes is not None]
    if not told:
        return {}
    attributes, weights = zip(*told, strict=True)
    return vote(attributes, weights).row(0)


def _weight(look: Look) -> float:
    return max(look.quality, 1e-3)
