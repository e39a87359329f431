"""JSON lines: an event a line, in a file or on the standard output."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vultus.errors import DeliveryFailed
from vultus.events.encoding import json_bytes
from vultus.events.sinks.lines import LinesSink, Name
from vultus.events.sinks.sink import TRANSIENT, Delivery

_BEGINNING = b'{"schema":'


class JsonLinesSink(LinesSink):
    """Appends to a file; see `LinesSink`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "jsonl")

    def line(self, event: dict[str, Any]) -> bytes:
        return json_bytes(event) + b"\n"

    def name(self, line: bytes) -> Name | None:
        try:
            event = json.loads(line)
            return str(event["visit"]), int(event["sequence"])
        except (ValueError, KeyError, TypeError):
            return None

    def may_be_torn(self, torn: bytes) -> bool:
        return torn.startswith(_BEGINNING) or _BEGINNING.startswith(torn)


class StdoutSink:
    """Writes to the standard output of this run; what it did not write is not kept.

    A reader that goes away (`| head`) is a BrokenPipeError, which ends the sink.
    """

    batch = 100
    linger_s = 0.0

    def __init__(self) -> None:
        self.key = TRANSIENT + uuid.uuid4().hex
        self._stream = sys.stdout

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        text = "".join(json_bytes(delivery.event).decode() + "\n" for delivery in deliveries)
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise DeliveryFailed(
                f"The standard output cannot be written: {error.strerror or error}."
            ) from error

    def idle(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """The stream is not ours to close."""
