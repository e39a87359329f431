from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.server.live import Live, live_server, settings_in
from tests.shared import shared


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """As `live`, but it may fetch pictures from this machine."""
    settings = settings_in(tmp_path_factory.mktemp("server"), allow_private_urls=True)
    with live_server(settings) as server:
        yield server


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def photo_url() -> Iterator[Callable[[str], str]]:
    """Where a photo of the shared data, such as people/obama/1.jpg, can be fetched."""
    handler = partial(_Quiet, directory=str(shared("photos")))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield lambda path: f"http://127.0.0.1:{server.server_port}/{path}"
        server.shutdown()
        thread.join()
