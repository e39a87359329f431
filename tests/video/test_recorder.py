from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests.shared import shared
from tests.video.clips import NTSC, number_of, numbered, write_clip
from vultus.errors import StorageError, UsageError
from vultus.imaging.draw import KNOWN
from vultus.settings import Settings
from vultus.video import film
from vultus.video.frame import Frame
from vultus.video.overlay import Label
from vultus.video.recorder import Recorder
from vultus.video.sources.opening import open_source
from vultus.video.sources.source import SourceInfo

ROOT = Path(__file__).resolve().parents[2]


def make_frame(index: int, media_time: Fraction, image: np.ndarray) -> Frame:
    size_wh = (image.shape[1], image.shape[0])
    now = datetime.now(timezone.utc)
    return Frame(index, media_time, now, size_wh, lambda _: image.copy())


def made(count: int, rate: Fraction = NTSC, size_wh=(160, 96)) -> Iterator[Frame]:
    return (make_frame(i, i / rate, numbered(i, size_wh)) for i in range(count))


def info(size_wh=(160, 96), rate: Fraction | None = NTSC, *, live: bool = False) -> SourceInfo:
    return SourceInfo("made", live, size_wh, rate)


def record(path: Path, frames: Iterable[Frame], about: SourceInfo) -> Recorder:
    with Recorder(path, about, None) as recorder:
        for frame in frames:
            recorder.write(frame, [])
    return recorder


def record_file(source: Path, path: Path, *, first: int | None = None) -> Recorder:
    """Record a video as `watch` does; at most the first so many frames."""
    opened = open_source(str(source), Settings())
    audio_from = str(source) if opened.info.has_audio else None
    with Recorder(path, opened.info, audio_from) as recorder:
        for frame in opened.frames():
            if frame is None or frame.index == first:
                break
            recorder.write(frame, [])
    opened.close()
    return recorder


