"""The cameras that the server watches: added, replaced, removed, each one by itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from threading import Event, Lock, Thread
from typing import Any

from vultus.errors import CameraDown, CameraUnknown, UsageError, VultusError
from vultus.events.log import EventLog
from vultus.events.private import make_folder
from vultus.gallery.gallery import Gallery
from vultus.redaction import redact
from vultus.server.cameras.feed import Feed
from vultus.server.cameras.ledger import Ledger
from vultus.server.cameras.options import (
    CameraOptions,
    camera_of,
    check,
    options_of,
    shown_source,
    sinks_of,
    with_known_secrets,
    without_folder,
)
from vultus.server.cameras.preview import Peephole
from vultus.server.cameras.runner import CameraRunner
from vultus.server.cameras.store import CameraRecord, CameraStore
from vultus.settings import Settings
from vultus.video.budget import Budget
from vultus.video.camera import check_names
from vultus.video.session import Session
from vultus.video.watcher import CameraStatus
from vultus.video.watching import Watch

log = logging.getLogger("vultus.server")

_REMOVE_S = 8.0  # a thread that has not ended by then hangs in a driver and is left behind
_LEDGER_S = 5.0
_RETRY_S = 5.0
MOST_CAMERAS = 100
STOPPED = "stopped"
_SHOWING = ("live", "running")


@dataclass
class _Watched:
    """peephole: stays while the runner changes."""

    peephole: Peephole
    runner: CameraRunner | None = None


@dataclass(frozen=True)
class CameraView:
    """A camera as it was added, and how it stands; restarts: failures of this server's run."""

    record: CameraRecord
    status: CameraStatus
    restarts: int = 0


