"""Opening with FFmpeg: options, limits and what the stream says of itself."""

from __future__ import annotations

import errno
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vultus.errors import ImageTooLarge, SourceMissing
from vultus.settings import Settings
from vultus.video.sources.address import Address, Kind
from vultus.video.sources.failures import FeedFailed, no_video, opening_failed, timed_out
from vultus.video.sources.source import SourceInfo

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_MICRO = 1_000_000
_FASTEST = 1000  # frames a second; a rate above is an artefact of the stream's clock
# A text or a single picture is a video to FFmpeg, to nobody else.
_NO_VIDEO_FORMATS = frozenset({"tty", "image2", "image2pipe", "ico", "lavfi", "xbin", "adf", "idf"})
_LIVE_FORMATS = frozenset({"mpjpeg", "rtsp", "mjpeg"})
_PROTOCOLS = {
    Kind.FILE: "file,crypto,data",
    Kind.HTTP: "http,https,tcp,tls,httpproxy,crypto,data",
}
_NO_PICTURES = "Give a source with pictures; sound alone has no faces."
_SINGLE = "A single picture is identified by itself; of a camera give its MJPEG or RTSP."


@dataclass(frozen=True)
class Opened:
    """An open container and the stream in it that is watched.

    max_pixels: width times height that a frame may have.
    """

    address: Address
    container: InputContainer
    stream: VideoStream
    max_pixels: int

    @property
    def rate(self) -> Fraction | None:
        """Frames a second, exact, as the container says."""
        for rate in (self.stream.average_rate, self.stream.guessed_rate, self.stream.base_rate):
            if rate and 0 < rate <= _FASTEST:
                return Fraction(rate)
        return None

    @property
    def duration(self) -> Fraction | None:
        """Seconds, exact; None where there is no end."""
        if self.container.format.name in _LIVE_FORMATS:
            return None
        if self.stream.duration and self.stream.time_base:
            return Fraction(self.stream.duration) * self.stream.time_base
        return Fraction(self.container.duration, _MICRO) if self.container.duration else None

    @property
    def paced(self) -> bool:
        """Whether pictures come in bursts and have to be spread over their own times."""
        return self.container.format.name == "hls"

    def info(self, *, live: bool, size_wh: tuple[int, int] | None = None) -> SourceInfo:
        """What is known of the source; size_wh where a decoded frame says more than the header."""
        context = self.stream.codec_context
        return SourceInfo(
            self.address.name,
            live,
            size_wh or (context.width, context.height),
            self.rate,
            None if live else self.duration,
            any(stream.type == "audio" for stream in self.container.streams),
        )


def open_container(address: Address, settings: Settings) -> Opened:
    """Open what an address names.

    Raises:
        FeedFailed: it cannot be opened, or is no video; never with FFmpeg's own text.
        ImageTooLarge: its pictures have more pixels than the limits allow.
    """
    import av

    target, format_name = _target(address)
    limits = (settings.video.open_timeout_s, settings.video.read_timeout_s)
    failure: Exception
    began = time.monotonic()
    try:
        container = av.open(
            target,
            "r",
            format=format_name,
            options=_options(address, settings),
            metadata_errors="replace",
            timeout=limits,
        )
    except (OSError, ValueError, av.error.FFmpegError) as error:
        failure = error
    else:
        return _check(
            Opened(
                address,
                container,
                _stream(address, container),
                settings.limits.max_image_pixels,
            )
        )
    # Raised out here: as context, FFmpeg's error would carry the password into tracebacks.
    if address.kind is Kind.CAMERA and getattr(failure, "errno", None) == errno.ENOENT:
        raise FeedFailed(_no_camera(address), passing=False)
    if time.monotonic() - began >= settings.video.open_timeout_s:
        raise timed_out(address)  # what FFmpeg was interrupted in may call it by another name
    raise opening_failed(address, failure)


