"""How well attributes are told: figures from answers and labels. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vultus.evaluate.metrics import calibration_error
from vultus.faces.attributes.types import SURE, Ages

Places = NDArray[np.intp]
Bools = NDArray[np.bool_]

AGE_BANDS = ((0, 12), (13, 17), (18, 29), (30, 44), (45, 59), (60, None))
ETHNICITIES = ("white", "black", "asian", "indian", "others")  # UTKFace's codes 0 to 4
GENDERS = ("male", "female")  # 0 and 1
_UTK_NAME = re.compile(r"([0-9]{1,3})_([01])_([0-4])_")
_ADULT = 18
_CERTAIN = 1.645  # standard errors: 95 % to one side of a normal distribution


def report_labels(
    labels: Sequence[str], targets: Places, probabilities: NDArray[np.floating]
) -> dict[str, Any]:
    """Figures of one label a picture.

    labels: k names; targets: (n,), n > 0; probabilities: (n, k). `per_class` and the rows of
    `confusion` are those labels that pictures have. `ece` is the expected calibration error of the
    highest probability, in 15 bins of equal width (Guo et al., 2017).
    """
    answers = probabilities.argmax(axis=1)
    right = answers == targets
    confusion = {
        label: dict(
            zip(labels, np.bincount(answers[mine], minlength=len(labels)).tolist(), strict=True)
        )
        for place, label in enumerate(labels)
        if (mine := targets == place).any()
    }
    per_class = {
        label: {"images": sum(row.values()), "recall": row[label] / sum(row.values())}
        for label, row in confusion.items()
    }
    return {
        "accuracy": float(right.mean()),
        "per_class": per_class,
        "ece": calibration_error(probabilities.max(axis=1).astype(np.float64), right),
        "balanced_accuracy": float(np.mean([told["recall"] for told in per_class.values()])),
        "confusion": confusion,
    }


def compare_labels(
    targets: Places, ours: NDArray[np.floating], others: NDArray[np.floating]
) -> dict[str, Any]:
    """By how much the balanced accuracy of our probabilities (n, k) is above that of others.

    `standard_error` is the difference's, from the same pictures. `better`: above what chance
    explains 19 times of 20 where both are equally good.
    """
    right = (answers.argmax(axis=1) == targets for answers in (ours, others))
    gain = np.subtract(*(one.astype(np.float64) for one in right))
    parts = [gain[targets == target] for target in np.unique(targets)]
    difference = float(np.mean([part.mean() for part in parts]))
    variances = [part.var(ddof=1) / len(part) for part in parts if len(part) > 1]
    error = float(np.sqrt(sum(variances))) / len(parts)
    return {
        "difference": difference,
        "standard_error": error,
        "better": difference > _CERTAIN * error,
    }


class Person(NamedTuple):
    """Age in years, 1 for female, and the place in `ETHNICITIES`."""

    age: int
    female: int
    ethnicity: int


def person_of(name: str) -> Person | None:
    """What the name of a file of UTKFace says: `31_1_2_20170105.jpg.chip.jpg`; else None."""
    found = _UTK_NAME.match(name)
    return Person(*map(int, found.groups())) if found else None


def report_people(
    people: Sequence[Person], ages: Ages, female: NDArray[np.floating]
) -> dict[str, Any]:
    """Figures of age and gender, for n > 0 people; ages and probabilities of female: (n,).

    Every gender is judged by the likelier of both; `unsure` says how it is where answers that are
    not sure do not count.
    """
    table = np.array(people, np.int64).reshape(-1, 3)
    scores = _Scores(table[:, 0], table[:, 1] == 1, ages, female)
    bands = {_band_name(low, high): scores.aged(low, high) for low, high in AGE_BANDS}
    everybody = np.ones(len(people), bool)
    return {
        "age_mae": scores.age_mae(everybody),
        "age_mae_by_band": {name: scores.age_mae(mask) for name, mask in bands.items()},
        "gender_accuracy": scores.gender_accuracy(everybody),
        "gender_accuracy_18_plus": scores.gender_accuracy(scores.aged(_ADULT, None)),
        "by_ethnicity": {
            name: scores.told(table[:, 2] == place) for place, name in enumerate(ETHNICITIES)
        },
        "by_gender": {
            name: scores.told(table[:, 1] == place) for place, name in enumerate(GENDERS)
        },
        "by_band": {name: scores.told(mask) for name, mask in bands.items()},
        "age_interval_coverage": scores.coverage(),
        "gender_ece": scores.gender_ece(),
        "unsure": scores.unsure(),
    }


class _Scores:
    """Truth and answers of n people, measured over some of them."""

    def __init__(
        self, age: NDArray[np.int64], woman: Bools, ages: Ages, female: NDArray[np.floating]
    ) -> None:
        self._age = age
        self._off = np.abs(ages.value.astype(np.float64) - age)
        self._inside = (ages.low <= age) & (age <= ages.high)
        self._right = (female >= 0.5) == woman
        self._sure = np.maximum(female, 1 - female).astype(np.float64)

    def aged(self, low: int, high: int | None) -> Bools:
        """Who is of an age between both, inclusive."""
        return (self._age >= low) & (self._age <= (high or np.inf))

    def age_mae(self, mask: Bools) -> float | None:
        return _mean(self._off[mask])

    def gender_accuracy(self, mask: Bools) -> float | None:
        return _mean(self._right[mask])

    def told(self, mask: Bools) -> dict[str, Any]:
        return {
            "images": int(mask.sum()),
            "age_mae": self.age_mae(mask),
            "gender_accuracy": self.gender_accuracy(mask),
            "gender_accuracy_18_plus": self.gender_accuracy(mask & self.aged(_ADULT, None)),
        }

    def coverage(self) -> float:
        """The share of ages within their intervals."""
        return float(self._inside.mean())

    def gender_ece(self) -> float:
        return calibration_error(self._sure, self._right)

    def unsure(self) -> dict[str, Any]:
        """The share of genders that are `unsure`, and how many of the others are right."""
        sure = self._sure >= SURE
        return {"share": float((~sure).mean()), "gender_accuracy": self.gender_accuracy(sure)}


def _band_name(low: int, high: int | None) -> str:
    return f"{low}+" if high is None else f"{low}-{high}"


def _mean(values: NDArray[np.generic]) -> float | None:
    return float(values.mean()) if len(values) else None
