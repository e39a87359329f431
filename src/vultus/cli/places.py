"""Places that commands write to."""

from __future__ import annotations

from pathlib import Path

from vultus.errors import StorageError, UsageError


def check_new_file(path: Path, force: bool) -> None:
    """What would only show after minutes of work is said before."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", "Name a file, such as my.vultus.")
    if not path.parent.is_dir():
        raise StorageError(f"There is no folder {path.parent}.", "Make it first.")
    if path.exists() and not force:
        raise UsageError(f"{path} is there already.", "Choose another name, or give --force.")