class CameraManager:
    """Cameras of one server. Thread-safe; changes wait for each other, looking never waits.

    Args:
        budget: turns at the processor that are shared with requests and jobs.
    """

    def __init__(self, settings: Settings, gallery: Gallery, budget: Budget) -> None:
        self.folder = settings.data_folder / "cameras"
        self.store = CameraStore(gallery.database)
        self.events = EventLog(gallery.database)
        self.feed = Feed(self.events)
        self._settings = settings
        self._gallery = gallery
        self._budget = budget
        self._ledger = Ledger(gallery, self.events, self.feed)
        self._changing = Lock()
        self._watched: dict[str, _Watched] = {}
        self._closing = Event()
        self._starter = Thread(target=self._start, name="vultus-cameras", daemon=True)

    def start(self) -> None:
        """Begin with all that are enabled, in the background; ends what a crash left open."""
        self._starter.start()

    def _start(self) -> None:
        while not self._closing.is_set():
            try:
                self._start_all()
                return
            except VultusError as error:  # the border of the thread: the database is busy, or full
                log.error("cameras cannot be started yet: %s", self._tidy(str(error)))
                self._closing.wait(_RETRY_S)

    def _start_all(self) -> None:
        with self._changing:
            records = self.store.all()
            if self._closing.is_set():
                return
            if records or self._settings.events.outbox.exists():
                watched_now = [r.name for r in records if r.options.enabled]
                self._ledger.end_interrupted(watched_now, but=True)
            for record in records:
                watched = self._watched.setdefault(record.name, _Watched(Peephole()))
                if record.options.enabled and watched.runner is None:
                    self._begin(record.options, watched)

    # what people ask for

    def add(self, values: object) -> CameraView:
        """Add a camera and watch it.

        Raises:
            UsageError, SourceUnknown, GroupUnknown: it makes no sense. CameraExists: there is one.
        """
        options = options_of(values)
        with self._changing:
            if len(self._watched) >= MOST_CAMERAS:
                raise UsageError(f"There are {MOST_CAMERAS} cameras.", "Remove one.")
            self._check(options)
            record = self.store.add(options)
            watched = self._watched[options.name] = _Watched(Peephole())
            if options.enabled and not self._closing.is_set():
                self._begin(options, watched)
        return self._view(record)

    def replace(self, name: str, values: Mapping[str, Any]) -> CameraView:
        """Give a camera other options, and begin it anew.

        Addresses that come as they are shown, without their secrets, stay as they were.

        Raises:
            CameraUnknown, and as `add`.
        """
        with self._changing:
            before = self.store.get(name).options
            options = options_of({"name": name, **with_known_secrets(values, before)})
            if options.name != name:
                raise UsageError("A camera keeps its name.", "Remove it, and add another.")
            self._check(options)
            record = self.store.replace(options)
            self._switch(options)
        return self._view(record)

    def enable(self, name: str, *, enabled: bool) -> CameraView:
        """Watch a camera from now on, also after a restart, or no more. One that ended begins anew.

        Raises:
            CameraUnknown.
        """
        with self._changing:
            record = self.store.get(name)
            if record.options.enabled != enabled:
                options = options_of({**_given(record.options), "enabled": enabled})
                record = self.store.replace(options)
            if not (enabled and self._is_running(name)):
                self._switch(record.options)
        return self._view(record)

    def remove(self, name: str) -> None:
        """Stop watching and forget the camera; its visits stay. Raises CameraUnknown."""
        with self._changing:
            self.store.remove(name)
            watched = self._watched.pop(name, None)
            if watched is not None:
                watched.peephole.end()
                self._end(name, watched)

    def views(self) -> list[CameraView]:
        """All cameras by name."""
        return [self._view(record) for record in self.store.all()]

    def view(self, name: str) -> CameraView:
        """One camera. Raises CameraUnknown."""
        return self._view(self.store.get(name))

    def peephole(self, name: str) -> Peephole:
        """Where the newest frame of a camera can be seen.

        Raises:
            CameraUnknown. CameraDown: it shows nothing now; the message says why.
        """
        watched = self._watched.get(name)
        if watched is None:
            raise CameraUnknown(f"There is no camera {name!r}.", "List them: GET /api/v1/cameras.")
        status = self._status(name, watched)
        if status.state not in _SHOWING:
            why = f": {status.error}" if status.error else "."
            raise CameraDown(f"The camera is {status.state}{why}", "Its status tells more.")
        return watched.peephole

    def close(self, timeout_s: float) -> None:
        """Stop all at once; open visits get their exits, and events go where they can in time."""
        deadline = time.monotonic() + timeout_s
        self._closing.set()
        with self._changing:
            watched, self._watched = self._watched, {}
            runners = [each.runner for each in watched.values() if each.runner is not None]
            for runner in runners:
                runner.stop()
            for runner in runners:
                if not runner.join(deadline - time.monotonic()):
                    log.warning("%s did not end in time and was left behind", runner.name)
            self._ledger.close(min(_LEDGER_S, max(0.5, deadline - time.monotonic())))

    # how it is done

    def _check(self, options: CameraOptions) -> None:
        check(options, self._gallery, self.folder)
        others = [r.options for r in self.store.all() if r.name != options.name]
        check_names([*others, options])

    def _switch(self, options: CameraOptions) -> None:
        watched = self._watched.setdefault(options.name, _Watched(Peephole()))
        self._end(options.name, watched)
        if options.enabled and not self._closing.is_set():
            self._begin(options, watched)

    def _is_running(self, name: str) -> bool:
        watched = self._watched.get(name)
        return watched is not None and watched.runner is not None and watched.runner.is_alive

    def _begin(self, options: CameraOptions, watched: _Watched) -> None:
        own = options.video.model_dump(exclude_unset=True)
        watched.runner = CameraRunner(
            options.name,
            partial(self._watch, options, watched.peephole),
            source=shown_source(options.source),
            longest_wait_s=own.get("retry_max_s", self._settings.video.retry_max_s),
            tidy=self._tidy,
        )
        watched.runner.start()

    def _end(self, name: str, watched: _Watched) -> None:
        runner, watched.runner = watched.runner, None
        if runner is None:
            return
        runner.stop()
        if not runner.join(_REMOVE_S):
            log.warning("%s did not end in time and was left behind", name)
            return
        try:
            self._ledger.end_interrupted([name])
        except VultusError as error:  # it is stopped all the same, and the next start ends them
            log.error("visits of %s stay open: %s", name, self._tidy(str(error)))

    def _watch(self, options: CameraOptions, peephole: Peephole) -> Watch:
        """One run of a camera, in its thread."""
        make_folder(self.folder)
        camera = camera_of(options, self._settings, self.folder)
        session = Session(
            [camera],
            self._settings,
            gallery=self._gallery,
            to=sinks_of(options, self.folder),
            patient=True,
            budget=self._budget,
            ledger=self._ledger.open(),
        )
        try:
            return Watch([camera], session, on="all", onlookers=lambda _: [peephole])
        except BaseException:
            session.close()
            raise

    def _view(self, record: CameraRecord) -> CameraView:
        watched = self._watched.get(record.name)
        if watched is None or watched.runner is None:
            source = shown_source(record.options.source)
            return CameraView(record, CameraStatus(record.name, source, STOPPED))
        return CameraView(record, self._status(record.name, watched), watched.runner.restarts)

    def _status(self, name: str, watched: _Watched) -> CameraStatus:
        runner = watched.runner
        return CameraStatus(name, state=STOPPED) if runner is None else runner.status

    def _tidy(self, text: str) -> str:
        return redact(without_folder(text, self.folder))


def _given(options: CameraOptions) -> dict[str, Any]:
    return options.model_dump(mode="json", exclude_unset=True)
