"""Strangers over the native API."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from tests.server.api.quick import path_of, problem_of
from vultus.gallery.schema import strangers
from vultus.gallery.strangers import StrangerFace
from vultus.gallery.visits import VisitRecord
from vultus.models.catalogue import EMBEDDER

STRANGERS = path_of("yard", "")[: -len("/people/")] + "/strangers"
NOW = datetime.now(timezone.utc)


@pytest.fixture
def seen(quick, tmp_path):
    """Three strangers of the group `yard`, not seen for 0, 10 and 40 days, with a visit each."""
    gallery = quick.services.gallery
    for number, days in enumerate((0, 10, 40)):
        vector = np.zeros(128, np.float32)
        vector[number] = 1.0
        label = gallery.strangers.add("yard", EMBEDDER, [StrangerFace(vector, 0.8, 60.0)])
        moment = (NOW - timedelta(days=days)).replace(tzinfo=None)
        with gallery.database.write() as connection:
            chosen = strangers.update().where(strangers.c.number == number + 1)
            connection.execute(chosen.values(seen_at=moment))
        taken = tmp_path / f"{label}.jpg"
        taken.write_bytes(b"picture")
        gallery.visits.record(
            VisitRecord(
                id=f"v{number}", group="yard", person=None, stranger=label, camera="door",
                sequence=1, type="exit", probability=0.1, start=NOW, end=NOW, zone=None,
                pictures=(str(taken),),
            )
        )  # fmt: skip
    return quick


def labels(live, **options):
    told = live.client.get(STRANGERS, params=options).json()
    return [each["label"] for each in told["strangers"]]


def test_strangers_are_told_in_pages(seen):
    page = seen.client.get(STRANGERS, params={"limit": 2}).json()
    first = page["strangers"][0]
    assert {k: first[k] for k in ("label", "group", "face_count", "visit_count", "ignored")} == {
        "label": "unknown-0001", "group": "yard", "face_count": 1, "visit_count": 1,
        "ignored": False,
    }  # fmt: skip
    assert page["next"] == "unknown-0002"
    assert labels(seen, limit=2, after=page["next"]) == ["unknown-0003"]
    assert labels(seen, after="unknown-0099") == []
    assert "next" not in seen.client.get(STRANGERS, params={"limit": 3}).json()


def test_ignored_and_heeded_again(seen):
    path = f"{STRANGERS}/unknown-0002"
    for ignored, action in ((True, "stranger.ignore"), (False, "stranger.heed")):
        answer = seen.client.patch(path, json={"ignored": ignored})
        assert (answer.json()["label"], answer.json()["ignored"]) == ("unknown-0002", ignored)
        (change,) = seen.services.gallery.audit.find(limit=1)
        assert (change.actor, change.action, change.subject) == ("settings", action, "unknown-0002")
    for body in ({}, {"ignored": "yes"}, {"ignored": 1}, {"ignored": None}):
        assert problem_of(seen.client.patch(path, json=body)) == (422, "request_invalid")


def test_a_forgotten_stranger_leaves_nothing(seen, tmp_path):
    assert seen.client.delete(f"{STRANGERS}/unknown-0001").status_code == 204
    assert labels(seen) == ["unknown-0002", "unknown-0003"]
    assert not (tmp_path / "unknown-0001.jpg").exists()
    assert {visit.id for visit in seen.services.gallery.visits.find()} == {"v1", "v2"}
    again = seen.client.delete(f"{STRANGERS}/unknown-0001")
    assert problem_of(again) == (404, "stranger_unknown")


def test_those_not_seen_for_long_are_forgotten_together(seen, tmp_path):
    answer = seen.client.delete(STRANGERS, params={"unseen_days": 5})
    assert answer.json() == {"forgotten": 2}
    assert labels(seen) == ["unknown-0001"]
    assert [path.name for path in tmp_path.glob("*.jpg")] == ["unknown-0001.jpg"]
    (change,) = seen.services.gallery.audit.find(limit=1)
    assert (change.action, change.subject) == ("stranger.forget_unseen", "yard")
    assert seen.client.delete(STRANGERS, params={"unseen_days": 5}).json() == {"forgotten": 0}
    for days in (None, "-1", "nan", "inf", "1e9", "all"):
        options = {} if days is None else {"unseen_days": days}
        refused = seen.client.delete(STRANGERS, params=options)
        assert problem_of(refused) == (422, "request_invalid")
    assert labels(seen) == ["unknown-0001"]


def test_a_name_takes_the_past_visits_along(seen):
    answer = seen.client.post(f"{STRANGERS}/unknown-0003/name", json={"person": " ada "})
    assert answer.json() == {"person": "ada", "group": "yard", "visits": 1}
    assert labels(seen) == ["unknown-0001", "unknown-0002"]
    (visit,) = seen.services.gallery.visits.find(person="ada")
    assert visit.id == "v2"
    ada = seen.client.get(path_of("yard", "ada")).json()
    assert [face["source"] for face in ada["faces"]] == ["unknown-0003"]
    # the next one is the same person
    seen.client.post(f"{STRANGERS}/unknown-0001/name", json={"person": "ada"})
    assert seen.client.get(path_of("yard", "ada")).json()["face_count"] == 2
    for name in ("", " ", "a\nb", None, 3):
        refused = seen.client.post(f"{STRANGERS}/unknown-0002/name", json={"person": name})
        assert problem_of(refused) in {(400, "usage"), (422, "request_invalid")}


@pytest.mark.parametrize("label", ["unknown-0042", "ada", "unknown-1", "1", "%00", "a%2Fb"])
def test_a_stranger_who_is_not_there(seen, label):
    path = f"{STRANGERS}/{label}"
    for answer in (
        seen.client.delete(path),
        seen.client.patch(path, json={"ignored": True}),
        seen.client.post(path + "/name", json={"person": "ada"}),
    ):
        assert problem_of(answer) == (404, "stranger_unknown")
    assert len(labels(seen)) == 3


def test_a_page_behind_what_is_no_stranger(seen):
    for after in ("ada", "unknown-1", ""):
        answer = seen.client.get(STRANGERS, params={"after": after})
        assert problem_of(answer) == (422, "request_invalid")
    nowhere = STRANGERS.replace("yard", "nowhere")
    for answer in (
        seen.client.get(nowhere),
        seen.client.delete(nowhere, params={"unseen_days": 1}),
        seen.client.delete(nowhere + "/unknown-0001"),
    ):
        assert problem_of(answer) == (404, "group_unknown")
