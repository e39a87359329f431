"""Reading `mqtt://[user:password@]host[:port][/base-topic][?options]`."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from vultus.errors import UsageError
from vultus.redaction import redact_address

_HINT = "Give one like mqtt://user:password@host:1883/vultus; see docs/events.md."
_ENCODE = "Write special signs of a password encoded: @ as %40, / as %2F, # as %23, ? as %3F."
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_OPTIONS = {"mqtt": {"discovery"}, "mqtts": {"discovery", "ca", "cert", "key", "insecure"}}
_NO = ("0", "no", "false", "")


@dataclass(frozen=True)
class MqttAddress:
    """key: the address without secrets and options. discovery: Home Assistant's topic prefix."""

    key: str
    host: str
    port: int
    base: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    discovery: str | None = "homeassistant"
    tls: ssl.SSLContext | None = field(default=None, repr=False)


def read_address(address: str) -> MqttAddress:
    """Raises UsageError for what makes no sense, certificates that cannot be read included."""
    shown = redact_address(address)
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise UsageError(f"{shown} is no address of a broker.", _HINT) from None
    if not parts.hostname or "#" in address:
        raise UsageError(f"{shown} names no host, or no topic.", _HINT)
    if "@" in parts.path + parts.query:  # perhaps a password with a / or ? in it
        raise UsageError(f"{shown} has an @ after the host.", _ENCODE)
    base = unquote(parts.path).strip("/") or "vultus"
    _check_topic(base, shown)
    options = _options(parts, shown)
    discovery = options.get("discovery", "homeassistant").strip("/")
    if discovery not in _NO:
        _check_topic(discovery, shown)
    return MqttAddress(
        key=f"{parts.scheme}://{parts.hostname}:{port}/{base}",
        host=parts.hostname,
        port=port,
        base=base,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        discovery=None if discovery in _NO else discovery,
        tls=_tls(options, shown) if parts.scheme == "mqtts" else None,
    )


def _options(parts: SplitResult, shown: str) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    known = _OPTIONS[parts.scheme]
    for name in options:
        if name not in known:
            raise UsageError(
                f"{shown}: there is no option {name}.",
                f"Known with {parts.scheme}:// are {', '.join(sorted(known))}.",
            )
    return options


def _check_topic(topic: str, shown: str) -> None:
    if any(mark in topic for mark in "+#\0") or topic.startswith("$") or "//" in topic:
        raise UsageError(f"{shown}: {topic!r} is no topic.", "Leave out + # $ and empty levels.")


def _tls(options: dict[str, str], shown: str) -> ssl.SSLContext:
    for name in ("ca", "cert", "key"):
        if name in options and not Path(options[name]).is_file():
            raise UsageError(f"{shown}: there is no file {options[name]}.", "Check the path.")
    if "key" in options and "cert" not in options:
        raise UsageError(f"{shown}: key is given without cert.", _HINT)
    try:
        context = ssl.create_default_context(cafile=options.get("ca"))
        if "cert" in options:
            context.load_cert_chain(options["cert"], options.get("key"))
    except (ssl.SSLError, OSError) as error:
        raise UsageError(
            f"{shown}: the certificates cannot be used: {error}.", "Give PEM files."
        ) from error
    context.sslsocket_class = _TidySocket
    if options.get("insecure", "0") not in _NO:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _TidySocket(ssl.SSLSocket):
    """Closed when the handshake fails; paho leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise
