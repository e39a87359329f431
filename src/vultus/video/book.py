"""The book of visits: what was tracked goes in, who came, stayed and left comes out.

Rules only: no pictures, no models, no clock of its own. `update`, `tick` and `finish` take all
time from the moments, so a recorded file of tracks gives the same visits again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import GalleryBusy
from vultus.events.visit import Shot, Visit
from vultus.gallery.matcher import Decision
from vultus.settings import VideoSettings
from vultus.video.evidence import Evidence
from vultus.video.moment import Moment, Sighting
from vultus.video.stay import Identity, Stay, StayMaker, Tick, better_shot
from vultus.video.strangers import Strangers
from vultus.video.zones import Zones

_ASK_NAMES_S = 1.0
_STRONG = 0.7  # probability under which evidence is weak

# From fused embeddings (n, d) of the faces of one frame to who they are, together.
Judge = Callable[[NDArray[np.float32]], Sequence[Decision]]


@dataclass
class _Track:
    """identity: once it is a person it never changes, unless another face slips in."""

    first: Tick
    evidence: Evidence = field(default_factory=Evidence)
    identity: Identity | None = None
    stay: Stay | None = None
    shot: Shot | None = None
    poor: Counter[str] = field(default_factory=Counter)


class VisitBook:
    """Visits before one camera.

    Args:
        camera, group: named in the events.
        judge: says who faces are; see `Judge`.
        strangers: gives those that nobody knows a lasting name.
    """

    def __init__(
        self,
        camera: str,
        group: str | None,
        judge: Judge,
        strangers: Strangers,
        settings: VideoSettings,
        zones: Zones | None = None,
    ) -> None:
        self._judge = judge
        self._strangers = strangers
        self._settings = settings
        self._zones = zones or Zones()
        self._camera, self._group = camera, group
        self.reset()

    def reset(self) -> None:
        """Forget all tracks and visits; nothing is announced."""
        self._maker = StayMaker(self._camera, self._group)
        self._now: Tick | None = None
        self._tracks: dict[int, _Track] = {}
        self._open: dict[Identity, Stay] = {}
        self._left: dict[Identity, Fraction] = {}
        self._asked_at: Fraction | None = None
        self._due: list[Visit] = []  # made, and not handed out
        # how many tracks ended as what, and how many frames had no face: why nothing happened
        self.counts: Counter[str] = Counter()

    # what others ask

    def is_sure(self, number: int) -> bool:
        """Whether this track is named and needs no more looks."""
        track = self._tracks.get(number)
        return track is not None and track.identity is not None and track.identity.known

    def who(self, number: int) -> tuple[Identity | None, float]:
        """A track's identity so far, and the probability of it."""
        track = self._tracks.get(number)
        if track is None:
            return None, 0.0
        decision = track.evidence.decision
        return track.identity, decision.probability if decision else 0.0

    def attributes(self, number: int) -> Mapping[str, Any]:
        """How a track's face looks so far, as events have it."""
        track = self._tracks.get(number)
        return track.evidence.attributes() if track is not None else {}

    @property
    def open_visits(self) -> list[Stay]:
        """Who is there now."""
        return [stay for stay in list(self._open.values()) if stay.announced]

    def shot_times(self) -> set[float]:
        """Media times of the frames that hold somebody's best picture so far."""
        shots = [track.shot for track in self._tracks.values()]
        shots += [stay.shot for stay in self._open.values()]
        return {shot.media_time for shot in shots if shot is not None}

    # what happens

    def update(self, moment: Moment) -> list[Visit]:
        """The events of one analysed frame, in order.

        What raises here loses none: those made so far come with the next call.
        """
        now = self._now = Tick(moment.media_time, moment.taken_at)
        self._pass_time(now)
        self.counts["frames"] += 1
        if not moment.sightings:
            self.counts["no_face"] += 1
        for sighting in moment.sightings:
            self._see(sighting, now)
        self._tell_apart(moment, now)
        self._decide(moment)
        for sighting in moment.sightings:
            self._attend(sighting, moment, now)
        for number in moment.ended:
            self._end(number)
        return self._hand_out()

    def _hand_out(self) -> list[Visit]:
        events, self._due = self._due, []
        return events

    def tick(self, media_time: Fraction, taken_at: datetime) -> list[Visit]:
        """Time passes without a frame, as while a camera is down."""
        self._now = Tick(media_time, taken_at)
        self._pass_time(self._now)
        return self._hand_out()

    def finish(self) -> list[Visit]:
        """The end of the video: everybody leaves."""
        for number in list(self._tracks):
            self._end(number)
        if self._now is not None:
            self._follow_names(self._now)
        for identity, stay in list(self._open.items()):
            del self._open[identity]
            self._due += self._close(stay, self._now or stay.last)
        return self._hand_out()

    def _see(self, sighting: Sighting, now: Tick) -> None:
        track = self._tracks.setdefault(sighting.track, _Track(now))
        if track.identity is not None and track.stay is None:  # the visit is over: another begins
            track.first = now
        if sighting.poor is not None:
            track.poor[sighting.poor] += 1
        if sighting.look is None or track.evidence.add(sighting.look):
            track.shot = better_shot(track.shot, sighting, now)
            return
        # another face has slipped into this track
        self._begin_anew(sighting.track, _Track(now, track.evidence.restart()))

    def _begin_anew(self, number: int, fresh: _Track) -> None:
        """A track is nobody's any more; the visit goes on without it."""
        stay = self._tracks[number].stay
        if stay is not None:
            stay.tracks.discard(number)
        self._tracks[number] = fresh

    def _tell_apart(self, moment: Moment, now: Tick) -> None:
        """Nobody is in a frame twice: what got a name while its owner was hidden loses it."""
        here: set[Identity] = set()
        for number in sorted(sighting.track for sighting in moment.sightings):
            identity = self._tracks[number].identity
            if identity in here:
                self._begin_anew(number, _Track(now))
            elif identity is not None:
                here.add(identity)

    def _decide(self, moment: Moment) -> None:
        if not any(sighting.look for sighting in moment.sightings):
            return
        seen = [(s, self._tracks[s.track]) for s in moment.sightings]
        judged = [(s, track) for s, track in seen if track.evidence.looks]
        if not judged:
            return
        probes = np.stack([track.evidence.fused() for _, track in judged])
        decisions: Sequence[Decision] = []
        with self._patience():
            decisions = self._judge(probes)
        if len(decisions) != len(judged):  # the next look is asked about again
            return
        here = {track.identity for _, track in judged if track.identity is not None}
        for (sighting, track), decision in zip(judged, decisions, strict=True):
            if sighting.look is not None:
                self._weigh(track, decision, here)

    def _weigh(self, track: _Track, decision: Decision, here: set[Identity]) -> None:
        """One track after a new look; `here` is everybody who is in this frame already."""
        evidence, settings = track.evidence, self._settings
        if track.identity is not None and track.identity.known:
            if decision.person == track.identity.person:
                evidence.decision = decision
            return  # a confirmed name never reverts
        if decision.person is not None and Identity(person=decision.person) in here:
            decision = replace(decision, person=None, rule="taken")
        evidence.judge(decision)
        person = Identity(person=evidence.candidate)
        if evidence.agreeing >= self._looks_needed(decision):
            self._identify(track, person, here)
        elif track.identity is None and evidence.strange >= settings.stranger_looks:
            taken = {each.stranger for each in here if each.stranger} | self._seen_since(
                track.first
            )
            with self._patience():
                label = self._strangers.find(evidence.fused(), taken)
                label = label or self._strangers.add(evidence.looks)
                self._identify(track, Identity(stranger=label), here)

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """A gallery that another process holds up costs a look, and not the camera."""
        try:
            yield
        except GalleryBusy:
            self.counts["gallery_busy"] += 1

    def _looks_needed(self, decision: Decision) -> int:
        """Weak evidence needs twice as many looks that agree."""
        weak = decision.probability < _STRONG
        return self._settings.confirm_looks * (2 if weak else 1)

    def _seen_since(self, moment: Tick) -> set[str]:
        """Strangers seen since then: a face that was there all the time is none of them."""
        return {
            identity.stranger
            for identity, stay in self._open.items()
            if identity.stranger and stay.last.media_time >= moment.media_time
        }

    def _identify(self, track: _Track, identity: Identity, here: set[Identity]) -> None:
        here.discard(track.identity or identity)
        track.identity = identity
        here.add(identity)

    def _attend(self, sighting: Sighting, moment: Moment, now: Tick) -> None:
        """Bring the visit of a sighted track up to date."""
        track = self._tracks[sighting.track]
        if track.identity is None:
            return
        stay = track.stay
        if stay is None or stay.identity != track.identity:
            stay = self._stay_of(track, now)
            stay.tracks.add(sighting.track)
            track.stay = stay
        stay.see(sighting, now, self._zones.of(sighting.box, moment.size_wh))
        stay.take(track.shot)
        stay.hear(track.evidence.looks)
        stay.weigh(track.evidence)
        quiet = self._in_cooldown(stay.identity, now)
        self._due += stay.announce(now, quiet=quiet or self._is_ignored(stay.identity))

    def _stay_of(self, track: _Track, now: Tick) -> Stay:
        """The visit that a track belongs to now: an open one, its own under a new name, a new one.

        A name that comes late renames the visit; where that person has one open, they are one.
        """
        identity, before = track.identity, track.stay
        if identity is None:
            raise ValueError("a track without identity has no visit")
        known = self._open.get(identity)
        if before is None:
            stay = known or self._maker.make(identity, track.first)
            self._open[identity] = stay
            return stay
        label = before.identity.stranger
        stay, events = self._rename(before, identity, now)
        self._due += events
        if label is not None and identity.person is not None:
            with self._patience():
                self._strangers.was_known(label, identity.person)
        return stay

    def _rename(self, before: Stay, identity: Identity, now: Tick) -> tuple[Stay, list[Visit]]:
        """An open visit is somebody else's; it may turn out to be part of another open one."""
        known = self._open.get(identity)
        self._open.pop(before.identity, None)
        if known is None:
            before.identity = identity
            self._open[identity] = before
            stay, events = before, before.rename(now)
        else:
            events = before.join(known, identity, now)
            known.tracks |= before.tracks
            stay = known
        for number in stay.tracks:
            self._tracks[number].identity, self._tracks[number].stay = identity, stay
        return stay, events

    def _follow_names(self, now: Tick) -> None:
        """Somebody may have named a stranger who is here: the visit is that person's from now."""
        for identity, stay in list(self._open.items()):
            person = None
            with self._patience():
                person = identity.stranger and self._strangers.named(identity.stranger)
            if person:
                stay.given()
                self._due += self._rename(stay, Identity(person=person), now)[1]

    def _pass_time(self, now: Tick) -> None:
        if self._asked_at is None or now.media_time - self._asked_at >= _ASK_NAMES_S:
            self._asked_at = now.media_time
            self._follow_names(now)
        self._leave(now)

    def _in_cooldown(self, identity: Identity, now: Tick) -> bool:
        left = self._left.get(identity)
        return left is not None and now.media_time - left < self._settings.cooldown_s

    def _is_ignored(self, identity: Identity) -> bool:
        if identity.stranger is None:
            return False
        with self._patience():
            return self._strangers.is_ignored(identity.stranger)
        return True  # nobody can say: it is announced with the next sighting, if at all

    def _end(self, number: int) -> None:
        track = self._tracks.pop(number, None)
        if track is None:
            return
        if track.stay is not None:
            track.stay.tracks.discard(number)
        if track.identity is not None and track.identity.stranger is not None:
            self._strangers.learn(track.identity.stranger, track.evidence.looks)
        self.counts[_outcome(track)] += 1

    def _leave(self, now: Tick) -> None:
        for identity, stay in list(self._open.items()):
            if now.media_time - stay.last.media_time > self._settings.absence_s:
                del self._open[identity]
                self._due += self._close(stay, now)

    def _close(self, stay: Stay, now: Tick) -> list[Visit]:
        if stay.announced:
            self._left[stay.identity] = stay.last.media_time
        for number in stay.tracks:
            self._tracks[number].stay = None
        return stay.leave(now)


def _outcome(track: _Track) -> str:
    """What became of a track, in a word for the counters."""
    if track.identity is not None:
        return "named" if track.identity.known else "strangers"
    decision = track.evidence.decision
    if decision is not None:
        if decision.rule == "threshold":
            return "below_threshold"
        return "too_short" if decision.rule in ("named", "no_people") else decision.rule
    return track.poor.most_common(1)[0][0] if track.poor else "too_short"
