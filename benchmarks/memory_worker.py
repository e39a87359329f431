"""Analyse the photos named on stdin and say how much memory that took; see memory.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def memory_mb(field: str) -> float:
    """VmRSS (now) or VmHWM (highest so far) of this process, in millions of bytes."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6  # the kernel's kB are 1024 bytes
    raise LookupError(field)


def main() -> None:
    every = int(sys.argv[1])
    paths = sys.stdin.read().split("\n")
    import vultus

    analyzer = vultus.Analyzer()
    analyzer.warm_up()
    samples: list[dict[str, Any]] = [{"photos": 0, "resident_mb": memory_mb("VmRSS")}]
    found, sizes = 0, set()
    for number, path in enumerate(paths, start=1):
        faces = analyzer.analyze(path)
        found += len(faces)
        sizes.add(faces.image_wh)
        if number % every == 0:
            samples.append(
                {
                    "photos": number,
                    "resident_mb": memory_mb("VmRSS"),
                    "peak_mb": memory_mb("VmHWM"),
                }
            )
            print(f"  {samples[-1]}", file=sys.stderr, flush=True)
    ordered = sorted(sizes, key=lambda wh: wh[0] * wh[1])
    smallest, largest = (f"{w}x{h}" for w, h in (ordered[0], ordered[-1]))
    report = {"samples": samples, "peak_mb": memory_mb("VmHWM"), "faces": found}
    print(json.dumps(report | {"smallest": smallest, "largest": largest}))


if __name__ == "__main__":
    main()
