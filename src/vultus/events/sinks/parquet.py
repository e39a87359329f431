"""Parquet: batches of events as files, a folder a day, on any file system of fsspec."""

from __future__ import annotations

import hashlib
import io
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from vultus.errors import DeliveryFailed, ExtraMissing, UsageError
from vultus.events.encoding import flat
from vultus.events.private import FILE_MODE, make_folder
from vultus.events.sinks.sink import Delivery
from vultus.events.visit import moment_of
from vultus.redaction import key_of, redact_address, without_secrets

LINGER_S = 60.0
_BATCH = 1000
_TIMES = ("time", "start", "end")
_NUMBERS = (
    "probability",
    "media_time",
    "box_x",
    "box_y",
    "box_width",
    "box_height",
    "picture_media_time",
    "picture_quality",
)
_HINT = "Give a folder or an address like s3://bucket/events, with ?every=SECONDS if need be."


class ParquetSink:
    """Writes `day=2026-11-21/...parquet`, Hive style, one file a batch and day.

    A file is named after its first delivery, so that a batch that comes again (after a crash)
    replaces its file, and the same events told by another run do not.

    Raises:
        ExtraMissing: without pyarrow and fsspec, or the package for this kind of address.
    """

    batch = _BATCH

    def __init__(self, address: str, linger_s: float = LINGER_S) -> None:
        self.linger_s = linger_s
        self._address = address
        self._system, self._root, self._local = _file_system(address)
        # the folder itself and not how it was named: the same on every run
        self.key = f"parquet:{self._root if self._local else key_of(address)}"
        if self._local:
            _check_folder(Path(self._root))

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        days: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in deliveries:
            days[delivery.event["time"][:10]].append(delivery)
        for day, batch in days.items():
            content = _encode([delivery.event for delivery in batch])
            name = f"day={day}/{file_name(batch[0])}"
            try:
                if self._local:
                    _write_local(Path(self._root) / name, content)
                else:
                    self._write_remote(name, content)
            # every store has its own errors, most of them not OSError
            except Exception as error:
                text = without_secrets(str(error) or type(error).__name__, self._address)
                raise DeliveryFailed(f"{self.key} cannot be written: {text}.") from None

    def idle(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing is held open between batches."""

    def _write_remote(self, name: str, content: bytes) -> None:
        """An object appears whole or not at all: stores upload it in one piece."""
        path = f"{self._root.rstrip('/')}/{name}"
        self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._system.pipe_file(path, content)


def open_parquet(address: str) -> ParquetSink:
    """address: what follows `parquet:`, with options.

    Raises:
        UsageError: no such kind of address, an option that makes no sense, or a folder that
            cannot be written.
        ExtraMissing: a package that it needs is not installed.
    """
    place, _, query = address.partition("?")
    options = parse_qs(query, keep_blank_values=True)
    every = options.pop("every", [str(LINGER_S)])[-1]
    if not place or options:
        raise UsageError(f"parquet:{redact_address(address)} makes no sense.", _HINT)
    try:
        linger_s = float(every)
    except ValueError:
        linger_s = -1.0
    if not 0 <= linger_s <= 86_400:
        raise UsageError(f"every={every} is no number of seconds up to a day.", _HINT)
    return ParquetSink(place, linger_s)


def file_name(first: Delivery) -> str:
    """Sorts by time; never the same for two batches, always the same for one."""
    stamp = moment_of(first.event["time"]).strftime("%Y%m%dT%H%M%S")
    name = f"{first.id}:{first.event['visit']}:{first.event['sequence']}"
    return f"{stamp}-{hashlib.sha256(name.encode()).hexdigest()[:16]}.parquet"


def _encode(events: Sequence[Mapping[str, Any]]) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    rows = [flat(event) for event in events]
    for row in rows:
        row |= {name: moment_of(row[name]) for name in _TIMES}
    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows, schema=_schema()), buffer, compression="zstd")
    return buffer.getvalue()


def _schema() -> Any:
    """The columns of `events.encoding.COLUMNS`, typed once and for all; `day` is in the path."""
    import pyarrow as pa

    from vultus.events.encoding import COLUMNS

    kinds = dict.fromkeys(COLUMNS, pa.string())
    kinds |= dict.fromkeys(_TIMES, pa.timestamp("us", tz="UTC"))
    kinds |= dict.fromkeys(_NUMBERS, pa.float64())
    kinds["sequence"] = pa.int32()
    return pa.schema(list(kinds.items()))


def _file_system(address: str) -> tuple[Any, str, bool]:
    try:
        import fsspec
        import pyarrow  # noqa: F401  here, so that it is missed before any video is opened
    except ImportError as error:
        raise ExtraMissing(
            "Parquet needs pyarrow and fsspec.", "Install them: pip install 'vultus[parquet]'."
        ) from error
    shown = redact_address(address)
    try:
        system, root = fsspec.core.url_to_fs(str(address))
    except ImportError as error:  # fsspec knows the scheme, its package is not here
        text = without_secrets(str(error), address)
        raise ExtraMissing(f"{shown} needs another package.", f"{text}.") from None
    except Exception as error:  # every file system reads its own addresses
        text = without_secrets(str(error), address)
        raise UsageError(f"{shown} cannot be used: {text}.", _HINT) from None
    local = "file" in ((system.protocol,) if isinstance(system.protocol, str) else system.protocol)
    return system, str(root), local


def _check_folder(folder: Path) -> None:
    trial = folder / f".vultus-{os.getpid()}.tmp"
    try:
        make_folder(folder)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written: {error.strerror or error}.",
            "Check the folder and its permissions.",
        ) from error


def _write_local(path: Path, content: bytes) -> None:
    """Under another name first, which readers skip: half a file is never seen."""
    make_folder(path.parent)
    part = path.with_name(f".{path.name}.tmp")
    with open(part, "wb", opener=_private) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, FILE_MODE)
