"""Tables for people, as lines of text."""

from __future__ import annotations

import io
from collections.abc import Sequence

from vultus.cli.output import printable

_WIDEST = 1000  # a line is never broken: a terminal does that better


def table_lines(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """A table with the first column to the left and the others to the right.

    Numbers have three digits after the point; what is None is left empty.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for place, name in enumerate(header):
        table.add_column(Text(printable(name)), justify="right" if place else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    text = io.StringIO()
    Console(file=text, width=_WIDEST, color_system=None, emoji=False).print(table)
    return [line.rstrip() for line in text.getvalue().splitlines()]


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else printable(str(value))


def confusion_lines(confusion: dict[str, dict[str, int]]) -> list[str]:
    """Rows: what pictures show; columns: what was answered."""
    rows = [[label, *row.values(), _recall(label, row)] for label, row in confusion.items()]
    answers = list(next(iter(confusion.values())))
    return table_lines(["shown / answered", *answers, "recall"], rows)


def _recall(label: str, row: dict[str, int]) -> float:
    return row[label] / sum(row.values())
