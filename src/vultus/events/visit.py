"""`Visit`: one stay of one person before one camera, as an event tells it. Schema 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

SCHEMA = 1
EventType = Literal["enter", "update", "exit"]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shot:
    """The best picture of a visit so far: best by quality, never by similarity.

    box: x, y, width, height in pixels of the full frame. quality: 0 to 1.
    picture: path of the clean picture where snapshots are kept; it exists before the event does.
    """

    media_time: float
    box: Box
    quality: float
    picture: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "picture": self.picture,
            "media_time": round(self.media_time, 6),
            "box": _box_dict(self.box),
            "quality": round(self.quality, 4),
        }


@dataclass(frozen=True)
class Visit:
    """One stay, as it stands at an event. (`id`, `sequence`) names an event for ever.

    type: `enter` (sequence 0), `update` or `exit` (the last). person: a name of the gallery, or
    None; stranger: `unknown-0001`, or None; both are None while nobody can say.
    probability: that this is `person`, or of the best candidate where there is none.
    start, end: first and last sight of the face, UTC. time: of this event, UTC.
    media_time: of this event, seconds since the video's first frame.
    box: x, y, width, height of the face when last seen, pixels of the full frame.
    zone: name of the zone the face is in, `outside` of all, or None where none is set.
    """

    id: str
    type: EventType
    sequence: int
    camera: str
    group: str | None
    person: str | None
    stranger: str | None
    probability: float
    start: datetime
    end: datetime
    time: datetime
    media_time: float
    box: Box
    zone: str | None = None
    best_shot: Shot | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    why: Mapping[str, Any] = field(default_factory=dict)

    @property
    def who(self) -> str | None:
        """The person, or else the stranger."""
        return self.person or self.stranger

    @property
    def seconds(self) -> float:
        """How long the face has been seen."""
        return (self.end - self.start).total_seconds()

    def to_dict(self) -> dict[str, Any]:
        """The event as JSON carries it; docs/events.md describes every field."""
        return {
            "schema": SCHEMA,
            "visit": self.id,
            "sequence": self.sequence,
            "type": self.type,
            "time": utc_text(self.time),
            "camera": self.camera,
            "group": self.group,
            "person": self.person,
            "stranger": self.stranger,
            "probability": round(self.probability, 6),
            "start": utc_text(self.start),
            "end": utc_text(self.end),
            "media_time": round(self.media_time, 6),
            "box": _box_dict(self.box),
            "zone": self.zone,
            "best_shot": None if self.best_shot is None else self.best_shot.to_dict(),
            "attributes": dict(self.attributes),
            "why": dict(self.why),
        }

    @classmethod
    def from_dict(cls, event: Mapping[str, Any]) -> Visit:
        """The inverse of `to_dict`. Raises ValueError or KeyError for what is no event of ours."""
        if event["schema"] != SCHEMA:
            raise ValueError(f"schema {event['schema']}, known is {SCHEMA}")
        shot = event["best_shot"]
        return cls(
            id=event["visit"],
            type=event["type"],
            sequence=event["sequence"],
            camera=event["camera"],
            group=event["group"],
            person=event["person"],
            stranger=event["stranger"],
            probability=event["probability"],
            start=moment_of(event["start"]),
            end=moment_of(event["end"]),
            time=moment_of(event["time"]),
            media_time=event["media_time"],
            box=_box_tuple(event["box"]),
            zone=event["zone"],
            best_shot=shot
            and Shot(shot["media_time"], _box_tuple(shot["box"]), shot["quality"], shot["picture"]),
            attributes=event["attributes"],
            why=event["why"],
        )


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds: 2026-11-21T08:30:00.000000Z."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment_of(text: str) -> datetime:
    """The inverse of `utc_text`. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def _box_dict(box: Box) -> dict[str, float]:
    return {
        name: round(float(value), 1)
        for name, value in zip(("x", "y", "width", "height"), box, strict=True)
    }


def _box_tuple(box: Mapping[str, float]) -> Box:
    return (box["x"], box["y"], box["width"], box["height"])
