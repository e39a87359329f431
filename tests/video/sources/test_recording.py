from __future__ import annotations

import os
from datetime import datetime, timezone
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.shared import shared
from tests.video.clips import (
    NTSC,
    number_of,
    numbered,
    turn_mp4,
    write_clip,
    write_sound,
)
from vultus.errors import (
    ImageTooLarge,
    SourceDenied,
    SourceMissing,
    SourceNotVideo,
    SourceTimeout,
    SourceUnknown,
    UsageError,
)
from vultus.settings import Settings
from vultus.video.sources.opening import open_source

SETTINGS = Settings()


def read(path, settings=SETTINGS):
    """All frames' (number, media time), and the closed source."""
    source = open_source(str(path), settings)
    found = [(number_of(frame.image), frame.media_time) for frame in source.frames()]
    source.close()
    return found, source


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mov"])
def test_2997_is_exact(tmp_path, name):
    found, source = read(write_clip(tmp_path / name, 61, rate=NTSC))
    assert source.info.rate == Fraction(30000, 1001)
    assert found == [(n, n * Fraction(1001, 30000)) for n in range(61)]
    assert source.info.duration == 61 * Fraction(1001, 30000)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("clip.mkv", "libx264"), ("clip.avi", "mpeg4"), ("clip.ts", "libx264"), ("c.webm", "libvpx")],
)
def test_every_container_gives_every_frame(tmp_path, name, codec):
    found, source = read(write_clip(tmp_path / name, 30, codec=codec))
    assert [number for number, _ in found] == list(range(30))
    assert [float(time) for _, time in found] == pytest.approx([n / 25 for n in range(30)])
    assert source.info.rate == 25


def test_frames_out_of_order_in_the_file_come_in_order(tmp_path):
    path = write_clip(tmp_path / "b.mp4", 30, codec_options={"preset": "fast", "bf": "3"})
    found, _ = read(path)
    assert found == [(n, Fraction(n, 25)) for n in range(30)]


def test_variable_rate_and_gaps_are_kept(tmp_path):
    times = [Fraction(n * n, 1000) for n in range(12)]
    times += [times[-1] + Fraction(60) + Fraction(n, 25) for n in range(12)]
    found, _ = read(write_clip(tmp_path / "vfr.mp4", 24, times=times))
    assert found == list(enumerate(times))


def test_time_begins_at_the_first_frame(tmp_path):
    times = [Fraction(100) + Fraction(n, 10) for n in range(5)]
    found, _ = read(write_clip(tmp_path / "late.mkv", 5, times=times))
    assert found == [(n, Fraction(n, 10)) for n in range(5)]


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_phone_videos_are_upright(tmp_path, quarters):
    picture = np.zeros((96, 160, 3), np.uint8)
    picture[:48, :80] = (250, 0, 0)  # what is at the upper left when it is shown
    picture[:48, 80:] = (0, 250, 0)
    picture[48:, :80] = (0, 0, 250)
    shown = picture if quarters % 2 == 0 else picture.transpose(1, 0, 2)[::-1]
    stored = np.rot90(shown, quarters)  # counter-clockwise, so that clockwise makes it upright
    size = (stored.shape[1], stored.shape[0])
    path = turn_mp4(write_clip(tmp_path / "phone.mp4", [stored] * 3, size_wh=size), quarters)
    source = open_source(str(path), SETTINGS)
    frame = next(source.frames())
    source.close()
    assert source.info.size_wh == frame.size_wh == (shown.shape[1], shown.shape[0])
    assert np.abs(frame.image.astype(int) - shown).mean() < 4
    small = frame.small(40)
    wanted = shown[::4, ::4]
    assert small.shape == wanted.shape
    assert np.abs(small.astype(int) - wanted).mean() < 8


@pytest.mark.parametrize("name", ["cut.mkv", "cut.ts", "cut.mp4"])
def test_a_file_that_was_cut_off_gives_what_there_is(tmp_path, name):
    options = {"movflags": "faststart"} if name.endswith("mp4") else None
    path = write_clip(tmp_path / name, 100, container=options, size_wh=(320, 192))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    found, _ = read(path)
    assert 40 < len(found) < 80
    again, _ = read(path)
    assert found == again
    whole = [number for number, _ in found]
    assert whole[:-1] == list(range(len(whole) - 1))  # the last may be damaged


