"""`python -m benchmarks.soak`, by `make soak`: cameras for ten minutes, twenty rounds of kills."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file

from benchmarks import video_cameras
from benchmarks.options import Options
from benchmarks.places import clip, people
from benchmarks.tables import Figure, table

Data = dict[str, Any]

_CLIP = "hamilton_short.mp4"
_MOST_S = 35.0
_THINGS = {"rtsp": "RTSP server", "mqtt": "MQTT broker", "webhook": "webhook endpoint"}
_SINKS = {"jsonl": "JSON lines", "mqtt": "MQTT", "webhook": "webhook"}


def measure(options: Options) -> Data | None:
    """Cameras for `options.seconds`, then the rounds; None where a server is missing."""
    from benchmarks import soak_rounds

    path, known = clip(_CLIP), people()
    if path is None or known is None:
        return None
    data: Data = {}
    if options.seconds > 0:
        data["cameras"] = video_cameras.measure(options)
    try:
        data["kills"] = soak_rounds.measure(path, known, options.rounds)
    except pytest.skip.Exception as missing:  # of the helpers of the tests
        print(f"  {missing}")
        return None
    return data


def figures(data: Data) -> list[Figure]:
    kills = data["kills"]
    rounds = len(kills["rounds"])
    lost = sum(sink["lost"] for sink in kills["sinks"].values())
    twice = sum(sink["as_new"] for sink in kills["sinks"].values())
    longest = max(row[name] for row in kills["rounds"] for name in _THINGS)
    what = f"kill and restart of RTSP server, broker and endpoint, {rounds} rounds"
    found = [
        Figure(f"{what}: events lost", "0", f"{lost} of {kills['events']:,}", not lost),
        Figure(f"{what}: events sent as new twice", "0", f"{twice}", not twice),
        Figure(
            f"{what}: longest recovery",
            f"under {_MOST_S:.0f} s",
            f"{longest:.1f} s",
            longest < _MOST_S,
        ),
    ]
    return [*_growth_figures(data), *found]


def _growth_figures(data: Data) -> list[Figure]:
    """The one figure of the cameras that needs so much time; the others are the other part's."""
    cameras = data.get("cameras")
    found = video_cameras.figures(cameras) if cameras else []
    return [figure for figure in found if "memory" in figure.name]


def details(data: Data) -> list[str]:
    kills = data["kills"]
    rows = [
        (str(number), *(f"{row[name]:.1f}" for name in ("down_s", *_THINGS)))
        for number, row in enumerate(kills["rounds"], start=1)
    ]
    sinks = [
        (name, *(str(kills["sinks"][sink][key]) for key in ("arrived", "lost", "as_new", "again")))
        for sink, name in _SINKS.items()
    ]
    lines = [
        f"Two RTSP cameras with three seconds of `{_CLIP}` in a loop, somebody known in the first "
        "of them, `video.absence_s` 1, and three sinks. In each round the broker, the endpoint "
        "and, as soon as an event waits for both, the RTSP server are killed (SIGKILL) and "
        "started again in any order. Recovery is the time from when a server listens again: until "
        "both cameras have analysed a frame, and until all events that waited have come to the "
        "consumer. The reference is what the iteration over "
        f"`watch_cameras` gave: {kills['events']:,} events.",
        "",
        *table(("sink", "events arrived", "lost", "twice as new", "twice and marked so"), sinks),
        "",
        *table(("round", "down, s", *(f"{name} back, s" for name in _THINGS.values())), rows),
    ]
    if data.get("cameras"):
        lines += ["", "### Four cameras for longer", "", *video_cameras.details(data["cameras"])]
    return lines


def main() -> int:
    from benchmarks import run

    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--rounds", default="20", help="kills of each server")
    parser.add_argument("--seconds", default="600", help="for the four cameras; 0: none")
    chosen = parser.parse_args()
    return run.main(
        ["--only=soak", "--no-peer", f"--rounds={chosen.rounds}", f"--seconds={chosen.seconds}"]
    )


if __name__ == "__main__":
    raise SystemExit(main())
