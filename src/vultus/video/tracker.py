"""Which face of this frame is which of the last one: boxes in, track numbers out.

Written here rather than taken from a library; docs/decisions/0007 has what was measured. Two
stages as in ByteTrack (Zhang et al., 2022): sure detections begin and continue tracks, doubtful
ones only continue what they lie on.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vultus.gallery.matcher import assign

Floats = NDArray[np.floating]

# Farthest a face may be from where it was expected, see `_costs`; over the limit it is another.
# A doubtful detection must lie nearer, so that hair and hands take no track along.
_FARTHEST, _FARTHEST_DOUBTFUL = 1.0, 0.5
_SURE_SCORE = 0.95  # begins a track
_LEAST_SCORE = 0.8  # continues one
_LOST_S = 1.25  # a track not seen for so long has ended
# A velocity is an average over about so many seconds.
_VELOCITY_S = 0.15
# People who walk stop and turn: the way expected ahead is damped, to at most so many seconds of
# the present velocity.
_AHEAD, _AHEAD_S = 0.3, 0.3
_SIZE_WEIGHT = 0.5  # of a new size against the one so far
# Until a track has a velocity it may have any: this much more room, in face sizes a second.
_ROOM_A_SECOND = 6.0


@dataclass
class _Track:
    """box: centre x, centre y, width, height; velocity: of the centre, pixels a second."""

    number: int
    box: NDArray[np.float64]
    velocity: NDArray[np.float64]
    seen: float
    hits: int = 1

    def expected(self, now: float) -> NDArray[np.float64]:
        ahead = _AHEAD * (1 - np.exp((self.seen - now) / _AHEAD_S))
        return np.concatenate([self.box[:2] + self.velocity * ahead, self.box[2:]])

    def room(self, now: float) -> float:
        """By how much distances to this track count less."""
        return 1.0 if self.hits > 1 else 1.0 + _ROOM_A_SECOND * (now - self.seen)

    def move(self, box: NDArray[np.float64], now: float) -> None:
        passed = max(now - self.seen, 1e-3)
        velocity = (box[:2] - self.box[:2]) / passed
        weight = 1 - np.exp(-passed / _VELOCITY_S) if self.hits > 1 else 1.0
        self.velocity = self.velocity + weight * (velocity - self.velocity)
        size = self.box[2:] + _SIZE_WEIGHT * (box[2:] - self.box[2:])
        self.box, self.seen = np.concatenate([box[:2], size]), now
        self.hits += 1


class Tracker:
    """Tracks of one camera; numbers begin with 1 and are never used again."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next = 1

    def reset(self) -> list[int]:
        """End all tracks, as at a cut; returns their numbers."""
        ended = [track.number for track in self._tracks]
        self._tracks = []
        return ended

    def update(
        self, boxes_xywh: Floats, scores: Floats, media_time: Fraction
    ) -> tuple[list[int | None], list[int]]:
        """The next frame's faces.

        Args:
            boxes_xywh: (n, 4) pixels of the full frame. scores: (n,).
            media_time: seconds, rising.

        Returns:
            A track number for each face, None for a doubtful one that continues nothing; and the
            numbers of tracks that have ended.
        """
        now = float(media_time)
        ended = [t.number for t in self._tracks if now - t.seen > _LOST_S]
        self._tracks = [t for t in self._tracks if now - t.seen <= _LOST_S]
        boxes = np.asarray(boxes_xywh, np.float64).reshape(-1, 4).copy()
        boxes[:, :2] += boxes[:, 2:] / 2
        numbers: list[int | None] = [None] * len(boxes)
        sure = np.asarray(scores) >= _SURE_SCORE
        doubtful = ~sure & (np.asarray(scores) >= _LEAST_SCORE)
        self._continue(boxes, np.flatnonzero(sure), numbers, now, _FARTHEST)
        self._continue(boxes, np.flatnonzero(doubtful), numbers, now, _FARTHEST_DOUBTFUL)
        for row in np.flatnonzero(sure):
            if numbers[row] is None:
                numbers[row] = self._begin(boxes[row], now)
        return numbers, ended

    def _continue(
        self,
        boxes: NDArray[np.float64],
        rows: NDArray[np.intp],
        numbers: list[int | None],
        now: float,
        farthest: float,
    ) -> None:
        free = [track for track in self._tracks if track.number not in numbers]
        if not free or not len(rows):
            return
        expected = np.stack([track.expected(now) for track in free])
        room = np.array([track.room(now) for track in free])
        costs = _costs(boxes[rows], expected, room)
        for row, column in zip(rows, assign(costs, farthest), strict=True):
            if column is not None:
                track = free[column]
                numbers[row] = track.number
                track.move(boxes[row], now)

    def _begin(self, box: NDArray[np.float64], now: float) -> int:
        track = _Track(self._next, box, np.zeros(2), now)
        self._next += 1
        self._tracks.append(track)
        return track.number

    def where(
        self, media_time: Fraction, fresh_s: float
    ) -> dict[int, tuple[float, float, float, float]]:
        """Where the tracks seen in the last `fresh_s` are expected: x, y, width, height."""
        now = float(media_time)
        places = {}
        for track in self._tracks:
            if now - track.seen > fresh_s:
                continue
            x, y, width, height = (float(value) for value in track.expected(now))
            places[track.number] = (x - width / 2, y - height / 2, width, height)
        return places


def _costs(
    boxes: NDArray[np.float64], expected: NDArray[np.float64], room: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance of the centres in face sizes, plus the size's logarithmic change, (n, m)."""
    apart = np.linalg.norm(boxes[:, None, :2] - expected[None, :, :2], axis=2)
    new, old = np.sqrt(boxes[:, 2] * boxes[:, 3])[:, None], np.sqrt(expected[:, 2] * expected[:, 3])
    costs: NDArray[np.float64] = apart / ((new + old) / 2 * room) + np.abs(np.log(new / old))
    return costs
