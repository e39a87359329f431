"""The attributes that can be asked for, by name."""

from __future__ import annotations

from collections.abc import Iterable

from vultus.errors import UsageError

ATTRIBUTES: dict[str, str] = {
    "age": "in years, with an interval",
    "gender": "female or male, or unsure",
    "expression": "one of seven, with the probability of each",
    "head_pose": "pitch, yaw and roll in degrees",
    "smile": "0 to 1",
    "glasses": "whether there are any",
    "mask": "whether there is one",
    "occlusion": "whether eyes, forehead or mouth are covered",
    "blur": "low, medium or high",
    "exposure": "under, good or over",
    "noise": "low, medium or high",
}


def parse_attributes(text: str) -> tuple[str, ...]:
    """Names with commas between them, or `all`, in the order of `ATTRIBUTES`.

    Raises:
        UsageError: there is no such attribute.
    """
    return known_attributes(part.strip() for part in text.split(",") if part.strip())


def known_attributes(names: Iterable[str]) -> tuple[str, ...]:
    """As `parse_attributes`, for names one by one."""
    asked = {name.lower().replace("-", "_") for name in names}
    if "all" in asked:
        asked = asked - {"all"} | set(ATTRIBUTES)
    unknown = sorted(asked - set(ATTRIBUTES))
    if unknown:
        raise UsageError(
            f"There is no attribute called {unknown[0]!r}.",
            f"Choose among: {', '.join(ATTRIBUTES)}, or `all`.",
        )
    return tuple(name for name in ATTRIBUTES if name in asked)
