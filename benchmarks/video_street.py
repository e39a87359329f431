"""street_1080p.mp4 watched faster than it plays: with and without a recording, on two cores."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks.options import Options
from benchmarks.places import clip
from benchmarks.tables import Figure, table
from benchmarks.video import watching
from benchmarks.workers import core_to_use

Data = dict[str, Any]

_CLIP = "street_1080p.mp4"
_FPS = 25
_ROUNDS, _MOST_ROUNDS = 5, 12
_QUIET = 0.2  # cores that other programs may use
_WANTED = 2.0
_NAMES = {
    "plain": "all cores",
    "record": "all cores, with `--record`",
    "one_core": "one core",
}


def measure(options: Options) -> Data | None:
    """Each way in turn, several times; None without the clip."""
    del options  # nobody beside it: the example would need minutes
    path = clip(_CLIP)
    if path is None:
        return None
    with watching(None) as free, watching(None, core_to_use()) as pinned:
        ways = {
            "plain": (free, {"record": False}),
            "record": (free, {"record": True}),
            "one_core": (pinned, {"record": False}),
        }
        for worker, _ in ways.values():
            worker.ask("watch", path=str(path))
        runs: dict[str, list[Data]] = {name: [] for name in ways}
        while not _enough(runs):
            for name, (worker, how) in ways.items():
                runs[name].append(worker.ask("watch", path=str(path), **how))
                runs[name][-1]["decode"] = worker.ask("decode", path=str(path))["seconds"]
    return {"runs": runs}


def _enough(runs: dict[str, list[Data]]) -> bool:
    if any(len(each) >= _MOST_ROUNDS for each in runs.values()):
        return True
    return all(sum(run["others"] < _QUIET for run in each) >= _ROUNDS for each in runs.values())


def _quiet(runs: list[Data]) -> list[Data]:
    """The runs that other programs disturbed least."""
    quiet = [run for run in runs if run["others"] < _QUIET]
    return quiet or sorted(runs, key=lambda run: float(run["others"]))[:1]


def _speed(runs: list[Data]) -> float:
    """Seconds of video in a second."""
    return median(run["frames"] / _FPS / run["seconds"] for run in runs)


def figures(data: Data) -> list[Figure]:
    plain, record = (_speed(_quiet(data["runs"][name])) for name in ("plain", "record"))
    return [
        Figure(
            f"`{_CLIP}`, times real time on all cores",
            f"{_WANTED:.0f}",
            f"{plain:.2f}, with `--record` {record:.2f}",
            plain >= _WANTED,
        )
    ]


def details(data: Data) -> list[str]:
    first = data["runs"]["plain"][0]
    lines = [
        f"{first['frames']} frames of 1920x1080, {_FPS} a second; {first['analysed']} are "
        "analysed. No people enrolled: everybody is a stranger, who is looked at more often than "
        "somebody known. From opening the file to the last visit, models loaded. In turn; "
        f"medians of the runs during which other programs used less than {_QUIET} of a core, or "
        f"of the least disturbed one. Visits: {len(first['visits'])}.",
        "",
    ]
    rows = [
        (
            _NAMES[name],
            f"{_speed(runs):.2f}",
            f"{median(run['seconds'] for run in runs):.2f} s",
            f"{median(run['decode'] for run in runs):.2f} s",
            f"{median(run['work'] for run in runs):.2f} s",
            f"{len(runs)} of {len(data['runs'][name])}",
        )
        for name, runs in ((name, _quiet(runs)) for name, runs in data["runs"].items())
    ]
    head = (
        "",
        "times real time",
        "the clip takes",
        "decoding alone",
        "the processor's time",
        "runs",
    )
    return [*lines, *table(head, rows)]
