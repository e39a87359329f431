"""The tool `face_recognition` over a folder of photos, on two cores: Vultus' and the original."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks.options import Options
from benchmarks.pictures import photos_640x480
from benchmarks.places import ROOT, people
from benchmarks.spread import compare, summarise
from benchmarks.tables import TIMES, Figure, table, times

Data = dict[str, Any]

_PHOTOS = 200
_CORES = 2
_ROUNDS = 5
_WANTED = 10
_TOOL = "face_recognition.face_recognition_cli"
# Both sides on the same cores; what they start inherits it.
_PROGRAM = (
    "import os, sys\n"
    "cores = sorted(getattr(os, 'sched_getaffinity', lambda _: [])(0))[:{cores}]\n"
    "cores and os.sched_setaffinity(0, cores)\n"
    "from {module} import main\n"
    "main()"
)
_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>


@dataclass(frozen=True)
class _Run:
    """One run: the clock's seconds, the processor's, and the lines that were printed."""

    seconds: float
    work: float
    lines: list[str]


def measure(options: Options) -> Data | None:
    """Whole processes from start to end, in turn; None without photos of people."""
    if people() is None:
        return None
    _adopt_orphans()
    with tempfile.TemporaryDirectory() as name:
        known, unknown = _folders(Path(name))
        sides = {"ours": (Path(sys.executable), f"vultus.compat.{_TOOL}")}
        if options.peer is not None:
            sides["peer"] = (options.peer, _TOOL)
        _run(*sides["ours"], known, known)  # models are converted at the very first use
        runs: dict[str, list[_Run]] = {side: [] for side in sides}
        for _ in range(_ROUNDS):
            for side, (python, module) in sides.items():
                runs[side].append(_run(python, module, known, unknown))
    return {"photos": _PHOTOS} | _summary(runs)


def _folders(folder: Path) -> tuple[Path, Path]:
    """A photo of each person, and 200 photos with people of whom some are known."""
    made, known, unknown = (folder / name for name in ("made", "known", "unknown"))
    for path in (made, known, unknown):
        path.mkdir()
    photos = photos_640x480(made)
    persons = sorted(path.name for path in (people() or Path()).iterdir() if path.is_dir())
    for person in persons:
        first = next(path for path in photos if path.stem.startswith(f"{person}_"))
        shutil.copy(first, known / f"{person}.jpg")
    for number, photo in enumerate(islice(cycle(photos), _PHOTOS)):
        shutil.copy(photo, unknown / f"{number:03}_{photo.name}")
    return known, unknown


def _run(python: Path, module: str, known: Path, unknown: Path) -> _Run:
    program = _PROGRAM.format(cores=_CORES, module=module)
    command = [str(python), "-W", "ignore", "-c", program, str(known), str(unknown)]
    environment = dict(os.environ)
    if python != Path(sys.executable):
        environment.pop("PYTHONPATH", None)  # of this python, not of that one
    start, before = time.perf_counter(), _work_of_children()
    ran = subprocess.run(
        [*command, "--cpus", str(_CORES)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        encoding="utf-8",
    )
    seconds = time.perf_counter() - start
    _reap()
    return _Run(seconds, _work_of_children() - before, ran.stdout.splitlines())


def _adopt_orphans() -> None:
    """The original leaves its pool's processes behind; their time would be lost with them."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap() -> None:
    """Wait for every child that is left."""
    while True:
        try:
            os.wait()
        except (ChildProcessError, AttributeError):  # none is left; Windows has no such thing
            return


def _work_of_children() -> float:
    spent = os.times()
    return spent.children_user + spent.children_system


def _summary(runs: dict[str, list[_Run]]) -> Data:
    ours = runs["ours"]
    if "peer" not in runs:
        return {"ours": summarise([run.seconds for run in ours])}
    peer = runs["peer"]
    clock = compare([run.seconds for run in ours], [run.seconds for run in peer])
    work = compare([run.work for run in ours], [run.work for run in peer])
    mine, theirs = people_named(ours[0]), people_named(peer[0])
    same = sum(mine.get(photo) == names for photo, names in theirs.items())
    return clock | {"work_ratio": work["ratio"], "work_ms": _medians(work), "same_names": same}


def _medians(work: dict[str, dict[str, float]]) -> dict[str, float]:
    return {side: work[side]["median"] for side in ("ours", "peer")}


def people_named(run: _Run) -> dict[str, set[str]]:
    """Who was named in each picture; `unknown_person` and `no_persons_found` are nobody."""
    named: dict[str, set[str]] = {}
    for line in run.lines:
        if line.startswith("WARNING: "):
            continue
        path, _, name = line.rpartition(",")
        nobody = name in ("unknown_person", "no_persons_found")
        named.setdefault(Path(path).name, set()).update(set() if nobody else {name})
    return named


def figures(data: Data) -> list[Figure]:
    if "ratio" not in data:
        return []
    ratio = data["ratio"]["median"]
    title = (
        f"`face_recognition known/ unknown/`, {data['photos']} photos, {_CORES} cores, times as "
        "fast as the original"
    )
    return [Figure(title, str(_WANTED), f"{ratio:.1f}", ratio >= _WANTED)]


def details(data: Data) -> list[str]:
    lines = [
        f"`face_recognition known/ unknown/ --cpus {_CORES}`: whole processes from start to end, "
        f"{data['photos']} photos of 640x480, a folder with a photo of each person to know; "
        f"{_ROUNDS} rounds in turn.",
        "",
        *table(("", *TIMES), [times("tool", data)]),
    ]
    if "same_names" not in data:
        return lines
    work = {side: f"{milliseconds / 1000:.1f} s" for side, milliseconds in data["work_ms"].items()}
    return [
        *lines,
        "",
        f"Processor time of a run: {work['ours']}, the original {work['peer']}. In "
        f"{data['same_names']} of {data['photos']} photos both name the same people.",
    ]
