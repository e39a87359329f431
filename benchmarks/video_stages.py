"""Where the time goes at 1080p: each stage by itself, and its share in a watched clip."""

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
_ROUNDS = 3
_WAYS = {
    "pinned": "one core",
    "one": "two cores, networks with 1 thread",
    "two": "two cores, networks with 2 threads",
}
_STAGES = {
    "decode": "decode a frame",
    "convert": "convert it to RGB",
    "small": "small copy, 960 pixels",
    "detect": "search the small copy for faces",
    "follow": "follow the faces found, 3 to 6",
    "describe": "align and rate one face",
    "embed": "embed one face, mirrored too",
}
_SHARES = {
    "decode": "decode",
    "convert": "convert",
    "small": "small copy",
    "health": "check the picture",
    "detect": "search",
    "follow": "follow",
    "track": "track",
    "describe": "align and rate",
    "embed": "embed",
    "book": "visits",
}


def measure(options: Options) -> Data | None:
    """The ways in turn; None without the clip."""
    del options  # the peer has no such stages
    path = clip(_CLIP)
    if path is None:
        return None
    with (
        watching(None, core_to_use()) as pinned,
        watching(None, threads=1) as one,
        watching(None, threads=2) as two,
    ):
        sides = {"pinned": pinned, "one": one, "two": two}
        times: dict[str, dict[str, list[float]]] = {name: {} for name in sides}
        clips: dict[str, list[float]] = {name: [] for name in sides}
        for worker in sides.values():
            worker.ask("watch", path=str(path))
        for _ in range(_ROUNDS):
            for name, worker in sides.items():
                for stage, seconds in worker.ask("stages", path=str(path)).items():
                    times[name].setdefault(stage, []).extend(seconds)
                clips[name].append(worker.ask("watch", path=str(path))["seconds"])
        shares = [pinned.ask("shares", path=str(path)) for _ in range(_ROUNDS)]
    shares.sort(key=lambda run: float(run["all"]))
    stages = {
        name: {stage: median(seconds) for stage, seconds in all_.items()}
        for name, all_ in times.items()
    }
    clip_s = {name: median(seconds) for name, seconds in clips.items()}
    return {"stages": stages, "clip_s": clip_s, "shares": shares[_ROUNDS // 2]}


def figures(data: Data) -> list[Figure]:
    del data  # nothing was asked for
    return []


def details(data: Data) -> list[str]:
    rows = [
        (title, *(f"{data['stages'][way][stage] * 1000:.1f} ms" for way in _WAYS))
        for stage, title in _STAGES.items()
    ]
    rows.append(("all of the clip", *(f"{data['clip_s'][way]:.2f} s" for way in _WAYS)))
    run = data["shares"]
    known = sum(run["seconds"].get(part, 0.0) for part in _SHARES)
    share_rows = [
        (
            title,
            f"{run['calls'].get(part, 0)}",
            f"{run['seconds'].get(part, 0.0) * 1000:.0f} ms",
            f"{run['seconds'].get(part, 0.0) / run['all']:.0%}",
        )
        for part, title in _SHARES.items()
    ]
    rest = run["all"] - known
    share_rows.append(("the rest", "", f"{rest * 1000:.0f} ms", f"{rest / run['all']:.0%}"))
    return [
        f"`{_CLIP}`, medians of single calls, the ways in turn, {_ROUNDS} rounds. FFmpeg decodes "
        "with a thread a core, also where the networks have one.",
        "",
        *table(("stage", *_WAYS.values()), rows),
        "",
        f"The processor's time of the clip watched on one core ({run['frames']} frames, "
        f"{run['analysed']} analysed, {run['visits']} visits), {run['all']:.2f} s in all:",
        "",
        *table(("stage", "calls", "time", "share"), share_rows),
    ]
