from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, features

from tests.shared import shared
from vultus.errors import ImageNotFound, ImageTooLarge, ImageUnreadable, UsageError, VultusError
from vultus.imaging.load import load
from vultus.settings import LimitSettings

RNG = np.random.default_rng(7)
PHOTO = RNG.integers(0, 256, (6, 4, 3), dtype=np.uint8)


def encoded(image: np.ndarray | Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png_of_zeros(width: int, height: int) -> bytes:
    """A black 1-bit PNG made by hand, so that nobody needs its pixels in memory."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    packer = zlib.compressobj(9)
    row = bytes(1 + -(-width // 8))
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*part) for part in [(b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")]
    )


# what a picture may be given as


def test_a_path_bytes_a_string_a_file_and_a_stream_are_the_same_picture(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(PHOTO))
    data = path.read_bytes()
    for source in (path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data)):
        np.testing.assert_array_equal(load(source), PHOTO)
    with path.open("rb") as file:
        np.testing.assert_array_equal(load(file), PHOTO)


@pytest.mark.parametrize(
    "name", ["with space.png", "line\nbreak.png", "👩‍🚀 ünïcode.png", "-o.png"]
)
def test_any_file_name_will_do(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(encoded(PHOTO))
    np.testing.assert_array_equal(load(path), PHOTO)


def test_the_ending_of_a_name_does_not_matter(tmp_path):
    path = tmp_path / "picture.txt"
    path.write_bytes(encoded(PHOTO))
    np.testing.assert_array_equal(load(path), PHOTO)


def test_an_rgb_array_is_taken_as_it_is():
    np.testing.assert_array_equal(load(PHOTO), PHOTO)


def test_an_array_with_strides_comes_out_contiguous():
    loaded = load(PHOTO[::-1, ::2])
    assert loaded.flags.c_contiguous
    np.testing.assert_array_equal(loaded, PHOTO[::-1, ::2])


@pytest.mark.parametrize("grey", [PHOTO[..., 0], PHOTO[..., :1]])
def test_a_grey_array_becomes_three_equal_channels(grey):
    loaded = load(grey)
    for channel in range(3):
        np.testing.assert_array_equal(loaded[..., channel], PHOTO[..., 0])


def test_an_array_with_alpha_is_laid_over_white():
    rgba = np.zeros((1, 4, 4), np.uint8)
    rgba[0, :, 0] = 200, 200, 200, 50
    rgba[0, :, 3] = 0, 255, 51, 30
    expected = [(255,) * 3, (200, 0, 0), (244, 204, 204), (231, 225, 225)]  # rounded
    np.testing.assert_array_equal(load(rgba)[0], expected)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 0), np.uint8),
        np.zeros((4, 4), object),
    ],
)
def test_other_arrays_are_refused(array):
    with pytest.raises(ImageUnreadable):
        load(array)


@pytest.mark.parametrize("source", [None, 3, ["a.png"], {}])
def test_other_things_are_refused(source):
    with pytest.raises(UsageError, match=type(source).__name__):
        load(source)


def test_a_file_opened_as_text_is_refused(tmp_path):
    path = tmp_path / "a.svg"
    path.write_text("<svg/>")
    with path.open() as file, pytest.raises(UsageError, match="rb"):
        load(file)


# what is no picture


def test_a_missing_file():
    with pytest.raises(ImageNotFound, match=r"nowhere\.jpg"):
        load("/no/such/folder/nowhere.jpg")


def test_a_folder(tmp_path):
    with pytest.raises(ImageUnreadable, match="folder"):
        load(tmp_path)


def test_a_path_through_a_file(tmp_path):
    tmp_path.joinpath("file").write_bytes(b"x")
    with pytest.raises(ImageUnreadable, match="cannot be read"):
        load(tmp_path / "file" / "a.png")


def test_a_name_with_a_null_byte():
    with pytest.raises(ImageUnreadable):
        load("a\0.png")


@pytest.mark.parametrize("empty", [b"", io.BytesIO()])
def test_an_empty_picture(empty):
    with pytest.raises(ImageUnreadable, match="0 bytes"):
        load(empty)


@pytest.mark.parametrize("data", [b"hello, this is text", b"\0" * 1000, b"\x89PNG\r\n\x1a\n"])
def test_bytes_that_are_no_picture(data):
    with pytest.raises(ImageUnreadable):
        load(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP"])
@pytest.mark.parametrize("part", [0.3, 0.6])
def test_a_picture_cut_off_is_refused(kind, part):
    whole = encoded(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8), kind)
    assert load(whole).shape == (64, 64, 3)
    with pytest.raises(ImageUnreadable):
        load(whole[: int(len(whole) * part)])


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    broken = bytearray(data)
    for place in rng.integers(0, len(data), rng.integers(1, 8)):
        broken[place] = rng.integers(0, 256)
    return bytes(broken[: rng.integers(1, len(data) + 1)]) if rng.random() < 0.3 else bytes(broken)


KINDS = ["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP", "ICO", "PPM", "TGA", "DDS"]


@pytest.mark.parametrize("kind", [*KINDS, "AVIF", "JPEG2000"])
def test_a_damaged_picture_is_loaded_or_refused_but_never_anything_else(kind):
    if kind in ("AVIF", "JPEG2000") and not features.check(
        {"JPEG2000": "jpg_2000"}.get(kind, "avif")
    ):
        pytest.skip(f"this Pillow has no {kind}")
    whole = encoded(RNG.integers(0, 256, (24, 32, 3), dtype=np.uint8), kind)
    rng = np.random.default_rng(len(kind))
    refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own, about the damage
        for _ in range(150):
            try:
                assert load(damaged(whole, rng)).ndim == 3
            except VultusError:
                refused += 1
    assert refused


def test_a_format_of_unknown_layout_is_refused():
    whole = bytearray(encoded(PHOTO, "DDS"))
    whole[80:84] = bytes(4)  # pixel format flags; Pillow raises NotImplementedError
    with pytest.raises(ImageUnreadable):
        load(bytes(whole))


# limits


def test_200_megapixels_in_a_small_file_are_refused_before_decoding(monkeypatch):
    bomb = png_of_zeros(20_000, 10_000)
    assert len(bomb) < 1_000_000
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(ImageTooLarge):
        load(bomb)


def test_pixels_are_limited_by_the_setting_too(monkeypatch):
    picture = png_of_zeros(300, 100)
    assert load(picture, LimitSettings(max_image_pixels=30_000)).shape == (100, 300, 3)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(ImageTooLarge, match="300 x 100"):
        load(picture, LimitSettings(max_image_pixels=29_999))


def test_pixels_of_arrays_are_limited():
    with pytest.raises(ImageTooLarge):
        load(PHOTO, LimitSettings(max_image_pixels=23))


def test_bytes_are_limited_whatever_they_come_in(tmp_path):
    data = encoded(PHOTO)
    path = tmp_path / "a.png"
    path.write_bytes(data)
    exact, less = (LimitSettings(max_image_bytes=len(data) - cut) for cut in (0, 1))
    for make in (lambda: data, lambda: path, lambda: io.BytesIO(data)):
        np.testing.assert_array_equal(load(make(), exact), PHOTO)
        with pytest.raises(ImageTooLarge, match="bytes"):
            load(make(), less)


def test_an_endless_stream_is_read_to_the_limit_only():
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size=-1):
            assert size > 0
            self.taken += size
            return b"\xff" * size

    stream = Endless()
    with pytest.raises(ImageTooLarge):
        load(stream, LimitSettings(max_image_bytes=1000))
    assert stream.taken == 1001


# kinds of pixels


def test_16_bit_grey_is_scaled_to_8():
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16)
    loaded = load(encoded(levels * 257))
    np.testing.assert_array_equal(loaded, np.repeat(levels[..., None], 3, 2))


def test_16_bit_grey_that_holds_8_bits_only_is_not_darkened():
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16)
    np.testing.assert_array_equal(load(encoded(levels))[..., 1], levels)


def test_float_grey_is_read():
    ramp = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
    expected = np.rint(ramp * 255).astype(np.uint8)
    np.testing.assert_array_equal(load(encoded(ramp, "TIFF"))[..., 0], expected)


def test_8_bit_grey():
    loaded = load(encoded(PHOTO[..., 0]))
    np.testing.assert_array_equal(loaded, np.repeat(PHOTO[..., :1], 3, 2))


def test_black_and_white():
    bits = PHOTO[..., 0] > 127
    loaded = load(encoded(Image.fromarray(bits)))
    np.testing.assert_array_equal(loaded[..., 2], bits * np.uint8(255))


def test_a_palette():
    picture = Image.fromarray(PHOTO).convert("P", palette=Image.Palette.ADAPTIVE)
    np.testing.assert_array_equal(load(encoded(picture)), np.asarray(picture.convert("RGB")))


def test_a_transparent_palette_entry_becomes_white():
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    loaded = load(encoded(picture, transparency=0))
    np.testing.assert_array_equal(loaded[0], [(255, 255, 255), (40, 50, 60)])


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (30, 30, 200)])
def test_a_cmyk_jpeg_keeps_its_colours(colour):
    inks = (*(255 - value for value in colour), 0)
    loaded = load(encoded(Image.new("CMYK", (16, 16), inks), "JPEG", quality=95))
    assert np.abs(loaded.astype(int) - colour).max() <= 6


def test_rgba_is_laid_over_white():
    pixels = np.array([[(200, 0, 0, 0), (200, 0, 0, 255), (200, 0, 0, 51)]], np.uint8)
    np.testing.assert_array_equal(
        load(encoded(pixels))[0], [(255, 255, 255), (200, 0, 0), (244, 204, 204)]
    )


def test_grey_with_alpha_is_laid_over_white():
    picture = Image.new("LA", (2, 1), (40, 0))
    picture.putpixel((1, 0), (40, 255))
    np.testing.assert_array_equal(load(encoded(picture))[0], [(255,) * 3, (40,) * 3])


def test_the_first_frame_of_an_animation_is_taken():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(load(data), np.asarray(frames[0]))


# orientation

STORED = {
    1: PHOTO,
    2: PHOTO[:, ::-1],
    3: PHOTO[::-1, ::-1],
    4: PHOTO[::-1],
    5: PHOTO.transpose(1, 0, 2),
    6: np.rot90(PHOTO, 1),
    7: np.rot90(PHOTO, 2).transpose(1, 0, 2),
    8: np.rot90(PHOTO, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_a_turned_photo_comes_out_upright(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(np.ascontiguousarray(STORED[orientation]), exif=exif)
    np.testing.assert_array_equal(load(data), PHOTO)


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_does_not_exist_is_ignored(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(load(encoded(PHOTO, exif=exif)), PHOTO)


def test_a_turned_jpeg_comes_out_upright():
    upright = np.zeros((32, 16, 3), np.uint8)
    upright[:16] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    loaded = load(encoded(np.ascontiguousarray(np.rot90(upright)), "JPEG", exif=exif))
    assert loaded.shape == upright.shape
    assert loaded[:16].min() > 200
    assert loaded[16:].max() < 55


# shared photos


@pytest.mark.parametrize(
    ("name", "size_wh"),
    [
        ("32bit.png", (626, 1200)),
        ("obama-1080p.jpg", (1920, 1080)),
        ("obama_partial_face.jpg", (491, 1137)),
        ("obama_partial_face2.jpg", (551, 1137)),
    ],
)
def test_odd_photos_are_read(name, size_wh):
    loaded = load(shared(f"photos/odd/{name}"))
    assert loaded.dtype == np.uint8
    assert loaded.shape == (size_wh[1], size_wh[0], 3)


def test_a_corrupted_photo_is_refused():
    path = shared("photos/odd/corrupted.png")
    with pytest.raises(ImageUnreadable, match=Path(path).name):
        load(path)
