from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from vultus.faces.attributes.types import Ages, Attributes, Expressions, HeadPoses, Occlusions
from vultus.faces.attributes.voting import look_of, look_record, vote


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def look(age: float = 30, female: float = 0.9, happy: float = 0.8, yaw: float = 5) -> Attributes:
    return Attributes(
        age=Ages(column(age), column(age - 5), column(age + 7)),
        female=column(female),
        expression=Expressions(("happy", "sad"), np.array([[happy, 1 - happy]], np.float32)),
        head_pose=HeadPoses(column(1), column(yaw), column(np.nan)),
        smile=column(0.25),
        glasses=column(0.1),
        mask=column(np.nan),
        occlusion=Occlusions(column(0.2), column(np.nan), column(0.7)),
        blur=column(0.5),
        exposure=column(0.4),
        noise=column(0),
    )


def test_looks_count_by_their_weight():
    told = vote([look(20, 0.9, 1.0), look(40, 0.3, 0.5)], [3, 1])
    assert told.age.value == pytest.approx(25)
    assert (told.age.low, told.age.high) == (pytest.approx(20), pytest.approx(32))
    assert told.female == pytest.approx(0.75)
    assert told.expression.probabilities == pytest.approx(np.array([[0.875, 0.125]]))
    assert told.female.dtype == told.age.value.dtype == np.float32


def test_the_vote_of_one_is_what_it_says():
    assert vote([look()], [0.3]).row(0) == look().row(0)


def test_two_that_disagree_are_unsure():
    told = vote([look(female=0.95), look(female=0.1)], [1, 1]).row(0)
    assert told["gender"]["label"] == "unsure"


def test_what_a_look_could_not_tell_has_no_vote():
    told = vote([look(yaw=np.nan), look(yaw=8)], [9, 1])
    assert told.head_pose.yaw == pytest.approx(8)
    assert np.isnan(told.head_pose.roll).all()
    assert np.isnan(told.mask).all()
    assert told.row(0)["mask"] == {"label": "unsure", "probability": None}


def test_looks_may_have_different_attributes():
    told = vote([Attributes(female=column(0.2)), look()], [1, 1])
    assert told.female == pytest.approx(0.55)
    assert told.age.value == pytest.approx(30)


def test_looks_with_other_expressions_have_no_vote_about_them():
    other = replace(look(), expression=Expressions(("calm",), np.ones((1, 1), np.float32)))
    told = vote([look(happy=0.8), other, look(happy=0.6)], [1, 5, 1])
    assert told.expression.labels == ("happy", "sad")
    assert told.expression.probabilities[0, 0] == pytest.approx(0.7)


def test_a_look_is_written_and_read_without_loss():
    whole = look(age=33.333333, female=1 / 3, happy=0.123456789)
    record = json.loads(json.dumps(look_record(whole), allow_nan=False))
    again = look_of(record)
    assert look_record(again) == record
    assert again.row(0) == whole.row(0)
    assert again.female.tobytes() == whole.female.tobytes()
    assert np.isnan(again.mask).all()
    assert look_of(look_record(Attributes(female=column(0.5)))).age is None


def test_what_a_newer_version_adds_is_left_out():
    assert look_of({"beauty": 7, "female": 0.25}).female == pytest.approx(0.25)


@pytest.mark.parametrize(
    "record",
    [
        [],
        7,
        {"female": "much"},
        {"female": float("inf")},
        {"female": [0.5]},
        {"age": {"value": 3}},
        {"age": 3},
        {"expression": {"labels": ["a"], "probabilities": [0.5, 0.5]}},
        {"expression": {"labels": [], "probabilities": []}},
        {"expression": {"labels": ["a"], "probabilities": [None]}},
        {"expression": None},
        {"head_pose": None},
    ],
)
def test_what_is_damaged_is_refused(record):
    with pytest.raises((ValueError, TypeError, KeyError)):
        look_of(record)