def test_a_recording_without_its_end_says_that(tmp_path):
    path = write_clip(tmp_path / "cut.mp4", 50)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(SourceNotVideo, match=r"cut\.mp4.*cut off"):
        open_source(str(path), SETTINGS)


def test_damaged_packets_are_skipped_and_counted_the_same_on_every_run(tmp_path):
    # Motion JPEG: every packet stands for itself, so that one can be spoilt for sure
    path = write_clip(tmp_path / "hurt.avi", 20, codec="mjpeg")
    data = path.read_bytes()
    parts = data.split(b"\xff\xd8\xff")
    parts[6] = bytes(700) + parts[6][700:]
    path.write_bytes(b"\xff\xd8\xff".join(parts))
    runs = []
    for _ in range(2):
        found, source = read(path)
        runs.append((found, source.damaged))
    assert runs[0] == runs[1]
    numbers = [number for number, _ in runs[0][0]]
    assert numbers == [n for n in range(20) if n != 5]
    assert runs[0][1] == 1
    assert runs[0][0][5] == (6, Fraction(6, 25))  # the gap stays a gap


def test_bits_turned_over_end_nothing(tmp_path):
    path = write_clip(tmp_path / "bits.mkv", 60, size_wh=(320, 192))
    data = bytearray(path.read_bytes())
    for place in np.random.default_rng(5).integers(len(data) // 4, len(data), 60):
        data[place] ^= 0x10
    path.write_bytes(bytes(data))
    runs = []
    for _ in range(2):
        source = open_source(str(path), SETTINGS)
        # not the pixels: where nothing was decoded, FFmpeg leaves what was in its memory
        frames = [(frame.media_time, frame.image.shape) for frame in source.frames()]
        source.close()
        runs.append((frames, source.damaged))
    assert len(runs[0][0]) > 20
    assert runs[0] == runs[1]


def test_a_size_that_changes_in_the_middle(tmp_path):
    parts = []
    for number, size in enumerate([(160, 96), (320, 192), (96, 160)]):
        part = write_clip(tmp_path / f"{number}.ts", 10, size_wh=size)
        parts.append(part.read_bytes())
    path = tmp_path / "sizes.ts"
    path.write_bytes(b"".join(parts))
    source = open_source(str(path), SETTINGS)
    frames = list(source.frames())
    source.close()
    sizes = [frame.size_wh for frame in frames]
    assert set(sizes) == {(160, 96), (320, 192), (96, 160)}
    for frame in frames:
        assert frame.image.shape == (frame.size_wh[1], frame.size_wh[0], 3)
    times = [frame.media_time for frame in frames]
    assert times == sorted(set(times))  # though each part's clock begins anew
    limited = open_source(str(path), Settings(limits={"max_image_pixels": 160 * 96}))
    with pytest.raises(ImageTooLarge, match="320 x 192"):
        list(limited.frames())
    limited.close()


def test_the_moment_comes_from_the_files_tag_or_its_date(tmp_path):
    tagged = write_clip(tmp_path / "a.mp4", 3, tags={"creation_time": "2019-03-04T05:06:07Z"})
    plain = write_clip(tmp_path / "b.mp4", 3)
    os.utime(plain, (1_600_000_000, 1_600_000_000.5))
    starts = []
    for path in (tagged, plain):
        source = open_source(str(path), SETTINGS)
        starts.append(next(source.frames()).taken_at)
        source.close()
    assert starts[0] == datetime(2019, 3, 4, 5, 6, 7, tzinfo=timezone.utc)
    assert starts[1] == datetime.fromtimestamp(1_600_000_000.5, timezone.utc)


def test_a_start_without_a_zone_is_refused(tmp_path):
    path = write_clip(tmp_path / "a.mp4", 3)
    with pytest.raises(UsageError, match="zone"):
        open_source(str(path), SETTINGS, started_at=datetime(2020, 1, 1))


def test_sound_beside_pictures_is_told(tmp_path):
    _, source = read(write_clip(tmp_path / "a.mp4", 5, sound=True))
    assert source.info.has_audio


def no_video(tmp_path, kind):
    path = tmp_path / f"it.{kind}"
    if kind == "m4a":
        return write_sound(path)
    if kind == "empty.mp4":
        path.touch()
    elif kind == "txt":
        path.write_text("words\n" * 500)
    elif kind == "html":
        path.write_text("<html><body>page</body></html>" * 90)
    elif kind == "png":
        from PIL import Image

        Image.fromarray(numbered(1)).save(path)
    elif kind == "mp4":  # a header and no frame
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
            out.start_encoding()
    return path


@pytest.mark.parametrize("kind", ["m4a", "empty.mp4", "txt", "html", "png", "mp4"])
def test_what_is_no_video_says_so(tmp_path, kind):
    path = no_video(tmp_path, kind)
    with pytest.raises(SourceNotVideo) as raised:
        open_source(str(path), SETTINGS)
    assert str(path) in raised.value.message
    assert raised.value.hint


def test_sound_only_is_named_as_such(tmp_path):
    with pytest.raises(SourceNotVideo, match="sound only"):
        open_source(str(write_sound(tmp_path / "a.m4a")), SETTINGS)


def test_what_is_missing_or_odd(tmp_path):
    with pytest.raises(SourceMissing, match=r"nowhere\.mp4 is not there"):
        open_source(str(tmp_path / "nowhere.mp4"), SETTINGS)
    with pytest.raises(SourceMissing):
        open_source(str(tmp_path / "no folder" / "a.mp4"), SETTINGS)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceUnknown, match="no file"):
        open_source(str(tmp_path / "pipe"), SETTINGS)
    with pytest.raises(SourceNotVideo):
        open_source("x" * 5000, SETTINGS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = write_clip(tmp_path / "a.mp4", 3)
    path.chmod(0)
    with pytest.raises(SourceDenied):
        open_source(str(path), SETTINGS)


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path):
    path = write_clip(tmp_path / "big.mp4", 3)
    limited = Settings(limits={"max_image_pixels": 160 * 96 - 1})
    with pytest.raises(ImageTooLarge, match="160 x 96"):
        open_source(str(path), limited)
    open_source(str(path), Settings(limits={"max_image_pixels": 160 * 96})).close()


