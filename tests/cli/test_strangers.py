"""`vultus strangers`: list, ignore, forget."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
import sqlalchemy as sa

from tests.video.scenes import scene_analyzer
from vultus.gallery.gallery import Gallery
from vultus.gallery.schema import strangers
from vultus.gallery.strangers import StrangerFace
from vultus.gallery.visits import VisitRecord

MODEL = scene_analyzer().embedder_id
NOW = datetime.now(timezone.utc)


@pytest.fixture
def gallery(tmp_path):
    """The gallery of `run`: three strangers in family, not seen for 0, 10 and 40 days."""
    (tmp_path / "gallery").mkdir()
    with Gallery(tmp_path / "gallery" / "people.db", analyzer=scene_analyzer()) as made:
        for number, days in enumerate((0, 10, 40)):
            vector = np.zeros(128, np.float32)
            vector[number] = 1.0
            label = made.strangers.add("family", MODEL, [StrangerFace(vector, 0.8, 60.0)])
            seen = (NOW - timedelta(days=days)).replace(tzinfo=None)
            with made.database.write() as connection:
                chosen = strangers.update().where(strangers.c.number == number + 1)
                connection.execute(chosen.values(seen_at=seen))
            picture = tmp_path / f"{label}.jpg"
            picture.write_bytes(b"picture")
            made.visits.record(
                VisitRecord(
                    id=f"v{number}", group="family", person=None, stranger=label, camera="door",
                    sequence=1, type="exit", probability=0.1, start=NOW, end=NOW, zone=None,
                    pictures=(str(picture),),
                )
            )  # fmt: skip
        yield made


def labels(run):
    return [each["stranger"] for each in run("strangers", "list", "-f", "json").records]


def test_list(run, gallery):
    found = run("strangers", "list", "--format", "json").records
    assert [each["stranger"] for each in found] == ["unknown-0001", "unknown-0002", "unknown-0003"]
    first = found[0]
    assert (first["group"], first["faces"], first["visits"], first["ignored"]) == (
        "family",
        1,
        1,
        False,
    )
    assert first["seen_at"].endswith("Z")
    ran = run("strangers", "list", "--group", "family")
    assert ran.stdout.splitlines()[0].split()[:2] == ["stranger", "group"]
    assert len(ran.stdout.splitlines()) == 4


def test_nobody(run, tmp_path):
    (tmp_path / "gallery").mkdir()
    with Gallery(tmp_path / "gallery" / "people.db", analyzer=scene_analyzer()) as made:
        made.create_group("family")
    ran = run("strangers", "list")
    assert (ran.code, ran.stdout) == (0, "")
    assert "no strangers" in ran.stderr


def test_ignore_and_not(run, gallery):
    ran = run("strangers", "ignore", "unknown-0002", "--group", "family")
    assert (ran.code, ran.stdout) == (0, "unknown-0002 is ignored\n")
    ignored = {e["stranger"]: e["ignored"] for e in run("strangers", "list", "-f", "json").records}
    assert ignored == {"unknown-0001": False, "unknown-0002": True, "unknown-0003": False}
    ran = run("strangers", "ignore", "unknown-0002", "-g", "family", "--not", "-f", "json")
    assert ran.records == [{"stranger": "unknown-0002", "group": "family", "ignored": False}]


def test_forget_one(run, gallery, tmp_path):
    ran = run("strangers", "forget", "unknown-0001", "-g", "family", answer="n\n")
    assert ran.code == 1
    assert len(labels(run)) == 3
    ran = run("strangers", "forget", "unknown-0001", "-g", "family", "--yes")
    assert (ran.code, ran.stdout) == (0, "1 stranger forgotten\n")
    assert labels(run) == ["unknown-0002", "unknown-0003"]
    assert not (tmp_path / "unknown-0001.jpg").exists()
    assert (tmp_path / "unknown-0002.jpg").exists()
    visits = run("visits", "list", "-f", "json").records
    assert sorted(each["visit"] for each in visits) == ["v1", "v2"]


def test_forget_those_of_long_ago(run, gallery, tmp_path):
    ran = run("strangers", "forget", "--unseen-days", "5", "-g", "family", "-y", "-f", "json")
    assert ran.records == [{"group": "family", "forgotten": 2}]
    assert labels(run) == ["unknown-0001"]
    assert [path.name for path in tmp_path.glob("*.jpg")] == ["unknown-0001.jpg"]
    ran = run("strangers", "forget", "--unseen-days", "5", "-g", "family", "-y")
    assert ran.stdout == "0 strangers forgotten\n"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["forget", "--yes"], 2),
        (["forget", "unknown-0001", "--unseen-days", "3", "--yes"], 2),
        (["forget", "--unseen-days", "-1", "--yes"], 2),
        (["forget", "unknown-0001", "--yes"], 4),  # of the group default, which is not there
        (["forget", "unknown-0042", "--yes", "-g", "family"], 4),
        (["forget", "ada", "--yes", "-g", "family"], 4),
        (["ignore", "unknown-0042", "-g", "family"], 4),
        (["ignore", "unknown-1", "-g", "family"], 4),
        (["list", "--group", "none"], 4),
    ],
    ids=str,
)
def test_refused(run, gallery, given, code):
    ran = run("strangers", *given)
    assert ran.code == code
    assert "Traceback" not in ran.stderr
    assert len(labels(run)) == 3


def test_numbers_are_not_given_again(run, gallery):
    """A label that somebody wrote down must not become another person."""
    run("strangers", "forget", "unknown-0003", "-g", "family", "-y")
    vector = np.zeros(128, np.float32)
    label = gallery.strangers.add("family", MODEL, [StrangerFace(vector, 0.8, 60.0)])
    assert label == "unknown-0004"
    with gallery.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(strangers)).scalar() == 3
