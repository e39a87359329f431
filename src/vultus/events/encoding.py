"""An event as bytes, and as one flat row for tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

COLUMNS = (
    "visit",
    "sequence",
    "type",
    "time",
    "camera",
    "group",
    "person",
    "stranger",
    "probability",
    "start",
    "end",
    "media_time",
    "box_x",
    "box_y",
    "box_width",
    "box_height",
    "zone",
    "picture",
    "picture_media_time",
    "picture_quality",
    "attributes",
    "why",
)


def json_bytes(event: Mapping[str, Any]) -> bytes:
    """UTF-8, one line, no spaces to spare; the same bytes for the same event."""
    return _json(event).encode()


def flat(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event with the keys `COLUMNS`; times are texts, attributes and why are JSON."""
    box, shot = event["box"], event["best_shot"] or {}
    row = {name: event.get(name) for name in COLUMNS}
    row |= {f"box_{name}": box[name] for name in ("x", "y", "width", "height")}
    row |= {
        "picture": shot.get("picture"),
        "picture_media_time": shot.get("media_time"),
        "picture_quality": shot.get("quality"),
        "attributes": _json(event["attributes"]),
        "why": _json(event["why"]),
    }
    return row


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
