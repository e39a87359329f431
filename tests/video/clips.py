"""Making clips for tests: each frame says in its pixels which one it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from tests.shared import shared

NTSC = Fraction(30000, 1001)
_BITS = 10
Draw = Callable[[int, tuple[int, int]], np.ndarray]


def numbered(number: int, size_wh: tuple[int, int] = (160, 96)) -> np.ndarray:
    """A picture of texture whose upper third holds the number: ten bars, white is one."""
    width, height = size_wh
    rows, columns = np.mgrid[0:height, 0:width]
    image = np.empty((height, width, 3), np.uint8)
    image[..., 0] = 60 + 90 * rows // height
    image[..., 1] = 60 + 110 * columns // width
    image[..., 2] = 90 + 40 * ((rows // 6 + columns // 6 + number) % 2)
    bars = np.array([(number >> bit) & 1 for bit in range(_BITS)])
    image[: height // 3] = (235 * bars[columns[0] * _BITS // width])[None, :, None]
    return image


def number_of(image: np.ndarray) -> int:
    """The number that `numbered` drew, whatever the size now is."""
    height, width = image.shape[:2]
    middles = ((np.arange(_BITS) + 0.5) * width / _BITS).astype(int)
    values = image[height // 12 : height // 4].mean(axis=(0, 2))[middles]
    return sum(1 << bit for bit, value in enumerate(values) if value > 117)


def write_clip(
    path: Path,
    frames: int | Iterable[np.ndarray] = 30,
    *,
    rate: Fraction | int = 25,
    size_wh: tuple[int, int] = (160, 96),
    codec: str = "libx264",
    times: list[Fraction] | None = None,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    format_name: str | None = None,
    sound: bool = False,
    tags: dict[str, str] | None = None,
    codec_options: dict[str, str] | None = None,
    gop: int = 10,
) -> Path:
    """A clip of numbered frames, or of those given; `times` in seconds, or one every 1/rate."""
    pictures: Iterator[np.ndarray] = iter(
        (numbered(index, size_wh) for index in range(frames)) if isinstance(frames, int) else frames
    )
    rate = Fraction(rate)
    with av.open(
        str(path), "w", format=format_name, options=options, container_options=container
    ) as out:
        out.metadata.update(tags or {})
        stream = out.add_stream(codec, rate=rate, options=codec_options or _quick(codec))
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.gop_size = gop
        base = Fraction(1, 90000) if times else 1 / rate
        stream.time_base = stream.codec_context.time_base = base
        speech = out.add_stream("aac", rate=8000, layout="mono") if sound else None
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = round(times[index] / base) if times else index
            frame.time_base = base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if speech is not None:
            _silence(out, speech)
    return path


def write_sound(path: Path) -> Path:
    """A file with sound and no pictures."""
    with av.open(str(path), "w") as out:
        _silence(out, out.add_stream("aac", rate=8000, layout="mono"))
    return path


def write_pictures(folder: Path, count: int, size_wh: tuple[int, int] = (160, 96)) -> Path:
    """A folder of numbered PNG pictures: 0.png, 1.png, ... 10.png."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.fromarray(numbered(index, size_wh)).save(folder / f"{index}.png")
    return folder


def turn_mp4(path: Path, quarters: int) -> Path:
    """Mark an MP4 as a phone does: to be turned clockwise by so many quarters when shown."""
    one = 1 << 16
    cos, sin = [(one, 0), (0, one), (-one, 0), (0, -one)][quarters % 4]
    matrix = np.array([cos, sin, 0, -sin, cos, 0, 0, 0, 1 << 30], ">i4").tobytes()
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd")
    start = place + 4 + (36 if data[place + 4] == 0 else 48) + 4
    data[start : start + 36] = matrix
    path.write_bytes(bytes(data))
    return path


def write_units(path: Path, folder: Path, *, fps: int = 15) -> Path:
    """Any video as H.264 without frames out of order, one access unit a file, for `rtsp`."""
    folder.mkdir(parents=True, exist_ok=True)
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height = stream.width, stream.height
        context.pix_fmt, context.time_base = "yuv420p", Fraction(1, fps)
        context.framerate, context.gop_size = Fraction(fps), fps
        context.options = {
            "preset": "ultrafast",
            "profile": "baseline",
            "x264-params": "slices=1:sliced-threads=0:rc-lookahead=0:sync-lookahead=0:crf=18",
        }
        for count, packet in enumerate(_encoded(context, source.decode(stream), fps, stream)):
            (folder / f"{count:05d}.h264").write_bytes(bytes(packet))
    return folder


def _encoded(context, frames, fps, stream) -> Iterator[av.Packet]:
    """At most `fps` frames a second of the clip's own time."""
    wanted = 0
    for frame in frames:
        start = (stream.start_time or 0) * stream.time_base
        if frame.pts * frame.time_base - start < Fraction(wanted, fps):
            continue
        plain = frame.reformat(format="yuv420p")
        plain.pts, plain.time_base, plain.pict_type = wanted, Fraction(1, fps), 0
        wanted += 1
        yield from context.encode(plain)
    yield from context.encode(None)


def _quick(codec: str) -> dict[str, str]:
    return {"preset": "ultrafast", "crf": "10"} if codec == "libx264" else {}


def _silence(out, stream) -> None:
    for index in range(8):
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.planes[0].update(bytes(4096))
        frame.sample_rate, frame.pts = 8000, index * 1024
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def short_clip(path: Path) -> Path:
    """The first two seconds of a real video; the test is skipped where it is not there."""
    with av.open(str(shared("videos/hamilton_short.mp4"))) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in islice(video.decode(video=0), 60)]
    return write_clip(path, frames, rate=30, size_wh=(640, 360))
