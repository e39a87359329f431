"""Cameras of a server that show films of coloured squares: fixtures, imported by `conftest`s."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import pytest

from tests.events.sinks import wait_for
from tests.server.live import Live, live_server, settings_in
from tests.video.scenes import LiveFilm, enroll, scene_analyzer
from vultus.gallery.gallery import Gallery
from vultus.server import services
from vultus.server.cameras.manager import CameraManager
from vultus.settings import Settings
from vultus.video import session
from vultus.video.budget import Budget
from vultus.video.sources.live import LiveReader
from vultus.video.sources.source import Source

CAMERAS = "/api/v1/cameras"


@pytest.fixture(scope="session")
def known_people(tmp_path_factory):
    """A gallery file with ada and bob in `family`; copied, never used."""
    path = tmp_path_factory.mktemp("known") / "people.db"
    with Gallery(path, analyzer=scene_analyzer()) as made:
        enroll(made, "ada", "bob")
    return path


def _settings(folder: Path, known_people: Path) -> Settings:
    shutil.copy(known_people, folder / "people.db")
    return settings_in(
        folder,
        video={"retry_max_s": 0.2, "absence_s": 0.5},
        events={"retry_max_s": 0.2, "timeout_s": 1.0},
    )


@pytest.fixture
def film_settings(tmp_path, known_people) -> Settings:
    """A data folder with people, and cameras that lose no time."""
    return _settings(tmp_path, known_people)


@pytest.fixture(scope="module")
def shared_film_server(tmp_path_factory, known_people) -> Iterator[Live]:
    """As `film_server`, one for a module."""
    settings = _settings(tmp_path_factory.mktemp("films"), known_people)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services, "Analyzer", scene_analyzer)
        with live_server(settings) as live:
            yield live


@pytest.fixture
def films(shared_film_server, play) -> Iterator[Live]:
    """A server that knows ada and bob, without cameras, visits and events; see `play`."""
    yield shared_film_server
    mine = shared_film_server.services
    for view in mine.cameras.views():
        mine.cameras.remove(view.record.name)
    assert mine.cameras._ledger.open().flush(10)
    mine.gallery.forget_visits(before=datetime(3000, 1, 1, tzinfo=timezone.utc))
    with mine.gallery.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    with mine.cameras._ledger.open().outbox._file.writing() as outbox:
        outbox.execute("DELETE FROM known")
        outbox.execute("DELETE FROM open_visits")


@pytest.fixture
def play(monkeypatch) -> Callable[..., None]:
    """`play(door=feed_or_source)`: makers of live feeds or of sources, by their addresses.

    Other addresses are opened in earnest.
    """
    in_earnest, films = session.open_source, {}

    def open_source(address, own, **options) -> Source:
        if address not in films:
            return in_earnest(address, own, **options)
        made = films[address]()
        if not isinstance(made, LiveFilm):
            return made
        made.close()  # each connection is a new one
        return LiveReader(address, films[address], own.video, patient=True)

    monkeypatch.setattr(session, "open_source", open_source)
    return films.update


@pytest.fixture
def film_server(monkeypatch, film_settings) -> Callable[[], AbstractContextManager[Live]]:
    """`with film_server() as live`: a server that sees the people of films; it can be restarted."""
    monkeypatch.setattr(services, "Analyzer", scene_analyzer)
    return partial(live_server, film_settings)


@pytest.fixture
def manager(film_settings) -> Iterator[CameraManager]:
    """Cameras without a server around them, begun and closed."""
    with Gallery(settings=film_settings, analyzer=scene_analyzer(film_settings)) as gallery:
        made = CameraManager(film_settings, gallery, Budget(2))
        made.start()
        yield made
        made.close(10)


def state_of(manager: CameraManager, name: str) -> str:
    return manager.view(name).status.state


def wait_for_state(manager: CameraManager, name: str, *states: str) -> None:
    wait_for(lambda: state_of(manager, name) in states)


def types_of(manager: CameraManager, camera: str) -> list[tuple[str, str | None]]:
    """What the table of events says of a camera, in order."""
    events = manager.events.find(limit=1000)
    return [
        (event["type"], event["person"] or event["stranger"])
        for event in events
        if event["camera"] == camera
    ]
