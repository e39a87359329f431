"""`python -m benchmarks.soak`, by `make soak`: cameras for long, and rounds of kills."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file

from benchmarks.options import Options
from benchmarks.places import clip, people
from benchmarks.tables import Figure, table

Data = dict[str, Any]

_CLIP = "hamilton_short.mp4"
_MOST_S = 35.0
_THINGS = {"rtsp": "RTSP server", "mqtt": "MQTT broker", "webhook": "webhook endpoint"}
_SINKS = {"jsonl": "JSON lines", "mqtt": "MQTT", "webhook": "webhook"}


def measure(options: Options) -> Data | None:
    """The rounds of kills; None where a server is missing."""
    import pytest

    from benchmarks import soak_rounds

    path, known = clip(_CLIP), people()
    if path is None or known is None:
        return None
    try:
        return soak_rounds.measure(path, known, options.rounds)
    except pytest.skip.Exception as missing:  # of the helpers of the tests
        print(f"  {missing}")
        return None


def figures(data: Data) -> list[Figure]:
    rounds = len(data["rounds"])
    lost = sum(sink["lost"] for sink in data["sinks"].values())
    twice = sum(sink["as_new"] for sink in data["sinks"].values())
    longest = max(row[name] for row in data["rounds"] for name in _THINGS)
    what = f"kill and restart of RTSP server, broker and endpoint, {rounds} rounds"
    return [
        Figure(f"{what}: events lost", "0", f"{lost} of {data['events']:,}", not lost),
        Figure(f"{what}: events sent as new twice", "0", f"{twice}", not twice),
        Figure(
            f"{what}: longest recovery",
            f"under {_MOST_S:.0f} s",
            f"{longest:.1f} s",
            longest < _MOST_S,
        ),
    ]


def details(data: Data) -> list[str]:
    rows = [
        (str(number), *(f"{row[name]:.1f}" for name in ("down_s", *_THINGS)))
        for number, row in enumerate(data["rounds"], start=1)
    ]
    sinks = [
        (name, *(str(data["sinks"][sink][key]) for key in ("arrived", "lost", "as_new", "again")))
        for sink, name in _SINKS.items()
    ]
    return [
        f"Two RTSP cameras with three seconds of `{_CLIP}` in a loop, somebody known in the first "
        "of them, `video.absence_s` 1, and three sinks. In each round the broker, the endpoint "
        "and, as soon as an event waits for both, the RTSP server are killed (SIGKILL) and "
        "started again in any order. Recovery is the time from when a server listens again: until "
        "both cameras have analysed a frame, and until all events that waited have come to the "
        "consumer. The reference is what the iteration over "
        f"`watch_cameras` gave: {data['events']:,} events.",
        "",
        *table(("sink", "events arrived", "lost", "twice as new", "twice and marked so"), sinks),
        "",
        *table(("round", "down, s", *(f"{name} back, s" for name in _THINGS.values())), rows),
    ]


def main() -> int:
    from benchmarks import run

    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="kills of each server")
    parser.add_argument("--seconds", type=float, default=600, help="for four cameras; 0: none")
    chosen = parser.parse_args()
    if not (chosen.rounds or chosen.seconds):
        parser.error("nothing to do")
    parts = ["--only=cameras_long"] if chosen.seconds else []
    parts += ["--only=soak"] if chosen.rounds else []
    numbers = [f"--rounds={chosen.rounds}", f"--seconds={chosen.seconds}"]
    return run.main([*parts, *numbers, "--no-peer"])


if __name__ == "__main__":
    raise SystemExit(main())
