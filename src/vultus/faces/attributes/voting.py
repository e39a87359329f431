"""One answer from several looks at one face, and looks as records of a file.

A look is an `Attributes` of one face.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.faces.attributes.types import Ages, Attributes, Expressions, HeadPoses, Occlusions

Floats = NDArray[np.float32]

_GROUPS: dict[str, type[Ages] | type[HeadPoses] | type[Occlusions]] = {
    "age": Ages,
    "head_pose": HeadPoses,
    "occlusion": Occlusions,
}
_MOST_LABELS = 1000


def vote(looks: Sequence[Attributes], weights: Sequence[float]) -> Attributes:
    """The mean of looks, each by its weight above 0, as the attributes of one face.

    Means of years, degrees and probabilities; what a look could not tell has no vote. Looks with
    other expressions than the first have none about the expression.
    """
    told: dict[str, Any] = {}
    for field in fields(Attributes):
        present = [
            (column, weight)
            for look, weight in zip(looks, weights, strict=True)
            if (column := getattr(look, field.name)) is not None
        ]
        if present:
            told[field.name] = _mean_column(present)
    return Attributes(**told)


def _mean_column(present: Sequence[tuple[Any, float]]) -> Any:
    first = present[0][0]
    if isinstance(first, np.ndarray):
        return _mean([column for column, _ in present], [weight for _, weight in present])
    if isinstance(first, Expressions):
        present = [each for each in present if each[0].labels == first.labels]
    names = [
        field.name for field in fields(first) if isinstance(getattr(first, field.name), np.ndarray)
    ]
    means = {
        name: _mean([getattr(column, name) for column, _ in present], [w for _, w in present])
        for name in names
    }
    return replace(first, **means)


def _mean(values: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """The weighted mean over looks; NaN has no weight, and is the answer where all are NaN."""
    stacked = np.stack(values).astype(np.float64)
    known = ~np.isnan(stacked)
    shares = known * np.array(weights, np.float64).reshape(-1, *[1] * (stacked.ndim - 1))
    total = shares.sum(axis=0)
    summed = (np.where(known, stacked, 0.0) * shares).sum(axis=0)
    mean: Floats = np.where(total > 0, summed / np.where(total > 0, total, 1), np.nan).astype(
        np.float32
    )
    return mean


def look_record(look: Attributes) -> dict[str, Any]:
    """A look as JSON that loses nothing; what could not be told is None."""
    record: dict[str, Any] = {}
    for field in fields(Attributes):
        column = getattr(look, field.name)
        if isinstance(column, np.ndarray):
            record[field.name] = _number(column[0])
        elif isinstance(column, Expressions):
            record[field.name] = {
                "labels": list(column.labels),
                "probabilities": [float(value) for value in column.probabilities[0]],
            }
        elif column is not None:
            record[field.name] = {
                part.name: _number(getattr(column, part.name)[0]) for part in fields(column)
            }
    return record


def look_of(record: Mapping[str, Any]) -> Attributes:
    """The inverse of `look_record`; what a newer version may have added is left out.

    Raises:
        ValueError, TypeError, KeyError: it is something else.
    """
    if not isinstance(record, Mapping):
        raise TypeError("a look is an object")
    columns: dict[str, Any] = {}
    for field in fields(Attributes):
        if field.name not in record:
            continue
        value, group = record[field.name], _GROUPS.get(field.name)
        if group is not None:
            parts = {part.name: _column(value[part.name]) for part in fields(group)}
            columns[field.name] = group(**parts)
        else:
            make = _expressions if field.name == "expression" else _column
            columns[field.name] = make(value)
    return Attributes(**columns)


def _expressions(record: Mapping[str, Any]) -> Expressions:
    labels = tuple(str(label) for label in record["labels"])
    probabilities = np.array([record["probabilities"]], np.float32)
    if probabilities.shape != (1, len(labels)) or not 0 < len(labels) <= _MOST_LABELS:
        raise ValueError("as many probabilities as labels are needed")
    if not np.isfinite(probabilities).all():
        raise ValueError("a probability is no number")
    return Expressions(labels, probabilities)


def _number(value: np.float32) -> float | None:
    return None if np.isnan(value) else float(value)


def _column(value: float | None) -> Floats:
    number = float("nan") if value is None else float(value)
    if np.isinf(number):
        raise ValueError("a number is without end")
    return np.array([number], np.float32)
