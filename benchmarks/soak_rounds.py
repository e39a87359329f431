"""Kill and restart of the RTSP server, the broker and the endpoint while two cameras run."""

from __future__ import annotations

import json
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.soak_servers import CAMERAS, Event, Received, Servers

if TYPE_CHECKING:
    from vultus.video.watching import Watch

Data = dict[str, Any]

_ABSENCE_S = 1.0
_SHORT_S, _LONG_S = (2.0, 8.0), 40.0  # how long all is down; the long one lets waits grow
_LONG_EVERY = 5
_CALM_S = 3.0
_LOOK_S = 0.02
_PATIENCE_S = 90.0


class Watched:
    """Two cameras watched in a thread; what they told, as the reference for all sinks."""

    def __init__(self, folder: Path, people: Path, servers: Servers) -> None:
        from vultus.gallery.gallery import Gallery
        from vultus.settings import EventSettings, VideoSettings, load_settings
        from vultus.video.camera import Camera
        from vultus.video.watching import watch_cameras

        self.lines = folder / "events.jsonl"
        self.events: list[Event] = []
        self.failure: BaseException | None = None
        settings = load_settings(events=EventSettings(outbox=folder / "outbox.db"))
        address = str(folder / "people.db")
        with Gallery(address, settings=settings) as gallery:
            gallery.enroll_folder(people, group="people", largest=True)
        video = VideoSettings(absence_s=_ABSENCE_S)
        self.watching: Watch = watch_cameras(
            [
                Camera(name=name, source=servers.rtsp.address(name), group="people", video=video)
                for name in CAMERAS
            ],
            gallery=address,
            on="all",
            to=[
                str(self.lines),
                f"mqtt://127.0.0.1:{servers.broker.port}",
                f"http://127.0.0.1:{servers.webhook.port}/hook",
            ],
            patient=True,
            settings=settings,
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for visit in self.watching:
                self.events.append((visit.id, visit.sequence))
        except BaseException as error:  # the border of the thread: raised in `stop`
            self.failure = error

    def analysed(self) -> list[int]:
        return [status.analysed for status in self.watching.status]

    def in_lines(self) -> list[Received]:
        events = map(json.loads, self.lines.read_text("utf-8").splitlines())
        return [Received((event["visit"], event["sequence"]), True) for event in events]

    def stop(self) -> None:
        self.watching.stop()
        self._thread.join(_PATIENCE_S)
        self.watching.close()
        if self.failure is not None:
            raise self.failure


def measure(clip: Path, people: Path, rounds: int) -> Data:
    """So many rounds; what was lost, what came twice, and how long each took to recover."""
    with tempfile.TemporaryDirectory() as name, Servers(clip, Path(name)) as servers:
        watched = Watched(Path(name), people, servers)
        try:
            _wait(lambda: all(watched.analysed()) and len(watched.events) > 0, "the start")
            chance = random.Random(1)
            table = []
            for number in range(1, rounds + 1):
                down_s = _LONG_S if number % _LONG_EVERY == 0 else chance.uniform(*_SHORT_S)
                table.append(_round(watched, servers, down_s, chance))
                print(f"  round {number}: {_in_words(table[-1])}", flush=True)
            watched.stop()
            sinks = {
                "jsonl": watched.in_lines,
                "mqtt": servers.over_mqtt,
                "webhook": servers.webhook.received,
            }
            told = set(watched.events)
            _settle(lambda: all(told <= _names(arrived()) for arrived in sinks.values()))
            arrivals = {sink: arrived() for sink, arrived in sinks.items()}
        finally:
            watched.watching.close()
    return {
        "rounds": table,
        "events": len(told),
        "incomplete": _incomplete(watched.events),
        "sinks": {sink: _judge(told, arrived) for sink, arrived in arrivals.items()},
    }


def _round(watched: Watched, servers: Servers, down_s: float, chance: random.Random) -> Data:
    """All three down together, and up in any order; seconds until each is back in use."""
    received = {"mqtt": servers.over_mqtt, "webhook": servers.webhook.received}
    for name in ("mqtt", "webhook"):
        servers.kills[name]()
    for arrived in received.values():
        _wait(lambda arrived=arrived: _pending(watched, arrived()), "an event")
    servers.kills["rtsp"]()
    time.sleep(down_s)
    order = chance.sample(sorted(servers.starts), 3)
    back: dict[str, Callable[[], bool]] = {}
    began: dict[str, float] = {}
    for name in order:
        waiting = _pending(watched, received[name]()) if name in received else set()
        analysed = watched.analysed()
        servers.starts[name]()
        began[name] = time.monotonic()
        if name in received:
            back[name] = _has_all(waiting, received[name])
        else:
            back[name] = _goes_on(watched, analysed)
    seconds: dict[str, float] = {}
    while back:
        for name in [name for name, is_back in back.items() if is_back()]:
            seconds[name] = time.monotonic() - began[name]
            del back[name]
        assert time.monotonic() - min(began.values()) < _PATIENCE_S, f"never back: {list(back)}"
        time.sleep(_LOOK_S)
    time.sleep(_CALM_S)
    return {"down_s": down_s, **seconds}


def _pending(watched: Watched, arrived: Sequence[Received]) -> set[Event]:
    return set(watched.events) - _names(arrived)


def _names(arrived: Sequence[Received]) -> set[Event]:
    return {each.event for each in arrived}


def _has_all(waiting: set[Event], received: Callable[[], list[Received]]) -> Callable[[], bool]:
    return lambda: waiting <= _names(received())


def _goes_on(watched: Watched, before: list[int]) -> Callable[[], bool]:
    return lambda: all(now > then for now, then in zip(watched.analysed(), before, strict=True))


def _judge(told: set[Event], arrived: Sequence[Received]) -> Data:
    """lost: never came. as_new: came as new more than once. again: repeats that say so."""
    new = Counter(each.event for each in arrived if each.new)
    names = _names(arrived)
    as_new = sum(count - 1 for count in new.values())
    return {
        "arrived": len(names),
        "lost": len(told - names),
        "unknown": len(names - told),
        "as_new": as_new,
        "again": len(arrived) - len(names) - as_new,
    }


def _incomplete(events: Sequence[Event]) -> int:
    """Visits whose numbers have a gap or that never ended before the watching did."""
    numbers: dict[str, list[int]] = {}
    for visit, number in events:
        numbers.setdefault(visit, []).append(number)
    return sum(found != list(range(len(found))) for found in numbers.values())


def _settle(done: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_S / 3
    while not done() and time.monotonic() < end:
        time.sleep(_LOOK_S)


def _wait(done: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not done():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(_LOOK_S)


def _in_words(row: Data) -> str:
    return ", ".join(f"{name} {row[name]:.1f} s" for name in ("down_s", "rtsp", "mqtt", "webhook"))
