"""How long it takes to import, to print the help, and to come to the first face."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.options import Options
from benchmarks.pictures import photos_640x480
from benchmarks.places import ROOT
from benchmarks.spread import in_words, summarise
from benchmarks.tables import Figure, table

Data = dict[str, Any]

_ROUNDS = 9
_FIRST_USE_ROUNDS = 3
_LONGEST_IMPORT_MS = 300
_LONGEST_FIRST_USE_MS = 5000

_OURS = "import sys, vultus; assert len(vultus.embed(sys.argv[1])) == 1"
_PEER = (
    "import sys, face_recognition as fr; image = fr.load_image_file(sys.argv[1]);"
    "assert len(fr.face_encodings(image)) == 1"
)
_NAMES = {
    "python": "python that does nothing",
    "import": "`import vultus`",
    "help": "`vultus --help`",
    "first_face": "start to the first face, 640x480",
    "first_use": "the same on first use, converting the models",
    "peer_import": "`import face_recognition`",
    "peer_first_face": "start to the first face, face_recognition",
}


def measure(options: Options) -> Data:
    """Wall time of whole processes, everything in turn."""
    with tempfile.TemporaryDirectory() as name:
        paths = photos_640x480(Path(name))
        photo = str(next((p for p in paths if p.stem.startswith("obama_2")), paths[0]))
        seconds: dict[str, list[float]] = {}
        for _ in range(_ROUNDS):
            for title, command in _commands(photo, options.peer).items():
                seconds.setdefault(title, []).append(_time(command))
        first = [sys.executable, "-c", _OURS, photo]
        for number in range(_FIRST_USE_ROUNDS):
            cache = {"VULTUS_RUNTIME__CACHE_DIR": str(Path(name) / f"cache{number}")}
            seconds.setdefault("first_use", []).append(_time(first, cache))
    return {title: summarise(values) for title, values in seconds.items()}


def _commands(photo: str, peer: Path | None) -> dict[str, list[str]]:
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "import": [sys.executable, "-c", "import vultus"],
        "first_face": [sys.executable, "-c", _OURS, photo],
    }
    program = Path(sys.executable).parent / ("vultus.exe" if sys.platform == "win32" else "vultus")
    if program.exists():
        commands["help"] = [str(program), "--help"]
    if peer is not None:
        commands["peer_import"] = [str(peer), "-W", "ignore", "-c", "import face_recognition"]
        commands["peer_first_face"] = [str(peer), "-W", "ignore", "-c", _PEER, photo]
    return commands


def _time(command: list[str], more: dict[str, str] | None = None) -> float:
    environment = dict(os.environ) | (more or {})
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def figures(data: Data) -> list[Figure]:
    own = data["import"]["median"] - data["python"]["median"]
    first = data["first_use"]["median"]
    return [
        Figure("`import vultus`", "under 0.3 s", f"{own / 1000:.3f} s", own < _LONGEST_IMPORT_MS),
        Figure(
            "start to the first face on first use, models converted",
            "under 5 s",
            f"{first / 1000:.1f} s",
            first < _LONGEST_FIRST_USE_MS,
        ),
    ]


def details(data: Data) -> list[str]:
    lines = [
        f"Whole processes, files in the system's cache, {_ROUNDS} rounds ({_FIRST_USE_ROUNDS} for "
        "first use). "
        "The import time in the first table is without that of python itself.",
        "",
    ]
    rows = [(name, in_words(data[key], " ms")) for key, name in _NAMES.items() if key in data]
    return [*lines, *table(("", "median (middle 80 %)"), rows)]
