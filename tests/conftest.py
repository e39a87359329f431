"""Fixtures of the whole suite: no network, no settings from outside, models loaded once."""

from __future__ import annotations

import os
import socket

import hypothesis
import numpy as np
import pytest

from tests import shared
from tests.fakes import fake_analyzer
from vultus.faces.analyzer import Analyzer
from vultus.gallery.gallery import Gallery
from vultus.settings import Settings

# The same examples everywhere, no clock, and nothing left behind in the folder.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("suite")

# A developer's own VULTUS_* settings must not change what is tested; the cache folder may stay.
for name in [key for key in os.environ if key.startswith("VULTUS_")]:
    if name not in ("VULTUS_SHARED", "VULTUS_RUNTIME__CACHE_DIR"):
        del os.environ[name]


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """A test that opens a connection to another machine fails."""
    connect = socket.socket.connect

    def connect_here(self, address):
        remote = self.family in (socket.AF_INET, socket.AF_INET6)
        if remote and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test wanted to connect to {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)


@pytest.fixture(scope="session")
def analyzer() -> Analyzer:
    """The real one with default settings; its models are converted into the user's cache."""
    return Analyzer(Settings())


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """A public-domain photo of one face, 512 x 512, read-only."""
    data = pytest.importorskip("skimage.data")
    image = np.ascontiguousarray(data.astronaut())
    image.setflags(write=False)
    return image


@pytest.fixture(scope="session")
def lfw():
    """Photos of lfw-grey by their name in the archive, RGB."""
    with shared.LfwArchive() as archive:
        yield archive.photo


@pytest.fixture
def address(tmp_path):
    """Where a test's gallery lies."""
    return tmp_path / "people.db"


@pytest.fixture
def gallery(address):
    """An empty gallery whose faces are coloured squares; see `tests.fakes`."""
    with Gallery(address, analyzer=fake_analyzer()) as made:
        yield made
