"""Jobs in threads of their own, one after the other a lane; what was accepted is done."""

from __future__ import annotations

import datetime
import logging
import os
import re
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

from vultus.errors import GalleryBusy, ServerBusy, StorageError, VultusError
from vultus.events.private import make_file
from vultus.gallery.audit import acting_as
from vultus.server.jobs.journal import Journal
from vultus.server.jobs.store import JobRecord, JobStore, State

log = logging.getLogger("vultus.server")

_LOOK_S = 0.2  # how soon a lane sees that the server stops
_RETRY_S = 5.0
_KEEP_HOUSE_S = 3600.0
_FULL_S = 60.0  # until a client may try again
_FILE = re.compile(r"job-([0-9a-f-]{36})\.(upload|journal)\Z")
_UNFORESEEN = {
    "code": "internal_error",
    "message": "Something went wrong here; the server's log says what.",
}


class JobStopped(Exception):
    """The server stops; the job waits for the next start. Never leaves the jobs."""


class JobCancelled(Exception):
    """Somebody cancelled the job; `result` is what was done until then. Never leaves the jobs."""

    def __init__(self, result: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.result = result


@dataclass(frozen=True)
class Kind:
    """A kind of job.

    threads: how many of it run at once. work: does one; asks `Task.check` often. keep: what of
    the request is kept when the job has ended; all of it when not given. waits_for: errors of the
    work that pass; it is begun again until it comes to an end.
    """

    threads: int
    work: Callable[[Task], dict[str, Any]]
    keep: Callable[[dict[str, Any]], dict[str, Any]] = dict
    waits_for: tuple[type[VultusError], ...] = (GalleryBusy,)


@dataclass
class Task:
    """A job at work. upload: the file that came with it, if one did. journal: outlives a crash."""

    record: JobRecord
    upload: Path
    journal: Journal
    stopping: Event
    cancelled: Event = field(default_factory=Event)
    done: int = 0
    total: int | None = None

    def check(self) -> None:
        """Raises JobStopped or JobCancelled where there is nothing more to do."""
        if self.cancelled.is_set():
            raise JobCancelled
        if self.stopping.is_set():
            raise JobStopped

    def progress(self, done: int, total: int | None = None) -> None:
        """How much of it is done."""
        self.done, self.total = done, total if total is not None else self.total


@dataclass(frozen=True)
class _Stall:
    """Where a job stands that cannot go on now, and why."""

    done: int
    total: int | None
    error: dict[str, str]


@dataclass
class Upload:
    """A place for the file that comes with a job; `accepted` when the job has it."""

    id: str
    path: Path
    accepted: bool = False


class JobRunner:
    """Runs jobs, each kind in its own lane.

    Args:
        folder: where uploads lie until their job is done; asked for each time.
        stopping: set when the server stops; a job that runs then waits for the next start.
        keep_days: after so many days jobs that ended are forgotten.
        most_bytes: of uploads that wait, all together.
    """

    def __init__(
        self,
        store: JobStore,
        folder: Callable[[], Path],
        kinds: Mapping[str, Kind],
        *,
        stopping: Event,
        keep_days: float,
        most_bytes: int,
    ) -> None:
        self.store = store
        self._folder = folder
        self._kinds = kinds
        self._stopping = stopping
        self._keep = datetime.timedelta(days=keep_days)
        self._most_bytes = most_bytes
        self._lanes: dict[str, SimpleQueue[str]] = {kind: SimpleQueue() for kind in kinds}
        self._active: dict[str, Task] = {}
        self._stalled: dict[str, _Stall] = {}
        self._receiving: set[str] = set()
        self._lock = Lock()  # between beginning and cancelling
        self._recovered = Event()
        self._threads: list[Thread] = []

    # for whoever asks

    def receive(self) -> Upload:
        """A place for what comes with a job; to be given back with `release`, whatever happens.

        Raises:
            ServerBusy: too many jobs wait, or too much of their uploads. StorageError.
        """
        self.store.require_room()
        try:
            there = sum(path.stat().st_size for path in self._folder().glob("job-*.upload"))
            if there >= self._most_bytes:
                busy = ServerBusy("Too much waits to be worked on.", "Try again when some is done.")
                busy.retry_after_s = _FULL_S
                raise busy
            upload = Upload(job_id := str(uuid.uuid4()), self._path(job_id, "upload"))
            self._receiving.add(upload.id)
            make_file(upload.path)
        except OSError as error:
            raise _not_kept(error) from error
        return upload

    def submit(
        self,
        upload: Upload,
        kind: str,
        owner: str,
        request: Mapping[str, Any],
        *,
        total: int | None = None,
    ) -> JobRecord:
        """Accept a job. When this returns, it is done sooner or later, whatever happens here.

        Raises:
            ServerBusy: too many jobs wait already. StorageError.
        """
        try:
            with upload.path.open("rb") as file:
                os.fsync(file.fileno())
        except OSError as error:
            raise _not_kept(error) from error
        record = self.store.add(upload.id, kind, owner, request, total=total)
        upload.accepted = True
        self._lanes[kind].put(record.id)
        return record

    def release(self, upload: Upload) -> None:
        """Remove what came, unless it became a job's."""
        if not upload.accepted:
            self._clean(upload.id)
        self._receiving.discard(upload.id)

    def get(self, job_id: str) -> JobRecord:
        """A job as it stands now. Raises JobUnknown."""
        return self._now(self.store.get(job_id))

    def find(
        self,
        *,
        state: State | None = None,
        kind: str | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[JobRecord]:
        """Jobs, the newest first; see `JobStore.find`."""
        found = self.store.find(state=state, kind=kind, before=before, limit=limit)
        return [self._now(record) for record in found]

    def cancel(self, job_id: str) -> JobRecord:
        """Let a job end: one that waits at once, one that runs with the next picture or frame.

        One that has ended stays as it is. Raises JobUnknown.
        """
        with self._lock:
            if job_id in self._active:
                self._active[job_id].cancelled.set()
            elif self.store.cancel_waiting(job_id):
                self._stalled.pop(job_id, None)
                self._clean(job_id)
        return self.get(job_id)

    def _now(self, record: JobRecord) -> JobRecord:
        task, stall = self._active.get(record.id), self._stalled.get(record.id)
        if task is None and stall is not None and record.is_open:
            return replace(record, done=stall.done, total=stall.total, error=stall.error)
        if task is None or record.state != "running":
            return record
        cancelling = task.cancelled.is_set()
        return replace(record, done=task.done, total=task.total, cancelling=cancelling)

    # the work

    def start(self) -> None:
        """Go on with what was accepted before; returns at once."""
        self._begin_thread(self._keep_house)
        for name, kind in self._kinds.items():
            for _ in range(kind.threads):
                self._begin_thread(self._work, name)

    def close(self, timeout_s: float) -> None:
        """Wait until the picture or frame at work is done, after `stopping` was set."""
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            log.warning("a job did not stop in time; it begins again at the next start")

    def _begin_thread(self, target: Callable[..., None], *args: str) -> None:
        thread = Thread(target=target, args=args, name="vultus-job", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _keep_house(self) -> None:
        """Find what was accepted before; then, now and then, forget what ended long ago."""
        while not self._stopping.is_set():
            try:
                if not self._recovered.is_set():
                    self._recover()
                self.store.forget(before=datetime.datetime.now(datetime.timezone.utc) - self._keep)
            except (VultusError, OSError) as error:  # there is another time
                log.warning("jobs cannot be looked after: %s", type(error).__name__)
            self._stopping.wait(_KEEP_HOUSE_S if self._recovered.is_set() else _RETRY_S)

    def _recover(self) -> None:
        found = self.store.recover()
        known = {record.id for record in found}
        for path in self._folder().glob("job-*"):
            named = _FILE.match(path.name)
            if named and named[1] not in known | self._receiving:
                path.unlink(missing_ok=True)
        for record in found:
            if record.kind in self._lanes:  # one of a newer version waits for it
                self._lanes[record.kind].put(record.id)
        self._recovered.set()

    def _work(self, name: str) -> None:
        """One lane, job after job, until the server stops."""
        while not self._stopping.is_set():
            if not self._recovered.wait(_LOOK_S):
                continue
            try:
                job_id = self._lanes[name].get(timeout=_LOOK_S)
            except Empty:
                continue
            try:
                self._do(self._kinds[name], job_id)
            except (VultusError, OSError) as error:  # nothing can be written now
                log.error("a job has to wait: %s", getattr(error, "code", type(error).__name__))
                self._lanes[name].put(job_id)
                self._stopping.wait(_RETRY_S)

    def _do(self, kind: Kind, job_id: str) -> None:
        with self._lock:
            record = None if job_id in self._active else self.store.begin(job_id)
            self._stalled.pop(job_id, None)
            if record is None:  # cancelled, or found twice
                return
            journal = Journal(self._path(job_id, "journal"))
            upload = self._path(job_id, "upload")
            task = Task(record, upload, journal, self._stopping, total=record.total)
            self._active[job_id] = task
        try:
            with acting_as(record.owner):
                self._run(kind, task)
        except VultusError as error:
            self._stalled[job_id] = _Stall(task.done, task.total, error.to_dict())
            raise
        finally:
            self._active.pop(job_id, None)

    def _run(self, kind: Kind, task: Task) -> None:
        try:
            result = kind.work(task)
        except JobStopped:
            self.store.requeue(task.record.id)
        except JobCancelled as cancelled:
            self._end(kind, task, "cancelled", result=cancelled.result)
        except kind.waits_for:
            raise
        except VultusError as error:
            log.info("a job ended with %s", error.code)
            self._end(kind, task, "failed", error=error.to_dict())
        except Exception:  # the border of the thread
            log.exception("a job broke")
            self._end(kind, task, "failed", error=_UNFORESEEN)
        else:
            self._end(kind, task, "succeeded", result=result)

    def _end(
        self,
        kind: Kind,
        task: Task,
        state: State,
        *,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, str] | None = None,
    ) -> None:
        """Write how it ended, as often as it takes; otherwise it begins again at the next start."""
        job_id, kept = task.record.id, kind.keep(task.record.request)
        while True:
            try:
                self.store.finish(
                    job_id,
                    state,
                    done=task.done,
                    total=task.total,
                    result=result,
                    error=error,
                    request=kept,
                )
                break
            except VultusError as failed:
                log.error("the end of a job cannot be written: %s", failed.code)
                if self._stopping.wait(_RETRY_S):
                    return
        self._clean(job_id)

    def _path(self, job_id: str, what: str) -> Path:
        return self._folder() / f"job-{job_id}.{what}"

    def _clean(self, job_id: str) -> None:
        for what in ("upload", "journal"):
            with suppress(OSError):
                self._path(job_id, what).unlink(missing_ok=True)


def _not_kept(error: OSError) -> StorageError:
    reason = error.strerror or "no reason is known"
    return StorageError(f"The upload cannot be kept: {reason}.", "Free some space on the server.")
