"""One frame to one `Moment`: find faces on a small copy, follow them, describe the best ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from vultus.events.visit import Box
from vultus.faces.analyzer import Analyzer
from vultus.faces.attributes.describing import Needs, needs_of
from vultus.faces.detection import smallest_face_px_of
from vultus.faces.quality import estimate_pose, quality_ceiling
from vultus.faces.types import Faces
from vultus.imaging.load import Image
from vultus.settings import DetectionSettings, VideoSettings
from vultus.video.budget import Sampler
from vultus.video.cuts import CutFinder
from vultus.video.frame import Frame
from vultus.video.gates import Gates
from vultus.video.moment import Look, Moment, Sighting
from vultus.video.tracker import Tracker
from vultus.video.zones import Zones

# Doubtful faces are asked for too: they may continue a track, never begin one.
_LOWEST_SCORE = 0.8
_FOLLOWED_S = 0.6  # a face not seen for longer is searched for, no more followed
_LEAST_FACE_PX = 12  # what the detector can look for at all
# A second opinion must not be the same picture again.
_LOOK_GAP_S = 0.2
_CLOCK_S = 1e-6  # 0.6 - 0.4 is a little less than 0.2
# The gap doubles after every so many looks: an unknown face must not cost more and more.
_LOOKS_A_GAP = 4
_LONGEST_GAP_S = 2.0
# While a track is not named, a look is worth it at so much of its best quality so far.
_WORTH_A_LOOK = 0.6


@dataclass
class _Followed:
    """What the observer remembers of a track."""

    best: float = 0.0
    best_of_ceiling: float = 1.0  # what the best one had of the quality it could have had
    looks: int = 0
    looked_at: float = -np.inf

    def gap_s(self, sure: bool) -> float:
        """Seconds from one look to the next; a sure track is looked at now and then, so that
        another face that has slipped into it is noticed."""
        longest = sure or self.looks >= _LOOKS_A_GAP * 4
        return _LONGEST_GAP_S if longest else _LOOK_GAP_S * 2.0 ** (self.looks // _LOOKS_A_GAP)

    def may_be_better(self, ceiling: float) -> bool:
        """Whether a face with this ceiling may beat the best one; light changes slowly."""
        return ceiling * self.best_of_ceiling > self.best

    def rated(self, quality: float, ceiling: float) -> None:
        """Take note of a face that was aligned and rated."""
        if quality > self.best:
            self.best, self.best_of_ceiling = quality, quality / max(ceiling, 1e-6)

    def least_quality(self, now: float, sure: bool) -> float:
        """What a face must have to be worth embedding now."""
        if now - self.looked_at < self.gap_s(sure) - _CLOCK_S:
            return np.inf
        return self.best * _WORTH_A_LOOK


class Observer:
    """Watches the frames of one camera.

    Args:
        is_sure: tells whether a track is named already and needs no more looks.
        stills: the frames are single pictures, and no face is followed from one to the next.
        attributes: told of the faces that are embedded.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        settings: VideoSettings,
        zones: Zones,
        is_sure: Callable[[int], bool],
        *,
        stills: bool = False,
        attributes: Sequence[str] = (),
    ) -> None:
        self._analyzer = analyzer
        self._settings = settings
        self._zones = zones
        self._is_sure = is_sure
        self._stills = stills
        self._attributes = tuple(attributes)
        self._gates = Gates(settings)
        self._cuts = CutFinder()
        self._searches = Sampler(settings.detect_fps)
        self._followed: dict[int, _Followed] = {}
        self._tracker = Tracker()

    def observe(self, frame: Frame, small: Image) -> Moment:
        """What is in this frame; `small` is its copy of at most `detect_side_px`."""
        cut = self._stills or self._cuts.is_cut(small)
        ended = self._tracker.reset() if cut else []
        whole = self._searches.is_due(frame.media_time) or cut
        found = detect_faces(self._analyzer, frame, small) if whole else self._follow(frame, small)
        faces = self._zones.unmasked(found, frame.size_wh)
        numbers, lost = self._tracker.update(faces.boxes, faces.scores, frame.media_time)
        for number in (*ended, *lost):
            self._followed.pop(number, None)
        tracked = np.flatnonzero([number is not None for number in numbers])
        sightings = self._describe(
            frame, faces.select(tracked), [cast("int", numbers[row]) for row in tracked]
        )
        return Moment(
            frame.index,
            frame.media_time,
            frame.taken_at,
            frame.size_wh,
            tuple(sightings),
            (*ended, *lost),
        )

    def _follow(self, frame: Frame, small: Image) -> Faces:
        """As `detect_faces`, at the places where faces are expected only."""
        scale = small.shape[1] / frame.size_wh[0]
        places = list(self._tracker.where(frame.media_time, _FOLLOWED_S).values())
        boxes = np.array(places, np.float32).reshape(-1, 4) * np.float32(scale)
        found = self._analyzer.follow(small, boxes, _LOWEST_SCORE)
        return _scaled(found, 1 / scale, frame.size_wh)

    def _describe(self, frame: Frame, faces: Faces, numbers: Sequence[int]) -> list[Sighting]:
        """Sightings of tracked faces; those that may be worth it are aligned and embedded."""
        now = float(frame.media_time)
        sightings = [
            Sighting(number, _box(faces, row), float(faces.scores[row]))
            for row, number in enumerate(numbers)
        ]
        yaw, pitch, _ = estimate_pose(faces.landmarks)
        ceiling = quality_ceiling(faces)
        rows = []
        for row, number in enumerate(numbers):
            followed = self._followed.setdefault(number, _Followed())
            poor = self._gates.before_alignment(
                float(faces.boxes[row, 2]), float(faces.scores[row]), yaw[row], pitch[row]
            )
            if poor is not None:
                sightings[row] = replace(sightings[row], poor=poor)
            elif followed.may_be_better(ceiling[row]) or ceiling[row] > self._least(number, now):
                rows.append(row)
        if rows:
            self._look(frame, faces.select(np.array(rows)), rows, sightings, now)
        return sightings

    def _least(self, number: int, now: float) -> float:
        return self._followed[number].least_quality(now, self._is_sure(number))

    def _look(
        self,
        frame: Frame,
        faces: Faces,
        rows: Sequence[int],
        sightings: list[Sighting],
        now: float,
    ) -> None:
        """Rate these faces, embed the worthy ones together, and complete their sightings."""
        faces = self._analyzer.describe(frame.image, faces, embed=False, chips=True)
        qualities = faces.quality.score if faces.quality is not None else ()
        ceiling = quality_ceiling(faces)
        worthy = []
        for place, row in enumerate(rows):
            seen, quality = sightings[row], float(qualities[place])
            poor = self._gates.before_embedding(faces, place)
            sightings[row] = replace(seen, quality=quality, poor=poor)
            if poor is None and quality >= self._least(seen.track, now):
                worthy.append(place)
            self._followed[seen.track].rated(quality, float(ceiling[place]))
        if not worthy:
            return
        chosen = faces.select(np.array(worthy))
        inner = Needs.INNER in needs_of(self._attributes)
        embedded = self._analyzer.embed(
            chosen, cast("NDArray[np.uint8]", chosen.chips), inner=inner
        )
        if self._attributes:
            embedded = self._analyzer.tell(frame.image, embedded, self._attributes)
        for place, look in zip(worthy, _looks(embedded), strict=True):
            row = rows[place]
            followed = self._followed[sightings[row].track]
            followed.looks, followed.looked_at = followed.looks + 1, now
            sightings[row] = replace(sightings[row], look=look)

    def expected(self, media_time: Fraction) -> dict[int, Box]:
        """Where the faces seen last are in a frame that was not analysed."""
        return self._tracker.where(media_time, 1.5 / self._settings.analysis_fps)


