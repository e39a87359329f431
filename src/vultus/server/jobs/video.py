"""Videos as jobs: who was in it, when, and why nobody was recognised."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from threading import Event, Thread
from typing import Any

from vultus.errors import GalleryBusy, ServerError, SourceTimeout, VultusError
from vultus.events.visit import Visit
from vultus.faces.attributes.describing import OFFERED
from vultus.gallery.gallery import Gallery
from vultus.redaction import redact_address
from vultus.server.fetch import Fetcher
from vultus.server.jobs.footage import Footage, is_stream, look_into, pinned
from vultus.server.jobs.journal import Journal
from vultus.server.jobs.runner import JobCancelled, JobStopped, Task
from vultus.settings import Settings
from vultus.video.budget import Budget
from vultus.video.camera import camera_of
from vultus.video.watcher import CameraStatus
from vultus.video.watching import Watch, watch_cameras

_MOST_TRIES = 5  # in which the server was killed while it worked on a video
_MOST_VISITS = 10_000
_MOST_ATTRIBUTES = 100_000
_FETCH_S = 3600.0
_FIRST_FRAME_S = 60.0
_LOOK_S = 0.1
_Told = dict[str, Any]


@dataclass(frozen=True)
class VideoWish:
    """What is asked of a video; see `vultus.watch`.

    camera: what it is called in the visits. seconds: how long something live is watched.
    attributes: tell all there are, by the time of the video. url: where it is, unless it was sent.
    """

    camera: str
    group: str | None = None
    remember: bool = False
    attributes: bool = False
    seconds: float | None = None
    started_at: str | None = None
    url: str | None = None


class VideoWork:
    """The work of such a job; a turn at the networks for each frame."""

    def __init__(self, settings: Settings, gallery: Gallery, budget: Budget) -> None:
        self._settings = settings
        self._gallery = gallery
        self._budget = budget

    def check(self, path: Path) -> Footage:
        """Raises SourceNotVideo where what was sent is none."""
        return look_into(path, self._settings.video)

    def check_url(self, url: str) -> bool:
        """Whether an address is of something live.

        Raises:
            UrlRefused, UrlFailed: it makes no sense, or a stream's host may not be asked. A
                file's address is judged when it is fetched.
        """
        live = is_stream(url)
        if live:
            pinned(url, allow_private=self._settings.allow_private_urls)
        return live

    def __call__(self, task: Task) -> _Told:
        """Watch the video from its beginning.

        Raises:
            JobStopped, JobCancelled: as `Task.check`. SourceError, UrlRefused, UrlFailed: it
                cannot be had. GroupUnknown: the group is gone.
        """
        wish = VideoWish(**task.record.request)
        _count_tries(task.journal)
        try:
            with _unnamed(task.upload):
                return self._watch(task, wish)
        except (JobStopped, GalleryBusy):
            task.journal.note({"stopped": True})
            raise

    def _watch(self, task: Task, wish: VideoWish) -> _Told:
        live = wish.url is not None and is_stream(wish.url)
        if wish.url is not None and not live:
            self._have_fetched(task, wish.url)
        if live and wish.url is not None:
            source = pinned(wish.url, allow_private=self._settings.allow_private_urls)
            footage = Footage(None, None)
        else:
            source, footage = str(task.upload), self.check(task.upload)
        task.progress(0, footage.frames)
        answer = _Answer(wish)
        with self._open(source, wish) as watch:
            with _Minder(watch, task, wish.seconds if live else None):
                for visit in watch:
                    answer.add(visit)
            status = watch.status[0]
        try:
            task.check()
        except JobCancelled as cancelled:
            raise JobCancelled(answer.told(status, footage.rate)) from cancelled
        if live and not status.frames:
            raise SourceTimeout("Nothing was to be seen.", status.error or "")
        task.progress(status.frames, status.frames)
        return answer.told(status, footage.rate)

    def _open(self, source: str, wish: VideoWish) -> Watch:
        camera = camera_of(
            {
                "name": wish.camera,
                "source": source,
                "group": wish.group,
                "attributes": OFFERED if wish.attributes else (),
                "video": self._settings.video,
            }
        )
        started = None if wish.started_at is None else datetime.fromisoformat(wish.started_at)
        return watch_cameras(
            [camera],
            gallery=self._gallery,
            on="all",
            remember=wish.remember,
            settings=self._gallery.settings,
            started_at=started,
            budget=self._budget,
        )

    def _have_fetched(self, task: Task, url: str) -> None:
        if not any("fetched" in entry for entry in task.journal.entries()):
            asyncio.run(self._fetch(task, url))
            task.journal.note({"fetched": True})

    async def _fetch(self, task: Task, url: str) -> None:
        most = self._settings.server.max_upload_bytes
        fetcher = Fetcher(
            max_bytes=most,
            timeout_s=_FETCH_S,
            allow_private=self._settings.allow_private_urls,
        )
        fetching = asyncio.ensure_future(fetcher.fetch_to(url, task.upload, max_bytes=most))
        try:
            while not fetching.done():
                task.check()
                await asyncio.wait([fetching], timeout=_LOOK_S)
            fetching.result()
        finally:
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)
            await fetcher.aclose()


def kept(request: dict[str, Any]) -> dict[str, Any]:
    """What may be kept of a request when its job has ended: no passwords."""
    url = request.get("url")
    return request if url is None else {**request, "url": redact_address(url)}


@dataclass
class _Answer:
    """The visits of a video, as they come."""

    wish: VideoWish
    visits: dict[str, Visit] = field(default_factory=dict)
    attributes: list[_Told] = field(default_factory=list)
    truncated: bool = False

    def add(self, event: Visit) -> None:
        """The newest event of a visit stands for it."""
        if event.id not in self.visits and len(self.visits) >= _MOST_VISITS:
            self.truncated = True
            return
        self.visits[event.id] = event
        if self.wish.attributes and event.attributes and len(self.attributes) < _MOST_ATTRIBUTES:
            told = {"media_time": round(event.media_time, 6), "visit": event.id}
            self.attributes.append({**told, "attributes": dict(event.attributes)})

    def told(self, status: CameraStatus, rate: Fraction | None) -> _Told:
        visits = sorted(self.visits.values(), key=lambda visit: (visit.start, visit.id))
        answer = {
            "group": self.wish.group,
            "frames": status.frames,
            "analysed": status.analysed,
            "damaged": status.damaged,
            "seconds": round(float(status.frames / rate), 3) if rate else None,
            "people": _people(visits),
            "visits": [_visit(visit) for visit in visits],
            "counts": status.counts,
            "truncated": self.truncated,
        }
        return answer | ({"attributes": self.attributes} if self.wish.attributes else {})


def _visit(visit: Visit) -> _Told:
    start_s, end_s = _seconds(visit)
    told = {**visit.to_dict(), "start_s": start_s, "end_s": end_s}
    reference = told["why"].get("reference")
    if isinstance(reference, str):  # enrolled on the command line, it is a path of this machine
        told["why"]["reference"] = reference.replace("\\", "/").rpartition("/")[2]
    return told


def _people(visits: list[Visit]) -> list[_Told]:
    """Who was there, in the order of their coming, with their visits."""
    found: dict[tuple[str | None, str | None], _Told] = {}
    for visit in visits:
        who = visit.person, visit.stranger
        if who == (None, None):
            continue
        person = found.setdefault(
            who, {"person": who[0], "stranger": who[1], "seconds": 0.0, "visits": []}
        )
        start_s, end_s = _seconds(visit)
        person["seconds"] = round(person["seconds"] + visit.seconds, 3)
        person["visits"].append(
            {
                "visit": visit.id,
                "start_s": start_s,
                "end_s": end_s,
                "probability": round(visit.probability, 6),
            }
        )
    return list(found.values())


def _seconds(visit: Visit) -> tuple[float, float]:
    """First and last sight in seconds since the video's first frame."""
    seen_s = (visit.time - visit.end).total_seconds()
    end_s = max(0.0, visit.media_time - seen_s)
    return round(max(0.0, end_s - visit.seconds), 3), round(end_s, 3)


