"""The one place that prints: data to stdout as text or JSON, everything else to stderr."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, TypeVar

from vultus.errors import VultusError

Item = TypeVar("Item")


class Format(str, Enum):
    """How a command answers."""

    human = "human"
    json = "json"
    quiet = "quiet"


class _StderrHandler(logging.Handler):
    """Progress lines of the library, such as the one-time preparation of models."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(printable(record.getMessage()) + "\n")


def printable(text: str) -> str:
    """Text that cannot break a line or steer a terminal: control characters are escaped."""
    cleaned = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    # names of files may hold bytes that are no letters at all
    return cleaned.encode("utf-8", "backslashreplace").decode("utf-8")


class Output:
    """What a command prints, in the format that was asked for."""

    def __init__(self, chosen: Format) -> None:
        self.format = chosen
        log = logging.getLogger("vultus")
        if not any(isinstance(handler, _StderrHandler) for handler in log.handlers):
            log.addHandler(_StderrHandler())
        log.setLevel(logging.WARNING if chosen is Format.quiet else logging.INFO)
        log.propagate = False

    def data(self, record: dict[str, Any], lines: str | Iterable[str] = ()) -> None:
        """One answer: the record as a line of JSON, or its lines for people."""
        if self.format is Format.json:
            self._line(json.dumps(record, ensure_ascii=True, allow_nan=False))
        elif self.format is Format.human:
            for line in [lines] if isinstance(lines, str) else lines:
                self._line(printable(line))

    def table(self, records: Sequence[dict[str, Any]], empty: str) -> None:
        """Rows with the same keys: a line of JSON each, or a table."""
        if self.format is Format.json:
            for record in records:
                self.data(record)
        elif self.format is Format.human and records:
            self._table(records)
        elif self.format is Format.human:
            self.note(empty)

    def _table(self, records: Sequence[dict[str, Any]]) -> None:
        rows = [list(records[0])] + [[printable(_cell(v)) for v in r.values()] for r in records]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self._line("  ".join(padded).rstrip())

    def error(self, error: VultusError, source: str | None = None) -> None:
        """An error: as data in JSON, where a line a picture is promised, else as a note."""
        if self.format is Format.json:
            where = {} if source is None else {"source": source}
            self.data({**where, "error": error.to_dict()})
        else:
            sys.stderr.write(f"error: {printable(str(error))} [{error.code}]\n")

    def note(self, text: str) -> None:
        """A word to the person at the terminal; never data."""
        if self.format is not Format.quiet:
            sys.stderr.write(printable(text) + "\n")

    def progress(self, items: Iterable[Item], total: int, title: str) -> Iterator[Item]:
        """The items, with a bar on stderr when a person watches long work."""
        if total < 2 or self.format is Format.quiet or not sys.stderr.isatty():
            yield from items
            return
        from rich.console import Console
        from rich.progress import Progress

        # data goes to stdout as ever; only where both are the terminal does the bar give way to it
        shared = sys.stdout.isatty()
        bar = Progress(
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=shared,
            redirect_stderr=True,
        )
        with bar:
            yield from bar.track(items, description=title, total=total)

    @staticmethod
    def _line(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return "" if value is None else str(value)
