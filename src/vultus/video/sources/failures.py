"""What FFmpeg's errors mean for people. Its own texts hold addresses with passwords: unused."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from vultus.errors import (
    SourceBusy,
    SourceDenied,
    SourceError,
    SourceLost,
    SourceMissing,
    SourceNotVideo,
    SourceTimeout,
    VultusError,
)
from vultus.video.sources.address import Address, Kind

_BUSY = frozenset({errno.EBUSY, errno.EAGAIN})
_NO_DEVICE = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO})
_NO_PERMISSION = frozenset({errno.EACCES, errno.EPERM})
# EIO is what FFmpeg answers to a name that no server knows.
_UNREACHABLE = frozenset(
    {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EIO}
    | {errno.EADDRNOTAVAIL}
)


class FeedFailed(Exception):
    """How an opening or a reading ended, inside this package.

    error: what people are told. passing: whether it may be over when it is tried again.
    """

    def __init__(self, error: VultusError, *, passing: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.passing = passing


@dataclass(frozen=True)
class _Case:
    kind: type[SourceError]
    message: str
    hint: str
    passing: bool = False


_CASES = {
    "denied": _Case(
        SourceDenied,
        "refuses: user or password is wrong, or missing",
        "Write them into the address: rtsp://user:password@host/path (@ in a password as %40).",
    ),
    "forbidden": _Case(
        SourceDenied,
        "may not be seen by this user",
        "Allow it to the user in the camera's or server's settings, or take another user.",
    ),
    "permission": _Case(
        SourceDenied,
        "may not be read by this user of the machine",
        "Check its permissions; for a camera on Linux: sudo usermod -aG video $USER, then log "
        "in again.",
    ),
    "not_found": _Case(
        SourceMissing,
        "is not there: the host answers, but knows no such path",
        "Check the path after the host; the camera's manual names it.",
    ),
    "unreachable": _Case(
        SourceMissing,
        "cannot be reached: the host is unknown, down, or does not listen on this port",
        "Check host and port, and that the camera is on and in the same network.",
        passing=True,
    ),
    "no_file": _Case(SourceMissing, "is not there", "Check the path."),
    "busy": _Case(
        SourceBusy,
        "is in use by another program",
        "Close the other program that shows the camera, then try again.",
    ),
    "timeout": _Case(
        SourceTimeout,
        "did not answer in time",
        "Check that the camera is well; VULTUS_VIDEO__OPEN_TIMEOUT_S and "
        "VULTUS_VIDEO__READ_TIMEOUT_S say how long is waited.",
        passing=True,
    ),
    "server": _Case(
        SourceLost,
        "answers with an error of its own, or asks to come later",
        "Look at the camera or server; it may be starting, or have too many viewers.",
        passing=True,
    ),
    "cut": _Case(
        SourceLost,
        "broke off",
        "Check the network and the camera.",
        passing=True,
    ),
    "not_video": _Case(
        SourceNotVideo,
        "is no video that can be read",
        "It may be another kind of file or page, or a recording that was cut off before its "
        "end; check that a player shows it.",
    ),
    "device": _Case(
        SourceNotVideo,
        "is no camera that gives pictures",
        "Cameras often have several devices, of which only one gives pictures: try another.",
    ),
}


def opening_failed(address: Address, error: Exception) -> FeedFailed:
    """What an error of `av.open` means."""
    return _failure(address, _opening_case(address, error))


def reading_failed(address: Address, error: Exception) -> FeedFailed:
    """What an error in the middle of a stream means: it is lost, or too slow."""
    import av

    late = isinstance(error, av.error.ExitError | TimeoutError)
    return _failure(address, "timeout" if late else "cut")


def timed_out(address: Address) -> FeedFailed:
    """Nothing came in time."""
    return _failure(address, "timeout")


def ended(address: Address) -> FeedFailed:
    """A stream that should not end has ended."""
    return _failure(address, "cut")


def no_video(address: Address, why: str, hint: str) -> FeedFailed:
    """The source is there and whole, but no video."""
    return FeedFailed(SourceNotVideo(f"{address.name} {why}.", hint), passing=False)


def _failure(address: Address, case: str) -> FeedFailed:
    found = _CASES[case]
    return FeedFailed(
        found.kind(f"{address.name} {found.message}.", found.hint), passing=found.passing
    )


def _opening_case(address: Address, error: Exception) -> str:
    import av

    remote = address.kind in (Kind.RTSP, Kind.HTTP)
    if isinstance(error, av.error.HTTPError | av.error.HTTPClientError):
        return _http_case(error)
    if isinstance(error, av.error.ExitError | TimeoutError):
        return "timeout"
    if isinstance(error, av.error.EOFError):
        return "cut" if remote else "not_video"
    number = getattr(error, "errno", None)
    if remote:
        return "not_video" if number == errno.EIO and _answers(address) else _remote_case(number)
    return _local_case(address, number)


def _http_case(error: Exception) -> str:
    import av

    if isinstance(error, av.error.HTTPUnauthorizedError):
        return "denied"
    if isinstance(error, av.error.HTTPForbiddenError):
        return "forbidden"
    too_many = type(error).__name__ == "HTTPTooManyRequestsError"  # PyAV before 18 has it not
    if too_many or isinstance(error, av.error.HTTPServerError):
        return "server"
    return "not_found"  # 404 and its kin: 400, 410


def _answers(address: Address) -> bool:
    """Whether EIO means a page without a length, and not a name that nobody knows. Behind https
    it may also be a certificate."""
    parts = urlsplit(address.target)
    if parts.scheme.lower() != "http":
        return False
    try:
        return bool(socket.getaddrinfo(parts.hostname, parts.port or 80))
    except OSError:
        return False


def _remote_case(number: int | None) -> str:
    if number in _UNREACHABLE:
        return "unreachable"
    if number in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
        return "cut"
    return "not_video"


def _local_case(address: Address, number: int | None) -> str:
    if number in _NO_PERMISSION:
        return "permission"
    if number in _NO_DEVICE:
        return "no_file"
    if number in _BUSY:
        return "busy"
    return "device" if address.kind is Kind.CAMERA else "not_video"
