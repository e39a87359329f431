"""Pictures as face_recognition reads them, and arrays as it takes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import ImageTooLarge, ImageUnreadable

if TYPE_CHECKING:
    from PIL import Image as Pillow

Image = NDArray[np.uint8]

_RUNS_OTHER_PROGRAMS = "EPS"
# Ready at once; all of Pillow's formats are 30 ms later.
_USUAL_FORMATS = ["JPEG", "PNG"]


def decode(file: Any, mode: str | None) -> NDArray[Any]:
    """A picture as Pillow decodes and converts it: not turned by its EXIF mark, without its
    transparency. `imaging.load` does better; encodings of stored pictures need the same pixels.

    Raises:
        OSError, ValueError: as Pillow. ImageTooLarge: more pixels than the limits allow.
    """
    from PIL import Image as Pillow

    most = _most_pixels()
    try:
        opened = _open(file)
    except Pillow.DecompressionBombError as error:
        raise _too_large("far more pixels", most) from error
    with opened as picture, _truncated_files.allowed():
        if picture.width * picture.height > most:
            raise _too_large(f"{picture.width:,} x {picture.height:,} pixels", most)
        return np.array(picture.convert(mode) if mode else picture)


def _open(file: Any) -> Pillow.Image:
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    if not hasattr(file, "read"):  # what has been read of a stream is gone
        with suppress(UnidentifiedImageError):
            return Pillow.open(file, formats=_USUAL_FORMATS)
    Pillow.init()
    return Pillow.open(file, formats=[n for n in Pillow.OPEN if n != _RUNS_OTHER_PROGRAMS])


def _too_large(what: str, most: int) -> ImageTooLarge:
    return ImageTooLarge(
        f"The picture has {what}; at most {most:,} are allowed.",
        "Make it smaller, or raise VULTUS_LIMITS__MAX_IMAGE_PIXELS.",
    )


@cache
def _most_pixels() -> int:
    from vultus.settings import load_settings

    return load_settings().limits.max_image_pixels


class _TruncatedFiles:
    """Pillow's one switch for all of the process: on while a picture is read, then as before."""

    def __init__(self) -> None:
        self._counting = Lock()
        self._readers = 0
        self._before = False

    @contextmanager
    def allowed(self) -> Iterator[None]:
        from PIL import ImageFile

        with self._counting:
            if not self._readers:
                self._before = ImageFile.LOAD_TRUNCATED_IMAGES
            self._readers += 1
            ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            yield
        finally:
            with self._counting:
                self._readers -= 1
                if not self._readers:
                    ImageFile.LOAD_TRUNCATED_IMAGES = self._before


_truncated_files = _TruncatedFiles()


def as_rgb(image: Any) -> Image:
    """The array as RGB, C-contiguous, at least one pixel large; grey becomes three channels.

    Raises:
        TypeError: no array. ImageUnreadable: an array that is no grey or RGB picture of 8 bits.
    """
    if not isinstance(image, np.ndarray):
        raise TypeError(
            f"A picture is a numpy array, not {type(image).__name__}; load_image_file makes one."
        )
    channels = image.shape[2] if image.ndim == 3 else 1 if image.ndim == 2 else 0
    if image.dtype != np.uint8 or channels not in (1, 3):
        raise ImageUnreadable(
            f"Unsupported image type: an array of shape {image.shape} and dtype {image.dtype}; "
            "it must be 8bit gray or RGB.",
            "Give uint8 of shape (height, width) or (height, width, 3): image[:, :, :3] of RGBA.",
        )
    if not image.size:  # outside of a picture everything is black
        return np.zeros((1, 1, 3), np.uint8)
    if channels == 1:
        return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(image)
