"""One table: error code to exit status. Scripts rely on it; docs/errors.md lists it."""

from __future__ import annotations

from vultus import errors

FAILED = 1  # a picture, or what was asked, failed
USAGE = 2
MODEL = 3
GALLERY = 4
STORAGE = 5
SOURCE = 6
INTERRUPTED = 130

_BY_CLASS: tuple[tuple[type[errors.VultusError], int], ...] = (
    (errors.UsageError, USAGE),
    (errors.ModelError, MODEL),
    (errors.GalleryError, GALLERY),
    (errors.StorageError, STORAGE),
    (errors.SourceError, SOURCE),
    (errors.VultusError, FAILED),
)


def exit_code(error: errors.VultusError) -> int:
    """The exit status of a command that ends with this error."""
    return next(code for kind, code in _BY_CLASS if isinstance(error, kind))
