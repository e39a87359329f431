"""A video file that can be played at any moment while it grows: H.264 and copied sound.

An MP4 is written in fragments and becomes a plain one at the end (from FFmpeg 8.1 on); Matroska is
built that way.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from vultus.errors import StorageError, UsageError
from vultus.imaging.load import Image
from vultus.video.sound import Origin, open_sound, read_origin, reason_of
from vultus.video.sources.source import SourceInfo

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

_LOG = logging.getLogger("vultus.video")
_KINDS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
_ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf", "mpeg4")
_HYBRID_SINCE = (62, 12, 0)  # libavformat of FFmpeg 8.1
_USUAL_RATE = Fraction(25)
_FRAGMENT_S = 2  # what a file that was cut off lacks at most, beside what the encoder held
_MPEG4_TICKS = 65_535  # the standard has 16 bits for it
_BT601, _LIMITED = 6, 1  # what OpenCV's conversion makes
# Ticks a second that hold the times of most files exactly. What lies between two frames has to
# fit in 31 bits, so not all of them together.
_USUAL_TICKS = (90_000, 12_800, 15_360, 12_288, 48_000, 44_100)
_MOST_TICKS = 30_000_000
_LONGEST_GAP_TICKS = 2_000_000_000  # 6.2 hours of a live source; an MP4 is spoilt by more


def kind_of(path: Path) -> str:
    """The kind of container that a name asks for.

    Raises:
        UsageError: the name's ending is not known.
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(
            f"{path} has an ending that no video has.", f"Use one of {', '.join(_KINDS)}."
        )
    return kind


class Film:
    """The file: pictures and sound in the order of their times. Not thread-safe.

    Args and errors: as `Recorder`.
    """

    def __init__(self, path: Path, info: SourceInfo, audio_from: str | None) -> None:
        kind = kind_of(path)
        source = audio_from if info.live else audio_from or info.name
        if source is not None and _same_file(path, source):
            raise UsageError(f"{path} is the video itself.", "Record under another name.")
        self.encoder = _find_encoder()
        self._origin = Origin() if info.live else read_origin(audio_from, info)
        self._step = 1 / (info.rate or _USUAL_RATE)
        most = _MPEG4_TICKS if self.encoder == "mpeg4" else _MOST_TICKS
        self._tick = _choose_tick(info, self._origin, most)
        self._size_wh = (
            info.size_wh[0] + info.size_wh[0] % 2,
            info.size_wh[1] + info.size_wh[1] % 2,
        )
        self._last: int | None = None
        self._left_out = 0
        self._end = Fraction(0)
        self._container = _open_file(path, kind)
        self._video = self._add_video(info.rate or _USUAL_RATE)
        self._sound = None
        if audio_from is not None and self._origin.sound is not None:
            self._sound = open_sound(audio_from, self._origin, self._container)
        _start(path, self._container)

    def _add_video(self, rate: Fraction) -> VideoStream:
        stream = cast("VideoStream", self._container.add_stream(self.encoder, rate=rate))
        context = stream.codec_context
        stream.width, stream.height = self._size_wh
        stream.pix_fmt = "yuv420p"
        stream.time_base = context.time_base = self._tick
        context.colorspace, context.color_range = _BT601, _LIMITED
        context.max_b_frames = 0  # frames leave in the order of their times
        context.gop_size = round(min(max(float(rate), 1.0), 60.0) * _FRAGMENT_S)
        if self.encoder == "libx264":
            stream.options = {"preset": "superfast", "crf": "23"}
        else:
            context.bit_rate = max(500_000, math.prod(self._size_wh) * 3)
        return stream

    def add(self, image: Image, media_time: Fraction) -> None:
        """Encode an RGB image of any size; media_time: seconds since the source's first frame.

        Raises:
            OSError, av.FFmpegError: it cannot be written.
        """
        import av

        # OpenCV converts 20 times as fast as PyAV here (0.7 against 23 ms at 1080p)
        planes = cv2.cvtColor(fit(image, self._size_wh), cv2.COLOR_RGB2YUV_I420)
        picture = av.VideoFrame.from_ndarray(cast("Image", planes), format="yuv420p")
        moment = self._origin.start + media_time
        picture.pts = self._place(round(moment / self._tick))
        picture.time_base = self._tick
        picture.duration = max(1, round(self._step / self._tick))
        self._end = moment + self._step
        self._container.mux(self._video.encode(picture))
        self._mux_sound(moment)

    def _place(self, ticks: int) -> int:
        """The ticks of the next frame: always later, and no longer after than a file can say."""
        if self._last is not None:
            ticks = max(ticks - self._left_out, self._last + 1)
            self._left_out += max(0, ticks - self._last - _LONGEST_GAP_TICKS)
            ticks = min(ticks, self._last + _LONGEST_GAP_TICKS)
        self._last = ticks
        return ticks

    def _mux_sound(self, until: Fraction | None) -> None:
        if self._sound is not None:
            for packet in self._sound.take(until):
                self._container.mux(packet)

    def finish(self) -> None:
        """Write what the encoder still has and the end of the file; close in any case."""
        try:
            self._container.mux(self._video.encode(None))
            whole = self._origin.end is not None and self._end > self._origin.end - 2 * self._step
            self._mux_sound(None if whole else self._end)
        finally:
            if self._sound is not None:
                self._sound.close()
            self._container.close()


