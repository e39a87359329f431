"""`Attributes`: how the faces of one image look, column by column, as `Faces` has them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Index = NDArray[np.generic] | slice

# Below this probability of its answer a label is "unsure".
SURE = 0.75

# Bounds of the levels: the first value of each but the lowest. Microsoft's.
BLUR_LEVELS = ((0.75, "high"), (0.25, "medium"), (0.0, "low"))
EXPOSURE_LEVELS = ((0.75, "over"), (0.25, "good"), (0.0, "under"))
NOISE_LEVELS = ((0.7, "high"), (0.3, "medium"), (0.0, "low"))


@dataclass(frozen=True)
class Ages:
    """Years; low and high hold the age with a probability of 0.8; each (n,)."""

    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Expressions:
    """labels: k names; probabilities: (n, k), calibrated, each row adds up to 1."""

    labels: tuple[str, ...]
    probabilities: Floats


@dataclass(frozen=True)
class HeadPoses:
    """Degrees, each (n,), NaN where it could not be told. Positive: the face looks up (pitch),
    turns to its left, the viewer's right (yaw), tilts clockwise (roll)."""

    pitch: Floats
    yaw: Floats
    roll: Floats


@dataclass(frozen=True)
class Occlusions:
    """Probabilities that a part is covered, each (n,), NaN where it could not be told."""

    eyes: Floats
    forehead: Floats
    mouth: Floats


@dataclass(frozen=True)
class Attributes:
    """What was asked for; the rest is None. All columns have shape (n,) but where said.

    female, glasses, mask: probabilities. smile, blur, exposure, noise: 0 to 1.
    """

    age: Ages | None = None
    female: Floats | None = None
    expression: Expressions | None = None
    head_pose: HeadPoses | None = None
    smile: Floats | None = None
    glasses: Floats | None = None
    mask: Floats | None = None
    occlusion: Occlusions | None = None
    blur: Floats | None = None
    exposure: Floats | None = None
    noise: Floats | None = None

    def select(self, index: Index) -> Attributes:
        """Those of some of the faces, by mask, indices or slice."""
        chosen: dict[str, Any] = {}
        for field in fields(self):
            column = getattr(self, field.name)
            if isinstance(column, np.ndarray):
                chosen[field.name] = column[index]
            elif column is not None:
                chosen[field.name] = _select(column, index)
        return replace(self, **chosen)

    def row(self, i: int) -> dict[str, Any]:
        """One face's, as the JSON of the documentation; what could not be told is None."""
        told: dict[str, Any] = {}
        if self.age is not None:
            told["age"] = {
                name: _number(getattr(self.age, name)[i], 1) for name in ("value", "low", "high")
            }
        if self.female is not None:
            told["gender"] = label_of(float(self.female[i]), "female", "male")
        if self.expression is not None:
            told["expression"] = _expression(self.expression, i)
        if self.head_pose is not None:
            told["head_pose"] = {
                f"{name}_deg": _number(getattr(self.head_pose, name)[i], 1)
                for name in ("pitch", "yaw", "roll")
            }
        if self.smile is not None:
            told["smile"] = _number(self.smile[i], 3)
        if self.glasses is not None:
            told["glasses"] = label_of(float(self.glasses[i]), "glasses", "none")
        if self.mask is not None:
            told["mask"] = label_of(float(self.mask[i]), "mask", "none")
        if self.occlusion is not None:
            told["occlusion"] = {
                name: _covered(getattr(self.occlusion, name)[i])
                for name in ("eyes", "forehead", "mouth")
            }
        return told | self._picture(i)

    def _picture(self, i: int) -> dict[str, Any]:
        levels = {"blur": BLUR_LEVELS, "exposure": EXPOSURE_LEVELS, "noise": NOISE_LEVELS}
        return {
            name: {"level": level(float(getattr(self, name)[i]), bounds), "value": value}
            for name, bounds in levels.items()
            if getattr(self, name) is not None
            for value in [_number(getattr(self, name)[i], 2)]
        }


def label_of(probability: float, yes: str, no: str) -> dict[str, Any]:
    """A label with the probability that it is right; `unsure` where that is under `SURE`."""
    if np.isnan(probability):
        return {"label": "unsure", "probability": None}
    best = max(probability, 1 - probability)
    label = yes if probability >= 0.5 else no
    return {"label": label if best >= SURE else "unsure", "probability": round(best, 4)}


def level(value: float, bounds: tuple[tuple[float, str], ...]) -> str:
    """The name of the level that a value is in."""
    return next((name for bound, name in bounds if value >= bound), bounds[-1][1])


def _expression(expressions: Expressions, i: int) -> dict[str, Any]:
    row = expressions.probabilities[i]
    return {
        "label": expressions.labels[int(row.argmax())],
        "probabilities": {
            name: round(float(value), 4)
            for name, value in zip(expressions.labels, row, strict=True)
        },
    }


def _covered(probability: np.float32) -> bool | None:
    return None if np.isnan(probability) else bool(probability >= 0.5)


def _number(value: np.float32, digits: int) -> float | None:
    return None if np.isnan(value) else round(float(value), digits) + 0.0


def _select(column: Any, index: Index) -> Any:
    chosen = {
        field.name: getattr(column, field.name)[index]
        for field in fields(column)
        if isinstance(getattr(column, field.name), np.ndarray)
    }
    return replace(column, **chosen)
