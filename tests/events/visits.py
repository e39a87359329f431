"""Visits for tests."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from vultus.events.sinks.sink import Delivery
from vultus.events.visit import Shot, Visit

START = datetime(2026, 11, 21, 8, 30, tzinfo=timezone.utc)


def visit(number: int | str = 0, sequence: int = 0, **changes: Any) -> Visit:
    """Visit v0 entering camera door as Ada; `type` follows from `sequence` unless given."""
    moment = START + timedelta(seconds=sequence)
    fields: dict[str, Any] = {
        "id": f"v{number}",
        "type": "enter" if sequence == 0 else "update",
        "sequence": sequence,
        "camera": "door",
        "group": "family",
        "person": "Ada",
        "stranger": None,
        "probability": 0.97,
        "start": START,
        "end": moment,
        "time": moment,
        "media_time": 1.5 + sequence,
        "box": (10.0, 20.0, 30.0, 40.0),
        "best_shot": Shot(1.5, (11.0, 21.0, 31.0, 41.0), 0.8, "/shots/v0.jpg"),
        "attributes": {"glasses": {"label": "glasses", "probability": 0.98}},
        "why": {"rule": "named", "looks": 2},
    }
    return Visit(**(fields | changes))


def delivery(event: Visit, number: int = 1, attempt: int = 1) -> Delivery:
    return Delivery(number, attempt, event.to_dict())
