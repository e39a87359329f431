"""Appending lines to a file so that a crash neither tears, loses nor doubles one."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vultus.errors import DeliveryFailed, UsageError
from vultus.events.private import FILE_MODE, make_folder
from vultus.events.sinks.sink import Delivery

_BATCH = 100
# Events that were on their way in a crash lie in the last batch; a line is about 1 kB.
_TAIL_BYTES = 4 * 2**20

Name = tuple[str, int]  # visit and sequence


class LinesSink(ABC):
    """A text file with an event a line. What is in the file when `deliver` returns stays there.

    path: made with its folder where missing; reopened when somebody moves it away (rotation).

    Raises:
        UsageError: the file cannot be written, or holds something else.
    """

    batch = _BATCH
    linger_s = 0.0
    head = b""  # the line before all events, with its end

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path.expanduser().absolute()
        self.key = f"{kind}:{self.path}"
        self._file: int | None = None
        self._tail: list[bytes] = []  # the last lines of the file, without their ends
        try:
            self._open()
        except OSError as error:
            raise UsageError(
                f"{self.path} cannot be written: {error.strerror or error}.",
                "Check the folder and its permissions, or name another file.",
            ) from error
        except BaseException:
            self.close()
            raise

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        try:
            file = self._current_file()
            lines = [self.line(delivery.event) for delivery in deliveries]
            again = sum(delivery.attempt > 1 for delivery in deliveries)
            lines = lines[self._written(lines[:again]) :]
            _write_all(file, b"".join(lines))
            os.fsync(file)
            self._tail = (self._tail + [line.rstrip(b"\n") for line in lines])[-_BATCH:]
        except OSError as error:
            self.close()  # opened anew next time, which repairs what was half written
            raise DeliveryFailed(
                f"{self.path} cannot be written: {error.strerror or error}."
            ) from error
        except UsageError as error:  # another file was put in its place
            self.close()
            raise DeliveryFailed(error.message, error.hint) from error

    def _written(self, lines: Sequence[bytes]) -> int:
        """How many of these an earlier attempt wrote before its answer was lost.

        They are the end of the file then. The same lines further up are of an earlier run over
        the same recording.
        """
        whole = [line.rstrip(b"\n") for line in lines]
        for count in range(min(len(whole), len(self._tail)), 0, -1):
            if self._tail[-count:] == whole[:count]:
                return count
        return 0

    def idle(self) -> None:  # noqa: B027  not abstract: there is nothing to do
        """Nothing to do."""

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @abstractmethod
    def line(self, event: dict[str, Any]) -> bytes:
        """The event as it is written, with its line end."""

    @abstractmethod
    def name(self, line: bytes) -> Name | None:
        """Which event a line of the file is; None: it is not an event."""

    def _current_file(self) -> int:
        if self._file is not None:
            try:
                same = os.path.samestat(os.fstat(self._file), self.path.stat())
            except FileNotFoundError:
                same = False
            if same:
                return self._file
            self.close()
        return self._open()

    def _open(self) -> int:
        make_folder(self.path.parent)
        new = not self.path.exists()
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = file = os.open(self.path, flags, FILE_MODE)
        if new:
            _sync_folder(self.path.parent)
        size = os.fstat(file).st_size
        start = max(size - _TAIL_BYTES, 0)
        tail = _read(file, start, size - start)
        if start > 0:
            tail = tail.partition(b"\n")[2]
        self._repair(file, size, tail)
        kept = _read(file, start, os.fstat(file).st_size - start)
        self._tail = kept.split(b"\n")[:-1][-_BATCH:]
        if _read(file, 0, len(self.head)) != self.head:
            if os.fstat(file).st_size > 0:
                raise self._foreign()
            _write_all(file, self.head)
        return file

    def _repair(self, file: int, size: int, tail: bytes) -> None:
        """End or remove a last line that a crash has torn; touch nothing that is not ours."""
        complete, end, torn = tail.rpartition(b"\n")
        if end and not self._is_ours(complete.rpartition(b"\n")[2]):
            raise self._foreign()
        if not torn:
            return
        if self.name(torn) is not None:
            _write_all(file, b"\n")
        elif self.may_be_torn(torn):
            os.ftruncate(file, size - len(torn))
        else:
            raise self._foreign()
        os.fsync(file)

    def _is_ours(self, line: bytes) -> bool:
        return self.name(line) is not None or line + b"\n" == self.head

    @abstractmethod
    def may_be_torn(self, torn: bytes) -> bool:
        """Whether this can be the beginning of one of our lines."""

    def _foreign(self) -> UsageError:
        return UsageError(
            f"{self.path} holds something else than events.", "Name another file for the events."
        )


def _read(file: int, start: int, count: int) -> bytes:
    os.lseek(file, start, os.SEEK_SET)
    parts = []
    while count > 0 and (part := os.read(file, count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _write_all(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _sync_folder(folder: Path) -> None:
    """A new file's name is on disk only when its folder is."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
