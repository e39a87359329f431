"""What a job has done so far, beside its upload: where it goes on after a crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vultus.errors import StorageError
from vultus.events.private import make_file


class Journal:
    """Lines of JSON. A line that a crash cut off was never written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> list[dict[str, Any]]:
        """All of it, in order; what is cut off is removed. Raises StorageError."""
        try:
            if not self._path.exists():
                return []
            data = self._path.read_bytes()
            whole = data[: data.rfind(b"\n") + 1]
            if len(whole) < len(data):
                with self._path.open("r+b") as file:
                    file.truncate(len(whole))
        except OSError as error:
            raise _failed(error) from error
        return [json.loads(line) for line in whole.splitlines()]

    def note(self, entry: dict[str, Any]) -> int:
        """One more line; it is there also when this process is killed now.

        Returns where it begins, for `cut`. Raises StorageError; a part of it may be there then.
        """
        try:
            make_file(self._path)
            with self._path.open("ab") as file:
                place = file.tell()
                file.write(json.dumps(entry).encode() + b"\n")
        except OSError as error:
            raise _failed(error) from error
        return place

    def cut(self, place: int) -> None:
        """Take back all lines from there on; needs no space. Raises StorageError."""
        try:
            with self._path.open("r+b") as file:
                file.truncate(place)
        except OSError as error:
            raise _failed(error) from error


def _failed(error: OSError) -> StorageError:
    reason = error.strerror or "no reason is known"
    return StorageError(f"The job's journal cannot be kept: {reason}.", "Free some space.")
