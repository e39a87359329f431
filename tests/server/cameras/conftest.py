from __future__ import annotations

from tests.server.cameras.films import (  # noqa: F401
    film_server,
    film_settings,
    known_people,
    manager,
    play,
)
