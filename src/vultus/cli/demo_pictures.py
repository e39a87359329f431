"""Pictures for `vultus demo`, made from what scikit-image carries."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageEnhance, ImageFilter, ImageOps

from vultus.errors import UsageError
from vultus.imaging.load import Image


class CollagePictures:
    """The astronaut's photograph, changed copies of it, and a collage with other pictures.

    Raises:
        UsageError: scikit-image, which carries the photographs, is not installed.
    """

    def __init__(self) -> None:
        try:
            from skimage import data
        except ImportError:
            raise UsageError(
                "The demo's photographs come with scikit-image, which is not installed.",
                "pip install 'vultus[demo]', or give --people and --photos.",
            ) from None
        photos: Any = data  # scikit-image is untyped
        self.astronaut: Image = photos.astronaut()
        self._others: list[Image] = [photos.chelsea(), photos.coffee(), photos.rocket()]

    def cases(self) -> Iterator[tuple[str, Image]]:
        """Name and picture of each case; the cat, the cup and the rocket have no face."""
        photo = Pillow.fromarray(self.astronaut)
        changed = {
            "mirrored": ImageOps.mirror(photo),
            "turned": photo.rotate(20, Pillow.Resampling.BICUBIC, fillcolor=(90, 90, 90)),
            "half_size": photo.resize((256, 256), Pillow.Resampling.LANCZOS),
            "dark": ImageEnhance.Brightness(photo).enhance(0.35),
            "blurred": photo.filter(ImageFilter.GaussianBlur(2)),
            "grey": ImageOps.grayscale(photo).convert("RGB"),
            "close_up": photo.crop((170, 60, 285, 210)).resize((345, 450)),
            "poor_jpeg": _poor_jpeg(photo),
        }
        yield from ((name, np.array(picture)) for name, picture in changed.items())
        yield "collage", self._collage(photo)
        yield "cat", self._others[0]

    def _collage(self, photo: Pillow.Image) -> Image:
        sheet = Pillow.new("RGB", (640, 640), (240, 240, 240))
        tiles = [photo, *map(Pillow.fromarray, self._others)]
        for number, tile in enumerate(tiles):
            column, row = number % 2, number // 2
            sheet.paste(ImageOps.fit(tile, (310, 310)), (5 + 320 * column, 5 + 320 * row))
        return np.array(sheet)


def _poor_jpeg(photo: Pillow.Image) -> Pillow.Image:
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=12)
    return Pillow.open(buffer).convert("RGB")
