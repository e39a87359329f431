"""Texts and addresses without what nobody must see: one rule for messages, logs and keys."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

HIDDEN = "***"

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^\s'\"<>]+")
# Values of these show nothing that anybody must not see; all others of a query are hidden.
_HARMLESS = frozenset(
    {"channel", "ch", "subtype", "stream", "streamid", "profile", "resolution", "size", "width"}
    | {"height", "fps", "framerate", "quality", "compression", "camera", "camid", "unicast"}
    | {"proto", "transport", "mode", "type", "action", "cmd", "codec"}
)
# Some cameras want the password in the path: /user=admin_password=abc_channel=1_stream=0.sdp
_SECRET_IN_PATH = re.compile(
    r"(?i)((?:pass(?:word|wd)?|pwd?|token|secret|auth|(?:api)?_?key|sig(?:nature)?)[=:])([^/&;_?]*)"
)
_PASSWORD_NAME = re.compile(r"(?i)pass|pwd?$")
# What follows these parts of a path is a secret: Home Assistant, Discord, Slack and others.
_BEFORE_SECRETS = re.compile(r"(?i)(web)?hooks?|services")
# A long mixture of letters and digits is a key that somebody was given; words with a number,
# like front-door-camera-2, are not.
_TOKEN = re.compile(
    r"(?=.*[0-9])(?=.*[A-Z])(?=.*[a-z])[\w\-.~+=]{16,}"  # as in base64
    r"|(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9]{16,}|[A-Za-z0-9]{24,}"  # as in hex
    r"|-?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"  # UUID
    r"|(?i:bot)\d+:.+"  # Telegram
)
_SHORTEST = 4  # letters: shorter words are no secrets that can be told from others in a text
_ROUNDS = 20_000  # what is short must not be guessed from its digest by trying


def redact(text: str) -> str:
    """A text without the passwords, tokens and keys of the addresses in it.

    Of a query only values that are known to be harmless are kept, such as `channel=1`.
    """
    return _URL.sub(lambda found: redact_address(found.group()), text)


def redact_address(address: str) -> str:
    """One address, which may have spaces in it or lack its scheme, without its secrets."""
    parts = _take_apart(address)
    path = _shown_path(parts.path) if parts.scheme else parts.path
    query = "" if parts.query is None else f"?{_shown_query(parts.query)}"
    return f"{parts.scheme}{parts.shown_user}{parts.host}{path}{query}"


def key_of(address: str, *, show_path: bool = True) -> str:
    """A name for the address, the same on every run: no secrets, and yet no two alike.

    What is hidden of path and query is told by a short digest. Of user and passwords there is
    no trace: they may be short enough to be guessed, and change.
    """
    parts = _take_apart(address)
    place = f"{parts.scheme}{parts.host}".lower()
    query = "&".join(
        part for part in _split_query(parts.query) if not _PASSWORD_NAME.search(part.split("=")[0])
    )
    path = _shown_path(parts.path) if show_path else ""
    swallowed = re.split(r"[/?#]", parts.user or "", maxsplit=1)[1:]  # perhaps no password
    if path.rstrip("/") == parts.path.rstrip("/") and not query and not swallowed:
        return f"{place}{path}"
    hidden = "?".join([parts.path, query, *swallowed]).encode()
    digest = hashlib.pbkdf2_hmac("sha256", hidden, place.encode(), _ROUNDS).hex()[:10]
    return f"{place}{path}{'?' if show_path else '/'}{HIDDEN}{digest}"


def secrets_of(address: str, *, whole_path: bool = False) -> list[str]:
    """What must not be seen of the address: user and password, tokens, parameters.

    whole_path: the path is a secret, as a webhook's is.
    """
    if "://" not in address:
        return []
    parts = _take_apart(address)
    user, colon, password = (parts.user or "").partition(":")
    found = {parts.user or "", password}
    if not colon:  # a lone user name is a token, as in https://TOKEN@
        found.add(user)
    found |= {secret for _, secret in _path_parts(parts.path) if secret}
    found |= {secret for _, secret in _SECRET_IN_PATH.findall(parts.path)}
    values = [
        part.rpartition("=")[2] for part in _split_query(parts.query) if _shown_value(part) != part
    ]
    if whole_path:
        values += [f"{parts.path}?{parts.query}", parts.path, *parts.path.split("/")]
    found |= {value for value in values if len(value) >= _SHORTEST}
    found |= {unquote(secret) for secret in found}
    return sorted((secret for secret in found if secret), key=len, reverse=True)


def without_secrets(text: str, address: str, *, whole_path: bool = False) -> str:
    """A message of another library, free of what is secret in the address."""
    for secret in secrets_of(address, whole_path=whole_path):
        text = text.replace(secret, HIDDEN)
    return redact(text)


@dataclass(frozen=True)
class _Parts:
    """scheme: with its ://, or empty. host: with its port. query: None where there is no `?`."""

    scheme: str
    user: str | None
    host: str
    path: str
    query: str | None

    @property
    def shown_user(self) -> str:
        if self.user is None:
            return ""
        name, colon, _ = self.user.partition(":")
        return f"{name}:{HIDDEN}@" if colon else f"{HIDDEN}@"


def _take_apart(address: str) -> _Parts:
    """Greedy: a password may hold / ? # or @ that should have been encoded."""
    scheme, mark, rest = address.partition("://")
    if not mark:
        scheme, rest = "", address
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    port = authority.partition("]")[2] if authority.startswith("[") else authority
    # what follows a colon may begin a password, even when it looks like a port
    body = rest if ":" in port else rest.partition("?")[0]
    user, at, place = body.rpartition("@")
    place += rest[len(body) :]
    ends = "[?&;]" if "?" in user else "[?]"  # the query began within what is hidden
    before, *query = re.split(ends, place, maxsplit=1)
    host, slash, path = before.partition("#")[0].partition("/")
    return _Parts(
        scheme + mark,
        user if at else None,
        host,
        slash + path,
        query[0].partition("#")[0] if query else None,
    )


def _path_parts(path: str) -> Iterator[tuple[str, str]]:
    """Each part of a path as it is shown, and what is secret of it."""
    secret = False
    for part in path.split("/"):
        hidden = bool(part) and (secret or _TOKEN.fullmatch(part) is not None)
        yield (HIDDEN, part) if hidden else (part, "")
        secret = secret or _BEFORE_SECRETS.fullmatch(part) is not None


def _shown_path(path: str) -> str:
    shown = "/".join(part for part, _ in _path_parts(path))
    return _SECRET_IN_PATH.sub(rf"\g<1>{HIDDEN}", shown)


def _split_query(query: str | None) -> list[str]:
    return re.split("[&;]", query) if query else []


def _shown_query(query: str) -> str:
    return "&".join(_shown_value(part) for part in _split_query(query))


def _shown_value(part: str) -> str:
    name, equals, _ = part.partition("=")
    if not equals:
        return HIDDEN if part else ""
    return part if name.lower() in _HARMLESS else f"{name}={HIDDEN}"