def _target(address: Address) -> tuple[str, str | None]:
    if address.kind is Kind.FILE:
        return f"file:{address.target}", None  # a colon in a name would be a protocol
    if address.kind is Kind.CAMERA:
        return camera_target(address.target, sys.platform)
    return address.target, None


def camera_target(camera: str, platform: str) -> tuple[str, str]:
    """What FFmpeg opens for a camera's number or device, and its format there.

    Only Linux is tested; Windows takes the n-th camera of DirectShow's list.
    """
    if platform == "darwin":
        return camera, "avfoundation"
    if platform == "win32":
        return _windows_name(camera), "dshow"
    return (f"/dev/video{camera}" if camera.isdecimal() else camera), "v4l2"


def _windows_name(camera: str) -> str:
    import av.device

    names = [
        device.description
        for device in av.device.enumerate_input_devices("dshow")
        if "video" in device.media_types
    ]
    number = int(camera) if camera.isdecimal() else -1
    return f"video={names[number]}" if 0 <= number < len(names) else f"video={camera}"


def _no_camera(address: Address) -> SourceMissing:
    there = sorted(str(path) for path in Path("/dev").glob("video*"))
    found = f"There are: {', '.join(there)}." if there else "The machine has no camera now."
    return SourceMissing(f"There is no camera {address.name}.", f"{found} Check its cable.")


def _options(address: Address, settings: Settings) -> dict[str, str]:
    options = {"max_pixels": str(_for_decoder(settings.limits.max_image_pixels))}
    if address.kind in _PROTOCOLS:
        options["protocol_whitelist"] = _PROTOCOLS[address.kind]
    if address.kind in (Kind.RTSP, Kind.HTTP):
        longest = max(settings.video.open_timeout_s, settings.video.read_timeout_s)
        options["timeout"] = str(round(longest * _MICRO))
    if address.kind is Kind.RTSP:
        options["rtsp_flags"] = "prefer_tcp"  # over UDP, lost packets smear pictures
        options["fpsprobesize"] = "0"  # guessing the rate would take seconds, and age the pictures
    if address.kind is Kind.CAMERA and sys.platform == "darwin":
        options["framerate"] = "30"  # avfoundation refuses its own default
    return options


def _stream(address: Address, container: InputContainer) -> VideoStream:
    """The stream of moving pictures; closes the container where there is none."""
    import av.stream

    found = container.streams.best("video")
    name = container.format.name
    why = None
    if found is None and not container.streams.audio:
        why = ("has no pictures in it", _NO_PICTURES)
    elif found is None or found.disposition & av.stream.Disposition.attached_pic:
        why = ("has sound only", _NO_PICTURES)
    elif name in _NO_VIDEO_FORMATS or name.endswith("_pipe"):
        why = ("is a single picture or a text, no video", _SINGLE)
    elif found.codec_context is None:
        why = ("is coded in a way that is not known here", "Convert it, for example to H.264.")
    if why is not None or found is None:
        container.close()
        raise no_video(address, *(why or ("has no pictures in it", _NO_PICTURES)))
    return found  # type: ignore[return-value]  # of kind video, as asked


def _check(opened: Opened) -> Opened:
    context = opened.stream.codec_context
    try:
        check_pixels(opened, context.width, context.height)
    except ImageTooLarge:
        opened.container.close()
        raise
    context.options = {"max_pixels": str(_for_decoder(opened.max_pixels))}
    return opened


def check_pixels(opened: Opened, width: int, height: int) -> None:
    """Refuse frames with more pixels than the limits allow.

    Raises:
        ImageTooLarge: they have.
    """
    if width * height > opened.max_pixels:
        raise ImageTooLarge(
            f"{opened.address.name} has frames of {width:,} x {height:,} pixels; "
            f"at most {opened.max_pixels:,} are allowed.",
            "Make it smaller, or raise VULTUS_LIMITS__MAX_IMAGE_PIXELS (at most 178,000,000).",
        )


def _for_decoder(max_pixels: int) -> int:
    """Decoders count the border that they put around a frame; the exact check is ours."""
    return 2 * max_pixels + 2**16
