"""The pictures that both sides get: 640x480 photos and aligned chips, made at run time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.places import photos
from vultus.faces.analyzer import Analyzer

SIZE_WH = (640, 480)
_QUALITY = 92


def photos_640x480(folder: Path) -> list[Path]:
    """Portraits and groups, fitted into 640x480 with black bars, as JPEG files in `folder`."""
    sources = [*photos("people"), *photos("groups")]
    if not sources:
        return [_save(_astronaut(), folder / "astronaut.jpg")]
    made = []
    for source in sources:
        with Image.open(source) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            made.append(_save(upright, folder / f"{source.parent.name}_{source.stem}.jpg"))
    return made


def _save(picture: Image.Image, path: Path) -> Path:
    ImageOps.pad(picture, SIZE_WH).save(path, quality=_QUALITY)
    return path


def _astronaut() -> Image.Image:
    from skimage import data

    return Image.fromarray(data.astronaut())


def chips_of(paths: list[Path], most: int = 24) -> NDArray[np.uint8]:
    """Aligned chips of the faces in these photos, uint8 (n, 150, 150, 3)."""
    analyzer = Analyzer()
    found = [analyzer.analyze(path, embed=False, quality=False, chips=True).chips for path in paths]
    chips = np.concatenate([chips for chips in found if chips is not None])
    return chips[np.linspace(0, len(chips) - 1, min(most, len(chips))).astype(int)]
