"""The names of strangers: `unknown-0001`."""

from __future__ import annotations


def stranger_label(number: int) -> str:
    """The name that a stranger goes by."""
    return f"unknown-{number:04d}"


def label_number(label: str) -> int | None:
    """The number in a stranger's label, or None for what is no such label."""
    head, _, digits = label.partition("-")
    fits = head == "unknown" and len(digits) >= 4 and digits.isascii() and digits.isdigit()
    return int(digits) if fits and len(digits) < 10 else None
