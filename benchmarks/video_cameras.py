"""Four RTSP cameras at once: analysed frames a second, delay, memory, share of the processor."""

from __future__ import annotations

import shutil
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.options import Options
from benchmarks.places import clip, people
from benchmarks.tables import Figure, table
from benchmarks.workers import Worker
from vultus.video.budget import Sampler

Data = dict[str, Any]

_CLIP = "hamilton_short.mp4"
_COUNT = 4
_NAME = "four RTSP cameras, 640x360 at 15 frames a second"
_LEAST_FPS = 5.0
_MOST_DELAY_S = 1.0
_MOST_GROWTH_MB = 10.0
_MINUTE = 60.0
_LONG_S = 300  # from here on memory has time to grow, and the warm-up to end before


def measure(options: Options) -> Data | None:
    """All cameras for `options.seconds`; None without the clip, the people or an RTSP server."""
    from benchmarks.video_feed import Feed, FeedMissing, write_feed

    path, known = clip(_CLIP), people()
    if path is None or known is None or shutil.which("/usr/bin/python3") is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        folders = [write_feed(path, Path(name), camera) for camera in range(_COUNT)]
        try:
            with Feed(folders) as feed:
                addresses = [feed.address(camera) for camera in range(_COUNT)]
                module = "benchmarks.video_cameras_worker"
                with Worker(Path(sys.executable), module) as worker:
                    run = worker.ask(
                        "watch", addresses=addresses, people=str(known), seconds=options.seconds
                    )
                return _summary(run, feed.sent, options.seconds)
        except FeedMissing as error:
            print(f"  {error}")
            return None


def _summary(run: Data, sent: list[dict[int, list[float]]], seconds: float) -> Data:
    first, last = run["samples"][0], run["samples"][-1]
    passed = last["seconds"] - first["seconds"]
    rates = {
        name: [(b - a) / passed for a, b in zip(first[name], last[name], strict=True)]
        for name in ("analysed", "frames", "dropped")
    }
    frames, moments = _frame_delays(run, sent)
    events = [
        at - moments[camera, media_time]
        for camera, _, media_time, at in run["events"]
        if (camera, media_time) in moments
    ]
    arrivals = [delay for sample in run["samples"] for delay in sample["delay_s"]]
    return {
        "seconds": seconds,
        "rates": rates,
        "frame_delay": _spread(frames),
        "event_delay": _spread(events),
        "arrival_delay": _spread(arrivals),
        "events": len(run["events"]),
        "keeps_up": all(all(sample["keeps_up"]) for sample in run["samples"]),
        "memory": run["memory"],
        "share": run["share"],
    }


def _frame_delays(
    run: Data, sent: list[dict[int, list[float]]]
) -> tuple[list[float], dict[tuple[int, float], float]]:
    """From a frame's leaving the server to the end of its analysis, for those analysed.

    And when each frame was sent, by camera and media time.
    """
    delays, moments = [], {}
    for camera, rows in enumerate(run["sights"]):
        sampler = Sampler(run["fps"])
        for number, media_time, _, done in rows:
            before = [at for at in sent[camera].get(int(number), ()) if at < done]
            due = sampler.is_due(Fraction(media_time))
            if before:
                moments[camera, media_time] = before[-1]
                if due:
                    delays.append(done - before[-1])
    return delays, moments


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {"n": 0}
    median, p95, highest = np.percentile(values, (50, 95, 100))
    return {"median": float(median), "p95": float(p95), "max": float(highest), "n": len(values)}


def _growth(data: Data) -> float | None:
    """The highest of the second half less the highest of the first; None where that says nothing.

    Of the highest, since memory falls whenever the allocator gives some back.
    """
    if data["seconds"] < _LONG_S:
        return None
    middle = data["memory"][-1][0] / 2
    early = [mb for at, mb in data["memory"] if 0 <= at < middle]
    late = [mb for at, mb in data["memory"] if at >= middle]
    return float(max(late) - max(early))


def figures(data: Data) -> list[Figure]:
    slowest, delay = min(data["rates"]["analysed"]), data["event_delay"]
    found = [
        Figure(
            f"{_NAME}: analysed a second, the slowest",
            f"{_LEAST_FPS:.0f}",
            f"{slowest:.1f}",
            slowest >= _LEAST_FPS,
        )
    ]
    if delay["n"]:
        found.append(
            Figure(
                f"{_NAME}: from sending a frame to the event, the longest",
                f"under {_MOST_DELAY_S:.0f} s",
                f"{delay['max']:.2f} s",
                delay["max"] < _MOST_DELAY_S,
            )
        )
    return found


def long_figures(data: Data) -> list[Figure]:
    """What only a long run tells."""
    growth = _growth(data)
    if growth is None:
        return []
    return [
        Figure(
            f"{_NAME}: growth of memory in {data['seconds'] / _MINUTE:.0f} minutes",
            f"none (under {_MOST_GROWTH_MB:.0f} MB)",
            f"{growth:.1f} MB",
            growth < _MOST_GROWTH_MB,
        )
    ]


def details(data: Data) -> list[str]:
    rates = data["rates"]
    camera_rows = [
        (str(index), *(f"{rates[name][index]:.1f}" for name in ("frames", "analysed", "dropped")))
        for index in range(len(rates["frames"]))
    ]
    delays = {
        "from sending a frame to the end of its analysis": data["frame_delay"],
        "from sending a frame to the event that came of it": data["event_delay"],
        "from a frame's arrival to the end of its analysis": data["arrival_delay"],
    }
    delay_rows = [
        (
            name,
            *(f"{spread[key] * 1000:.0f} ms" for key in ("median", "p95", "max")),
            str(spread["n"]),
        )
        for name, spread in delays.items()
        if spread["n"]
    ]
    every = max(1, round(len(data["memory"]) / 11))
    memory_rows = [(f"{at:.0f}", f"{mb:.1f}") for at, mb in data["memory"][::every]]
    return [
        f"{len(camera_rows)} cameras over RTSP (TCP) from a server of its own on the same machine, "
        f"each `{_CLIP}` in a loop, coded anew at 15 frames a second; watched by one "
        f"`watch_cameras` with ten analysed frames a second asked for and people enrolled, for "
        f"{data['seconds']:.0f} s after a warm-up of {-data['memory'][0][0]:.0f} s. Each frame "
        "carries its number; the server "
        "notes when it sends it, and so the delays hold network, decoder and waiting. "
        f"Processor: {data['share']:.2f} cores. Events: {data['events']}. Every camera "
        f"{'always' if data['keeps_up'] else 'not always'} kept up.",
        "",
        *table(("camera", "frames taken a second", "analysed", "replaced by newer"), camera_rows),
        "",
        *table(("delay", "median", "95th percentile", "longest", "measured"), delay_rows),
        "",
        *table(("seconds", "resident memory, MB"), memory_rows),
    ]
