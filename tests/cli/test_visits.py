"""`vultus visits` and `vultus people name`: what was, and who it was."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from tests.video.scenes import enroll, scene_analyzer
from vultus.gallery.gallery import Gallery
from vultus.gallery.strangers import StrangerFace
from vultus.gallery.visits import VisitRecord

NOON = datetime(2025, 11, 21, 12, 0, tzinfo=timezone.utc)
MODEL = scene_analyzer().embedder_id


@pytest.fixture
def gallery(tmp_path):
    """The gallery of `run`: ada in family and friends, two strangers, five visits."""
    (tmp_path / "gallery").mkdir()
    with Gallery(tmp_path / "gallery" / "people.db", analyzer=scene_analyzer()) as made:
        enroll(made, "ada")
        enroll(made, "ada", group="friends")
        for number in range(2):
            vector = np.zeros(128, np.float32)
            vector[5 + number] = 1.0
            made.strangers.add("family", MODEL, [StrangerFace(vector, 0.8, 60.0)])
        record(made, 0, person="ada")
        record(made, 1, stranger="unknown-0001", zone="door", pictures=(str(tmp_path / "a.jpg"),))
        record(made, 2, person="ada", camera="yard")
        record(made, 3, stranger="unknown-0002", type="enter")
        record(made, 4, person="ada", group="friends")
        yield made


def record(gallery, hours, **changes):
    start = NOON + timedelta(hours=hours)
    fields = {
        "id": f"v{hours}", "group": "family", "person": None, "stranger": None, "camera": "door",
        "sequence": 1, "type": "exit", "probability": 0.97, "start": start,
        "end": start + timedelta(seconds=90.5), "zone": None,
    }  # fmt: skip
    gallery.visits.record(VisitRecord(**(fields | changes)))


def ids(ran):
    assert ran.code == 0, ran.stderr
    return [each["visit"] for each in ran.records]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], ["v4", "v3", "v2", "v1", "v0"]),
        (["ada"], ["v4", "v2", "v0"]),
        (["ada", "--group", "family"], ["v2", "v0"]),
        (["unknown-0001"], ["v1"]),
        (["--camera", "yard"], ["v2"]),
        (["nobody"], []),
        (["--limit", "2"], ["v4", "v3"]),
        (["--since", "2025-11-21T14:00:00"], ["v4", "v3", "v2"]),
        (["--until", "2025-11-21T14:00:00"], ["v1", "v0"]),
        (["--since", "2025-11-21 13:30:00", "--until", "2025-11-21 15:00:00"], ["v2"]),
        (["--since", "2025-11-21T12:01:00", "--until", "2025-11-21T12:01:10"], ["v0"]),
        (["--since", "2025-11-22"], []),
    ],
)
def test_filters(run, gallery, monkeypatch, given, expected):
    monkeypatch.setenv("TZ", "UTC")
    assert ids(run("visits", "list", *given, "--format", "json")) == expected


def test_a_record_of_json(run, gallery, tmp_path):
    (_, found, *_) = reversed(run("visits", "list", "-f", "json").records)
    assert found == {
        "start": "2025-11-21T13:00:00.000000Z",
        "seconds": 90.5,
        "camera": "door",
        "person": None,
        "stranger": "unknown-0001",
        "probability": 0.97,
        "zone": "door",
        "over": True,
        "picture": str(tmp_path / "a.jpg"),
        "visit": "v1",
    }
    assert [each["over"] for each in run("visits", "list", "-f", "json").records][1] is False


def test_a_table_for_people_in_their_zone(run, gallery, monkeypatch):
    monkeypatch.setenv("VULTUS_VIDEO__TIME_ZONE", "Asia/Tokyo")
    ran = run("visits", "list", "--camera", "yard")
    head, row = ran.stdout.splitlines()
    assert head.split()[:4] == ["start", "seconds", "camera", "person"]
    assert row.startswith("2025-11-21 23:00:00  90.5")


def test_none(run, gallery):
    ran = run("visits", "list", "nobody")
    assert (ran.code, ran.stdout) == (0, "")
    assert "no visits" in ran.stderr
    assert run("visits", "list", "nobody", "-f", "quiet").stderr == ""


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["--group", "none"], 4),
        (["--limit", "0"], 2),
        (["--since", "yesterday"], 2),
    ],
)
def test_refused(run, gallery, given, code):
    assert run("visits", "list", *given).code == code


def test_without_a_gallery(run):
    ran = run("visits", "list")
    assert ran.code in (0, 4)
    assert "Traceback" not in ran.stderr


def test_old_ones_are_forgotten(run, gallery, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"picture")
    age = (datetime.now(timezone.utc) - NOON - timedelta(hours=1.5)) / timedelta(days=1)
    ran = run("visits", "forget", "--older-days", f"{age:.6f}", answer="n\n")
    assert ran.code == 1
    assert len(ids(run("visits", "list", "-f", "json"))) == 5
    ran = run("visits", "forget", "--older-days", f"{age:.6f}", "--yes", "-f", "json")
    assert ran.records == [{"forgotten": 2}]
    assert ids(run("visits", "list", "-f", "json")) == ["v4", "v3", "v2"]
    assert not (tmp_path / "a.jpg").exists()


# naming


def test_a_stranger_is_named_and_the_past_follows(run, gallery):
    ran = run("people", "name", "unknown-0001", "Mrs Novak", "--group", "family", "-f", "json")
    assert ran.records == [
        {"stranger": "unknown-0001", "person": "Mrs Novak", "group": "family", "visits": 1}
    ]
    (visit,) = run("visits", "list", "Mrs Novak", "-f", "json").records
    assert (visit["visit"], visit["person"], visit["stranger"]) == ("v1", "Mrs Novak", None)
    assert ids(run("visits", "list", "unknown-0001", "-f", "json")) == []
    names = [each["person"] for each in run("people", "list", "-f", "json", "-g", "family").records]
    assert sorted(names) == ["Mrs Novak", "ada"]
    assert run("people", "name", "unknown-0001", "again", "-g", "family").code == 4


def test_a_stranger_was_somebody_known(run, gallery):
    ran = run("people", "name", "unknown-0002", "ada", "--group", "family")
    assert ran.code == 0
    assert "unknown-0002 is ada now" in ran.stdout
    assert ids(run("visits", "list", "ada", "-g", "family", "-f", "json")) == ["v3", "v2", "v0"]


def test_visits_follow_a_new_name_too(run, gallery):
    run("people", "rename", "ada", "lovelace", "--group", "family")
    assert ids(run("visits", "list", "lovelace", "-f", "json")) == ["v2", "v0"]


@pytest.mark.parametrize(
    ("stranger", "name", "group"),
    [
        ("unknown-0009", "x", "family"),
        ("ada", "x", "family"),
        ("unknown-0001", "x", "friends"),
        ("unknown-0001", "x", "none"),
    ],
)
def test_who_cannot_be_named(run, gallery, stranger, name, group):
    ran = run("people", "name", stranger, name, "--group", group, "-f", "json")
    assert ran.code == 4
    assert ran.records[0]["error"]["code"] in ("stranger_unknown", "group_unknown")


@pytest.mark.parametrize("name", ["", "   ", "\x1b[31m"])
def test_a_senseless_name(run, gallery, name):
    assert run("people", "name", "unknown-0001", name, "-g", "family").code == 2
