"""Everything that requests are served with, made once and handed to the application."""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from vultus.errors import GalleryMissing, VultusError
from vultus.faces.analyzer import Analyzer
from vultus.gallery.containers import ContainerStore
from vultus.gallery.face_lists import FaceListStore
from vultus.gallery.gallery import Gallery
from vultus.gallery.trainer import Trainer
from vultus.gallery.training import TrainedIndex
from vultus.memory import release_unused
from vultus.server.cameras.manager import CameraManager
from vultus.server.face_ids import FaceIds
from vultus.server.fetch import Fetcher
from vultus.server.inference import Inference
from vultus.server.jobs.kinds import Jobs
from vultus.server.looking import Looker
from vultus.server.metrics import Metrics
from vultus.server.security.keys import KeyRing, KeyStore
from vultus.server.security.rate import RateLimit
from vultus.server.uploads import clear_places
from vultus.server.writing import Writers
from vultus.settings import Settings

log = logging.getLogger("vultus.server")

_USUAL_RATE = 20.0
_KEEP_HOUSE_S = 30.0
_THREADS_S = 30.0
_CAMERAS_S = 10.0  # for open visits to be closed, and events to be delivered


@dataclass
class Services:
    """Held by the application; made by `make_services`."""

    settings: Settings
    gallery: Gallery
    metrics: Metrics
    inference: Inference
    looker: Looker
    keys: KeyStore
    ring: KeyRing
    rate: RateLimit
    face_ids: FaceIds
    fetcher: Fetcher
    containers: ContainerStore
    face_lists: FaceListStore
    trained: TrainedIndex
    trainer: Trainer
    cameras: CameraManager
    jobs: Jobs
    writers: Writers = field(default_factory=Writers)
    # one after the other, as they are anyway: one may wait long for a camera that hangs
    camera_changes: Writers = field(default_factory=partial(Writers, threads=1))
    stopping: Event = field(default_factory=Event)
    warm: Event = field(default_factory=Event)
    broken: VultusError | None = None  # why it will never be warm
    _threads: list[Thread] = field(default_factory=list)

    @property
    def uploads(self) -> Path:
        """Where uploads lie until their job is done."""
        return uploads_of(self.settings)

    def start(self) -> None:
        """Load the models in the background: the server answers at once, /ready when it is warm."""
        clear_places(self.settings.data_folder / "uploads")
        for name, work in (("vultus-warm-up", self._warm_up), ("vultus-house", self._keep_house)):
            self._threads.append(Thread(target=work, name=name, daemon=True))
            self._threads[-1].start()
        self.trainer.start()
        self.cameras.start()
        self.jobs.start()

    def _warm_up(self) -> None:
        try:
            self.looker.analyzer.warm_up()
        except VultusError as error:  # the border of the thread: told by /ready
            log.error("the models cannot be loaded: %s", error)
            self.broken = error
            return
        self.warm.set()

    def _keep_house(self) -> None:
        """Now and then let go of what nobody needs any more, until the server stops."""
        while not self.stopping.wait(_KEEP_HOUSE_S):
            self.face_ids.forget_expired()
            try:
                self.gallery.forget_stale()
                self.trained.forget_stale()
            except VultusError as error:  # the border of the thread; there is another time
                log.warning("faces in memory cannot be compared: %s", error.code)
            release_unused()

    async def close(self) -> None:
        """Finish what was accepted, and let go of everything."""
        self.stopping.set()
        await self.fetcher.aclose()
        await run_in_threadpool(self.cameras.close, _CAMERAS_S)
        await run_in_threadpool(self.jobs.close)
        await run_in_threadpool(self.inference.close)
        await run_in_threadpool(self.writers.close)
        await run_in_threadpool(self.camera_changes.close)
        await run_in_threadpool(self.trainer.close)
        for thread in self._threads:  # a process that ends while models are loaded is aborted
            await run_in_threadpool(thread.join, _THREADS_S)
        self.gallery.close()


def make_services(settings: Settings) -> Services:
    """The services of one server. Models are loaded by `start`, or with the first picture."""
    metrics = Metrics()
    inference = Inference(metrics, queue=settings.server.queue)
    gallery = Gallery(settings=settings, analyzer=Analyzer(_one_thread_each(settings, inference)))
    _make_gallery(gallery)
    gallery.database.shown = "The gallery"  # errors go to clients from here on
    keys = KeyStore(gallery.database)
    looker, stopping = Looker(gallery.analyzer, metrics), Event()
    given = settings.api_key.get_secret_value() if settings.api_key else None
    return Services(
        settings=settings,
        gallery=gallery,
        metrics=metrics,
        inference=inference,
        looker=looker,
        keys=keys,
        ring=KeyRing(keys, given),
        rate=RateLimit(_rate(settings), settings.server.rate_burst),
        face_ids=FaceIds(settings.server.max_face_ids),
        fetcher=Fetcher(
            max_bytes=settings.limits.max_image_bytes,
            timeout_s=settings.server.url_timeout_s,
            allow_private=settings.allow_private_urls,
        ),
        containers=ContainerStore(gallery.database),
        face_lists=FaceListStore(gallery.database),
        trained=TrainedIndex(gallery.database),
        trainer=Trainer(gallery.database),
        cameras=CameraManager(settings, gallery, inference.budget),
        jobs=Jobs(
            settings,
            gallery,
            looker,
            budget=inference.budget,
            folder=partial(uploads_of, settings),
            stopping=stopping,
        ),
        stopping=stopping,
    )


def uploads_of(settings: Settings) -> Path:
    """The folder of uploads, made where it is not there."""
    folder = settings.data_folder / "uploads"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def services_of(request: Request) -> Services:
    """The services of the application that serves this request."""
    return cast("Services", request.app.state.services)


def _one_thread_each(settings: Settings, inference: Inference) -> Settings:
    """Several pictures at once share the cores rather than each network."""
    if settings.runtime.threads or inference.turns == 1:
        return settings
    runtime = settings.runtime.model_copy(update={"threads": 1})
    return settings.model_copy(update={"runtime": runtime})


def _make_gallery(gallery: Gallery) -> None:
    """Make the gallery's file where there is none, so that every route finds one."""
    try:
        with gallery.database.read():
            pass
    except GalleryMissing:
        with gallery.database.write(create=True):
            pass


def _rate(settings: Settings) -> float:
    if settings.server.rate_per_s is not None:
        return settings.server.rate_per_s
    return 0.0 if is_loopback(settings.server.host) else _USUAL_RATE


def is_loopback(host: str) -> bool:
    """Whether only this machine itself can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
