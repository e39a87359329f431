"""The server against the same work without it, and how long it takes to start."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.options import Options
from benchmarks.pictures import photos_640x480
from benchmarks.places import people
from benchmarks.server_process import ServerProcess, run_clients
from benchmarks.spread import summarise
from benchmarks.tables import Figure, table
from benchmarks.workers import Worker

Data = dict[str, Any]

_CLIENTS = 16
_ROUNDS = 15  # short ones, since the machine is noisy over seconds
_COUNT = 68  # pictures a round and side
_LEAST_RATIO = 0.85
_STARTS = 5
GROUP = "people"
STEPS: dict[str, Data] = {
    "one call": {"path": f"/api/v1/identify?group={GROUP}"},
    "Azure's two calls": {
        "path": "/face/v1.0/detect?returnFaceId=true",
        "then": "/face/v1.0/identify",
        "group": GROUP,
    },
}


def measure(options: Options) -> Data | None:
    """Both sides in turn on the same pictures; None without people."""
    del options
    known = people()
    if known is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = [str(path) for path in photos_640x480(folder)]
        module = "benchmarks.server_worker"
        with Worker(Path(sys.executable), module) as worker:
            worker.ask("prepare", gallery=str(folder / "people.db"), people=str(known))
            starts = [_start(folder) for _ in range(_STARTS)]
            with ServerProcess(folder) as server:
                server.wait_until("/ready")
                server.ask(f"/face/v1.0/persongroups/{GROUP}/train", b"", "application/json")
                rounds = _rounds(worker, server, pictures)
    return {"rounds": rounds, "starts": starts, "pictures": len(pictures)}


def _start(folder: Path) -> Data:
    with ServerProcess(folder) as server:
        return {path: server.wait_until(path) for path in ("/health", "/ready")}


def _rounds(worker: Worker, server: ServerProcess, pictures: list[str]) -> Data:
    for step in STEPS.values():  # both warm, allocators too
        run_clients(server, clients=_CLIENTS, count=_COUNT, pictures=pictures, step=step)
    worker.ask("identify", pictures=pictures, count=_COUNT)
    found: Data = {"in process": [], **{name: [] for name in STEPS}, "statuses": {}}
    for _ in range(_ROUNDS):
        run = worker.ask("identify", pictures=pictures, count=_COUNT)
        found["in process"].append(_COUNT / run["seconds"])
        for name, step in STEPS.items():
            run = run_clients(server, clients=_CLIENTS, count=_COUNT, pictures=pictures, step=step)
            found[name].append(_COUNT / run["seconds"])
            for status, count in run["statuses"].items():
                found["statuses"][status] = found["statuses"].get(status, 0) + count
    return found


def figures(data: Data) -> list[Figure]:
    rounds = data["rounds"]
    bare = np.asarray(rounds["in process"])
    ready = float(np.median([start["/ready"] for start in data["starts"]]))
    health = float(np.median([start["/health"] for start in data["starts"]]))
    made = []
    for name in STEPS:
        ratio = float(np.median(np.asarray(rounds[name]) / bare))
        made.append(
            Figure(
                f"detect and identify, {_CLIENTS} clients, {name}: throughput, part of that "
                "without a server",
                f"{_LEAST_RATIO:.0%}",
                f"{ratio:.0%}",
                ratio >= _LEAST_RATIO,
            )
        )
    made.append(
        Figure(
            "`vultus serve`: start of the process to /health and to /ready",
            "at once, when warm",
            f"{health:.1f} s, {ready:.1f} s",
            health <= ready,
        )
    )
    return made


def details(data: Data) -> list[str]:
    rounds = data["rounds"]
    bare = np.asarray(rounds["in process"])
    rows = []
    for name in ("in process", *STEPS):
        speed = summarise(np.asarray(rounds[name]) / 1000)  # so that it says pictures, not ms
        ratios = np.asarray(rounds[name]) / bare
        rows.append((name, f"{speed['median']:.1f}", f"{np.median(ratios):.2f}"))
    statuses = ", ".join(f"{count} with {status}" for status, count in rounds["statuses"].items())
    return [
        f"{data['pictures']} photos of 640x480 as JPEG, {_COUNT} a round, {_ROUNDS} rounds of each "
        f"in turn. In process: as many threads as cores, one thread a network, from encoded bytes "
        f"to names. The server has the same cores, and its {_CLIENTS} clients, a process of their "
        f"own on kept connections, have none of their own. Answers: {statuses}.",
        "",
        *table(("", "pictures a second", "part of in process"), rows),
    ]
