"""`vultus.watch`: a video in, visits out."""

from __future__ import annotations

import weakref
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal

from vultus.errors import UsageError
from vultus.events.dispatcher import SinkStatus
from vultus.events.visit import EventType, Visit
from vultus.faces.attributes.describing import ExpressionHead
from vultus.gallery.gallery import Gallery
from vultus.settings import Settings, VideoSettings, load_settings
from vultus.video.budget import Budget
from vultus.video.camera import Camera, camera_of, check_names
from vultus.video.film import kind_of
from vultus.video.fleet import Fleet
from vultus.video.onlookers import Onlooker, Recording
from vultus.video.recorder import Recorder
from vultus.video.session import OnlookerMaker, People, Session, analyzer_for, camera_name
from vultus.video.sources.source import Source
from vultus.video.watcher import CameraStatus, Watcher
from vultus.video.zones import Polygon

On = Literal["enter", "exit", "all"]


_HURRY_S = 1.0  # for what waits in sinks, when an error has to be told


class Watch(Iterator[Visit]):
    """Visits as they happen. Iterate; `with` or `close` ends it early at a place of your choice.

    Args:
        on: `exit`: each visit once, when it is over; `enter`: once, when it begins; `all`: every
            event, updates included.
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
        session: Session,
        *,
        on: On = "exit",
        onlookers: OnlookerMaker = lambda _: (),
        started_at: datetime | None = None,
        owned: Gallery | None = None,
    ) -> None:
        check_names(list(cameras))
        self._session = session
        self._wanted: tuple[EventType, ...] = ("enter", "update", "exit") if on == "all" else (on,)
        self._watchers = [
            session.watcher(
                camera, onlookers=_all_onlookers(camera, onlookers), started_at=started_at
            )
            for camera in cameras
        ]
        runner: Fleet | Watcher = self._watchers[0]
        if len(cameras) > 1:
            runner = Fleet(self._watchers, session.check)
        self._events = runner.events()
        # also when somebody breaks off the loop and keeps no reference
        self._release = weakref.finalize(self, _release, self._events, session, owned)

    def __iter__(self) -> Watch:
        return self

    def __next__(self) -> Visit:
        try:
            while True:
                visit = next(self._events)
                if visit.type in self._wanted:
                    return visit
        except StopIteration:
            self.close()
            raise
        except BaseException:
            self._session.hurry(_HURRY_S)
            self.close()
            raise

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def stop(self) -> None:
        """End soon; the visits that are open come with their exits. From any thread."""
        for watcher in self._watchers:
            watcher.stop()

    def close(self) -> None:
        """End now, deliver what can be delivered, release everything; may be called twice."""
        self._release()

    @property
    def status(self) -> list[CameraStatus]:
        """How each camera stands: state, rates, who is there, and why nothing was recognised."""
        return [watcher.status for watcher in self._watchers]

    @property
    def sinks(self) -> list[SinkStatus]:
        """How each sink stands: what waits, what was set aside, and why."""
        return self._session.sinks


def _release(events: Generator[Visit, None, None], session: Session, owned: Gallery | None) -> None:
    try:
        events.close()
    finally:
        try:
            session.close()
        finally:
            if owned is not None:
                owned.close()


def watch(
    source: str | int | Path,
    *,
    group: str | None = None,
    gallery: Gallery | str | Path | None = None,
    camera: str | None = None,
    on: On = "exit",
    to: Sequence[str] = (),
    zones: Mapping[str, Polygon] | None = None,
    masks: Sequence[Polygon] = (),
    record: str | Path | None = None,
    snapshots: str | Path | None = None,
    snapshots_days: float | None = None,
    snapshots_mb: float | None = None,
    tracks: str | Path | None = None,
    attributes: str | Sequence[str] = (),
    remember: bool = True,
    classifier: People | None = None,
    far: float | None = None,
    video: VideoSettings | None = None,
    settings: Settings | None = None,
    started_at: datetime | None = None,
    onlookers: Sequence[Onlooker] = (),
) -> Watch:
    """Watch a camera, a file or a stream, and tell who comes and goes.

    Args:
        source: index or device of a camera, `picamera:`, a video file, a folder of pictures,
            `rtsp://...` or `http(s)://...`. group: people to look for; the default group, where
            nobody need be enrolled, when not given.
        gallery: a `Gallery`, or its address. camera: name in the events. on: see `Watch`. to:
            sinks, such as `events.jsonl` or `mqtt://host`; docs/events.md lists them. zones: name
            to polygon, in fractions of the frame; masks: polygons not looked at. record: annotated
            video; snapshots: folder for pictures, and how many are kept; tracks: for `replay`.
            attributes: how faces look. remember: keep strangers and visits in the gallery, but not
            with a classifier, which says who faces are in place of a group. far: wished rate of
            false matches; a `Gallery` has its own. started_at: when a file was recorded.

    Raises:
        UsageError, GroupUnknown: at once. SourceError and others: while iterating.
    """
    settings = settings or _settings_for(gallery)
    watched = camera_of(
        {
            "name": camera or camera_name(str(source)),
            "source": str(source),
            "group": group,
            "zones": {name: list(polygon) for name, polygon in (zones or {}).items()},
            "masks": [list(polygon) for polygon in masks],
            "record": record,
            "snapshots": snapshots,
            "snapshots_days": snapshots_days,
            "snapshots_mb": snapshots_mb,
            "tracks": tracks,
            "attributes": attributes,
            "video": video or settings.video,
        }
    )
    return watch_cameras(
        [watched],
        gallery=gallery,
        on=on,
        to=to,
        remember=remember,
        classifier=classifier,
        far=far,
        settings=settings,
        started_at=started_at,
        onlookers=onlookers,
    )


def watch_cameras(
    cameras: Sequence[Camera],
    *,
    gallery: Gallery | str | Path | None = None,
    on: On = "exit",
    to: Sequence[str] = (),
    remember: bool = True,
    classifier: People | None = None,
    far: float | None = None,
    patient: bool = False,
    expression: ExpressionHead | None = None,
    settings: Settings | None = None,
    started_at: datetime | None = None,
    onlookers: Sequence[Onlooker] = (),
    budget: Budget | None = None,
) -> Watch:
    """Watch several cameras at once; see `watch`, and `read_cameras` for a file of them.

    Args:
        patient: cameras that cannot be opened are tried again for ever, whatever the reason.
        expression: tells the attribute `expression` in place of the shipped network; a `Gallery`
            has its own Analyzer, and that one its own.
        budget: turns at the processor that are shared with others of this process.
    """
    if on not in ("enter", "exit", "all"):
        raise UsageError(f"on={on!r} makes no sense.", "Choose enter, exit or all.")
    if not cameras:
        raise UsageError("There is no camera to watch.", "Name one at least.")
    settings = settings or _settings_for(gallery)
    if classifier is not None and far is not None:
        raise UsageError("far= belongs to the training of the classifier.", "Leave it out.")
    owned = None
    if isinstance(gallery, Gallery) and far is not None:
        raise UsageError("far= belongs to the gallery.", "Give it there: Gallery(..., far=1e-4).")
    if not isinstance(gallery, Gallery):
        if classifier is not None:  # its faces are known as it learnt them
            embedding = settings.embedding.model_copy(update={"mirror": classifier.mirror})
            settings = settings.model_copy(update={"embedding": embedding})
        analyzer = analyzer_for(len(cameras), settings)
        analyzer.expression_head = expression
        gallery = owned = Gallery(gallery, settings=settings, analyzer=analyzer, far=far)
    session = None
    try:
        session = Session(
            cameras,
            settings,
            gallery=gallery,
            to=to,
            remember=remember,
            people=classifier,
            patient=patient,
            budget=budget,
        )
        return Watch(
            cameras,
            session,
            on=on,
            onlookers=lambda _: onlookers,
            started_at=started_at,
            owned=owned,
        )
    except BaseException:
        if session is not None:
            session.close()
        if owned is not None:
            owned.close()
        raise


def _settings_for(gallery: Gallery | str | Path | None) -> Settings:
    return gallery.settings if isinstance(gallery, Gallery) else load_settings()


def _all_onlookers(camera: Camera, others: OnlookerMaker) -> OnlookerMaker:
    if camera.record is not None:
        kind_of(camera.record)  # refused before anything is opened

    def make(source: Source) -> Sequence[Onlooker]:
        made = list(others(source))
        if camera.record is not None:
            recorder = Recorder(camera.record, source.info, _audio(camera, source))
            made.append(Recording(recorder))
        return made

    return make


def _audio(camera: Camera, source: Source) -> str | None:
    return camera.source if source.info.has_audio and not source.info.live else None
