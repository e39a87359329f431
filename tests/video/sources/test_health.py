from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timezone
from fractions import Fraction

import cv2
import numpy as np
import pytest

from tests.shared import shared
from tests.video.clips import numbered, write_clip
from vultus.imaging.load import load
from vultus.settings import Settings, VideoSettings
from vultus.video.frame import Frame
from vultus.video.health import FROZEN, GREY, REASONS, SMEARED, FrameHealth
from vultus.video.sources.opening import open_source

SETTINGS = VideoSettings(frozen_s=2)
NOISE = np.random.default_rng(11)
PHOTOS = ("coffee", "rocket", "brick", "grass", "moon", "page", "clock", "coins", "cat")


def frame(image, seconds=0, *, corrupt=False):
    size = (image.shape[1], image.shape[0])
    now = datetime.now(timezone.utc)
    return Frame(0, Fraction(seconds), now, size, lambda _: image, corrupt=corrupt)


def judged(image, *, corrupt=False):
    return FrameHealth(SETTINGS, live=True).check(frame(image, corrupt=corrupt), image)


def noisy(image, sigma):
    return np.clip(image + NOISE.normal(0, sigma, image.shape), 0, 255).astype(np.uint8)


def variants(image):
    """A real picture in bad light: nothing is wrong with any of them."""
    values = image.astype(float)
    yield image
    yield noisy(values * 0.08, 1.5)  # night
    yield noisy(np.repeat(values.mean(axis=2, keepdims=True) * 0.1, 3, axis=2), 1)  # infrared
    yield noisy(np.clip(values - 150, 0, 255) * 0.5, 0.7)  # a lamp in the dark
    yield noisy(values * 0.04 + 124, 1)  # fog
    yield np.clip(values * 1.5 + 40, 0, 255).astype(np.uint8)  # too bright


@pytest.mark.parametrize("name", PHOTOS)
def test_photos_are_fit_in_every_light(name):
    image = getattr(pytest.importorskip("skimage.data"), name)()
    image = load(np.ascontiguousarray(image))
    for variant in variants(image):
        assert judged(variant) is None


def test_the_shared_photos_are_fit():
    paths = sorted(shared("photos").rglob("*.jpg"))
    assert paths
    for path in [path for path in paths if "odd" not in path.parts]:
        image = load(path)
        scale = min(1, 960 / max(image.shape))
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        assert judged(cv2.resize(image, size, interpolation=cv2.INTER_AREA)) is None, path


@pytest.mark.parametrize("clip", ["hamilton_short.mp4", "street_1080p.mp4"])
def test_real_videos_are_fit(clip):
    source = open_source(str(shared(f"videos/{clip}")), Settings())
    health = FrameHealth(SETTINGS, live=True)
    for shown in source.frames():
        assert health.check(shown, shown.small(640)) is None
    source.close()
    assert health.counts == dict.fromkeys(REASONS, 0)


@pytest.mark.parametrize("crf", ["20", "35"])
def test_a_night_is_fit_after_coding_too(tmp_path, crf, astronaut):
    pictures = [noisy(astronaut * 0.08, 1.5) for _ in range(10)]
    options = {"preset": "veryfast", "crf": crf}
    path = write_clip(tmp_path / "a.mp4", pictures, size_wh=(512, 512), codec_options=options)
    source = open_source(str(path), Settings())
    health = FrameHealth(SETTINGS, live=True)
    assert [health.check(shown, shown.image) for shown in source.frames()] == [None] * 10
    source.close()


def test_a_wall_with_grain_is_fit():
    for level in (20, 128, 130, 220):
        assert judged(noisy(np.full((360, 640, 3), level), 1.0)) is None
    slope = np.linspace(100, 160, 640)[None, :, None] + np.zeros((360, 1, 3))
    assert judged(slope.astype(np.uint8)) is None


@pytest.mark.parametrize("colour", [(0, 0, 0), (128, 128, 128), (130, 130, 130), (0, 135, 0)])
def test_one_flat_colour_is_grey(colour):
    image = np.broadcast_to(np.array(colour, np.uint8), (360, 640, 3))
    assert judged(image) == GREY


