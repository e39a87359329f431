"""hamilton_short.mp4 watched, beside the loop of face_recognition's own video example."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from statistics import fmean, median
from typing import Any

from benchmarks import workers
from benchmarks.options import Options
from benchmarks.places import clip, people
from benchmarks.tables import Figure, table
from benchmarks.workers import Worker

Data = dict[str, Any]
Runs = dict[str, list[Data]]

_CLIP = "hamilton_short.mp4"
_ROUNDS = 3
_PEER_FRAMES = 25
_WANTED = 20
_NAMES = {
    "one_core": "Vultus, one core",
    "every_frame": "the same, every frame searched and followed",
    "two_cores": "Vultus, all cores",
    "peer": "face_recognition's example",
}


def measure(options: Options) -> Data | None:
    """Both sides in turn, several rounds; None without the clip and the people."""
    path, folder = clip(_CLIP), people()
    if path is None or folder is None:
        return None
    core = workers.core_to_use()
    with watching(folder, core) as pinned, watching(folder) as free:
        ours = {
            "one_core": (pinned, False),
            "every_frame": (pinned, True),
            "two_cores": (free, False),
        }
        for worker in (pinned, free):
            worker.ask("watch", path=str(path))  # the first one is slower
        if options.peer is None:
            return {"runs": _rounds(str(path), ours, None)}
        with Worker(options.peer, "benchmarks.video_peer_worker", core) as peer:
            peer.ask("load", people=str(folder))
            return {"runs": _rounds(str(path), ours, peer), "peer": peer.ask("versions")}


def watching(folder: Path | None, core: int | None = None, threads: int = 0) -> Worker:
    """A worker with people enrolled and models loaded."""
    worker = Worker(Path(sys.executable), "benchmarks.video_worker", core)
    worker.ask("load", people=None if folder is None else str(folder), threads=threads)
    return worker


def _rounds(path: str, ours: dict[str, tuple[Worker, bool]], peer: Worker | None) -> Runs:
    """Seconds of each side for the clip, by round.

    The peer needs a minute for it. After every few of its frames Vultus watches all of the clip
    on the same core, so that what disturbs the machine disturbs both; the mean of these counts.
    """
    runs: Runs = {name: [] for name in [*ours, *(["peer"] if peer else [])]}
    for _ in range(_ROUNDS):
        pinned = ours["one_core"][0]
        beside = [pinned.ask("watch", path=path)]
        if peer is not None:
            peer.ask("open", path=path)
            parts = []
            while not parts or parts[-1]["frames"]:
                parts.append(peer.ask("watch", most=_PEER_FRAMES))
                beside.append(pinned.ask("watch", path=path))
            runs["peer"].append(_sum(parts) | {"decode": peer.ask("decode", path=path)["seconds"]})
        mean = {key: fmean(run[key] for run in beside) for key in ("seconds", "work")}
        runs["one_core"].append(beside[0] | mean)
        for name, (worker, every_frame) in ours.items():
            if name != "one_core":
                runs[name].append(worker.ask("watch", path=path, every_frame=every_frame))
            runs[name][-1]["decode"] = worker.ask("decode", path=path)["seconds"]
    return runs


def _sum(parts: list[Data]) -> Data:
    named: Counter[str] = Counter()
    for part in parts:
        named.update(part["named"])
    whole = {key: sum(part[key] for part in parts) for key in ("seconds", "work", "frames")}
    return whole | {"named": dict(named)}


def _fps(data: Data, name: str) -> float:
    return median(run["frames"] / run["seconds"] for run in data["runs"][name])


def _ratio(data: Data, name: str) -> float:
    """Times as fast as the peer: the middle of the rounds' ratios."""
    return median(
        ours["frames"] / ours["seconds"] / (peer["frames"] / peer["seconds"])
        for ours, peer in zip(data["runs"][name], data["runs"]["peer"], strict=True)
    )


def _work_ratio(data: Data, name: str) -> float:
    """As `_ratio`, by the processor's time, which other programs hardly disturb."""
    ours, peer = (
        median(run["work"] / run["frames"] for run in data["runs"][side]) for side in (name, "peer")
    )
    return peer / ours


def figures(data: Data) -> list[Figure]:
    if "peer" not in data["runs"]:
        return []
    clock, work = _ratio(data, "one_core"), _work_ratio(data, "one_core")
    name = f"`{_CLIP}`, frames a second, times those of face_recognition's video example"
    measured = f"{clock:.1f}, by the processor's time {work:.1f}"
    return [Figure(name, f"{_WANTED}", measured, min(clock, work) >= _WANTED)]


def details(data: Data) -> list[str]:
    runs = data["runs"]
    first = runs["one_core"][0]
    lines = [
        f"`vultus.watch({_CLIP!r}, group=..., remember=False)` with `photos/people` enrolled, "
        "models loaded, against the loop of `facerec_from_video_file.py`: every frame at full "
        f"size (640x360), default detector, tolerance 0.5. {first['frames']} frames; Vultus "
        f"analyses {first['analysed']} of them, ten a second of the clip, and searches the whole "
        "picture in every second one of these. Both sides decode every frame; neither draws. "
        f"{_ROUNDS} rounds, medians. One core: both pinned to the same one, with one thread, and "
        f"Vultus watches the whole clip after every {_PEER_FRAMES} frames of the example, so that "
        "what disturbs the machine disturbs both. The last column is decoding alone, which the "
        "times hold.",
        "",
    ]
    rows = []
    for name, title in _NAMES.items():
        if name in runs:
            ratios = ("", "")
            if "peer" in runs and name != "peer":
                ratios = (f"{_ratio(data, name):.1f}", f"{_work_ratio(data, name):.1f}")
            seconds = median(run["seconds"] for run in runs[name])
            decode = median(run["decode"] for run in runs[name])
            rows.append(
                (title, f"{_fps(data, name):.1f}", *ratios, f"{seconds:.2f} s", f"{decode:.2f} s")
            )
    head = (
        "",
        "frames a second",
        "ratio",
        "ratio of processor time",
        "the clip takes",
        "of it decoding",
    )
    visits = ", ".join(first["visits"]) or "nobody"
    lines += [*table(head, rows), "", f"Visits of Vultus: {visits}."]
    if "peer" in runs:
        named = runs["peer"][0]["named"]
        frames = ", ".join(f"{name} in {count} frames" for name, count in sorted(named.items()))
        lines[-1] += f" Named by the example: {frames or 'nobody'}."
    return lines
