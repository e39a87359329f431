"""Running commands in this process, and pictures to run them on."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps
from typer.testing import CliRunner

from tests.cli.watch_helpers import TWO
from tests.shared import shared
from tests.video.scenes import enroll, film, no_thread_left, scene_analyzer
from vultus.cli import options
from vultus.cli.app import app
from vultus.gallery.gallery import Gallery
from vultus.video import watching


@dataclass
class Ran:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """The lines of --format json."""
        return [json.loads(line) for line in self.stdout.splitlines()]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run `vultus` with these arguments on a gallery of the test's own."""
    monkeypatch.setenv("VULTUS_GALLERY", str(tmp_path / "gallery" / "people.db"))
    monkeypatch.chdir(tmp_path)

    def run_command(*arguments: object, answer: str | None = None) -> Ran:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=answer)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run_command


@pytest.fixture(scope="session")
def astronaut_picture() -> Image.Image:
    """A public-domain photograph with one face, which scikit-image carries."""
    data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")
    return Image.fromarray(data.astronaut())


@pytest.fixture
def photo(tmp_path: Path, astronaut_picture: Image.Image) -> Path:
    """A file with one face."""
    path = tmp_path / "astronaut.jpg"
    astronaut_picture.save(path, quality=95)
    return path


@pytest.fixture
def other_photo(tmp_path: Path, astronaut_picture: Image.Image) -> Path:
    """The same person in another file with other pixels."""
    path = tmp_path / "mirrored.png"
    ImageOps.mirror(astronaut_picture).save(path)
    return path


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    """A picture without a face."""
    path = tmp_path / "blank.png"
    Image.new("RGB", (200, 150), (120, 130, 140)).save(path)
    return path


@pytest.fixture
def shared_photos() -> Path:
    """The shared colour photos, or a skip with the reason."""
    return shared("photos")


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory):
    """A gallery file with ada and bob in `family`; copied, never used."""
    path = tmp_path_factory.mktemp("enrolled") / "people.db"
    with Gallery(path, analyzer=scene_analyzer()) as made:
        enroll(made, "ada", "bob")
    return path


@pytest.fixture(scope="module")
def yard(tmp_path_factory):
    """Copied, never used."""
    return film(tmp_path_factory.mktemp("film") / "yard.mp4", TWO, 4)


@pytest.fixture
def clip(tmp_path, yard):
    """Four seconds: ada from 0.5 to 2, a stranger from 1 to 3."""
    return Path(shutil.copy2(yard, tmp_path / "yard.mp4"))


@pytest.fixture
def watch(run, tmp_path, enrolled, monkeypatch):
    """Run a command; faces are coloured squares, and ada and bob are in `family`."""
    monkeypatch.setenv("VULTUS_EVENTS__OUTBOX", str(tmp_path / "outbox.db"))
    monkeypatch.setenv("VULTUS_EVENTS__TIMEOUT_S", "1")
    monkeypatch.setattr(
        watching, "analyzer_for", lambda cameras, settings: scene_analyzer(settings)
    )
    monkeypatch.setattr(
        options, "make_analyzer", lambda settings, mirror=None: scene_analyzer(settings)
    )
    (tmp_path / "gallery").mkdir()
    shutil.copy(enrolled, tmp_path / "gallery" / "people.db")

    def run_it(*arguments, **more):
        with no_thread_left():
            return run(*arguments, **more)

    yield run_it
    log = logging.getLogger("vultus")
    log.handlers.clear()  # they hold the captured stderr of this test
