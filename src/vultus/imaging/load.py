"""The one place where pictures are decoded: anything in, an upright RGB array out."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from vultus.errors import ImageNotFound, ImageTooLarge, ImageUnreadable, UsageError
from vultus.settings import LimitSettings

Image = NDArray[np.uint8]
ImageSource = str | os.PathLike[str] | bytes | BinaryIO | NDArray[np.uint8]

# What Pillow may raise on bytes that are no whole picture.
_DECODING_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    TypeError,
    MemoryError,
    RuntimeError,
)
_BAND = 64
_SMALLER = "Make it smaller, or raise VULTUS_LIMITS__MAX_IMAGE_PIXELS (at most 178,000,000)."
# Only these: Pillow would hand others, such as EPS, to programs of the machine.
_FORMATS = ["JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF", "TGA"]
# Ready at once; all of Pillow's formats are 30 ms later.
_USUAL_FORMATS = ["JPEG", "PNG"]
_BROKEN = "The file may be cut off or damaged; make or download it again."


def load(source: ImageSource, limits: LimitSettings | None = None) -> Image:
    """Decode a picture: uint8, shape (height, width, 3), RGB, upright by its EXIF mark.

    `source` is a path, encoded bytes, an open binary file, or an array (grey, RGB or RGBA,
    uint8). The first frame is taken of an animation; transparent parts become white; 16-bit
    and CMYK pictures are converted.

    Raises:
        ImageNotFound: there is no such file.
        ImageTooLarge: more bytes or pixels than the limits allow (checked before decoding).
        ImageUnreadable: not a picture, or a damaged one.
    """
    limits = limits or LimitSettings()
    if isinstance(source, np.ndarray):
        return _from_array(source, limits)
    data, name = read_encoded(source, limits)
    return decode(data, name, limits)


def readable(name: str) -> str:
    """A file's name as text that can be stored and printed: bytes that are no letters escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def read_encoded(source: object, limits: LimitSettings) -> tuple[bytes, str]:
    """A picture's bytes as they come, and what to call it in errors; raises as `load`."""
    if isinstance(source, bytes | bytearray | memoryview):
        data, name = bytes(source), "the picture"
    elif isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        data = _read_file(Path(name), limits.max_image_bytes)
    elif hasattr(source, "read"):
        data = source.read(limits.max_image_bytes + 1)
        name = str(getattr(source, "name", "the picture"))
    else:
        raise UsageError(
            f"A picture cannot be made of {type(source).__name__}.",
            "Give a path, bytes, an open binary file or a NumPy array.",
        )
    if not isinstance(data, bytes):
        raise UsageError(f"{name} is opened as text.", "Open it with mode 'rb'.")
    if len(data) > limits.max_image_bytes:
        raise ImageTooLarge(
            f"{name} has more than {limits.max_image_bytes:,} bytes.",
            "Make it smaller, or raise VULTUS_LIMITS__MAX_IMAGE_BYTES.",
        )
    if not data:
        raise ImageUnreadable(f"{name} is empty (0 bytes).", _BROKEN)
    return data, name


def _read_file(path: Path, max_bytes: int) -> bytes:
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ImageUnreadable(f"{path} is no file.", "Give a file.")  # a pipe would not end
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except FileNotFoundError:
        raise ImageNotFound(f"There is no file {path}.", "Check the path.") from None
    except IsADirectoryError:
        raise ImageUnreadable(f"{path} is a folder.", "Give a picture in it.") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        reason = getattr(error, "strerror", None) or error
        raise ImageUnreadable(
            f"{path} cannot be read: {reason}.", "Check its permissions."
        ) from error


def _check_pixels(width: int, height: int, name: str, limits: LimitSettings) -> None:
    if width < 1 or height < 1:
        raise ImageUnreadable(f"{name} has no pixels ({width} x {height}).", _BROKEN)
    if width * height > limits.max_image_pixels:
        raise ImageTooLarge(
            f"{name} has {width:,} x {height:,} pixels; at most "
            f"{limits.max_image_pixels:,} are allowed.",
            _SMALLER,
        )


