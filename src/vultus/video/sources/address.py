"""Where a video comes from: what an address means, and how it looks without its secrets."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from vultus.errors import SourceUnknown
from vultus.imaging.folders import is_folder
from vultus.redaction import redact, redact_address

__all__ = ["Address", "Kind", "parse_address", "redact"]

_KNOWN = (
    "Give a camera's number (0), a device (/dev/video0), picamera:, a video file, a folder of "
    "pictures, or an address that begins with rtsp://, rtsps://, http:// or https://."
)
_ENCODE = (
    "Write user and password as rtsp://user:password@host:554/path, with special signs of the "
    "password encoded: @ as %40, : as %3A, / as %2F, # as %23, ? as %3F."
)
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+)://")  # two letters or more: c:\ is a disk
_HALF_URL = re.compile(r"(?i)(rtsps?|https?):")
_PICAMERA = re.compile(r"^picamera:(\d*)$")
_DEVICE = re.compile(r"^/dev/(video|v4l)")
_RECORDED = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".3gp"}
)


class Kind(Enum):
    """How a source is opened."""

    CAMERA = "camera"
    PICAMERA = "picamera"
    FILE = "file"
    FOLDER = "folder"
    RTSP = "rtsp"
    HTTP = "http"


@dataclass(frozen=True)
class Address:
    """A place that makes sense; whether something is there shows when it is opened.

    target: what is opened, secrets included, and therefore in no message.
    name: the same for people, without secrets.
    """

    kind: Kind
    target: str = field(repr=False)
    name: str

    @property
    def looks_recorded(self) -> bool:
        """Whether an http address ends like a file with a beginning and an end."""
        return Path(urlsplit(self.target).path).suffix.lower() in _RECORDED


def parse_address(text: str) -> Address:
    """What an address means.

    Raises:
        SourceUnknown: it makes no sense as the address of a video.
    """
    address = text.strip()
    if not address or "\0" in address:
        raise SourceUnknown("The address of the video is empty.", _KNOWN)
    if address.isdecimal():
        return Address(Kind.CAMERA, address, address)
    if address.startswith("picamera"):
        return _picamera(address)
    if _DEVICE.match(address):
        return Address(Kind.CAMERA, address, address)
    scheme = _SCHEME.match(address)
    return _url(address, scheme.group(1).lower()) if scheme else _path(address)


def _picamera(address: str) -> Address:
    found = _PICAMERA.match(address)
    if found is None:
        raise SourceUnknown(
            f"{address} is no Raspberry Pi camera.", "Write picamera: or picamera:1."
        )
    number = found.group(1) or "0"
    return Address(Kind.PICAMERA, number, f"picamera:{number}")


def _path(address: str) -> Address:
    if re.match(r"^-\d+$", address):
        raise SourceUnknown(f"There is no camera with the number {address}.", _KNOWN)
    if _HALF_URL.match(address):
        raise SourceUnknown(f"{redact_address(address)} lacks the // of an address.", _KNOWN)
    path = Path(address).expanduser() if address.startswith("~") else Path(address)
    if is_folder(path):
        return Address(Kind.FOLDER, str(path), str(path))
    # user:password@host without rtsp:// is no file, and must not be shown either
    name = str(path) if "@" not in address or os.path.lexists(path) else redact_address(address)
    return Address(Kind.FILE, str(path), name)


def _url(address: str, scheme: str) -> Address:
    if scheme == "file":
        return _path(url2pathname(urlsplit(address).path) or "/")
    kinds = {"rtsp": Kind.RTSP, "rtsps": Kind.RTSP, "http": Kind.HTTP, "https": Kind.HTTP}
    name = redact_address(address)
    if scheme not in kinds:
        raise SourceUnknown(f"{name}: there is no source of video with {scheme}://.", _KNOWN)
    if any(sign.isspace() for sign in address):
        raise SourceUnknown(f"{name} has a space in it.", "Write a space as %20.")
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port  # asking for the port checks it
    except ValueError:
        host = None
    if not host:
        raise SourceUnknown(f"{name} names no host, or a port that is no number.", _ENCODE)
    return Address(kinds[scheme], address, name)