def _choose_tick(info: SourceInfo, origin: Origin, most: int) -> Fraction:
    """The time base: the source's own, or one in which the usual times are whole."""
    if origin.tick is not None and origin.tick.denominator <= most:
        return origin.tick
    rate = (info.rate or _USUAL_RATE).numerator
    # live, hours may lie between two frames
    wishes = (90_000,) if info.live else (rate, *_USUAL_TICKS)
    ticks = 1
    for wish in wishes:
        together = math.lcm(ticks, wish)
        ticks = together if together <= most else ticks
    return Fraction(1, ticks if ticks > 1 else most)


def _find_encoder() -> str:
    import av

    for name in _ENCODERS:
        with suppress(av.codec.codec.UnknownCodecError):
            av.Codec(name, "w")
            if name != _ENCODERS[0]:
                _LOG.warning("%s is missing; videos are written with %s.", _ENCODERS[0], name)
            return name
    raise StorageError(
        "There is no encoder for video.", "Install PyAV from its wheels: pip install av."
    )


def _open_file(path: Path, kind: str) -> OutputContainer:
    import av

    # fragments, and the beginning only once the first times are known; see the file's head
    fragments = "hybrid_fragmented" if _has_hybrid() else "frag_keyframe"
    options = {"movflags": f"+{fragments}+delay_moov"}
    if kind == "matroska":
        options = {"cluster_time_limit": str(1000 * _FRAGMENT_S)}
    options["flush_packets"] = "1"  # to the disk as soon as a fragment is whole
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # absolute, FFmpeg would take `a:b.mp4` for an address
        return av.open(str(path.absolute()), "w", format=kind, options=options)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def _has_hybrid() -> bool:
    """Before FFmpeg 8.1 such files came out without their frames; there, fragments stay."""
    import av

    return av.library_versions["libavformat"] >= _HYBRID_SINCE


def _start(path: Path, container: OutputContainer) -> None:
    """Open the file and the encoder now, so that what is wrong is known at once."""
    try:
        container.start_encoding()
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: Exception) -> StorageError:
    return StorageError(
        f"{path} cannot be written: {reason_of(error)}.",
        "Choose another place, or free some space.",
    )


def _same_file(path: Path, other: str) -> bool:
    try:
        return path.samefile(other)
    except (OSError, ValueError):  # one of them is no file
        return False


def fit(image: Image, size_wh: tuple[int, int]) -> Image:
    """An RGB image in this size: scaled with black borders, or an odd edge repeated."""
    wide, high = size_wh
    height, width = image.shape[:2]
    if (width, height) == size_wh:
        return image
    if 0 <= wide - width <= 1 and 0 <= high - height <= 1:
        right, below = wide - width, high - height
        grown = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
        return cast("Image", grown)
    scale = min(wide / width, high / height)
    inner_wh = max(1, round(width * scale)), max(1, round(height * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    fitted: Image = np.zeros((high, wide, 3), np.uint8)
    left, top = (wide - inner_wh[0]) // 2, (high - inner_wh[1]) // 2
    fitted[top : top + inner_wh[1], left : left + inner_wh[0]] = cv2.resize(
        image, inner_wh, interpolation=way
    )
    return fitted
