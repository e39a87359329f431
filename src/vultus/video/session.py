"""Everything that watching needs beside the cameras: gallery, analyzer, sinks, one budget."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vultus.errors import GalleryError, GalleryMissing, GroupUnknown, StorageError, UsageError
from vultus.events.dispatcher import Dispatcher, SinkStatus
from vultus.events.outbox import Outbox
from vultus.events.sinks.opening import open_sinks
from vultus.events.sinks.sink import Sink
from vultus.events.visit import Visit
from vultus.faces.analyzer import Analyzer
from vultus.gallery.gallery import DEFAULT_GROUP, Gallery
from vultus.gallery.matcher import Decision
from vultus.imaging.folders import is_folder
from vultus.memory import release_unused
from vultus.settings import Settings
from vultus.video.book import Judge, VisitBook
from vultus.video.budget import Budget
from vultus.video.camera import LONGEST_NAME, Camera
from vultus.video.observer import Observer
from vultus.video.onlookers import Onlooker
from vultus.video.publisher import Publisher, ShotKeeper
from vultus.video.snapshots import Snapshots
from vultus.video.sources.opening import open_source
from vultus.video.sources.source import Source
from vultus.video.strangers import GalleryStrangers, SessionStrangers, Strangers
from vultus.video.track_file import TrackHeader, TrackWriter
from vultus.video.watcher import Watcher
from vultus.video.zones import Zones

log = logging.getLogger("vultus.video")

_KEEP_HOUSE_S = 3600.0
_TRIM_S = 10.0
_NOTE_S = 10.0  # how far the end of a visit may be wrong after a crash
_CLOSE_S = 5.0

OnlookerMaker = Callable[[Source], Sequence[Onlooker]]


class People(Protocol):
    """People whom something else than a gallery knows: a classifier that was trained on them."""

    @property
    def mirror(self) -> bool: ...

    def require(self, embedder: str, *, mirror: bool) -> None:
        """Raises ModelMismatch where embeddings are made in another way than it knows them."""
        ...

    def decide(self, embeddings: NDArray[np.float32]) -> Sequence[Decision]:
        """Who the faces of one picture are, together, from embeddings (n, d)."""
        ...


class Session:
    """Shared by all cameras of one call.

    Args:
        to: addresses of sinks.
        remember: keep strangers and visits in the gallery.
        people: say who faces are, in place of the gallery's groups; nothing is kept in it then.
        patient: try again where a source cannot be opened at first, whatever the reason.
        budget: turns that are shared with others of this process; the session's own when not given.
        ledger: has every event besides the sinks; its outbox is used, and not closed.

    Raises:
        UsageError: a sink's address makes no sense, or a camera has a group beside `people`.
        GroupUnknown: a camera's group is not there. ModelMismatch: `people` know other embeddings.
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
        settings: Settings,
        *,
        gallery: Gallery,
        to: Sequence[str] = (),
        remember: bool = True,
        people: People | None = None,
        patient: bool = False,
        budget: Budget | None = None,
        ledger: Dispatcher | None = None,
    ) -> None:
        self.settings = settings
        self.gallery = gallery
        self._people = people
        self._remember = remember and people is None
        self._patient = patient
        self._groups = {camera.group or DEFAULT_GROUP for camera in cameras}
        self._kept_house = -_KEEP_HOUSE_S
        self._noted_at = self._trimmed_at = time.monotonic()
        self._books: list[VisitBook] = []
        self._close_s = _CLOSE_S
        self._session_strangers: dict[str, SessionStrangers] = {}
        self._budget = budget or Budget(_cores() if len(cameras) > 1 else 1)
        for camera in cameras:
            self._require_group(camera.group)
        if people is not None:
            people.require(gallery.analyzer.embedder_id, mirror=gallery.analyzer.mirror)
        self._ledger = ledger
        self._outbox: Outbox | None = None
        self.dispatcher: Dispatcher | None = None
        self._last_sinks: list[SinkStatus] | None = None
        sinks = open_sinks(to, settings, gallery.database.address)
        if sinks or ledger is not None:
            names = [camera.name for camera in cameras]
            self._open_outbox(sinks, names)
            try:
                for visit in self._interrupted(names):
                    self._tell(visit)
            except BaseException:
                self.close()
                raise

    def _open_outbox(self, sinks: Sequence[Sink], cameras: Sequence[str]) -> None:
        try:
            shared = self._ledger.outbox if self._ledger is not None else None
            self._outbox = shared or Outbox(self.settings.events.outbox)
            self.dispatcher = Dispatcher(
                self._outbox,
                sinks,
                self.settings.events,
                cameras=cameras,
                interrupted=self._tell,
                along=self._ledger,
            )
        except BaseException:
            for sink in sinks:
                sink.close()
            raise

    def _interrupted(self, cameras: Sequence[str]) -> list[Visit]:
        """What a crash has left open: of these cameras where others share the outbox, else all."""
        now = datetime.now(timezone.utc)
        if self._outbox is None:
            return []
        if self._ledger is None:
            return self._outbox.close_all_interrupted(now)
        return [visit for name in cameras for visit in self._outbox.close_interrupted(name, now)]

    def _tell(self, visit: Visit) -> None:
        """The exit of a visit that a crash cut off, of any camera that shares the outbox."""
        history = self.gallery.visits if self._remember else None
        put = self.dispatcher.put if self.dispatcher is not None else None
        Publisher(history, put, None).publish(visit)

    def _require_group(self, group: str | None) -> None:
        """A group that was named must be there; without one, everybody may be a stranger."""
        if group is not None and self._people is not None:
            raise UsageError(
                f"A classifier stands in place of groups, and a camera has the group {group!r}.",
                "Leave one of them out.",
            )
        if group is not None:
            self.gallery.require_group(group)

    def watcher(
        self,
        camera: Camera,
        *,
        onlookers: OnlookerMaker = lambda _: (),
        started_at: datetime | None = None,
    ) -> Watcher:
        """The watcher of one camera."""
        stills = is_folder(Path(camera.source))
        if stills:  # single pictures cannot be looked at twice: one look decides
            once = {"confirm_looks": 1, "stranger_looks": 1}
            video = camera.video.model_copy(update=once)
            camera = camera.model_copy(update={"video": video})
        zones = Zones(camera.zones, camera.masks)
        group = camera.group or DEFAULT_GROUP
        judge = judge_of(self.gallery, group, needed=camera.group is not None)
        book = VisitBook(
            camera.name,
            group if self._people is None else None,
            judge if self._people is None else self._people.decide,
            self._strangers(group),
            camera.video,
            zones,
        )
        if camera.attributes:  # a model that is missing is told now, and no frame waits for one
            self.gallery.analyzer.warm_up(embed=False, attributes=camera.attributes)
        observer = Observer(
            self.gallery.analyzer,
            camera.video,
            zones,
            book.is_sure,
            stills=stills,
            attributes=camera.attributes,
        )
        self._books.append(book)
        publisher = self._publisher(camera)
        own = self.settings.model_copy(update={"video": camera.video})
        return Watcher(
            camera.name,
            lambda: open_source(camera.source, own, patient=self._patient, started_at=started_at),
            observer,
            book,
            publisher,
            camera.video,
            budget=self._budget,
            onlookers=onlookers,
            tracks=self._track_writer(camera, group),
            check=self.check,
        )

    def _strangers(self, group: str) -> Strangers:
        if self._remember:
            return GalleryStrangers(self.gallery.strangers, group, self.gallery.calibrator)
        if group not in self._session_strangers:
            self._session_strangers[group] = SessionStrangers(self.gallery.calibrator)
        return self._session_strangers[group]

    def _publisher(self, camera: Camera) -> Publisher:
        shots = None
        if camera.snapshots is not None:
            folder = camera.snapshots.resolve()  # the gallery deletes pictures by their paths
            shots = ShotKeeper(Snapshots(folder, camera.snapshots_days, camera.snapshots_mb))
        put = self.dispatcher.put if self.dispatcher else None
        return Publisher(self.gallery.visits if self._remember else None, put, shots)

    def _track_writer(self, camera: Camera, group: str) -> Callable[[], TrackWriter] | None:
        if camera.tracks is None:
            return None
        header = TrackHeader(
            camera=camera.name,
            group=group,
            model=self.gallery.analyzer.embedder_id,
            video=camera.video.model_dump(mode="json"),
            zones=dict(camera.zones),
        )
        return partial(TrackWriter, camera.tracks, header)

    def check(self) -> None:
        """Called all the time: raises what broke a sink, and keeps house now and then."""
        if self.dispatcher is not None:
            self.dispatcher.check()
        now = time.monotonic()
        if now - self._kept_house > _KEEP_HOUSE_S:
            self._kept_house = now
            self._forget_strangers()
        if now - self._trimmed_at > _TRIM_S:
            self._trimmed_at = now
            release_unused()
        if self._outbox is not None and now - self._noted_at > _NOTE_S:
            self._noted_at = now
            there = [stay.now() for book in self._books for stay in book.open_visits]
            self._outbox.still_there(there)

    def _forget_strangers(self) -> None:
        """Strangers not seen for `strangers_days` are forgotten, with visits and pictures."""
        days = self.settings.video.strangers_days
        if not self._remember or days is None:
            return
        since = datetime.now(timezone.utc) - timedelta(days=days)
        for group in self._groups:
            try:
                self.gallery.forget_strangers(unseen_since=since, group=group)
            except (GalleryMissing, GroupUnknown):
                continue
            except (GalleryError, StorageError) as error:  # there is another hour
                log.warning("strangers of %s could not be forgotten: %s", group, error)

    def hurry(self, seconds: float) -> None:
        """What waits in sinks has only so long to go out when the session closes."""
        self._close_s = seconds

    def close(self) -> None:
        """Deliver what can be delivered in time, and release everything; may be called twice.

        Raises:
            Exception: what broke a sink, where nobody was told.
        """
        with contextlib.ExitStack() as closing:
            if self._outbox is not None and self._ledger is None:
                closing.callback(self._outbox.close)
            if self.dispatcher is not None and self._last_sinks is None:
                closing.callback(self._remember_sinks, self.dispatcher)
                closing.callback(self.dispatcher.close, self._close_s)

    def _remember_sinks(self, dispatcher: Dispatcher) -> None:
        self._last_sinks = dispatcher.status()

    @property
    def sinks(self) -> list[SinkStatus]:
        """How each sink stands, or stood when the session was closed."""
        if self._last_sinks is not None:
            return self._last_sinks
        return self.dispatcher.status() if self.dispatcher else []


