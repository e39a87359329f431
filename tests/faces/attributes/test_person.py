from __future__ import annotations

import numpy as np
import pytest

from vultus.faces.attributes.person import ages_of
from vultus.models.dlib_resnet import INNER_SIZE


@pytest.fixture(scope="module")
def chip(analyzer, astronaut):
    """A woman of 36 years, aligned."""
    return analyzer.analyze(astronaut, embed=False, chips=True)[:1].chips


def test_somebody_known(analyzer, chip):
    ages, female = analyzer.person_head.told(analyzer.look(chip)[1])
    assert 30 < ages.value[0] < 50
    assert ages.low[0] < ages.value[0] < ages.high[0]
    assert female[0] > 0.95


def test_a_face_and_its_mirror_image_are_told_the_same(analyzer, chip):
    ages, female = analyzer.person_head.told(analyzer.look(chip)[1])
    other_ages, other_female = analyzer.person_head.told(analyzer.look(chip[:, :, ::-1])[1])
    np.testing.assert_allclose(other_ages.value, ages.value, atol=1e-3)
    np.testing.assert_allclose(other_female, female, atol=1e-4)


def test_numbers_far_from_any_face_are_told_something_finite(analyzer):
    inner = np.array([[0.0], [1e9], [-1e9]], np.float32) * np.ones(INNER_SIZE, np.float32)
    ages, female = analyzer.person_head.told(inner)
    assert np.isfinite([ages.value, ages.low, ages.high]).all()
    assert ((female >= 0) & (female <= 1)).all()


def test_nobody_has_no_age(analyzer):
    ages, female = analyzer.person_head.told(np.zeros((0, INNER_SIZE), np.float32))
    assert len(ages.value) == len(ages.low) == len(ages.high) == len(female) == 0


def test_the_interval_holds_four_fifths_and_the_mean():
    shares = np.zeros((2, 101), np.float32)
    shares[0, 20:40] = 0.05
    shares[1, 10], shares[1, 90] = 0.95, 0.05
    ages = ages_of(shares)
    np.testing.assert_allclose(ages.value, [29.5, 14.0], atol=1e-4)
    assert shares[0, int(ages.low[0]) : int(ages.high[0]) + 1].sum() >= 0.8
    assert 20 < ages.low[0] < ages.high[0] < 39
    assert ages.low[1] <= ages.value[1] <= ages.high[1]
