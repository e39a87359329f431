"""A server whose cameras show a film of Ada for ever: `python -m ... FOLDER`, to be killed."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.server.live import settings_in
from tests.video.scenes import LiveFilm, Part, scene_analyzer
from vultus.server import services
from vultus.server.running import listen, serve
from vultus.video import session
from vultus.video.sources.live import LiveReader


def main(folder: Path) -> None:
    services.Analyzer = scene_analyzer
    session.open_source = lambda address, own, **_: LiveReader(
        address, lambda: LiveFilm([Part("ada")]), own.video, patient=True
    )
    listener = listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    serve(services.make_services(settings_in(folder)), listener)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