def test_a_playlist_on_disk_reaches_no_other_machine(tmp_path, hasty):
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://10.9.9.9/a.ts\n")
    with pytest.raises((SourceTimeout, SourceNotVideo)):
        open_source(str(path), hasty)


def test_ffmpeg_is_silent(tmp_path, capfd):
    path = write_clip(tmp_path / "bits.mkv", 30)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :: 97] = bytes(len(data[len(data) // 2 :: 97]))
    path.write_bytes(bytes(data))
    capfd.readouterr()
    read(path)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.parametrize(
    ("name", "count", "size_wh", "rate"),
    [
        ("hamilton_short.mp4", 275, (640, 360), Fraction(2997, 100)),
        ("street_1080p.mp4", 105, (1920, 1080), Fraction(25)),
    ],
)
def test_real_clips(name, count, size_wh, rate):
    source = open_source(str(shared(f"videos/{name}")), SETTINGS)
    frames = 0
    for frame in source.frames():
        assert frame.media_time == frames / rate
        assert frame.index == frames
        frames += 1
    source.close()
    assert frames == count
    assert source.info.size_wh == size_wh
    assert source.info.rate == rate
    assert source.info.has_audio
    assert source.damaged == 0


def test_iteration_goes_on_where_it_stopped(tmp_path):
    source = open_source(str(write_clip(tmp_path / "a.mp4", 10)), SETTINGS)
    first = [number_of(frame.image) for frame, _ in zip(source.frames(), range(3), strict=False)]
    rest = [number_of(frame.image) for frame in source.frames()]
    source.close()
    assert first == [0, 1, 2]
    assert rest[0] in (3, 4)  # zip takes one more than it gives
    assert rest[-1] == 9
