"""Making zips, good and bad."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from tests.fakes import picture, png


def zip_bytes(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def make_zip(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    path.write_bytes(zip_bytes(files, method))
    return path


def photo(*people: str, shade: int = 0) -> bytes:
    """A picture of coloured squares, see `tests.fakes`."""
    return png(picture(*people, shade=shade))
