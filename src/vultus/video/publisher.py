"""Visits on their way out: first the picture, then the gallery's history, then the sinks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

from vultus.errors import GalleryError, StorageError
from vultus.events.visit import Visit
from vultus.gallery.visits import VisitRecord, VisitStore
from vultus.imaging.load import Image
from vultus.imaging.pictures import delete_pictures
from vultus.video.book import VisitBook
from vultus.video.frame import Frame
from vultus.video.snapshots import Snapshots

log = logging.getLogger("vultus.video")

# Longer side of the frames that are kept in memory until they are somebody's saved picture.
_PICTURE_PX = 1920
_CLEAN_EVERY_S = 60.0


class ShotKeeper:
    """Keeps the frames with somebody's best picture so far, and saves them for events."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots
        self._frames: dict[float, tuple[Image, float]] = {}
        self._saved: dict[str, tuple[float, str]] = {}
        self._failed = self._stuck = False
        self._cleaned_at = -_CLEAN_EVERY_S

    def keep(self, frame: Frame, book: VisitBook) -> None:
        """Keep this frame if it is somebody's best; before the frame's events are published."""
        moment = float(frame.media_time)
        if moment in book.shot_times() and moment not in self._frames:
            picture = frame.small(_PICTURE_PX)
            self._frames[moment] = picture, picture.shape[1] / frame.size_wh[0]

    def drop(self, book: VisitBook) -> None:
        """Drop what is nobody's best any more; after the events are published."""
        for stale in self._frames.keys() - book.shot_times():
            del self._frames[stale]
        now = time.monotonic()
        if now - self._cleaned_at > _CLEAN_EVERY_S:
            self._cleaned_at = now
            self._clean()

    def _clean(self) -> None:
        try:
            self._snapshots.clean(datetime.now(timezone.utc))
        except StorageError as error:  # the camera goes on, and says so once
            if not self._stuck:
                log.error("%s", error)
            self._stuck = True

    def with_picture(self, visit: Visit) -> Visit:
        """The visit naming its picture, which is on disk when this returns."""
        shot = visit.best_shot
        if shot is None:
            return visit
        saved = self._saved.get(visit.id)
        if saved is None or saved[0] != shot.media_time:
            saved = self._save(visit) or saved
        if visit.type == "exit":
            self._saved.pop(visit.id, None)
        if saved is None:
            return visit
        return replace(visit, best_shot=replace(shot, picture=saved[1]))

    def _save(self, visit: Visit) -> tuple[float, str] | None:
        shot = visit.best_shot
        held = self._frames.get(shot.media_time) if shot else None
        if shot is None or held is None:
            return None
        image, scale = held
        x, y, width, height = (side * scale for side in shot.box)
        try:
            path = self._snapshots.save(visit, image, (x, y, width, height))
        except StorageError as error:
            if not self._failed:  # once is enough
                log.error("%s", error)
            self._failed = True
            return None
        self._failed = False
        self._saved[visit.id] = shot.media_time, str(path)
        return self._saved[visit.id]


class Publisher:
    """Completes the visits of one camera and hands them on.

    Args:
        history: where visits are remembered, if they are. put: takes every event, durably.
        shots: saves pictures, if they are wanted.
    """

    def __init__(
        self,
        history: VisitStore | None,
        put: Callable[[Visit], None] | None,
        shots: ShotKeeper | None,
    ) -> None:
        self._history = history
        self._put = put
        self.shots = shots
        self._failed = False

    def publish(self, visit: Visit) -> Visit:
        """The visit with its picture; it is on its way when this returns.

        Raises:
            StorageError: the outbox cannot be written. Whatever broke a sink, see `Dispatcher`.
        """
        if self.shots is not None:
            visit = self.shots.with_picture(visit)
        if self._history is not None and visit.group is not None:
            there = self._remember(self._history, visit.group, visit)
            visit = visit if there else _forgotten(visit)
        if self._put is not None:
            self._put(visit)
        return visit

    def _remember(self, history: VisitStore, group: str, visit: Visit) -> bool:
        """Write the visit down; False where who it was has been removed meanwhile."""
        shot = visit.best_shot
        try:
            there = history.record(
                VisitRecord(
                    id=visit.id,
                    group=group,
                    person=visit.person,
                    stranger=visit.stranger,
                    camera=visit.camera,
                    sequence=visit.sequence,
                    type=visit.type,
                    probability=visit.probability,
                    start=visit.start,
                    end=visit.end,
                    zone=visit.zone,
                    pictures=(shot.picture,) if shot and shot.picture else (),
                )
            )
            self._failed = False
            return there
        except (GalleryError, StorageError) as error:  # the camera goes on, and says so once
            if not self._failed:
                log.error("visits are not remembered: %s", error)
            self._failed = True
            return True


def _forgotten(visit: Visit) -> Visit:
    """The visit of somebody who was removed from the gallery: that it ends may be told, no more."""
    shot = visit.best_shot
    if shot is not None and shot.picture is not None:
        delete_pictures([shot.picture])
    return replace(
        visit,
        person=None,
        stranger=None,
        probability=0.0,
        best_shot=None,
        attributes={},
        why={"rule": "forgotten"},
    )
