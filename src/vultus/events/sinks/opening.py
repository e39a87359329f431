"""From an address to its sink."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from vultus.errors import UsageError
from vultus.events.sinks.sink import Sink
from vultus.redaction import redact_address
from vultus.settings import Settings

_KNOWN = (
    "Known are FILE.jsonl, FILE.csv, - (standard output), jsonl:FILE, csv:FILE, parquet:ADDRESS, "
    "mqtt://HOST, mqtts://HOST, http://..., https://..., sql and sql:ADDRESS."
)


def open_sink(address: str, settings: Settings, gallery_address: str | None) -> Sink:
    """Open the sink that an address names; docs/events.md lists the addresses.

    Network sinks connect later, in their own time: a broker that is down is no error here.

    Raises:
        UsageError: the address makes no sense, or what it names cannot be written.
        ExtraMissing: a package that this sink needs is not installed.
    """
    if not address.strip():
        raise UsageError("The address of a sink is empty.", _KNOWN)
    scheme, colon, rest = address.partition(":")
    opener = _OPENERS.get(scheme.lower()) if colon or address in ("-", "sql") else None
    if opener in (_mqtt, _webhook) and not rest.startswith("//"):
        raise UsageError(f"{redact_address(address)} lacks the // of an address.", _KNOWN)
    if opener is not None:
        return opener(address, rest, settings, gallery_address)
    opener = _OPENERS.get(_SUFFIXES.get(Path(address).suffix.lower(), ""))
    if opener is not None and "://" not in address:
        return opener(address, address, settings, gallery_address)
    raise UsageError(f"{redact_address(address)} is no address of a sink.", _KNOWN)


def open_sinks(
    addresses: Sequence[str], settings: Settings, gallery_address: str | None
) -> list[Sink]:
    """All of them, or none: what was opened is closed when a later one cannot be.

    Raises:
        UsageError, ExtraMissing: as `open_sink`; also for two addresses of the same place.
    """
    with ExitStack() as opened:
        sinks: list[Sink] = []
        for address in addresses:
            sinks.append(open_sink(address, settings, gallery_address))
            opened.callback(sinks[-1].close)
        require_different([sink.key for sink in sinks])
        opened.pop_all()
        return sinks


def require_different(keys: Sequence[str]) -> None:
    """Raises UsageError where two sinks are the same."""
    for key in keys:
        if keys.count(key) > 1:
            raise UsageError(f"Events would go to {key} twice.", "Name every sink once.")


def _path(address: str, rest: str) -> Path:
    if not rest.strip():
        raise UsageError(f"{address} names no file.", _KNOWN)
    if "://" in rest:  # its password would be part of a path, which anybody may see
        raise UsageError(f"{redact_address(rest)} is no file.", _KNOWN)
    if Path(rest).is_dir():
        raise UsageError(f"{rest} is a folder.", "Name a file.")
    return Path(rest)


def _jsonl(address: str, rest: str, _settings: Settings, _gallery: str | None) -> Sink:
    from vultus.events.sinks.jsonl import JsonLinesSink

    return JsonLinesSink(_path(address, rest))


def _stdout(_address: str, _rest: str, _settings: Settings, _gallery: str | None) -> Sink:
    from vultus.events.sinks.jsonl import StdoutSink

    return StdoutSink()


def _csv(address: str, rest: str, _settings: Settings, _gallery: str | None) -> Sink:
    from vultus.events.sinks.csv_file import CsvSink

    return CsvSink(_path(address, rest))


def _parquet(_address: str, rest: str, _settings: Settings, _gallery: str | None) -> Sink:
    from vultus.events.sinks.parquet import open_parquet

    return open_parquet(rest)


def _mqtt(address: str, _rest: str, settings: Settings, _gallery: str | None) -> Sink:
    from vultus.events.sinks.mqtt import open_mqtt

    return open_mqtt(address, settings.events)


def _webhook(address: str, _rest: str, settings: Settings, _gallery: str | None) -> Sink:
    from vultus.events.sinks.webhook import WebhookSink

    return WebhookSink(address, settings.events)


def _sql(_address: str, rest: str, _settings: Settings, gallery: str | None) -> Sink:
    from vultus.events.sinks.sql import open_sql

    return open_sql(rest, gallery)


_OPENERS: dict[str, Callable[[str, str, Settings, str | None], Sink]] = {
    "-": _stdout,
    "jsonl": _jsonl,
    "csv": _csv,
    "parquet": _parquet,
    "mqtt": _mqtt,
    "mqtts": _mqtt,
    "http": _webhook,
    "https": _webhook,
    "sql": _sql,
}
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