def times_of(path: Path) -> list[Fraction]:
    """The exact times of the frames, by the file's own clock."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def pictures_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def sound_of(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.audio[0])
        return [(p.dts * p.time_base, bytes(p)) for p in packets if p.dts is not None]


def length_of(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.duration * stream.time_base


def kinds_of(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.type for stream in container.streams]


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What is logged, also where the command line has taken over the log."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    log = logging.getLogger("vultus.video")
    log.addHandler(handler)
    yield lines
    log.removeHandler(handler)


# times


@pytest.mark.parametrize("old_ffmpeg", [False, True])
@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_a_recording_has_the_times_the_length_and_the_sound_of_its_source(
    tmp_path, ending, old_ffmpeg, monkeypatch
):
    if old_ffmpeg:
        monkeypatch.setattr(film, "_has_hybrid", lambda: False)
    source, path = shared("videos/hamilton_short.mp4"), tmp_path / f"out.{ending}"
    recorder = record_file(source, path)
    assert recorder.error is None
    assert times_of(path) == times_of(source)
    assert len(times_of(path)) == 275
    assert length_of(path) == length_of(source)
    assert sound_of(path) == sound_of(source)
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == Fraction(2997, 100)
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_matroska_keeps_times_to_the_millisecond_and_the_sound(tmp_path):
    source, path = shared("videos/hamilton_short.mp4"), tmp_path / "out.mkv"
    record_file(source, path)
    pairs = zip(times_of(path), times_of(source), strict=True)
    assert all(abs(ours - theirs) <= Fraction(1, 1000) for ours, theirs in pairs)
    assert [data for _, data in sound_of(path)] == [data for _, data in sound_of(source)]


def test_a_variable_rate_is_kept_exactly_without_sound_too(tmp_path):
    times = [Fraction(n, 90_000) for n in (0, 3003, 3004, 45_000, 90_001, 270_007)]
    source = write_clip(tmp_path / "in.mp4", 6, times=times)
    record_file(source, tmp_path / "out.mp4")
    assert times_of(tmp_path / "out.mp4") == times
    numbers = [number_of(picture) for picture in pictures_of(tmp_path / "out.mp4")]
    assert numbers == list(range(6))


@pytest.mark.parametrize("live", [False, True])
def test_29_97_stays_30000_in_1001_seconds(tmp_path, live):
    path = tmp_path / "out.mp4"
    with Recorder(path, info(live=live), None) as recorder:
        for frame in made(20):
            recorder.write(frame, [])
            while live and recorder._queue.qsize():
                time.sleep(0.001)  # else some would be dropped
    assert [b - a for a, b in pairwise(times_of(path))] == [1 / NTSC] * 19
    assert length_of(path) == 20 / NTSC
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == NTSC


def test_times_finer_than_the_ticks_still_rise(tmp_path):
    times = [Fraction(0), Fraction(1, 10**9), Fraction(2, 10**9), Fraction(1)]
    frames = (make_frame(i, time, numbered(i)) for i, time in enumerate(times))
    recorder = record(tmp_path / "out.mp4", frames, info(live=False, rate=None))
    assert recorder.error is None
    assert len(times_of(tmp_path / "out.mp4")) == 4


@pytest.mark.parametrize(("hours", "written"), [(6, 6 * 3600), (48, 22_222)])
def test_a_camera_that_was_down_for_hours_leaves_a_gap(tmp_path, hours, written):
    """As long as it was; more than 6.2 hours become so many, and what follows is in step."""
    ends = [Fraction(0), Fraction(1, 30)]
    times = [*ends, *(hours * 3600 + time for time in ends)]
    frames = (make_frame(i, time, numbered(i)) for i, time in enumerate(times))
    recorder = record(tmp_path / "out.mp4", frames, info(live=True, rate=Fraction(30)))
    assert recorder.error is None
    found = times_of(tmp_path / "out.mp4")
    assert found[:2] == ends
    assert abs(found[2] - written) < 1
    assert found[3] - found[2] == Fraction(1, 30)


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_a_broadcast_whose_clock_stands_at_ten_hours_begins_near_zero(tmp_path, ending):
    late = {"output_ts_offset": "36000"}
    source = write_clip(tmp_path / "in.ts", 30, sound=True, container=late)
    path = tmp_path / f"out.{ending}"
    assert times_of(source)[0] >= 36_000
    assert record_file(source, path).error is None
    shift = round(times_of(source)[0] - times_of(path)[0])
    pairs = zip(times_of(path), times_of(source), strict=True)
    assert all(abs(ours + shift - theirs) <= 0.001 for ours, theirs in pairs)
    assert times_of(path)[0] < 3
    ours, theirs = sound_of(path), sound_of(source)
    assert len(ours) == len(theirs)
    pairs = zip(ours, theirs, strict=True)
    assert all(abs(a + shift - b) <= 0.001 for (a, _), (b, _) in pairs)
    with av.open(str(path)) as container:  # and can be heard
        assert sum(frame.samples for frame in container.decode(audio=0)) > 7 * 1024


def test_where_recording_ends_early_the_sound_does_too(tmp_path):
    source = shared("videos/hamilton_short.mp4")
    record_file(source, tmp_path / "out.mp4", first=100)
    assert times_of(tmp_path / "out.mp4") == times_of(source)[:100]
    sound = sound_of(tmp_path / "out.mp4")
    assert sound == sound_of(source)[: len(sound)]
    end = times_of(source)[100]
    assert end - Fraction(1, 10) < sound[-1][0] <= end


# pictures


def test_labels_are_drawn_and_the_picture_stays(tmp_path):
    image = np.full((240, 320, 3), (90, 120, 150), np.uint8)
    with Recorder(tmp_path / "out.mp4", info((320, 240)), None) as recorder:
        recorder.write(make_frame(0, Fraction(0), image), [Label((60, 80, 90, 100), "Ada", True)])
    (picture,) = pictures_of(tmp_path / "out.mp4")
    line = picture[81, 80:140].mean(axis=0)
    assert np.abs(line - KNOWN).max() < 30
    assert np.abs(picture[200:, 200:].mean(axis=(0, 1)) - (90, 120, 150)).max() < 4


@pytest.mark.parametrize("size_wh", [(161, 97), (160, 97), (1, 1), (33, 64)])
def test_odd_sizes_get_an_even_edge(tmp_path, size_wh):
    image = np.full((size_wh[1], size_wh[0], 3), 200, np.uint8)
    recorder = record(tmp_path / "out.mp4", [make_frame(0, Fraction(0), image)], info(size_wh))
    assert recorder.error is None
    (picture,) = pictures_of(tmp_path / "out.mp4")
    assert picture.shape == (size_wh[1] + size_wh[1] % 2, size_wh[0] + size_wh[0] % 2, 3)
    assert picture.min() > 190


def test_another_size_in_the_middle_is_fitted_with_borders(tmp_path):
    sizes = [(160, 96), (80, 96), (320, 96), (161, 96)]
    frames = [
        make_frame(i, Fraction(i, 10), np.full((high, wide, 3), 200, np.uint8))
        for i, (wide, high) in enumerate(sizes)
    ]
    record(tmp_path / "out.mp4", frames, info())
    whole, narrow, flat, close = pictures_of(tmp_path / "out.mp4")
    assert whole.shape == narrow.shape == flat.shape == close.shape == (96, 160, 3)
    assert narrow[:, 50:110].min() > 150
    assert narrow[:, :30].max() < 50
    assert narrow[:, 130:].max() < 50
    assert flat[40:56].min() > 150
    assert flat[:16].max() < 50


# what cannot be


@pytest.mark.parametrize("name", ["out.avi", "out", "out.jpg", ".mp4"])
def test_an_ending_that_nobody_knows_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match=r"\.mp4"):
        Recorder(tmp_path / name, info(), None)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder.mp4").mkdir()
    for name in ("file/out.mp4", "folder.mp4"):
        with pytest.raises(StorageError, match="cannot be written"):
            Recorder(tmp_path / name, info(), None)


@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize("linked", [True, False])
def test_the_video_itself_is_never_written_over(tmp_path, sound, linked):
    source = write_clip(tmp_path / "in.mp4", 5, sound=sound)
    before = source.read_bytes()
    path = tmp_path / "link.mp4" if linked else source
    if linked:
        path.symlink_to(source)
    with pytest.raises(UsageError, match="itself"):
        record_file(source, path)
    assert source.read_bytes() == before


def test_a_colon_in_the_name_is_no_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "in.mp4", 5, sound=True).rename("in:1.mp4")
    about = SourceInfo("in:1.mp4", False, (160, 96), Fraction(25), has_audio=True)
    with Recorder("new/out:1.mp4", about, "in:1.mp4") as recorder:
        recorder.write(make_frame(0, Fraction(0), numbered(0)), [])
    assert kinds_of(tmp_path / "new" / "out:1.mp4") == ["video", "audio"]


FULL = """
import logging, resource, sys
from pathlib import Path
from tests.video.test_recorder import made, info
from vultus.video.recorder import Recorder
from vultus.errors import StorageError
import numpy as np

logging.basicConfig(format="%(levelname)s %(message)s")
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
seen = 0
with Recorder(Path(sys.argv[1]), info((320, 192)), None) as recorder:
    for frame in made(400, size_wh=(320, 192)):
        recorder.write(frame, [])
        seen += 1
assert isinstance(recorder.error, StorageError)
print(seen)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit for the size of files")
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_full_disk_ends_the_recording_and_nothing_else(tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "400\n"), ran.stderr
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"ERROR {path} cannot be written any further: ")
    assert "Recognition goes on" in line
    source = open_source(str(path), Settings())  # what there is can be played
    numbers = [number_of(frame.image) for frame in source.frames() if frame is not None]
    source.close()
    assert len(numbers) > 20
    assert numbers == list(range(len(numbers)))


KILLED = """
import os, sys, time
from pathlib import Path
from tests.video.test_recorder import made, info
from vultus.video.recorder import Recorder

path = Path(sys.argv[1])
recorder = Recorder(path, info(), None)
for frame in made(400):
    recorder.write(frame, [])
os._exit(1)
"""


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_recording_that_was_killed_can_be_played(tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    command = [sys.executable, "-c", KILLED, str(path)]
    ran = subprocess.run(command, cwd=ROOT, timeout=60, check=False)
    assert ran.returncode == 1
    assert len(pictures_of(path)) > 100


def test_an_error_is_told_once_and_writing_goes_on(tmp_path, monkeypatch, told):
    recorder = Recorder(tmp_path / "out.mp4", info(), None)
    monkeypatch.setattr(recorder._film, "add", lambda *_: 1 / 0)
    for frame in made(20):
        recorder.write(frame, [])
    recorder.close()
    assert isinstance(recorder.error, StorageError)
    assert isinstance(recorder.error.__cause__, ZeroDivisionError)
    assert told == [str(recorder.error)]


def test_a_frame_that_cannot_be_converted_ends_the_recording_only(tmp_path, told):
    def lost(_):
        raise RuntimeError("the source is gone")

    frame = Frame(0, Fraction(0), datetime.now(timezone.utc), (160, 96), lost)
    recorder = record(tmp_path / "out.mp4", [frame], info())
    assert "the source is gone" in str(recorder.error)
    assert len(told) == 1


# waiting


def slow_recorder(path: Path, *, live: bool) -> tuple[Recorder, threading.Event]:
    """Its encoder waits for the event."""
    recorder, go = Recorder(path, info(live=live), None), threading.Event()
    add = recorder._film.add

    def add_slowly(*arguments):
        assert go.wait(10)
        add(*arguments)

    recorder._film.add = add_slowly
    return recorder, go


def test_a_live_source_does_not_wait_for_the_encoder(tmp_path, told):
    recorder, go = slow_recorder(tmp_path / "out.mp4", live=True)
    for frame in made(30):
        recorder.write(frame, [])  # would never return if it waited
    go.set()
    recorder.close()
    kept = len(times_of(tmp_path / "out.mp4"))
    assert kept + recorder.dropped == 30
    assert kept >= 4
    assert told == [
        f"{tmp_path / 'out.mp4'} lacks {recorder.dropped} frames: encoding could not keep up."
    ]


def test_a_file_waits_so_that_every_frame_is_there(tmp_path):
    recorder, go = slow_recorder(tmp_path / "out.mp4", live=False)
    threading.Timer(0.1, go.set).start()
    for frame in made(30):
        recorder.write(frame, [])
    recorder.close()
    assert recorder.dropped == 0
    assert len(times_of(tmp_path / "out.mp4")) == 30


def test_closed_twice_and_written_to_after_that(tmp_path):
    recorder = record(tmp_path / "out.mp4", made(3), info())
    recorder.close()
    recorder.write(next(made(1)), [])
    recorder.close()
    assert len(times_of(tmp_path / "out.mp4")) == 3


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_without_a_frame_nothing_breaks(tmp_path, ending):
    assert record(tmp_path / f"out.{ending}", [], info()).error is None


def test_an_older_recording_is_replaced(tmp_path):
    record(tmp_path / "out.mp4", made(30), info())
    record(tmp_path / "out.mp4", made(3), info())
    assert len(times_of(tmp_path / "out.mp4")) == 3


# encoders and sound


def test_without_x264_another_encoder_is_taken_and_told(tmp_path, monkeypatch, told):
    monkeypatch.setattr(film, "_ENCODERS", ("no-such-encoder", "mpeg4"))
    recorder = record(tmp_path / "out.mp4", made(20), info())
    assert (recorder.encoder, recorder.error) == ("mpeg4", None)
    assert told == ["no-such-encoder is missing; videos are written with mpeg4."]
    assert [number_of(picture) for picture in pictures_of(tmp_path / "out.mp4")] == list(range(20))
    assert times_of(tmp_path / "out.mp4") == [frame.media_time for frame in made(20)]


def test_without_any_encoder_it_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(film, "_ENCODERS", ("no-such-encoder",))
    with pytest.raises(StorageError, match="no encoder"):
        Recorder(tmp_path / "out.mp4", info(), None)


def with_plain_sound(path: Path) -> Path:
    """A clip whose sound is of a kind that MP4 has no place for."""
    with av.open(str(path), "w") as out:
        video, sound = out.add_stream("libx264", rate=25), out.add_stream("pcm_u8", rate=8000)
        video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
        for index in range(10):
            out.mux(video.encode(av.VideoFrame.from_ndarray(numbered(index), format="rgb24")))
        out.mux(video.encode(None))
        frame = av.AudioFrame(format="u8", layout="mono", samples=800)
        frame.sample_rate, frame.pts = 8000, 0
        frame.planes[0].update(bytes(800))
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    return path


def test_sound_that_a_file_cannot_hold_is_left_out_and_told(tmp_path, told):
    source = with_plain_sound(tmp_path / "in.mkv")
    assert record_file(source, tmp_path / "out.mp4").error is None
    assert kinds_of(tmp_path / "out.mp4") == ["video"]
    assert len(told) == 1
    assert "pcm_u8" in told[0]
    record_file(source, tmp_path / "out.mkv")
    assert kinds_of(tmp_path / "out.mkv") == ["video", "audio"]


def test_where_the_sound_cannot_be_read_the_pictures_are_recorded(tmp_path, told):
    with Recorder(tmp_path / "out.mp4", info(), str(tmp_path / "gone.mp4")) as recorder:
        for frame in made(5):
            recorder.write(frame, [])
    assert recorder.error is None
    assert len(times_of(tmp_path / "out.mp4")) == 5
    assert len(told) == 1
    assert told[0].startswith("No sound is recorded")
