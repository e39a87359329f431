"""What the soak kills and starts again, and what the consumers behind it have received."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tests.events.servers import Mosquitto, Subscriber, free_port
from tests.video.clips import write_clip
from tests.video.rtsp import RtspServer

from benchmarks.places import ROOT
from benchmarks.video_feed import FPS, SIZE_WH, frames_of

# Seconds of hamilton_short.mp4 with one known face, and then without any: visits come and go.
_SHOTS = ((2.9, 4.2), (0.7, 2.5))
Event = tuple[str, int]  # visit and sequence, which name an event for ever
CAMERAS = ("door", "yard")


@dataclass(frozen=True)
class Received:
    """One arrival of an event. new: nothing said that it may have come before."""

    event: Event
    new: bool


class Webhook:
    """An endpoint in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._file = folder / "webhook.jsonl"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        module = "benchmarks.soak_webhook"
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, str(self.port), str(self._file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", "the endpoint did not start"

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def received(self) -> list[Received]:
        if not self._file.exists():
            return []
        lines = [json.loads(line) for line in self._file.read_text("utf-8").splitlines()]
        return [Received((visit, number), attempt == 1) for attempt, visit, number in lines]


class Servers:
    """RTSP server, broker with a consumer, and endpoint: `with Servers(clip, folder) as s`."""

    def __init__(self, clip: Path, folder: Path) -> None:
        for name in ("rtsp", "broker"):
            (folder / name).mkdir()
        frames = chain.from_iterable(frames_of(clip, *shot) for shot in _SHOTS)
        scene = write_clip(folder / "scene.mp4", frames, rate=FPS, size_wh=SIZE_WH)
        self.rtsp = RtspServer(dict.fromkeys(CAMERAS, scene), folder / "rtsp")
        self.broker = Mosquitto(folder / "broker")
        self.webhook = Webhook(folder)
        self.consumer: Subscriber
        self._opened = ExitStack()

    def __enter__(self) -> Servers:
        with ExitStack() as opened:
            opened.enter_context(self.rtsp)
            opened.enter_context(self.broker)
            opened.callback(self.webhook.stop)
            self.webhook.start()
            self.consumer = opened.enter_context(
                Subscriber(self.broker.port, topic="vultus/+/event")
            )
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @property
    def kills(self) -> dict[str, Callable[[], None]]:
        return {
            "rtsp": self.rtsp.stop,
            "mqtt": lambda: self.broker.stop(kill=True),
            "webhook": self.webhook.stop,
        }

    @property
    def starts(self) -> dict[str, Callable[[], None]]:
        """They return when the server listens."""
        return {
            "rtsp": self.rtsp.start,
            "mqtt": self.broker.start,
            "webhook": self.webhook.start,
        }

    def over_mqtt(self) -> list[Received]:
        found = []
        for message in list(self.consumer.messages):
            user = message.user
            event = (user["visit"], int(user["sequence"]))
            found.append(Received(event, user["attempt"] == "1" and not message.dup))
        return found
