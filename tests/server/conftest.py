from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.live import Live, live_server, settings_in


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with an empty gallery that all tests of a module share."""
    with live_server(settings_in(tmp_path_factory.mktemp("server"))) as server:
        yield server


@pytest.fixture
def fresh(tmp_path) -> Iterator[Live]:
    """A server with an empty gallery for one test."""
    with live_server(settings_in(tmp_path)) as server:
        yield server
