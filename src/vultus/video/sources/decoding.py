"""Packets in, frames out; what cannot be decoded is skipped and counted."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from vultus.video.sources.container import Opened, check_pixels
from vultus.video.sources.failures import FeedFailed, ended, reading_failed, timed_out

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# So many failed reads in a row, and the rest of a damaged file is given up.
_MOST_FAILURES = 100


class Decoder:
    """The frames of an open container, once, in the order in which they are shown."""

    def __init__(self, opened: Opened) -> None:
        self.damaged = 0
        self._opened = opened

    def recorded(self, *, remote: bool) -> Generator[VideoFrame, None, None]:
        """Every frame of a recording; a damaged file on disk gives what there is.

        Raises:
            FeedFailed: a remote recording broke off.
        """
        self._opened.stream.thread_type = "AUTO"
        for packet in self._recorded_packets(remote=remote):
            yield from self._decode(packet)

    def live(self, read_timeout_s: float) -> Iterator[VideoFrame | None]:
        """Frames of a live stream for ever; None is a sign of life without a frame.

        Raises:
            FeedFailed: the stream ended, broke off or sends no pictures any more.
        """
        # Threads over frames would hold back as many frames as there are threads.
        self._opened.stream.thread_type = "SLICE"
        last = time.monotonic()
        for packet in self._live_packets():
            if packet.stream is self._opened.stream:
                last = time.monotonic()
                yield from self._decode(packet) or (None,)
            elif time.monotonic() - last > read_timeout_s:  # sound goes on, pictures do not
                raise timed_out(self._opened.address)
        raise ended(self._opened.address)

    def close(self) -> None:
        """Only while nobody reads: FFmpeg has no lock of its own."""
        self._opened.container.close()

    def _decode(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        import av

        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            self.damaged += 1
            return []
        for frame in frames:
            check_pixels(self._opened, frame.width, frame.height)
        return frames

    def _live_packets(self) -> Iterator[Packet[VideoStream]]:
        import av

        failure: FeedFailed
        try:
            yield from self._opened.container.demux()  # type: ignore[misc]
            return
        except av.error.FFmpegError as error:
            failure = reading_failed(self._opened.address, error)
        raise failure

    def _recorded_packets(self, *, remote: bool) -> Iterator[Packet[VideoStream]]:
        import av

        stream, failure, failures = self._opened.stream, None, 0
        while failures < _MOST_FAILURES and failure is None:
            try:
                for packet in self._opened.container.demux(stream):
                    failures = 0
                    yield packet
                return
            except av.error.FFmpegError as error:
                if remote:
                    failure = reading_failed(self._opened.address, error)
                self.damaged += 1
                failures += 1
        if failure is not None:
            raise failure
        yield from self._flushing()

    def _flushing(self) -> Iterator[Packet[VideoStream]]:
        """The empty packet that brings out what the decoder still holds."""
        from av import Packet

        packet: Any = Packet()
        packet.stream = self._opened.stream
        yield packet
