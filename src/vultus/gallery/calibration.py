"""From distance to probability, and from a wished false-match rate to a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.errors import UsageError
from vultus.models import catalogue


@dataclass(frozen=True)
class Calibrator:
    """Knows what a distance of one model is worth.

    threshold: the distance at which the probability is 0.5.
    slope: steepness of the log-odds, fitted on pairs (see the model's card).
    """

    model_id: str
    threshold: float
    slope: float

    @classmethod
    def of(cls, model_id: str, far: float | None = None) -> Calibrator:
        """For a model's own operating threshold, or for a wished false-match rate.

        Raises:
            UsageError: the rate is lower than the model's evaluation can show.
        """
        calibration = catalogue.card(model_id).calibration
        if calibration is None:
            raise UsageError(f"{model_id} makes no embeddings.", "Choose an embedder.")
        threshold = calibration.threshold
        if far is not None:
            threshold = threshold_for(far, calibration)
        return cls(model_id, threshold, calibration.slope)

    def probability(self, distances: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """Probability of being the same person, shape as given."""
        odds = self.slope * (np.asarray(distances, np.float64) - self.threshold)
        return 1 / (1 + np.exp(np.clip(odds, -500, 500)))


def threshold_for(far: float, calibration: catalogue.Calibration) -> float:
    """The distance whose measured false-match rate is `far`, between the measured points."""
    points = sorted(calibration.points, key=lambda point: point.far)
    rates = [point.far for point in points]
    if not rates[0] <= far <= rates[-1]:
        raise UsageError(
            f"A false-match rate of {far:g} was not measured for this model.",
            f"Choose between {rates[0]:g} and {rates[-1]:g}.",
        )
    distances = [point.distance for point in points]
    return float(np.interp(np.log(far), np.log(rates), distances))
