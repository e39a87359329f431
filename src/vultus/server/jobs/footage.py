"""Which videos of strangers are opened at all: FFmpeg would follow a file or a link anywhere."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from vultus.errors import SourceNotVideo, UrlFailed, UrlRefused
from vultus.redaction import redact_address
from vultus.server.fetch import is_public
from vultus.settings import VideoSettings

_LONGEST_URL = 2048  # letters
_PORTS = {"rtsp": 554, "rtsps": 322}
# Files that hold their pictures themselves. Playlists, scripts and the like (hls, concat, sdp,
# image2 ...) name other files and addresses, and FFmpeg would open them.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,h264,hevc,"
    "ivf,mjpeg,gif,m4v,dv,nut"
)
_KNOWN = "MP4, MOV, MKV, WebM, AVI, MPEG and others with their pictures inside are read."
_URL_HINT = "Give one like https://example.org/clip.mp4 or rtsp://example.org/stream."


@dataclass(frozen=True)
class Footage:
    """What a file's head says. frames: about how many; None where it does not say."""

    frames: int | None
    rate: Fraction | None


def look_into(path: Path, settings: VideoSettings) -> Footage:
    """Whether an upload is a video that needs no other file.

    Raises:
        SourceNotVideo: it is not.
    """
    import av

    try:
        container = av.open(
            f"file:{path}",
            "r",
            options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"},
            metadata_errors="replace",
            timeout=(settings.open_timeout_s, settings.read_timeout_s),
        )
    except (OSError, ValueError, av.error.FFmpegError):  # their texts have the path
        raise SourceNotVideo("This is no video of a kind that is read here.", _KNOWN) from None
    with container:
        stream = container.streams.best("video")
        if stream is None:
            raise SourceNotVideo("There are no pictures in this video.", _KNOWN)
        rate = stream.average_rate or stream.guessed_rate
        if stream.frames:
            return Footage(stream.frames, rate)
        seconds = Fraction(container.duration or 0, 1_000_000)
        return Footage(round(seconds * rate) if seconds and rate else None, rate)


def is_stream(url: str) -> bool:
    """Whether an address is of something live, rather than of a file to fetch.

    Raises:
        UrlRefused: it is neither.
    """
    scheme = _parts(url).scheme
    if scheme not in (*_PORTS, "http", "https"):
        raise UrlRefused("The address is neither http, https, rtsp nor rtsps.", _URL_HINT)
    return scheme in _PORTS


def pinned(url: str, *, allow_private: bool) -> str:
    """The address of a stream with the host's IP address in it, which was judged.

    Raises:
        UrlRefused: it is no address of a stream, or not on the public internet and private
            ones are not allowed. UrlFailed: there is no such host.
    """
    parts = _parts(url)
    try:
        port = parts.port or _PORTS[parts.scheme]
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except KeyError:
        raise UrlRefused("The address is none of a stream.", _URL_HINT) from None
    except ValueError:  # an impossible port, a host that is no name
        raise UrlRefused("The address cannot be understood.", _URL_HINT) from None
    except OSError:
        raise UrlFailed(
            f"The host of {redact_address(url)} cannot be found.", "Check its name."
        ) from None
    addresses = [str(entry[4][0]) for entry in found]
    if not allow_private and not all(map(is_public, addresses)):
        raise UrlRefused(
            f"{redact_address(url)} is not on the public internet.",
            "Who runs the server may allow such addresses with the setting allow_private_urls.",
        )
    login, at, _ = parts.netloc.rpartition("@")
    host = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    return parts._replace(netloc=f"{login}{at}{host}:{port}").geturl()


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or len(url) > _LONGEST_URL or not url.isprintable() or " " in url:
        raise UrlRefused("The address cannot be understood.", _URL_HINT)
    return parts
