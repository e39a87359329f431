"""Pictures that were saved in pairs, a clean one and an annotated one beside it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

log = logging.getLogger("vultus.imaging")

_ENDINGS = (".jpg", ".jpeg", ".png")


def annotated_path(clean: Path) -> Path:
    """Where the annotated copy of a clean picture lies."""
    return clean.with_name(f"{clean.stem}_annotated{clean.suffix}")


def delete_pictures(paths: Iterable[str]) -> None:
    """Delete clean pictures with their annotated copies; one that is gone already is no error.

    The paths come out of a database, which others may have written: nothing but a picture is
    deleted, whatever it says there.
    """
    for path in paths:
        clean = Path(path)
        if clean.suffix.lower() not in _ENDINGS or "\0" in path:
            log.warning("a visit names a file that is no picture; it is left alone")
            continue
        for each in (clean, annotated_path(clean)):
            try:
                each.unlink(missing_ok=True)
            except OSError as error:  # the others are deleted all the same
                # never its path, which tells where this machine keeps what, and who was where when
                log.warning("a picture could not be deleted: %s", error.strerror or "no reason")
