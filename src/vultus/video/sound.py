"""The clock and the sound of a source that is a file: what a recording takes over unchanged."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vultus.video.sources.source import SourceInfo

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_LOG = logging.getLogger("vultus.video")
_TIMEOUT_S = 10


@dataclass(frozen=True)
class Origin:
    """The source's own clock.

    start, end: of the pictures, in seconds of the recording. before: whole seconds at which the
    source's clock begins, hours in a broadcast. tick: in seconds. sound: name of its codec.
    """

    start: Fraction = Fraction(0)
    end: Fraction | None = None
    before: int = 0
    tick: Fraction | None = None
    sound: str | None = None


def read_origin(audio_from: str | None, info: SourceInfo) -> Origin:
    """The time of the first picture: media time counts from it, sound may begin before it."""
    if audio_from is None and not _is_file(info.name):
        return Origin()
    import av

    try:
        with av.open(_address(audio_from or info.name), timeout=_TIMEOUT_S) as container:
            stream = container.streams.video[0]
            first, tick = _first_pts(container, stream), stream.time_base
            if tick is None or first is None:
                return Origin()
            # whole seconds are whole ticks: the times of most files stay as they are
            before = max(0, (container.start_time or 0) // av.time_base)
            end = None
            if stream.duration is not None:
                end = ((stream.start_time or 0) + stream.duration) * tick - before
            sounds = [sound.codec_context.name for sound in container.streams.audio]
            start = first * tick - before
            return Origin(start, end, before, tick, sounds[0] if sounds else None)
    except (av.FFmpegError, OSError, IndexError) as error:
        if audio_from is not None:
            _LOG.warning("No sound is recorded: it cannot be read: %s.", reason_of(error))
        return Origin()


def _first_pts(container: InputContainer, stream: VideoStream) -> int | None:
    """Of the first frame that can be decoded: that one the source hands out first, too."""
    import av

    for packet in container.demux(stream):
        with suppress(av.InvalidDataError):
            for frame in packet.decode():
                return frame.pts
    return None


def open_sound(address: str, origin: Origin, container: OutputContainer) -> Sound | None:
    """None where this kind of file cannot hold it, or it cannot be read; the log says so."""
    import av

    if origin.sound not in container.supported_codecs:
        where = container.format.name
        _LOG.warning("The sound is left out: %s has no place for %s.", where, origin.sound)
        return None
    try:
        return Sound(address, container, origin.before)
    except (av.FFmpegError, OSError, ValueError) as error:
        _LOG.warning("The sound is left out: %s.", reason_of(error))
        return None


class Sound:
    """The sound packets of a file, handed out in step with the pictures."""

    def __init__(self, address: str, container: OutputContainer, before: int) -> None:
        import av
        from av.bitstream import BitStreamFilterContext

        self._before = before
        self._container = av.open(_address(address), timeout=_TIMEOUT_S)
        stream = self._container.streams.audio[0]
        self._out: AudioStream = container.add_stream_from_template(stream)
        context, self._unwrap = stream.codec_context, None
        if context.name == "aac" and not context.extradata:  # as it is broadcast
            self._unwrap = BitStreamFilterContext("aac_adtstoasc", stream)
        self._packets = self._read(stream)
        self._next = next(self._packets, None)

    def _read(self, stream: AudioStream) -> Iterator[Packet[Any]]:
        import av

        last = None
        try:
            for packet in self._container.demux(stream):
                # the muxer refuses packets out of order, and damaged files have them
                if packet.dts is not None and (last is None or packet.dts > last):
                    last = packet.dts
                    yield from self._unwrapped(packet)
        except (av.FFmpegError, OSError) as error:
            _LOG.warning("The sound ends early: %s.", reason_of(error))

    def _unwrapped(self, packet: Packet[Any]) -> Sequence[Packet[Any]]:
        import av

        if self._unwrap is None:
            return [packet]
        base = packet.time_base
        with suppress(av.InvalidDataError):  # a damaged one is left out
            unwrapped = self._unwrap.filter(packet)
            for part in unwrapped:
                part.time_base = base
            return unwrapped
        return []

    def take(self, until: Fraction | None) -> Iterator[Packet[Any]]:
        """Packets up to a time in seconds of the recording, or all that are left."""
        while (packet := self._next) is not None:
            before = round(self._before / packet.time_base)
            dts = (packet.dts or 0) - before
            if until is not None and dts * packet.time_base > until:
                return
            packet.dts, packet.stream = dts, self._out
            packet.pts = None if packet.pts is None else packet.pts - before
            self._next = next(self._packets, None)
            yield packet

    def close(self) -> None:
        self._container.close()


def _address(source: str) -> str:
    """FFmpeg would take `a:b.mp4` for an address."""
    return str(Path(source).absolute()) if _is_file(source) else source


def _is_file(source: str) -> bool:
    try:
        return Path(source).is_file()
    except (OSError, ValueError):  # too long for a name, or with a null byte
        return False


def reason_of(error: BaseException) -> str:
    """What the system says, without numbers and paths."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
