"""`vultus` with the people of `tests.video.scenes`: `python -m tests.cli.watch_program ARGUMENTS`.

`film:NAME,NAME` is a camera before which these people stay for ever; `busy:` one before which ada
comes and goes; `deaf:` one that hears no stop. Files are read as ever. An argument `limit=BYTES`
before the others limits the size of the files that this process writes, as a full disk would.
"""

from __future__ import annotations

import resource
import sys
import time

from tests.video.scenes import FilmSource, LiveFilm, Part, scene, scene_analyzer
from vultus.cli import options
from vultus.cli.app import main
from vultus.video import session, watching
from vultus.video.sources import opening
from vultus.video.sources.live import LiveReader

_open_source = opening.open_source


class Deaf(FilmSource):
    """As a driver that hangs: it goes on whatever it is told."""

    def close(self):
        self.closed += 1

    def frames(self):
        yield from super().frames()
        time.sleep(60)


def open_film(address, settings, **options):
    kind, colon, names = address.partition(":")
    parts = [Part(name, x=10 + 100 * n, speed=0) for n, name in enumerate(names.split(","))]
    if kind == "film" and colon:
        return LiveReader("film", lambda: LiveFilm(parts), settings.video)
    if kind == "busy" and colon:
        return LiveReader("busy", lambda: LiveFilm(show=come_and_go), settings.video)
    if kind == "deaf" and colon:
        return Deaf([Part("ada")], 2.0)
    return _open_source(address, settings, **options)


def come_and_go(seconds):
    parts = [Part("ada", speed=0)] if seconds % 1.4 < 0.7 else []
    return scene(seconds, parts, number=int(seconds * 20))


def program():
    if len(sys.argv) > 1 and sys.argv[1].startswith("limit="):
        most = int(sys.argv.pop(1).partition("=")[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    session.open_source = opening.open_source = open_film
    watching.analyzer_for = lambda cameras, settings: scene_analyzer(settings)
    options.make_analyzer = lambda settings, mirror=None: scene_analyzer(settings)
    main()


if __name__ == "__main__":
    program()