def decode(data: bytes, name: str, limits: LimitSettings) -> Image:
    """As `load`, from the bytes that `read_encoded` gave."""
    try:
        with _open(data) as picture:
            _check_pixels(picture.width, picture.height, name, limits)
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
            return _to_rgb(picture)
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise ImageTooLarge(
            f"{name} has more pixels than the {limits.max_image_pixels:,} that are allowed.",
            _SMALLER,
        ) from error
    except UnidentifiedImageError as error:
        raise ImageUnreadable(
            f"{name} is not a picture of a known kind.",
            "JPEG, PNG, WebP, BMP, TIFF and GIF are read, among others.",
        ) from error
    except _DECODING_ERRORS as error:
        raise ImageUnreadable(f"{name} cannot be decoded: {error}.", _BROKEN) from error


def _open(data: bytes) -> Pillow.Image:
    try:
        return Pillow.open(io.BytesIO(data), formats=_USUAL_FORMATS)
    except UnidentifiedImageError:
        return Pillow.open(io.BytesIO(data), formats=readable_formats())


@cache
def readable_formats() -> tuple[str, ...]:
    """The formats that this build of Pillow has of those that are wanted."""
    Pillow.init()
    return tuple(name for name in _FORMATS if name in Pillow.OPEN)


def _to_rgb(picture: Pillow.Image) -> Image:
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        scale = _scale_to_8_bit(np.asarray(picture))
        return _in_bands(picture, lambda band: _grey_to_rgb(_to_8_bit(np.asarray(band), scale)))
    if picture.has_transparency_data:
        return _in_bands(picture, lambda band: _over_white(np.asarray(band.convert("RGBA"))))
    if picture.mode == "RGB":
        return _in_bands(picture, np.asarray)
    return _in_bands(picture, lambda band: np.asarray(band.convert("RGB")))


def _in_bands(picture: Pillow.Image, convert: Callable[[Pillow.Image], Image]) -> Image:
    """Convert band by band: whole copies in between would multiply a large picture's memory."""
    image = np.empty((picture.height, picture.width, 3), np.uint8)
    for top in range(0, picture.height, _BAND):
        bottom = min(top + _BAND, picture.height)
        image[top:bottom] = convert(picture.crop((0, top, picture.width, bottom)))
    return image


def _scale_to_8_bit(values: NDArray[np.generic]) -> float:
    """For wide grey values: integers by their range (8 or 16 bits), floats by 0..1 or 0..255."""
    highest = float(np.nanmax(values))
    if np.issubdtype(values.dtype, np.floating):
        return 255.0 if highest <= 1.0 else 1.0
    return 255.0 / 65535.0 if highest > 255 else 1.0


def _to_8_bit(values: NDArray[np.generic], scale: float) -> NDArray[np.uint8]:
    numbers = np.nan_to_num(values.astype(np.float32))
    scaled: Image = np.clip(np.rint(numbers * scale), 0, 255).astype(np.uint8)
    return scaled


def _grey_to_rgb(grey: NDArray[np.uint8]) -> Image:
    return np.repeat(grey[:, :, None], 3, axis=2)


def _over_white(rgba: NDArray[np.uint8]) -> Image:
    alpha = rgba[:, :, 3:].astype(np.uint16)
    mixed = rgba[:, :, :3] * alpha + 255 * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def _from_array(array: NDArray[np.uint8], limits: LimitSettings) -> Image:
    good_shape = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if array.dtype != np.uint8 or not good_shape:
        raise ImageUnreadable(
            f"An array of shape {array.shape} and dtype {array.dtype} is no picture.",
            "Give uint8 of shape (height, width), (height, width, 3) RGB or (height, width, 4).",
        )
    _check_pixels(array.shape[1], array.shape[0], "The array", limits)
    if array.ndim == 2 or array.shape[2] == 1:
        return _grey_to_rgb(array.reshape(array.shape[:2]))
    if array.shape[2] == 4:
        return _over_white(array)
    return np.ascontiguousarray(array)
