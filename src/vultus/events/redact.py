"""Addresses without their secrets, for keys, logs and messages."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import parse_qsl, unquote, urlsplit

HIDDEN = "***"
_SECRET_NAMES = re.compile(
    r"secret|token|passw|pwd|^pw$|^pass$|auth|sig|^code$|api.?key|access.?key|credential", re.I
)
# A long mixture of letters and digits is a key that somebody was given; words with a number,
# like front-door-camera-2, are not.
_TOKEN = re.compile(
    r"(?=.*[0-9])(?=.*[A-Z])(?=.*[a-z])[\w\-.~+=]{16,}"  # as in base64
    r"|(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9]{16,}|[A-Za-z0-9]{24,}"  # as in hex
    r"|-?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"  # UUID
)


def redact(address: str) -> str:
    """The address without user, password and tokens; the same on every run.

    A token is replaced by a short digest of itself, so that two addresses that differ only in
    it stay two; a password leaves no trace, for it may be short enough to be guessed.
    """
    if "://" not in address:
        return address
    scheme, rest = address.split("://", 1)
    authority, slash, tail = rest.partition("/") if "/" in rest else _before_query(rest)
    host = authority.rpartition("@")[2]
    path, mark, query = (slash + tail).partition("?")
    path = "/".join(_hide_token(part) for part in path.split("/"))
    return f"{scheme}://{host}{path}{mark}{_redact_query(query.partition('#')[0])}"


def secrets_of(address: str) -> list[str]:
    """What must not be seen of the address: user and password, tokens, secret parameters."""
    if "://" not in address:
        return []
    userinfo = address.split("://", 1)[1].split("/", 1)[0].rpartition("@")[0]
    user, _, password = userinfo.partition(":")
    parts = urlsplit(address.replace(f"{userinfo}@", "", 1) if userinfo else address)
    found = [userinfo, password, unquote(password)]
    found += [user] if not password else []  # a lone user name is a token, as in https://TOKEN@
    found += [part for part in parts.path.split("/") if _TOKEN.fullmatch(part)]
    found += [
        value
        for name, value in parse_qsl(parts.query)
        if _SECRET_NAMES.search(name) or _TOKEN.fullmatch(value)
    ]
    return sorted({secret for secret in found if secret}, key=len, reverse=True)


def without_secrets(text: str, address: str) -> str:
    """A message of another library, free of what is secret in the address."""
    for secret in secrets_of(address):
        text = text.replace(secret, HIDDEN)
    return text


def _before_query(rest: str) -> tuple[str, str, str]:
    authority, mark, query = rest.partition("?")
    return authority, "", mark + query


def _redact_query(query: str) -> str:
    return "&".join(
        f"{name}={HIDDEN if _SECRET_NAMES.search(name) else _hide_token(value)}"
        for name, value in parse_qsl(query, keep_blank_values=True)
    )


def _hide_token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        return text
    return HIDDEN + hashlib.sha256(text.encode()).hexdigest()[:8]
