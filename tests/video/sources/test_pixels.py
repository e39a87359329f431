from __future__ import annotations

import gc
import struct
import threading

import av
import cv2
import numpy as np
import pytest

from tests.shared import shared
from vultus.video.sources.pixels import Converter, Turn, turn_of

ONE = 1 << 16


def plain(values, size=(64, 48), pix_fmt="yuv420p", color_range=0, colorspace=2):
    """A frame of one colour in YUV."""
    frame = av.VideoFrame(*size, pix_fmt)
    for plane, value in zip(frame.planes, values, strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    frame.color_range, frame.colorspace = color_range, colorspace
    return frame


@pytest.mark.parametrize("size_wh", [(64, 48), (32, 24), (20, 15)])
@pytest.mark.parametrize(
    ("values", "color_range", "grey"),
    [
        ((235, 128, 128), 1, 255),
        ((16, 128, 128), 1, 0),
        ((126, 128, 128), 1, 128),
        ((235, 128, 128), 0, 255),
        ((235, 128, 128), 2, 235),
        ((255, 128, 128), 2, 255),
    ],
)
def test_the_range_is_stretched_as_the_stream_says(values, color_range, grey, size_wh):
    image = Converter().picture(plain(values, color_range=color_range)).convert(size_wh)
    assert image.shape == (size_wh[1], size_wh[0], 3)
    assert np.abs(image.astype(int) - grey).max() <= 1


@pytest.mark.parametrize("size_wh", [(64, 48), (32, 24)])
@pytest.mark.parametrize(("colorspace", "red"), [(1, (240, 33, 20)), (5, (254, 0, 0))])
def test_the_matrix_is_the_streams(size_wh, colorspace, red):
    # Y, U, V of pure red by BT.601: by BT.709 they mean another colour
    frame = plain((81, 90, 240), color_range=1, colorspace=colorspace)
    image = Converter().picture(frame).convert(size_wh)
    expected = np.array(red)
    if colorspace == 1:
        luma, u, v = (81 - 16) * 255 / 219, (90 - 128) * 255 / 224, (240 - 128) * 255 / 224
        rgb = [luma + 1.5748 * v, luma - 0.1873 * u - 0.4681 * v, luma + 1.8556 * u]
        expected = np.clip(rgb, 0, 255)
    assert np.abs(image.reshape(-1, 3) - expected).max() <= 3


@pytest.mark.parametrize("clip", ["hamilton_short.mp4", "street_1080p.mp4"])
@pytest.mark.parametrize("size_wh", [(640, 360), (320, 180), (240, 135)])
def test_a_small_picture_is_the_full_one_made_smaller(clip, size_wh):
    with av.open(str(shared(f"videos/{clip}"))) as container:
        frames = [frame for frame, _ in zip(container.decode(video=0), range(40), strict=False)]
    picture = Converter().picture(frames[30])
    small, full = picture.convert(size_wh), picture.convert(picture.size_wh)
    expected = cv2.resize(full, size_wh, interpolation=cv2.INTER_AREA)
    difference = small.astype(int) - expected
    assert abs(difference.mean()) < 2
    assert np.abs(difference).mean() < 4


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((ONE, 0, 0, ONE), Turn()),
        ((0, ONE, -ONE, 0), Turn(swapped=True, mirrored_x=True)),
        ((-ONE, 0, 0, -ONE), Turn(mirrored_x=True, mirrored_y=True)),
        ((0, -ONE, ONE, 0), Turn(swapped=True, mirrored_y=True)),
        ((-ONE, 0, 0, ONE), Turn(mirrored_x=True)),
        ((0, ONE, ONE, 0), Turn(swapped=True)),
    ],
)
def test_a_display_matrix_moves_pixels_as_it_says(matrix, turn):
    a, b, c, d = matrix
    assert turn_of(struct.pack("=9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)) == turn
    stored = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    upright = turn.apply(stored)
    assert (upright.shape[1], upright.shape[0]) == turn.size_wh((3, 2))
    assert upright.flags.c_contiguous
    for y in range(2):
        for x in range(3):
            # of the middle of the pixel, in halves
            to_x = (a * (2 * x + 1) + c * (2 * y + 1)) // (2 * ONE) % upright.shape[1]
            to_y = (b * (2 * x + 1) + d * (2 * y + 1)) // (2 * ONE) % upright.shape[0]
            assert (upright[to_y, to_x] == stored[y, x]).all()


def test_many_sizes_and_threads_at_once():
    converter = Converter()
    pictures = [converter.picture(plain((30 * n, 128, 128), color_range=2)) for n in range(8)]
    wrong = []

    def convert() -> None:
        for n, picture in enumerate(pictures):
            for width in (64, 48, 40, 32, 24, 20):
                image = picture.convert((width, width))
                if image.shape != (width, width, 3) or abs(int(image[3, 3, 0]) - 30 * n) > 1:
                    wrong.append((n, width))

    threads = [threading.Thread(target=convert) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_frames_do_not_wait_for_the_garbage_collector():
    def frames_alive() -> int:
        return sum(type(found) is av.VideoFrame for found in gc.get_objects())

    gc.collect()
    before = frames_alive()
    gc.disable()
    try:
        converter = Converter()
        for _ in range(50):
            picture = converter.picture(plain((30, 128, 128)))
            picture.convert((32, 24))
        del picture
        assert frames_alive() <= before
    finally:
        gc.enable()