def judge_of(gallery: Gallery, group: str, *, needed: bool, model: str | None = None) -> Judge:
    """Who faces are, by a group; nobody where it is not there and need not be.

    model: made the embeddings; the gallery's own when not given.
    """
    embedder = model or gallery.analyzer.embedder_id

    def decide(probes: NDArray[np.float32]) -> Sequence[Decision]:
        try:
            return gallery.decide(probes, embedder, group=group)
        except (GroupUnknown, GalleryMissing):
            if needed:
                raise
            return [Decision(None, 0.0, "no_people", [], None) for _ in probes]

    return decide


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def analyzer_for(cameras: int, settings: Settings) -> Analyzer:
    """An Analyzer for so many cameras: several share the cores rather than each network."""
    if cameras > 1 and not settings.runtime.threads:
        runtime = settings.runtime.model_copy(update={"threads": 1})
        settings = settings.model_copy(update={"runtime": runtime})
    return Analyzer(settings)


def camera_name(source: str) -> str:
    """What a source is called where nobody says: a file's name, else its kind."""
    if "@" in source and not os.path.lexists(source):  # what looks like user:password@host
        return "camera"
    if "://" not in source and not source.isdigit():
        return Path(source).stem[:LONGEST_NAME] or "camera"
    return f"camera-{source}" if source.isdigit() else "camera"
