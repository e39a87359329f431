from __future__ import annotations

import warnings

import numpy as np
import pytest

from vultus.errors import ModelUnknown, UsageError
from vultus.gallery.calibration import Calibrator, threshold_for
from vultus.models.catalogue import DETECTOR, EMBEDDER, Calibration, OperatingPoint, card

MEASURED = Calibration(
    slope=20,
    threshold=0.6,
    calibration_error=0.01,
    data="made up",
    genuine_pairs=1,
    impostor_pairs=1,
    points=[
        OperatingPoint(distance=0.4, far=0.0001, tar=0.7),
        OperatingPoint(distance=0.5, far=0.01, tar=0.9),
        OperatingPoint(distance=0.7, far=0.1, tar=0.99),
    ],
)


def test_the_model_has_a_threshold_of_its_own():
    calibration = card(EMBEDDER).calibration
    calibrator = Calibrator.of(EMBEDDER)
    assert calibrator.model_id == EMBEDDER
    assert (calibrator.threshold, calibrator.slope) == (calibration.threshold, calibration.slope)


def test_at_the_threshold_the_probability_is_a_half():
    calibrator = Calibrator.of(EMBEDDER)
    assert float(calibrator.probability(calibrator.threshold)) == pytest.approx(0.5)


def test_probability_falls_with_distance_and_stays_a_probability():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = Calibrator("m", 0.6, 20.0).probability(np.array([0, 0.3, 0.6, 0.9, 1e3, 1e9]))
    assert (np.diff(values) <= 0).all()
    assert values[0] > 0.99
    assert values[-1] < 1e-9
    assert ((values >= 0) & (values <= 1)).all()


def test_probability_is_the_logistic_function_of_the_distance():
    calibrator = Calibrator("m", 0.6, 20.0)
    assert float(calibrator.probability(0.55)) == pytest.approx(1 / (1 + np.exp(-1)))
    assert calibrator.probability(np.zeros((2, 3))).shape == (2, 3)


@pytest.mark.parametrize("point", MEASURED.points)
def test_a_measured_rate_has_its_measured_threshold(point):
    assert threshold_for(point.far, MEASURED) == pytest.approx(point.distance)


def test_between_measured_rates_the_threshold_lies_between():
    assert threshold_for(0.001, MEASURED) == pytest.approx(0.45)  # in the middle of the logarithms
    rates = np.geomspace(0.0001, 0.1, 20)
    thresholds = [threshold_for(rate, MEASURED) for rate in rates]
    assert thresholds == sorted(thresholds)


@pytest.mark.parametrize("far", [0.00009, 0.11, 1e-12])
def test_a_rate_that_was_not_measured_is_refused_with_what_was(far):
    with pytest.raises(UsageError, match="was not measured") as caught:
        threshold_for(far, MEASURED)
    assert "0.0001" in caught.value.hint
    assert "0.1" in caught.value.hint


def test_a_stricter_rate_of_the_real_model_is_a_smaller_distance():
    lax, strict = (Calibrator.of(EMBEDDER, far).threshold for far in (0.01, 0.001))
    assert strict < lax


def test_models_without_a_calibration():
    with pytest.raises(UsageError, match=DETECTOR):
        Calibrator.of(DETECTOR)
    with pytest.raises(ModelUnknown):
        Calibrator.of("no-such-model")
