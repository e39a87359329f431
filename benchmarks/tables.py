"""Markdown tables of the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.spread import in_words


@dataclass(frozen=True)
class Figure:
    """One line of the first table: what was wanted, what was measured, and whether that is it."""

    name: str
    wanted: str
    measured: str
    met: bool


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


TIMES = ("Vultus", "face_recognition", "ratio", "ratio of processor time")


def times(name: str, data: dict[str, Any]) -> tuple[str, ...]:
    """Name, both sides' times and the ratio; what was not measured is left empty."""
    ours = in_words(data["ours"], " ms")
    if "peer" not in data:
        return name, ours, "", "", ""
    peer = in_words(data["peer"], " ms")
    return name, ours, peer, in_words(data["ratio"]), in_words(data["work_ratio"])
