"""Finding the shared data; a test that needs what is not there is skipped with the reason."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

_ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(os.environ.get("VULTUS_SHARED") or _ROOT.parent / "shared")


def shared(relative: str) -> Path:
    """A file or folder of the shared data."""
    path = FOLDER / "data" / relative
    if not path.exists():
        pytest.skip(f"needs shared data: {path} is not there (VULTUS_SHARED names the folder)")
    return path


class LfwArchive:
    """Reads single members of lfw-grey.tar; nothing is unpacked on disk."""

    def __init__(self) -> None:
        self._tar = tarfile.open(shared("lfw-grey.tar"))  # noqa: SIM115

    def __enter__(self) -> LfwArchive:
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    def photo(self, name: str) -> np.ndarray:
        member = self._tar.extractfile(name)
        assert member is not None
        return np.asarray(Image.open(io.BytesIO(member.read())).convert("RGB"))