def detect_faces(analyzer: Analyzer, frame: Frame, small: Image) -> Faces:
    """Faces found in the small copy, in pixels of the full frame; doubtful ones too."""
    scale = small.shape[1] / frame.size_wh[0]
    wanted = analyzer.settings.detection
    smallest = wanted.min_face_px or smallest_face_px_of(frame.size_wh)
    search = DetectionSettings(
        min_face_px=max(_LEAST_FACE_PX, round(smallest * scale)),
        score_threshold=min(_LOWEST_SCORE, wanted.score_threshold),
        max_faces=wanted.max_faces,
        second_look=False,  # a face that is missed once is there in the next frame
    )
    return _scaled(analyzer.locate(small, search), 1 / scale, frame.size_wh)


def _scaled(faces: Faces, factor: float, size_wh: tuple[int, int]) -> Faces:
    """The same faces in a frame that is so much larger."""
    by = np.float32(factor)
    return replace(faces, boxes=faces.boxes * by, landmarks=faces.landmarks * by, image_wh=size_wh)


def _box(faces: Faces, row: int) -> Box:
    x, y, width, height = (float(value) for value in faces.boxes[row])
    return (x, y, width, height)


def _looks(faces: Faces) -> list[Look]:
    looks = []
    told = faces.attributes
    for row, face in enumerate(faces):
        quality = face.quality or {}
        looks.append(
            Look(
                embedding=cast("NDArray[np.float32]", face.embedding),
                quality=quality["score"],
                face_px=quality["face_px"],
                sharpness=quality["sharpness"],
                yaw_deg=quality["yaw_deg"],
                attributes=None if told is None else told.select(slice(row, row + 1)),
            )
        )
    return looks
