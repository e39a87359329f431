"""One open visit: what it knows, and the events it makes."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

from vultus.events.visit import Box, EventType, Shot, Visit
from vultus.gallery.matcher import Decision
from vultus.video.evidence import Evidence, attributes_by
from vultus.video.moment import Look, Sighting

_NAMESPACE = uuid.UUID("6f1f4b0e-4a5e-5a53-9a51-76756c747573")  # any fixed one will do
# A face on the line between two zones must not tell of every step.
_STEADY_SIGHTINGS = 3
# The best of all tracks of the visit say how the face looks; more would change little.
_VOTES = 10


class Tick(NamedTuple):
    """A moment: seconds since the video's first frame, and the time in UTC."""

    media_time: Fraction
    taken_at: datetime


@dataclass(frozen=True)
class Identity:
    """A person of the gallery, or a stranger by label."""

    person: str | None = None
    stranger: str | None = None

    @property
    def known(self) -> bool:
        return self.person is not None

    @property
    def name(self) -> str:
        return self.person or self.stranger or ""


class StayMaker:
    """Opens visits of one camera with ids that are the same on every run over the same video."""

    def __init__(self, camera: str, group: str | None) -> None:
        self.camera = camera
        self.group = group
        self._made = 0

    def make(self, identity: Identity, start: Tick) -> Stay:
        self._made += 1
        name = f"{self.camera}|{start.taken_at.isoformat()}|{self._made}"
        key = str(uuid.uuid5(_NAMESPACE, name))
        return Stay(key, self.camera, self.group, identity, start)


@dataclass
class Stay:
    """A visit that goes on. Nothing is said of it before it is `announced`."""

    id: str
    camera: str
    group: str | None
    identity: Identity
    start: Tick
    last: Tick = field(init=False)
    box: Box = (0.0, 0.0, 0.0, 0.0)
    zone: str | None = None
    shot: Shot | None = None
    tracks: set[int] = field(default_factory=set)
    announced: bool = False
    sequence: int = 0
    probability: float = 0.0
    why: dict[str, Any] = field(default_factory=dict)
    _new_zone: tuple[str | None, int] = (None, 0)
    _zone_changed: bool = False
    _looks: list[Look] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.last = self.start

    def see(self, sighting: Sighting, now: Tick, zone: str | None) -> None:
        """The face was there at this moment."""
        self.last, self.box = now, sighting.box
        if not self.announced:
            self.zone = zone
        self._follow_zone(zone)

    def take(self, shot: Shot | None) -> None:
        """Keep the better of two best pictures."""
        if shot is not None and (self.shot is None or shot.quality > self.shot.quality):
            self.shot = shot

    def hear(self, looks: Iterable[Look]) -> None:
        """These looks of a track have a vote on the attributes, as far as they are of the best."""
        telling = {id(look): look for look in (*self._looks, *looks) if look.attributes is not None}
        self._looks = sorted(telling.values(), key=lambda look: -look.quality)[:_VOTES]

    def _follow_zone(self, zone: str | None) -> None:
        if zone == self.zone:
            self._new_zone = (zone, 0)
            return
        seen = self._new_zone[1] + 1 if self._new_zone[0] == zone else 1
        self._new_zone = (zone, seen)
        if seen >= _STEADY_SIGHTINGS:
            self.zone, self._zone_changed = zone, True

    def weigh(self, evidence: Evidence) -> None:
        """Take over how sure the track's evidence is, and why."""
        decision = evidence.decision
        if decision is None or (self.identity.known and decision.person != self.identity.person):
            return
        self.probability = decision.probability
        self.why = explain(evidence, decision)
        if decision.person is not None and not self.identity.known:
            self.why["rule"] = "unconfirmed"

    def given(self) -> None:
        """Somebody who knows has said who it is."""
        self.probability = 1.0
        self.why = {**self.why, "rule": "given"}

    def announce(self, now: Tick, *, quiet: bool) -> list[Visit]:
        """The event that is due, if any: `enter` once, `update` when the zone has changed."""
        if not self.announced:
            self.announced = not quiet
            return [] if quiet else [self._event("enter", now)]
        changed, self._zone_changed = self._zone_changed, False
        return [self._event("update", now)] if changed else []

    def rename(self, now: Tick) -> list[Visit]:
        """The identity has become known."""
        return [self._event("update", now)] if self.announced else []

    def join(self, other: Stay, identity: Identity, now: Tick) -> list[Visit]:
        """This visit turned out to be part of another open one: it ends, under the same name."""
        self.identity = identity
        self.why = {**self.why, "rule": "joined", "visit": other.id}
        other.start = min(other.start, self.start)
        other.hear(self._looks)
        return self.leave(now)

    def leave(self, now: Tick) -> list[Visit]:
        return [self._event("exit", now)] if self.announced else []

    def now(self) -> Visit:
        """The visit as it stands, under its last event's number; no event of its own."""
        return self._visit("update", max(0, self.sequence - 1), self.last)

    def _event(self, kind: EventType, now: Tick) -> Visit:
        number, self.sequence = self.sequence, self.sequence + 1
        return self._visit(kind, number, now)

    def _visit(self, kind: EventType, number: int, now: Tick) -> Visit:
        return Visit(
            id=self.id,
            type=kind,
            sequence=number,
            camera=self.camera,
            group=self.group,
            person=self.identity.person,
            stranger=self.identity.stranger,
            probability=self.probability,
            start=self.start.taken_at,
            end=self.last.taken_at,
            time=now.taken_at,
            media_time=float(now.media_time),
            box=self.box,
            zone=self.zone,
            best_shot=self.shot,
            attributes=attributes_by(self._looks),
            why=dict(self.why),
        )


def better_shot(best: Shot | None, sighting: Sighting, now: Tick) -> Shot | None:
    """The best picture of a track after one more sighting; faces that a gate stopped never are."""
    quality = sighting.quality
    if quality is None or sighting.poor or (best is not None and quality <= best.quality):
        return best
    return Shot(float(now.media_time), sighting.box, quality)


def explain(evidence: Evidence, decision: Decision) -> dict[str, Any]:
    """Why a track is who it is: rule, candidate, runner-up, margin, and the best look."""
    chosen = next((c for c in decision.candidates if c.person == decision.person), None)
    first = chosen or next(iter(decision.candidates), None)
    best = evidence.looks[0]
    return {
        "rule": decision.rule,
        "nearest": first.person if first else None,
        "distance": _rounded(first.distance if first else None),
        "reference": first.reference if first else None,
        "runner_up": decision.runner_up,
        "margin": _rounded(decision.margin),
        "looks": evidence.count,
        "face_px": round(best.face_px),
        "sharpness": _rounded(best.sharpness),
        "yaw_deg": round(best.yaw_deg),
        "quality": _rounded(best.quality),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
