"""Where faces are marked: boxes as JSON or as WIDER FACE writes them, and points as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import UsageError

Boxes = NDArray[np.float64]

MAX_BYTES = 256 * 2**20
MAX_MARKS = 100_000  # in one picture
_WIDER_COLUMNS = (4, 10)  # x y w h, and with blur expression illumination invalid occlusion pose
_INVALID = 7
_BOXES_HINT = (
    "Give JSON, {file: [[left, top, right, bottom], ...]}, or WIDER FACE's text: the name of the "
    "file, the number of faces, and a line `x y w h ...` for each."
)
_POINTS_HINT = "Give JSON: {file: [[x, y], ...]}."


@dataclass(frozen=True)
class MarkedBoxes:
    """Faces of one picture. boxes: (n, 4) left, top, right, bottom in pixels.

    ignored: (n,) those that count neither as missed nor, where they are found, as false.
    """

    boxes: Boxes
    ignored: NDArray[np.bool_]


def read_boxes(path: Path) -> dict[str, MarkedBoxes]:
    """Boxes by the name of the picture; the format is told from the first character.

    In WIDER FACE's format faces that are marked `invalid` or have no area are ignored, as its own
    evaluation does with what is not to be found.

    Raises:
        UsageError: the file cannot be read or is not in one of the formats; with the line, or the
        picture and the number of the box.
    """
    text = _read(path, _BOXES_HINT)
    if not text.lstrip().startswith("{"):
        return _read_wider(path, text)
    marks = _read_json(path, text, 4, _BOXES_HINT)
    for name, boxes in marks.items():
        flat = np.flatnonzero((boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1]))
        if len(flat):
            raise _refused(path, f"box {flat[0] + 1} of {name} has no area", _BOXES_HINT)
    return {name: MarkedBoxes(found, np.zeros(len(found), bool)) for name, found in marks.items()}


def read_points(path: Path) -> dict[str, Boxes]:
    """Points (n, 2), x and y, by the name of the picture.

    Raises:
        UsageError: the file cannot be read, or is something else.
    """
    return _read_json(path, _read(path, _POINTS_HINT), 2, _POINTS_HINT)


def _read(path: Path, hint: str) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _refused(path, f"it is larger than {MAX_BYTES >> 20} MB", hint)
        return path.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        raise _refused(path, f"it cannot be read ({error})", hint) from error


def _refused(path: Path, why: str, hint: str) -> UsageError:
    return UsageError(f"{path} cannot be used: {why}.", hint)


def _read_json(path: Path, text: str, numbers: int, hint: str) -> dict[str, Boxes]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(path, f"it is no JSON ({error})", hint) from error
    if not isinstance(data, dict) or not data:
        raise _refused(path, "it names no picture", hint)
    return {name: _rows(path, name, rows, numbers, hint) for name, rows in data.items()}


def _rows(path: Path, name: str, rows: Any, numbers: int, hint: str) -> Boxes:
    """Checked one by one, so that the message can say which is wrong."""
    if not isinstance(rows, list) or len(rows) > MAX_MARKS:
        raise _refused(path, f"{name} has no list of at most {MAX_MARKS:,} marks", hint)
    for place, row in enumerate(rows, 1):
        if not (isinstance(row, list) and len(row) == numbers and all(map(_is_number, row))):
            raise _refused(path, f"mark {place} of {name} is not {numbers} finite numbers", hint)
    return np.array(rows, np.float64).reshape(-1, numbers)


def _is_number(value: Any) -> bool:
    """Within what pixels can be; NaN, which Python's JSON reads, is not."""
    return type(value) in (int, float) and abs(value) < 1e9


class _Lines:
    """Lines of a text with their number, those that are empty left out."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = [
            (number, line.strip())
            for number, line in enumerate(text.splitlines(), 1)
            if line.strip()
        ]
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._lines)

    def peek(self) -> str:
        return self._lines[self._at][1] if self else ""

    def take(self, wanted: str) -> str:
        if not self:
            last = self._lines[-1][0] if self._lines else 0
            raise _refused(
                self._path, f"after line {last} {wanted} is expected, but it ends", _BOXES_HINT
            )
        self._at += 1
        return self._lines[self._at - 1][1]

    def wrong(self, why: str) -> UsageError:
        """About the line that was taken last."""
        return _refused(self._path, f"line {self._lines[self._at - 1][0]}: {why}", _BOXES_HINT)


def _read_wider(path: Path, text: str) -> dict[str, MarkedBoxes]:
    lines = _Lines(path, text)
    found: dict[str, MarkedBoxes] = {}
    while lines:
        name = lines.take("the name of a picture")
        if _numbers_of(name) is not None:
            raise lines.wrong(f"the name of a picture is expected, found {name[:40]!r}")
        if name in found:
            raise lines.wrong(f"{name} is there twice")
        count = _count(lines)
        rows = [_wider_row(lines) for _ in range(count)]
        if not count and _is_nothing(lines.peek()):
            lines.take("a line of zeros")  # the data set has one where it has no face
        found[name] = _marked(rows)
    if not found:
        raise _refused(path, "it names no picture", _BOXES_HINT)
    return found


def _count(lines: _Lines) -> int:
    line = lines.take("the number of faces")
    if not (line.isascii() and line.isdigit() and int(line[:9]) <= MAX_MARKS and len(line) < 10):
        raise lines.wrong(f"the number of faces is expected, found {line[:40]!r}")
    return int(line)


def _wider_row(lines: _Lines) -> list[float]:
    line = lines.take("a line `x y w h ...` for each face")
    row = _numbers_of(line)
    if row is None or len(row) not in _WIDER_COLUMNS:
        raise lines.wrong(f"4 or 10 numbers are expected, found {line[:40]!r}")
    if min(row[2:4]) < 0:
        raise lines.wrong("width and height are not below 0")
    return row


def _is_nothing(line: str) -> bool:
    row = _numbers_of(line)
    return row is not None and len(row) in _WIDER_COLUMNS and not any(row[:4])


def _numbers_of(line: str, read: Callable[[str], float] = float) -> list[float] | None:
    """The numbers of a line, None where it is something else or one of them is not finite."""
    try:
        row = [read(word) for word in line.split()]
    except ValueError:
        return None
    return row if all(math.isfinite(value) and abs(value) < 1e9 for value in row) else None


def _marked(rows: list[list[float]]) -> MarkedBoxes:
    table = np.array([row[:4] for row in rows], np.float64).reshape(-1, 4)
    invalid = np.array([len(row) > 4 and bool(row[_INVALID]) for row in rows], bool)
    empty = (table[:, 2:] <= 0).any(axis=1)
    corners = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:]], axis=1)
    return MarkedBoxes(corners, invalid | empty)
