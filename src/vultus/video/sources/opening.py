"""From an address to an open source."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from vultus.errors import SourceUnknown
from vultus.settings import Settings
from vultus.video.sources.address import Address, Kind, parse_address
from vultus.video.sources.container import Opened, open_container
from vultus.video.sources.failures import FeedFailed, opening_failed
from vultus.video.sources.feed import Connect, Feed, StreamFeed, connect_stream
from vultus.video.sources.folder import FolderSource
from vultus.video.sources.live import LiveReader
from vultus.video.sources.picamera import connect_picamera
from vultus.video.sources.recording import RecordedSource
from vultus.video.sources.source import Source


def open_source(
    address: str,
    settings: Settings,
    *,
    patient: bool = False,
    started_at: datetime | None = None,
) -> Source:
    """Open a video by its address.

    A camera's number (`0`) or device (`/dev/video0`), `picamera:` or `picamera:1`, a video file,
    a folder of pictures (one a second), `rtsp://`, `rtsps://`, `http://` or `https://`. Behind
    http, what has an end (an MP4, an HLS playlist that is complete) is a recording, the rest is
    live.

    Args:
        address: with user and password where needed; they show in no message.
        settings: `video` for the times, `limits` for the pixels.
        patient: for something live: return at once and try for ever whatever is wrong. Otherwise
            wait for the first answer, raise what does not pass by itself (denied, no video, no
            such device, busy), and go on trying what may (unreachable, too slow).
        started_at: when a recording began, with a zone; unset, what its file says.

    Raises:
        SourceError: why it cannot be had, secrets left out.
        ExtraMissing: the camera needs a package that is not installed.
        ImageTooLarge: its frames have more pixels than the limits allow.
        UsageError: `started_at` has no zone.
    """
    place = parse_address(address)
    if place.kind is Kind.FOLDER:
        return FolderSource(Path(place.target), settings.limits, started_at=started_at)
    if place.kind is Kind.FILE:
        return _file(place, settings, started_at)
    if place.kind is Kind.HTTP:
        return _http(place, settings, patient=patient, started_at=started_at)
    if place.kind is Kind.PICAMERA:
        return _live(place, partial(connect_picamera, place), settings, patient=patient)
    return _live(place, partial(connect_stream, place, settings), settings, patient=patient)


def _file(place: Address, settings: Settings, started_at: datetime | None) -> Source:
    path = Path(place.target)
    try:
        odd = path.exists() and not path.is_file()
    except OSError as error:  # a name that no file can have, a folder that may not be entered
        failed = opening_failed(place, error)
        raise failed.error from None
    if odd:  # a pipe would be waited for without end
        raise SourceUnknown(
            f"{place.name} is no file that ends.", "Give a file, a camera or an address."
        )
    return RecordedSource(_opened(place, settings), started_at=started_at)


def _http(
    place: Address, settings: Settings, *, patient: bool, started_at: datetime | None
) -> Source:
    """Only its answer tells a recording from something live."""
    connect = partial(connect_stream, place, settings)
    if patient and not place.looks_recorded:
        return _live(place, connect, settings, patient=True)
    try:
        opened = open_container(place, settings)
    except FeedFailed as failed:
        failure = failed
    else:
        if opened.duration is not None:
            return RecordedSource(opened, started_at=started_at)
        return _live(place, _first(opened, connect, settings), settings, patient=patient)
    if place.looks_recorded or not failure.passing:
        raise failure.error
    return LiveReader(place.name, connect, settings.video)


def _first(opened: Opened, connect: Connect, settings: Settings) -> Connect:
    """Connects with what is open already, and anew after that."""
    waiting = [opened]

    def connect_with_opened() -> Feed:
        if waiting:
            return StreamFeed(waiting.pop(), settings.video.read_timeout_s)
        return connect()

    return connect_with_opened


def _live(
    place: Address, connect: Callable[[], Feed], settings: Settings, *, patient: bool
) -> LiveReader:
    reader = LiveReader(place.name, connect, settings.video, patient=patient)
    if not patient:
        try:
            reader.wait_for_answer(
                2 * settings.video.open_timeout_s + settings.video.read_timeout_s
            )
        except BaseException:
            reader.close()
            raise
    return reader


def _opened(place: Address, settings: Settings) -> Opened:
    try:
        return open_container(place, settings)
    except FeedFailed as failed:
        failure = failed
    raise failure.error  # out here: without FFmpeg's error as its context
