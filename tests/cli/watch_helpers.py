"""What the tests of `vultus watch` share."""

from __future__ import annotations

from pathlib import Path

from tests.video.scenes import Part

ROOT = Path(__file__).parents[2]
HIDDEN = "s3cret"
TWO = [Part("ada", 0.5, 2.0), Part("cyd", 1.0, 3.0, x=150, speed=10)]


def events_of(ran):
    return [record for record in ran.records if "status" not in record and "sink" not in record]


def told(records):
    return [(each["type"], each["person"] or each["stranger"]) for each in records]


ALL = [
    ("enter", "ada"),
    ("enter", "unknown-0001"),
    ("exit", "ada"),
    ("exit", "unknown-0001"),
]


def config(tmp_path, text):
    path = tmp_path / "cameras.toml"
    path.write_text(text)
    return path
