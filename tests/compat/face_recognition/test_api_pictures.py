"""`load_image_file`: the pixels that the original hands out, from any file."""

from __future__ import annotations

import io
import struct
import threading
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile, UnidentifiedImageError

import vultus.compat.face_recognition as face_recognition
from tests.shared import shared
from vultus.compat.face_recognition import pictures
from vultus.errors import ImageTooLarge


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def colours() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (40, 30, 4), dtype=np.uint8)


def test_a_path_a_file_and_a_name_are_read(tmp_path, colours):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(Image.fromarray(colours[..., :3])))
    with path.open("rb") as file:
        for source in (path, str(path), file, io.BytesIO(path.read_bytes())):
            image = face_recognition.load_image_file(source)
            np.testing.assert_array_equal(image, colours[..., :3])
            assert image.flags.writeable


def test_transparency_is_dropped_and_not_laid_over_white(colours):
    data = io.BytesIO(encoded(Image.fromarray(colours)))
    np.testing.assert_array_equal(face_recognition.load_image_file(data), colours[..., :3])


@pytest.mark.parametrize(
    ("mode", "shape", "dtype"),
    [
        ("RGB", (40, 30, 3), np.uint8),
        ("L", (40, 30), np.uint8),
        (None, (40, 30, 4), np.uint8),
        ("1", (40, 30), np.bool_),
    ],
)
def test_modes_are_pillows(colours, mode, shape, dtype):
    image = face_recognition.load_image_file(io.BytesIO(encoded(Image.fromarray(colours))), mode)
    assert (image.shape, image.dtype) == (shape, dtype)


def test_another_mode_is_a_value_error(colours):
    with pytest.raises(ValueError, match="mode"):
        face_recognition.load_image_file(io.BytesIO(encoded(Image.fromarray(colours))), "foo")


def test_the_exif_mark_does_not_turn_the_picture():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    data = io.BytesIO(encoded(Image.new("RGB", (30, 20)), "JPEG", exif=exif))
    assert face_recognition.load_image_file(data).shape == (20, 30, 3)


def test_a_cut_off_file_gives_what_is_there_and_the_switch_stands_as_before():
    whole = encoded(Image.fromarray(np.full((200, 200, 3), 250, np.uint8)), "JPEG")
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    image = face_recognition.load_image_file(io.BytesIO(whole[: len(whole) * 2 // 3]))
    assert image.shape == (200, 200, 3)
    assert image[:8].min() > 240
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_the_switch_stays_while_another_thread_reads(monkeypatch):
    inside, go_on = threading.Event(), threading.Event()

    def read_slowly() -> None:
        with pictures._truncated_files.allowed():
            inside.set()
            go_on.wait(20)

    reader = threading.Thread(target=read_slowly)
    reader.start()
    assert inside.wait(20)
    with pictures._truncated_files.allowed():
        pass
    assert ImageFile.LOAD_TRUNCATED_IMAGES
    go_on.set()
    reader.join(20)
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_what_cannot_be_read_is_refused_as_by_pillow(tmp_path):
    with pytest.raises(FileNotFoundError):
        face_recognition.load_image_file(tmp_path / "nothing.jpg")
    with pytest.raises(IsADirectoryError):
        face_recognition.load_image_file(tmp_path)
    for data in (b"", b"not a picture"):
        with pytest.raises(UnidentifiedImageError):
            face_recognition.load_image_file(io.BytesIO(data))
    with pytest.raises(AttributeError):
        face_recognition.load_image_file(None)


def test_postscript_is_not_handed_to_another_program():
    with pytest.raises(UnidentifiedImageError):
        face_recognition.load_image_file(
            io.BytesIO(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
        )


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(pictures, "_most_pixels", lambda: 100)
    with pytest.raises(ImageTooLarge, match="100 are allowed"):
        face_recognition.load_image_file(io.BytesIO(encoded(Image.new("RGB", (30, 20)))))


def test_a_picture_that_pillow_itself_finds_far_too_large():
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"0"))
    with pytest.raises(ImageTooLarge, match="MAX_IMAGE_PIXELS"):
        face_recognition.load_image_file(io.BytesIO(data))


def test_the_odd_ones_of_the_originals_own_suite():
    assert face_recognition.load_image_file(shared("photos/odd/32bit.png")).shape == (1200, 626, 3)
    with pytest.raises(UnidentifiedImageError):
        face_recognition.load_image_file(shared("photos/odd/corrupted.png"))
