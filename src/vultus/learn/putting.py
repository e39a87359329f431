"""Putting a picture somewhere else: a copy or a link, whole or not at all, over nothing."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

How = Literal["copy", "hard link", "symbolic link", "crop"]


def part_of(target: Path) -> Path:
    """Where a file is written before it gets its name."""
    return target.with_name(f".vultus-{secrets.token_hex(8)}.part")


def clear_parts(folder: Path) -> None:
    """Remove what a killed process left of files, in this folder and the ones in it."""
    for part in (*folder.glob(".vultus-*.part"), *folder.glob("*/.vultus-*.part")):
        part.unlink(missing_ok=True)


def put(source: Path, target: Path, link: bool) -> How:
    """Put a file at `target`, where nothing is yet.

    With `link` it is a hard link, or a symbolic one where that cannot be (another disk), or else a
    copy. Copies keep the time of the original.

    Raises:
        FileExistsError: something is there. OSError: it cannot be read or written.
    """
    if link:
        original = source.resolve(strict=True)
        for kind, make in (("hard link", os.link), ("symbolic link", os.symlink)):
            try:
                make(original, target)
            except FileExistsError:
                raise
            except (OSError, NotImplementedError):
                continue
            return "hard link" if kind == "hard link" else "symbolic link"
    put_new(target, lambda part: _copy(source, part))
    return "copy"


def put_new(target: Path, make: Callable[[Path], None]) -> None:
    """Make a file and put it at `target`, where nothing is yet. Raises as `put` does."""
    part = part_of(target)
    try:
        make(part)
        _publish(part, target)
    finally:
        part.unlink(missing_ok=True)


def _copy(source: Path, part: Path) -> None:
    with source.open("rb") as reading, part.open("xb") as writing:
        shutil.copyfileobj(reading, writing, 2**20)
        writing.flush()
        os.fsync(writing.fileno())
    told = source.stat()
    with suppress(OSError):
        os.utime(part, ns=(told.st_atime_ns, told.st_mtime_ns))


def _publish(part: Path, target: Path) -> None:
    """Give a whole file its name, unless the name is taken."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(target):
            raise FileExistsError(f"{target} is there") from None
        part.rename(target)


def is_as_put(path: Path, size: int, mtime_ns: int) -> bool:
    """Whether a file is still what was put there."""
    try:
        told = path.lstat()
    except OSError:
        return False
    return told.st_size == size and told.st_mtime_ns == mtime_ns


def is_copy_of(path: Path, source: Path, digest: str) -> bool:
    """Whether a file or link is this picture, whose bytes have this SHA-256."""
    try:
        if not path.is_file():
            return False
        if path.samefile(source):
            return True
        return digest_of(path) == digest
    except OSError:
        return False


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
