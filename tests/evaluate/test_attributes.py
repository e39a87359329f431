"""Every figure against one that was worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vultus.evaluate.attributes import (
    Person,
    compare_labels,
    person_of,
    report_labels,
    report_people,
)
from vultus.faces.attributes.types import Ages

LABELS = ("a", "b", "c")


def test_labels_by_hand():
    chances = np.array(
        [
            [0.90, 0.05, 0.05],  # a, right
            [0.50, 0.30, 0.20],  # a, right
            [0.20, 0.70, 0.10],  # b, wrong: it is a
            [0.10, 0.90, 0.00],  # b, right
        ]
    )
    report = report_labels(LABELS, np.array([0, 0, 0, 1]), chances)
    assert list(report)[:3] == ["accuracy", "per_class", "ece"]
    assert report["accuracy"] == 0.75
    assert report["per_class"] == {
        "a": {"images": 3, "recall": pytest.approx(2 / 3)},
        "b": {"images": 1, "recall": 1.0},
    }
    assert report["balanced_accuracy"] == pytest.approx(5 / 6)
    assert report["confusion"] == {"a": {"a": 2, "b": 1, "c": 0}, "b": {"a": 0, "b": 1, "c": 0}}
    # bins of a fifteenth: 0.9 twice (both right), 0.5 (right), 0.7 (wrong)
    assert report["ece"] == pytest.approx((2 * 0.1 + 0.5 + 0.7) / 4)


def test_the_bins_of_the_calibration_error_have_equal_widths():
    """Within a bin too sure and too unsure make up for each other, between bins they do not."""
    chances = np.array([[0.74, 0.26], [0.78, 0.22]])  # both in the bin from 11/15 to 12/15
    report = report_labels(("a", "b"), np.array([0, 1]), chances)
    assert report["ece"] == pytest.approx(abs(0.76 - 0.5))
    apart = np.array([[0.72, 0.28], [0.78, 0.22]])
    report = report_labels(("a", "b"), np.array([0, 1]), apart)
    assert report["ece"] == pytest.approx((0.28 + 0.78) / 2)


def test_certainty_of_one_is_in_the_last_bin():
    report = report_labels(("a", "b"), np.array([0, 0]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert report["ece"] == 0


def one_hot(answers):
    return np.eye(2)[answers]


def test_a_comparison_by_hand():
    targets = np.repeat([0, 1], [4, 2])
    ours = one_hot([0, 0, 0, 0, 1, 1])
    others = one_hot([0, 0, 1, 1, 1, 1])
    found = compare_labels(targets, ours, others)
    # class 0: gains 0, 0, 1, 1 (mean 0.5, variance 1/3); class 1: none
    assert found["difference"] == pytest.approx(0.25)
    assert found["standard_error"] == pytest.approx(np.sqrt(1 / 3 / 4) / 2)
    assert found["better"] is True  # 1.73 standard errors
    assert compare_labels(targets, others, ours)["better"] is False
    same = compare_labels(targets, ours, ours)
    assert (same["difference"], same["standard_error"], same["better"]) == (0, 0, False)


def test_a_difference_that_chance_explains_is_not_better():
    targets = np.repeat([0, 1], [4, 4])
    found = compare_labels(
        targets, one_hot([0, 0, 0, 0, 1, 1, 1, 1]), one_hot([0, 0, 0, 1, 1, 1, 1, 1])
    )
    assert found["difference"] == pytest.approx(0.125)
    assert found["better"] is False


@pytest.mark.parametrize(
    ("name", "person"),
    [
        ("31_1_2_20170105174739309.jpg.chip.jpg", Person(31, 1, 2)),
        ("1_0_0_20161219140623097.jpg", Person(1, 0, 0)),
        ("116_1_4_x.png", Person(116, 1, 4)),
        ("61_1_20170109142408075.jpg.chip.jpg", None),  # some names lack one
        ("39_1_5_2017.jpg", None),
        ("x31_1_2_2017.jpg", None),
        ("31_2_2_2017.jpg", None),
        ("٣١_1_2_2017.jpg", None),
        ("", None),
    ],
)
def test_names_of_utkface(name, person):
    assert person_of(name) == person


def people_report():
    people = [
        Person(5, 0, 0),
        Person(12, 1, 1),
        Person(18, 1, 0),
        Person(40, 0, 4),
        Person(70, 1, 0),
    ]
    value = np.array([7, 12, 28, 44, 60], np.float32)  # off by 2, 0, 10, 4, 10
    ages = Ages(value, value - 4, value + 4)  # holds 5, 12 and 40 but not 18 and 70
    female = np.array([0.6, 0.9, 0.8, 0.1, 0.3], np.float32)  # wrong, right, right, right, wrong
    return report_people(people, ages, female)


def test_people_by_hand():
    report = people_report()
    assert list(report)[:5] == [
        "age_mae",
        "age_mae_by_band",
        "gender_accuracy",
        "gender_accuracy_18_plus",
        "by_ethnicity",
    ]
    assert report["age_mae"] == pytest.approx(26 / 5)
    assert report["age_mae_by_band"] == {
        "0-12": 1,
        "13-17": None,
        "18-29": 10,
        "30-44": 4,
        "45-59": None,
        "60+": 10,
    }
    assert report["gender_accuracy"] == pytest.approx(3 / 5)
    assert report["gender_accuracy_18_plus"] == pytest.approx(2 / 3)
    assert report["age_interval_coverage"] == pytest.approx(3 / 5)


def test_groups_by_hand():
    report = people_report()
    assert list(report["by_ethnicity"]) == ["white", "black", "asian", "indian", "others"]
    assert report["by_ethnicity"]["white"] == {
        "images": 3,
        "age_mae": pytest.approx(22 / 3),
        "gender_accuracy": pytest.approx(1 / 3),
        "gender_accuracy_18_plus": 0.5,
    }
    assert report["by_ethnicity"]["asian"] == {
        "images": 0,
        "age_mae": None,
        "gender_accuracy": None,
        "gender_accuracy_18_plus": None,
    }
    assert report["by_gender"]["male"]["images"] == 2
    assert report["by_gender"]["female"]["gender_accuracy"] == pytest.approx(2 / 3)
    assert report["by_band"]["0-12"]["gender_accuracy"] == 0.5


def test_those_that_are_unsure_by_hand():
    # 0.6 and 0.3 (0.7) are under 0.75: two of five; the three others are right
    assert people_report()["unsure"] == {"share": pytest.approx(0.4), "gender_accuracy": 1}
    everybody = report_people(
        [Person(30, 0, 0)], Ages(*np.full((3, 1), 30, np.float32)), np.array([0.5], np.float32)
    )
    assert everybody["unsure"] == {"share": 1, "gender_accuracy": None}
    assert everybody["gender_accuracy"] == 0  # 0.5 is answered as female
