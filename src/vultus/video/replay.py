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

_MOMENT_S = 1e-3  # a visit of one moment shares something, too


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
    partners = _pair(before, after)
    found = [
        _difference(visit, after[partners[row]])
        if row in partners
        else Difference("gone", visit, None)
        for row, visit in enumerate(before)
    ]
    left = [visit for row, visit in enumerate(after) if row not in partners.values()]
    return found + [Difference("new", None, visit) for visit in left]


def _difference(before: Visit, after: Visit) -> Difference:
    same = (before.person, before.stranger is None) == (after.person, after.stranger is None)
    return Difference("same" if same else "other", before, after)


def _pair(before: Sequence[Visit], after: Sequence[Visit]) -> dict[int, int]:
    """Rows of `before` to rows of `after`; those that share most first."""
    shared = [
        (-_shared(one, other), row, column)
        for row, one in enumerate(before)
        for column, other in enumerate(after)
    ]
    partners: dict[int, int] = {}
    taken: set[int] = set()
    for less, row, column in sorted(shared):
        if less < 0 and row not in partners and column not in taken:
            partners[row] = column
            taken.add(column)
    return partners


def _shared(first: Visit, second: Visit) -> float:
    """Seconds that two visits have in common; the same person and the same place count more."""
    seconds = (min(first.end, second.end) - max(first.start, second.start)).total_seconds()
    if seconds < 0:
        return 0.0
    nearness = 1.0 if first.who == second.who and first.who is not None else 0.0
    return (seconds + _MOMENT_S) * (1 + nearness + (first.box == second.box))
