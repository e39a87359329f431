"""Attributes in words, made from the JSON of one face or visit: for people, and for pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Row = Mapping[str, Any]

_LEVELS = ("blur", "exposure", "noise")


def in_words(row: Row) -> str:
    """All that is told: `about 34 (28-41), female 0.97, happy 0.81`; empty where nothing is."""
    return ", ".join(words for name, make in _WORDS.items() if name in row for words in make(row))


def in_short(row: Row) -> tuple[str, ...]:
    """The same in a few short lines, to be drawn below a name; what is unsure is left out."""
    lines = (_who(row), _covered_by(row), _degrees(row), _picture(row))
    return tuple(", ".join(parts) for parts in lines if parts)


def _age(row: Row) -> list[str]:
    age = row["age"]
    if age["value"] is None:
        return ["age unsure"]
    low, high = (f"{age[name]:.0f}" for name in ("low", "high"))
    return [f"about {age['value']:.0f} ({low}-{high})"]


def _gender(row: Row) -> list[str]:
    return [_labelled(row["gender"], "gender")]


def _expression(row: Row) -> list[str]:
    label, probabilities = row["expression"]["label"], row["expression"]["probabilities"]
    sure = f" {probabilities[label]:.2f}" if label in probabilities else ""
    return [f"{label}{sure}"]


def _pose(row: Row) -> list[str]:
    return _degrees(row) or ["pose unsure"]


def _smile(row: Row) -> list[str]:
    return ["smile unsure" if row["smile"] is None else f"smile {row['smile']:.2f}"]


def _worn(name: str) -> Callable[[Row], list[str]]:
    def words(row: Row) -> list[str]:
        told = row[name]
        if told["label"] == "none":
            return [f"no {name} {told['probability']:.2f}"]
        return [_labelled(told, name)]

    return words


def _occlusion(row: Row) -> list[str]:
    parts = row["occlusion"]
    covered = [f"{part} covered" for part, is_so in parts.items() if is_so]
    return covered or ["nothing surely covered" if None in parts.values() else "nothing covered"]


def _level(name: str) -> Callable[[Row], list[str]]:
    return lambda row: [f"{name} {row[name]['level']} {row[name]['value']:.2f}"]


def _labelled(told: Row, name: str) -> str:
    if told["label"] == "unsure":
        return f"{name} unsure"
    return f"{told['label']} {told['probability']:.2f}"


_WORDS: dict[str, Callable[[Row], list[str]]] = {
    "age": _age,
    "gender": _gender,
    "expression": _expression,
    "smile": _smile,
    "glasses": _worn("glasses"),
    "mask": _worn("mask"),
    "occlusion": _occlusion,
    "head_pose": _pose,
    **{name: _level(name) for name in _LEVELS},
}


def _who(row: Row) -> list[str]:
    age = row.get("age", {}).get("value")
    parts = [] if age is None else [f"{age:.0f}"]
    parts += [told for name in ("gender", "expression") if (told := _label(row, name))]
    smile = row.get("smile")
    return parts + ([] if smile is None else [f"smile {smile:.1f}"])


def _covered_by(row: Row) -> list[str]:
    worn = [name for name in ("glasses", "mask") if _label(row, name) == name]
    hidden = row.get("occlusion", {})
    return worn + [f"{part} covered" for part, is_so in hidden.items() if is_so]


def _degrees(row: Row) -> list[str]:
    pose = row.get("head_pose", {})
    degrees = {name: pose.get(f"{name}_deg") for name in ("yaw", "pitch", "roll")}
    return [f"{name} {round(value)}" for name, value in degrees.items() if value is not None]


def _picture(row: Row) -> list[str]:
    return [f"{name} {row[name]['level']}" for name in _LEVELS if name in row]


def _label(row: Row, name: str) -> str | None:
    label: str | None = row.get(name, {}).get("label")
    return None if label in ("unsure", None) else label
