"""A minute of fifty clients: what they are answered, and what becomes of the memory."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.options import Options
from benchmarks.pictures import photos_640x480
from benchmarks.places import people
from benchmarks.server import GROUP, STEPS
from benchmarks.server_process import (
    ServerProcess,
    clients_answer,
    run_clients,
    start_clients,
)
from benchmarks.tables import Figure, table
from vultus.gallery.gallery import Gallery

Data = dict[str, Any]

_CLIENTS = 50
_QUEUE = {"queue of 64, the default": "64", "queue of 8": "8"}
_MOST_GROWTH_MB = 25.0  # as in memory.py: what the allocator may still shift about
_WARM = 200
_EVERY_S = 5.0


def measure(options: Options) -> Data | None:
    """One run with a queue that holds all clients, and one with a queue that does not."""
    known = people()
    if known is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = [str(path) for path in photos_640x480(folder)]
        with Gallery(folder / "people.db") as gallery:
            gallery.enroll_folder(known, group=GROUP)
        return {
            "seconds": options.seconds,
            "runs": {
                title: _run(folder, queue, pictures, options.seconds)
                for title, queue in _QUEUE.items()
            },
        }


def _run(folder: Path, queue: str, pictures: list[str], seconds: float) -> Data:
    step = STEPS["Azure's two calls"]
    with ServerProcess(folder, {"VULTUS_SERVER__QUEUE": queue}) as server:
        server.wait_until("/ready")
        server.ask(f"/face/v1.0/persongroups/{GROUP}/train", b"", "application/json")
        run_clients(server, clients=_CLIENTS, count=_WARM, pictures=pictures, step=step)
        asked = {"clients": _CLIENTS, "seconds": seconds, "pictures": pictures, "step": step}
        memory = [(0.0, server.resident_mb())]
        began = time.monotonic()
        with start_clients(server, **asked) as clients:
            while clients.poll() is None and time.monotonic() - began < seconds - 1:
                time.sleep(_EVERY_S)
                memory.append((time.monotonic() - began, server.resident_mb()))
            answer = clients_answer(clients)
    times = answer["times"]
    return {
        "statuses": answer["statuses"],
        "per_second": len(times) / answer["seconds"],
        "median_s": float(np.median(times)),
        "longest_s": max(times),
        "memory": memory,
    }


def _growth(run: Data) -> float:
    """From the first third to the last one, medians."""
    values = [mb for _, mb in run["memory"]]
    third = max(1, len(values) // 3)
    return float(np.median(values[-third:]) - np.median(values[:third]))


def figures(data: Data) -> list[Figure]:
    found = []
    for title, run in data["runs"].items():
        wrong = sum(n for status, n in run["statuses"].items() if status not in ("200", "503"))
        growth = _growth(run)
        name = f"{data['seconds']:.0f} s of {_CLIENTS} clients, {title}"
        found += [
            Figure(f"{name}: neither 200 nor 503 with Retry-After", "0", f"{wrong}", not wrong),
            Figure(
                f"{name}: growth of memory",
                f"none (under {_MOST_GROWTH_MB:.0f} MB)",
                f"{growth:.1f} MB",
                growth < _MOST_GROWTH_MB,
            ),
        ]
    return found


def details(data: Data) -> list[str]:
    runs = data["runs"]
    rows = [
        (
            title,
            f"{run['per_second']:.1f}",
            ", ".join(f"{n} x {status}" for status, n in run["statuses"].items()),
            f"{run['median_s']:.2f} s",
            f"{run['longest_s']:.2f} s",
            f"{run['memory'][0][1]:.0f}, {run['memory'][-1][1]:.0f} MB",
        )
        for title, run in runs.items()
    ]
    head = ("", "answers a second", "statuses", "median", "longest", "memory, begin and end")
    return [
        f"{_CLIENTS} clients that send a photo to detect and the faces to identify without a "
        "pause; who is answered 503 waits a second.",
        "",
        *table(head, rows),
    ]
