"""Other thresholds on recorded tracks: which visits would have been different?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vultus.events.visit import Visit
from vultus.settings import VideoSettings
from vultus.video.book import Judge, VisitBook
from vultus.video.strangers import SessionStrangers
from vultus.video.track_file import TrackReader
from vultus.video.zones import Zones

Change = Literal["same", "other", "gone", "new"]


def replay(
    tracks: TrackReader, judge: Judge, strangers: SessionStrangers, video: VideoSettings
) -> list[Visit]:
    """The visits (their exits) that these settings make of recorded tracks, in order of start.

    Rates and gates have no say any more: they decided which faces were embedded.
    """
    header = tracks.header
    book = VisitBook(header.camera, header.group, judge, strangers, video, Zones(header.zones))
    events = [event for moment in tracks.moments() for event in book.update(moment)]
    events += book.finish()
    return sorted((e for e in events if e.type == "exit"), key=lambda e: (e.start, e.id))


@dataclass(frozen=True)
class Difference:
    """What became of one visit: the `same`, somebody `other`, `gone`, or `new`."""

    change: Change
    before: Visit | None
    after: Visit | None


def compare(before: Sequence[Visit], after: Sequence[Visit]) -> list[Difference]:
    """Visits that overlap most in time and place are one; every visit is in one difference."""
    left = list(after)
    found = []
    for visit in before:
        match = max(left, key=lambda other: _shared(visit, other), default=None)
        if match is None or _shared(visit, match) <= 0:
            found.append(Difference("gone", visit, None))
            continue
        left.remove(match)
        same = (visit.person, visit.stranger is None) == (match.person, match.stranger is None)
        found.append(Difference("same" if same else "other", visit, match))
    return found + [Difference("new", None, visit) for visit in left]


def _shared(first: Visit, second: Visit) -> float:
    """Seconds that two visits have in common; the same person and the same place count more."""
    seconds = (min(first.end, second.end) - max(first.start, second.start)).total_seconds()
    if seconds <= 0:
        return 0.0
    nearness = 1.0 if first.who == second.who and first.who is not None else 0.0
    return seconds * (1 + nearness + (first.box == second.box))
