from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.api.quick import quick_server
from tests.server.cameras.films import (  # noqa: F401
    film_server,
    film_settings,
    films,
    known_people,
    play,
    shared_film_server,
)
from tests.server.live import Live


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with quick_server(tmp_path_factory.mktemp("quick")) as server:
        yield server


@pytest.fixture
def quick(shared_server: Live) -> Iterator[Live]:
    """A server with an empty gallery whose faces are coloured squares."""
    yield shared_server
    gallery = shared_server.services.gallery
    for group in gallery.groups():
        gallery.remove_group(group.name)
    assert list(shared_server.services.uploads.iterdir()) == []
