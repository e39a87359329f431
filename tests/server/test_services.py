"""What requests are served with: begun and ended in order."""

from __future__ import annotations

import asyncio
import threading
import time

from tests.server.live import settings_in
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
