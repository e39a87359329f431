"""A gallery with two people of the films of `tests.video.scenes`, and settings to go with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.video.scenes import enroll, film, scene_analyzer, settings_in
from tests.video.told import TWO
from vultus.gallery.gallery import Gallery
from vultus.video import session


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory):
    """A gallery file with ada and bob in `family`; copied, never used."""
    path = tmp_path_factory.mktemp("enrolled") / "people.db"
    with Gallery(path, analyzer=scene_analyzer()) as made:
        enroll(made, "ada", "bob")
    return path


@pytest.fixture
def film_settings(tmp_path):
    """Everything lies in the test's own folder."""
    return settings_in(tmp_path)


@pytest.fixture
def family(enrolled, film_settings):
    """Knows ada and bob; its analyzer sees the people of films."""
    shutil.copy(enrolled, film_settings.gallery)
    with Gallery(settings=film_settings, analyzer=scene_analyzer(film_settings)) as made:
        yield made


@pytest.fixture
def play(monkeypatch):
    """`play(door=source)`: sources by their addresses, instead of those that they name."""

    def put(**sources):
        def open_source(address, settings, *, patient=False, started_at=None):
            found = sources[address]
            return found() if callable(found) else found

        monkeypatch.setattr(session, "open_source", open_source)

    return put


@pytest.fixture
def sinks(monkeypatch):
    """`sinks(name=sink)`: sinks for `to`, by their names there."""

    def put(**made):
        def open_sinks(addresses, settings, gallery):
            return [made[address] for address in addresses]

        monkeypatch.setattr(session, "open_sinks", open_sinks)

    return put


@pytest.fixture(scope="module")
def yard(tmp_path_factory):
    """Copied, never used."""
    return film(tmp_path_factory.mktemp("film") / "yard.mp4", TWO, 4)


@pytest.fixture
def clip(tmp_path, yard):
    """Four seconds: ada from 0.5 to 2, a stranger from 1 to 3."""
    return Path(shutil.copy2(yard, tmp_path / "yard.mp4"))
