"""What was told: events in short, and the lines of files."""

from __future__ import annotations

import json

from tests.video.scenes import Part

TWO = [Part("ada", 0.5, 2.0), Part("cyd", 1.0, 3.0, x=150, speed=10)]
ZONES = {
    "left": [(0, 0), (0.4, 0), (0.4, 1), (0, 1)],
    "right": [(0.4, 0), (1, 0), (1, 1), (0.4, 1)],
}


def told(events):
    return [(event.type, event.who) for event in events]


def lines_of(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
