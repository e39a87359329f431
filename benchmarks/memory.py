"""Resident memory over a thousand photos of all sizes in one process."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import Any

from benchmarks.options import Options
from benchmarks.places import ROOT, lfw_grey, photos
from benchmarks.tables import Figure, table

Data = dict[str, Any]

COUNT = 1000
EVERY = 100
_MOST_MB = 500
_GROWTH_MB = 25  # what the allocator may still shift about after the first hundred


def measure(options: Options) -> Data | None:
    """Run the worker below in a fresh process; None without the photos or without /proc."""
    del options  # the peer's memory is its own affair
    pictures = [str(path) for path in photos()]
    if not pictures or sys.platform != "linux":
        return None
    folder = lfw_grey()
    if folder is not None:
        small = sorted((folder / "images").rglob("*.jpg"))
        pictures += [str(path) for path in small[:: max(1, len(small) // len(pictures))]]
    random.Random(1).shuffle(pictures)
    order = [pictures[i % len(pictures)] for i in range(COUNT)]
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory_worker", str(EVERY)],
        input="\n".join(order),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        encoding="utf-8",
        check=True,
    )
    return {"different": len(pictures), **json.loads(run.stdout)}


def _growth(data: Data) -> float:
    """From the hundredth photo to the highest sample after it."""
    after = [s["resident_mb"] for s in data["samples"] if s["photos"] >= EVERY]
    return float(max(after) - after[0])


def figures(data: Data) -> list[Figure]:
    peak, growth = data["peak_mb"], _growth(data)
    last = data["samples"][-1]["photos"]
    return [
        Figure(
            f"highest resident memory over {last:,} photos",
            f"under {_MOST_MB} MB",
            f"{peak:.0f} MB",
            peak < _MOST_MB,
        ),
        Figure(
            "growth of resident memory after the first 100 photos",
            f"none (under {_GROWTH_MB} MB)",
            f"{growth:.0f} MB",
            growth < _GROWTH_MB,
        ),
    ]


def details(data: Data) -> list[str]:
    lines = [
        f"{COUNT:,} photos in one process with default settings, {data['different']} different "
        f"ones in turn: the sample photos from {data['smallest']} to {data['largest']} pixels and "
        "small grey portraits. "
        f"Faces found: {data['faces']:,}. Highest at any time: {data['peak_mb']:.0f} MB.",
        "",
    ]
    rows = [(f"{s['photos']:,}", f"{s['resident_mb']:.0f}") for s in data["samples"]]
    return [*lines, *table(("photos done", "resident memory, MB"), rows)]
