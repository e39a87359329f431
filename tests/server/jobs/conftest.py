from __future__ import annotations

from threading import Event

import pytest

from vultus.errors import GalleryBusy
from vultus.gallery.database import Database
from vultus.server.jobs.runner import JobRunner, Kind
from vultus.server.jobs.store import JobStore


class Runners:
    """Runners, one after the other, on one database and one folder, as a server that restarts."""

    def __init__(self, folder) -> None:
        self.folder = folder / "uploads"
        self.folder.mkdir()
        self.database = Database(str(folder / "people.db"))
        with self.database.write(create=True):
            pass
        self._running: list[tuple[JobRunner, Event]] = []

    def start(
        self,
        work,
        *,
        threads=1,
        begin=True,
        keep_days=7.0,
        most_bytes=10**9,
        waits_for=(GalleryBusy,),
    ) -> JobRunner:
        stopping = Event()
        kind = Kind(threads, work, lambda request: {**request, "secret": None}, waits_for)
        runner = JobRunner(
            JobStore(self.database),
            lambda: self.folder,
            {"kind": kind},
            stopping=stopping,
            keep_days=keep_days,
            most_bytes=most_bytes,
        )
        if begin:
            runner.start()
        self._running.append((runner, stopping))
        return runner

    def stop(self) -> None:
        for runner, stopping in self._running:
            stopping.set()
            runner.close(20)
        self._running.clear()


@pytest.fixture
def runners(tmp_path):
    made = Runners(tmp_path)
    yield made
    made.stop()
    made.database.close()