class _Minder:
    """Stops a watch from outside: the job was cancelled, the server stops, or it was long enough.

    seconds: how long, from the first frame.
    """

    def __init__(self, watch: Watch, task: Task, seconds: float | None) -> None:
        self._watch = watch
        self._task = task
        self._seconds = seconds
        self._over = Event()
        self._thread = Thread(target=self._mind, name="vultus-job-minder", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _mind(self) -> None:
        began = time.monotonic()
        first: float | None = None
        while not self._over.wait(_LOOK_S):
            frames = self._watch.status[0].frames
            self._task.progress(frames)
            now = time.monotonic()
            if first is None and frames:
                first = now
            if self._is_enough(now, began, first):
                self._watch.stop()

    def _is_enough(self, now: float, began: float, first: float | None) -> bool:
        if self._task.cancelled.is_set() or self._task.stopping.is_set():
            return True
        if self._seconds is None:
            return False
        since, most = (began, _FIRST_FRAME_S) if first is None else (first, self._seconds)
        return now - since >= most


def _count_tries(journal: Journal) -> None:
    """Raises ServerError for a video that seems to have killed the server again and again."""
    tries = 0
    for entry in journal.entries():
        tries = tries + 1 if "begin" in entry else 0
    if tries >= _MOST_TRIES:
        raise ServerError(f"The server ended {tries} times while it worked on this video.")
    journal.note({"begin": True})


@contextmanager
def _unnamed(path: Path) -> Iterator[None]:
    """Where an upload lies is none of a client's business."""
    try:
        yield
    except VultusError as error:
        if str(path) not in str(error):
            raise
        told = [text.replace(str(path), "The video") for text in (error.message, error.hint)]
        raise type(error)(*told) from error