@pytest.mark.parametrize(("fill", "share"), [((130, 130, 130), 0.7), ((0, 135, 0), 0.3)])
def test_what_a_decoder_fills_in_is_grey(astronaut, fill, share):
    image = astronaut.copy()
    image[round(len(image) * (1 - share)) :] = fill
    assert judged(image) == GREY


def test_a_lawn_and_a_green_wall_are_fit():
    lawn = noisy(np.broadcast_to(np.array([40, 130, 30.0]), (360, 640, 3)), 8)
    assert judged(lawn) is None
    assert judged(noisy(np.broadcast_to(np.array([8, 120, 9.0]), (360, 640, 3)), 1)) is None


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_row_that_is_repeated_to_the_bottom_is_smeared(astronaut, share):
    image = astronaut.copy()
    row = round(len(image) * (1 - share))
    image[row:] = image[row]
    assert judged(image) == SMEARED
    small = cv2.resize(image, (300, 300), interpolation=cv2.INTER_AREA)
    assert judged(small) == SMEARED


def test_letterbox_bars_and_a_small_smear_are_fit(astronaut):
    bars = astronaut.copy()
    bars[:100] = bars[-150:] = 0
    assert judged(bars) is None
    little = astronaut.copy()
    little[-60:] = little[-60]
    assert judged(little) is None


def test_stripes_over_the_whole_picture_are_a_picture_of_stripes():
    stripes = 128 + 80 * np.sign(np.sin(np.arange(640) / 5))[None, :, None] + np.zeros((360, 1, 3))
    assert judged(stripes.astype(np.uint8)) is None
    assert judged(noisy(stripes, 1)) is None


def test_what_the_decoder_calls_corrupt_is_smeared(astronaut):
    assert judged(astronaut, corrupt=True) == SMEARED


def test_half_a_picture_of_h264_that_was_lost_is_found(tmp_path):
    """Nothing synthetic: a stream whose key frame lost its second half on the way."""
    path = write_clip(tmp_path / "a.h264", 20, size_wh=(320, 192), format_name="h264", gop=20)
    data = path.read_bytes()
    second = data.index(b"\x00\x00\x01\x41")  # the first frame that is no key frame
    first = data.index(b"\x00\x00\x01\x65")
    path.write_bytes(data[: first + (second - first) // 3] + data[second:])
    source = open_source(str(path), Settings())
    health = FrameHealth(SETTINGS, live=False)
    reasons = [health.check(shown, shown.image) for shown in source.frames()]
    source.close()
    assert reasons
    assert reasons[0] in (GREY, SMEARED)


def test_the_very_same_picture_for_too_long_is_frozen(astronaut):
    health = FrameHealth(SETTINGS, live=True)
    reasons = [health.check(frame(astronaut, n), astronaut.copy()) for n in range(5)]
    assert reasons == [None, None, None, FROZEN, FROZEN]
    other = noisy(astronaut.astype(float), 1)
    assert health.check(frame(other, 5), other) is None
    assert [health.check(frame(other, 5 + n), other) for n in (2, 3)] == [None, FROZEN]
    assert health.counts == {GREY: 0, SMEARED: 0, FROZEN: 3}


def test_one_pixel_that_changes_is_enough(astronaut):
    health = FrameHealth(SETTINGS, live=True)
    for second in range(10):
        image = astronaut.copy()
        image[7, 9] = second  # a clock in the picture
        assert health.check(frame(image, second), image) is None


def test_a_recording_may_stand_still(astronaut):
    health = FrameHealth(SETTINGS, live=False)
    assert {health.check(frame(astronaut, n), astronaut) for n in range(99)} == {None}


def test_slow_change_is_no_freeze():
    health = FrameHealth(SETTINGS, live=True)
    for second in range(20):
        image = np.clip(numbered(3).astype(int) + second, 0, 255).astype(np.uint8)
        assert health.check(frame(image, second), image) is None


def test_every_reason_has_words():
    assert set(REASONS) == {GREY, SMEARED, FROZEN}
    code = "import sys, vultus.video.health; sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
