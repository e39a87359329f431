"""CSV: an event a row with the columns of `events.encoding.COLUMNS`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vultus.events.encoding import COLUMNS, flat
from vultus.events.sinks.lines import LinesSink, Name

# A spreadsheet takes a text that begins so for a formula, which can run programs.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


class CsvSink(LinesSink):
    """Appends to a file; see `LinesSink`. The header is written once, when the file is new."""

    def __init__(self, path: Path) -> None:
        self.head = _row(COLUMNS)
        super().__init__(path, "csv")

    def line(self, event: dict[str, Any]) -> bytes:
        row = flat(event)
        return _row([_cell(row[name]) for name in COLUMNS])

    def name(self, line: bytes) -> Name | None:
        try:
            row = next(csv.reader([line.decode()], strict=True))
            json.loads(row[len(COLUMNS) - 1])  # whole only when the row was not torn
            return row[0].removeprefix("'"), int(row[1])
        except (ValueError, IndexError, StopIteration, csv.Error):
            return None

    def may_be_torn(self, torn: bytes) -> bool:
        # nothing to go by within a row: the head of the file says that it is ours
        with self.path.open("rb") as file:
            first = file.read(len(self.head))
        return first == self.head or self.head.startswith(torn)


def _row(cells: Sequence[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _cell(value: object) -> object:
    """One line, and no formula; numbers stay as they are, with their sign."""
    if not isinstance(value, str):
        return value
    text = " ".join(value.splitlines())  # a row is one line, or a crash could not be repaired
    return f"'{text}" if text.startswith(_FORMULA) else text
