"""The expression of aligned chips, by the networks trained in `training/`.

Heads for what covers a face begin with the same trunk, which is computed once for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.models.session import Session

Floats = NDArray[np.float32]

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
_BATCH = 8  # chips a run; bounds memory on a picture of a crowd


@dataclass(frozen=True)
class ExpressionAnswer:
    """probabilities: (n, 7) in the order of `EXPRESSIONS`; features: (n, 512), what they are told
    from, for heads that are trained on other pictures."""

    probabilities: Floats
    features: Floats


class AttributeNetworks:
    """The trunk and the branch for expressions. Thread-safe."""

    def __init__(self, trunk: Session, expression: Session) -> None:
        self._trunk = trunk
        self._expression = expression

    def maps(self, chips: NDArray[np.uint8]) -> Floats:
        """Aligned chips, uint8 (n, 150, 150, 3), to what all branches begin with."""
        return _in_batches(self._trunk, chips)[0]

    def branch(self, maps: Floats) -> ExpressionAnswer:
        """What one look at each face tells, from its maps."""
        probabilities, features = _in_batches(self._expression, maps)
        return ExpressionAnswer(probabilities, features)

    def expression(self, chips: NDArray[np.uint8], maps: Floats) -> ExpressionAnswer:
        """What faces and their mirror images tell together; maps: those of the chips.

        The second look raised the accuracy on FER2013's public test from 69.3 to 70.7 %.
        """
        mirrored = self.maps(np.ascontiguousarray(chips[:, :, ::-1]))
        return together(self.branch(maps), self.branch(mirrored))


def together(first: ExpressionAnswer, second: ExpressionAnswer) -> ExpressionAnswer:
    """Two looks at the same faces as one: mean features, the probabilities of the mean logits."""
    both = np.sqrt(first.probabilities * second.probabilities)
    sums = np.maximum(both.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return ExpressionAnswer(both / sums, np.float32(0.5) * (first.features + second.features))


def _in_batches(session: Session, rows: NDArray[np.generic]) -> list[Floats]:
    starts = range(0, max(1, len(rows)), _BATCH)  # no rows make one run, which knows the shapes
    parts = [session.run(rows[start : start + _BATCH]) for start in starts]
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]
