"""A file of names beside encodings that have none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from vultus.errors import ImportInvalid
from vultus.imaging.load import readable
from vultus.migrate.plain import read_bytes, read_plain

_OTHERS = (".json", ".npy", ".pickle", ".pkl", ".p", ".dat")


def read_names(path: Path) -> list[Any]:
    """Names in their order: text with a line a name, or a list in JSON, .npy or a pickle.

    Raises:
        ImportInvalid: it cannot be read, or holds something else.
    """
    if path.suffix.lower() not in _OTHERS:
        try:
            text = read_bytes(path).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ImportInvalid(
                f"{readable(str(path))} is no text in UTF-8.", "Save it as UTF-8."
            ) from error
        return text.removesuffix("\n").replace("\r\n", "\n").removesuffix("\r").split("\n")
    value = read_plain(path)
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise ImportInvalid(
            f"{readable(str(path))} is no list of names.",
            "Give text with a line a name, or a list in JSON or .npy.",
        )
    return list(value)
