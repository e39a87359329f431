"""What requests are served with: begun and ended in order."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np

from tests.server.api.quick import enrol, quick_server
from tests.server.jobs.waiting import wait_until
from tests.server.live import settings_in
from vultus.errors import GalleryBusy
from vultus.gallery.gallery import Gallery
from vultus.models.catalogue import EMBEDDER
from vultus.server import services as services_module
from vultus.server.services import make_services


def test_nothing_is_still_being_loaded_when_the_services_are_closed(tmp_path, monkeypatch):
    """A process that ended then was aborted, after it had done everything right."""
    services = make_services(settings_in(tmp_path))
    loading = threading.Event()

    def load(**_: object) -> None:
        loading.set()
        time.sleep(0.5)

    monkeypatch.setattr(services.looker.analyzer, "warm_up", load)
    services.start()
    assert loading.wait(10)
    asyncio.run(services.close())
    left = {thread.name for thread in threading.enumerate()}
    assert not left & {"vultus-warm-up", "vultus-house"}


def test_whom_another_process_deleted_is_soon_forgotten(tmp_path, monkeypatch):
    """Their templates go from memory, also where nobody ever asks again."""
    monkeypatch.setattr(services_module, "_KEEP_HOUSE_S", 0.02)
    with quick_server(tmp_path) as live:
        for name in ("ada", "bob"):
            enrol(live, "team", name)
        gallery, trained = live.services.gallery, live.services.trained
        gallery.decide(np.zeros((1, 128), np.float32), EMBEDDER, group="team")
        live.services.trainer.train("persongroups", "team")
        wait_until(
            lambda: live.services.trainer.state("persongroups", "team").status == "succeeded"
        )
        trained.people("persongroups", "team", EMBEDDER)
        assert gallery._index._cached
        assert trained._cached
        with Gallery(tmp_path / "people.db") as other:
            other.remove("ada", group="team")
        wait_until(lambda: not gallery._index._cached and not trained._cached)


def test_a_gallery_that_cannot_be_read_stops_no_housekeeping(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(services_module, "_KEEP_HOUSE_S", 0.02)
    services = make_services(settings_in(tmp_path))
    tries = []

    def broken() -> None:
        tries.append(1)
        raise GalleryBusy("locked")

    monkeypatch.setattr(services.trained, "forget_stale", broken)
    monkeypatch.setattr(services.looker.analyzer, "warm_up", lambda **_: None)
    services.start()
    wait_until(lambda: len(tries) > 2)
    asyncio.run(services.close())
    assert "gallery_busy" in caplog.text
