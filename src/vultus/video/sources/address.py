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

HIDDEN = "***"

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
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^\s'\"<>]+")
_PICAMERA = re.compile(r"^picamera:(\d*)$")
_DEVICE = re.compile(r"^/dev/(video|v4l)")
# Values of these show nothing that anybody must not see; all others of a query are hidden.
_HARMLESS = frozenset(
    {"channel", "ch", "subtype", "stream", "streamid", "profile", "resolution", "size", "width"}
    | {"height", "fps", "framerate", "quality", "compression", "camera", "camid", "unicast"}
    | {"proto", "transport", "mode", "type", "action", "cmd", "codec"}
)
# Some cameras want the password in the path: /user=admin_password=abc_channel=1_stream=0.sdp
_SECRET_IN_PATH = re.compile(
    r"(?i)((?:pass(?:word|wd)?|pwd?|token|secret|auth|(?:api)?_?key|sig(?:nature)?)[=:])[^/&;_?]*"
)
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


def redact(text: str) -> str:
    """A text without the passwords, tokens and keys of the addresses in it.

    Of a query only values that are known to be harmless are kept, such as `channel=1`.
    """
    return _URL.sub(lambda found: _redact_url(found.group()), text)


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
        raise SourceUnknown(f"{_hide_user(address)} lacks the // of an address.", _KNOWN)
    path = Path(address).expanduser() if address.startswith("~") else Path(address)
    if is_folder(path):
        return Address(Kind.FOLDER, str(path), str(path))
    # user:password@host without rtsp:// is no file, and must not be shown either
    name = str(path) if "@" not in address or os.path.lexists(path) else _hide_user(address)
    return Address(Kind.FILE, str(path), name)


def _url(address: str, scheme: str) -> Address:
    if scheme == "file":
        return _path(url2pathname(urlsplit(address).path) or "/")
    kinds = {"rtsp": Kind.RTSP, "rtsps": Kind.RTSP, "http": Kind.HTTP, "https": Kind.HTTP}
    name = _redact_url(address)
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


def _redact_url(url: str) -> str:
    scheme, rest = url.split("://", 1)
    rest = _hide_user(rest)
    body, mark, query = rest.partition("?")
    body = _SECRET_IN_PATH.sub(rf"\g<1>{HIDDEN}", body.partition("#")[0])
    return f"{scheme}://{body}{mark}{_redact_query(query)}"


def _hide_user(rest: str) -> str:
    """Greedy: a password may hold / ? or @ that should have been encoded."""
    body, mark, query = rest.partition("?")
    if _broken_port(re.split(r"[/?#]", rest, maxsplit=1)[0]):
        body, mark, query = rest, "", ""
    if "@" not in body:
        return rest
    user, _, after = body.rpartition("@")
    name, colon, _ = user.partition(":")
    return f"{name}:{HIDDEN}@{after}{mark}{query}" if colon else f"{HIDDEN}@{after}{mark}{query}"


def _broken_port(authority: str) -> bool:
    """Whether what follows the first colon is no port: then it may begin a password."""
    port = authority.partition("]")[2] if authority.startswith("[") else authority
    return not re.fullmatch(r"[^:]*(:\d*)?", port)


def _redact_query(query: str) -> str:
    def shown(part: str) -> str:
        name, equals, _ = part.partition("=")
        if not equals:
            return HIDDEN if part else ""
        return part if name.lower() in _HARMLESS else f"{name}={HIDDEN}"

    return "&".join(shown(part) for part in re.split("[&;]", query.partition("#")[0]))
