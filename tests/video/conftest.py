"""A gallery with two people of the films of `tests.video.scenes`, and settings to go with it."""

from __future__ import annotations

import shutil

import pytest

from tests.video.scenes import enroll, scene_analyzer, settings_in
from vultus.gallery.gallery import Gallery


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
