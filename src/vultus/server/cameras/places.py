"""Where a camera of the server may write: below one folder, and to services elsewhere.

Whoever has an admin's key rules over Vultus, and not over the files of this machine.
"""

from __future__ import annotations

import re
from pathlib import Path

from vultus.errors import UsageError
from vultus.redaction import redact_address

_REMOTE = ("mqtt", "mqtts", "http", "https")
_FILES = ("jsonl", "csv")
_SUFFIXES = (".jsonl", ".ndjson", ".csv")
_STORES = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci")
_DATABASES = re.compile(r"postgresql(\+\w+)?\Z")
_HINT = "Give a path within the server's folder of cameras, such as {0}/door."


def inside(folder: Path, path: Path | str | None, what: str) -> Path | None:
    """A path below the folder.

    Raises:
        UsageError: it is absolute, or leads elsewhere.
    """
    if path is None:
        return None
    given = Path(path)
    strange = not str(path).isprintable() or str(path).startswith("~") or not given.name
    if strange or given.is_absolute() or given.drive or ".." in given.parts:
        raise UsageError(f"{what}: the path leads out of the folder.", _HINT.format(what))
    return folder / given


def sink_within(folder: Path, address: str) -> str | None:
    """The address of a sink that writes nowhere else on this machine than below the folder.

    None for the gallery's own table, which has every event anyway.

    Raises:
        UsageError: it would write elsewhere, or is no address of a sink.
    """
    scheme, colon, rest = address.partition(":")
    scheme = scheme.lower()
    if not colon:
        return None if address == "sql" else _file(folder, address)
    if scheme in _REMOTE:
        return address
    if scheme in _FILES:
        return f"{scheme}:{inside(folder, rest, 'to')}"
    if scheme == "parquet":
        return _parquet(folder, rest)
    if scheme == "sql":
        return _sql(folder, rest)
    return _file(folder, address)


def _file(folder: Path, address: str) -> str:
    suffix = Path(address).suffix.lower()
    if suffix not in _SUFFIXES or "://" in address:
        raise UsageError(f"to: {redact_address(address)} is no sink of a server's camera.", _KNOWN)
    return f"{'csv' if suffix == '.csv' else 'jsonl'}:{inside(folder, address, 'to')}"


def _parquet(folder: Path, rest: str) -> str:
    scheme, mark, _ = rest.partition("://")
    if mark and scheme.lower() in _STORES:
        return f"parquet:{rest}"
    path, question, options = rest.partition("?")
    if mark or "::" in rest:
        raise UsageError(f"to: {redact_address(rest)} is no store that is known here.", _KNOWN)
    return f"parquet:{inside(folder, path, 'to')}{question}{options}"


def _sql(folder: Path, rest: str) -> str | None:
    if not rest:
        return None
    scheme, mark, _ = rest.partition("://")
    if mark and _DATABASES.match(scheme.lower()):
        return f"sql:{rest}"
    if mark or "@" in rest:
        raise UsageError(f"to: {redact_address(rest)} is no PostgreSQL database.", _KNOWN)
    return f"sql:{inside(folder, rest, 'to')}"


_KNOWN = (
    "Known are FILE.jsonl, FILE.csv, parquet:FOLDER, parquet:s3://..., mqtt://HOST, mqtts://HOST, "
    "http://..., https://..., sql:FILE and sql:postgresql+psycopg://...; files lie within the "
    "server's folder of cameras."
)
