"""Visits over the native API."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta, timezone

import pytest
from starlette.exceptions import HTTPException

from tests.server.api.quick import headers_of, problem_of
from tests.shared import shared
from vultus.gallery.visits import VisitRecord
from vultus.server.api.visits import best_picture

VISITS = "/api/v1/visits"
NOON = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)


def record(number, *, camera="door", person="ada", group="family", minutes=None, **changes):
    start = NOON + timedelta(minutes=number if minutes is None else minutes)
    values = {
        "id": f"visit-{number}",
        "group": group,
        "person": person,
        "stranger": None,
        "camera": camera,
        "sequence": 1,
        "type": "exit",
        "probability": 0.9,
        "start": start,
        "end": start + timedelta(seconds=30),
        "zone": None,
    }
    return VisitRecord(**{**values, **changes})


@pytest.fixture
def live(films):
    return films


@pytest.fixture
def ten(live):
    """Ten visits, a minute each, of ada at the door and of bob in the yard by turns."""
    store = live.services.gallery.visits
    for number in range(10):
        odd = number % 2
        assert store.record(
            record(number, person=("ada", "bob")[odd], camera=("door", "yard")[odd])
        )
    return live


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [visit["id"] for visit in answer.json()["visits"]]


def test_visits_come_the_newest_first(ten):
    answer = ten.client.get(VISITS)
    assert ids(answer) == [f"visit-{number}" for number in reversed(range(10))]
    assert answer.json()["next"] is None
    assert answer.json()["visits"][0] == {
        "id": "visit-9", "group": "family", "person": "bob", "stranger": None, "camera": "yard",
        "open": False, "probability": 0.9, "start": "2026-11-21T12:09:00Z",
        "end": "2026-11-21T12:09:30Z", "zone": None, "picture": None,
    }  # fmt: skip
    assert ten.client.get(f"{VISITS}/visit-9").json() == answer.json()["visits"][0]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"person": "ada"}, [8, 6, 4, 2, 0]),
        ({"camera": "yard", "limit": 2}, [9, 7]),
        ({"group": "family", "person": "bob", "since": "2026-11-21T12:07:10Z"}, [9, 7]),
        ({"until": "2026-11-21T13:02:00+01:00"}, [1, 0]),
        ({"since": "2026-11-21T12:08:00", "until": "2026-11-21T12:09:00"}, [8]),
        ({"person": "nobody"}, []),
        ({"camera": ""}, []),
        ({"person": "'; DROP TABLE visits;--"}, []),
    ],
)
def test_who_where_and_when(ten, query, expected):
    assert ids(ten.client.get(VISITS, params=query)) == [f"visit-{number}" for number in expected]


def test_pages_are_stable_while_visits_come_and_go(ten):
    store = ten.services.gallery.visits
    for number in (20, 21, 22):  # of one moment
        store.record(record(number, minutes=5))
    seen, after = [], None
    for page in range(20):
        query = {"limit": 3, **({"after": after} if after else {})}
        answer = ten.client.get(VISITS, params=query)
        seen += ids(answer)
        after = answer.json()["next"]
        if after is None:
            break
        store.record(record(100 + page, minutes=60 + page))  # newer ones shift nothing
    assert len(seen) == len(set(seen)) == 13
    assert seen[0] == "visit-9"
    assert set(seen) == {f"visit-{number}" for number in (*range(10), 20, 21, 22)}


def test_names_follow_when_people_are_renamed(ten):
    ten.services.gallery.rename("ada", "Ada L.", group="family")
    assert len(ids(ten.client.get(VISITS, params={"person": "Ada L."}))) == 5
    ten.services.gallery.rename("Ada L.", "ada", group="family")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"since": "yesterday"}, (422, "request_invalid")),
        ({"since": "2026"}, (422, "request_invalid")),  # no seconds since 1970
        ({"until": "2026-13-01T00:00:00Z"}, (422, "request_invalid")),
        ({"since": "0001-01-01T00:00:00+14:00"}, (422, "request_invalid")),
        ({"until": "9999-12-31T23:59:59-14:00"}, (422, "request_invalid")),
        ({"limit": 0}, (422, "request_invalid")),
        ({"limit": 1001}, (422, "request_invalid")),
        ({"limit": "many"}, (422, "request_invalid")),
        ({"person": "x" * 201}, (422, "request_invalid")),
        ({"after": "x" * 201}, (422, "request_invalid")),
        ({"after": "visit-9"}, (422, "request_invalid")),
        ({"after": "2026-11-21T12:09:00.000000Z"}, (422, "request_invalid")),
        ({"after": "2026-99-21T12:09:00.000000Z,visit-9"}, (400, "usage")),
        ({"after": ""}, (422, "request_invalid")),
        ({"group": "nobody"}, (404, "group_unknown")),
    ],
)
def test_questions_that_make_no_sense(live, query, expected):
    answer = live.client.get(VISITS, params=query)
    assert problem_of(answer) == expected
    assert "since" not in query or "since" in answer.json()["error"]["message"]


@pytest.mark.parametrize("visit", ["nobody", "%2E%2E%2Fpeople.db", "%00", "x" * 200])
def test_unknown_visits(live, visit):
    for path in (f"{VISITS}/{visit}", f"{VISITS}/{visit}/picture"):
        assert problem_of(live.client.get(path)) == (404, "visit_unknown")
    assert problem_of(live.client.get(f"{VISITS}/{'x' * 201}")) == (422, "request_invalid")


# pictures


def test_the_best_picture_for_those_who_may_see_faces(live, tmp_path):
    first, best = tmp_path / "1-0.jpg", tmp_path / "1-1.jpg"
    photo = next(iter(sorted(shared("photos").rglob("*.jpg"))))
    for path in (first, best, tmp_path / "1-1_annotated.jpg"):
        shutil.copy(photo, path)
    best.write_bytes(best.read_bytes() + b"best")
    live.services.gallery.visits.record(record(1, pictures=(str(first), str(best))))
    path = live.client.get(f"{VISITS}/visit-1").json()["picture"]
    answer = live.client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.content == best.read_bytes()
    assert live.client.get(path, params={"annotated": True}).content == photo.read_bytes()
    assert live.client.get(path, headers=headers_of(live, "operator")).status_code == 200
    refused = live.client.get(path, headers=headers_of(live, "viewer"))
    assert problem_of(refused) == (403, "role_missing")
    best.unlink()  # cleaned away meanwhile: an older one will do
    assert live.client.get(path).content == photo.read_bytes()
    first.unlink()
    assert problem_of(live.client.get(path)) == (404, "not_found")


@pytest.mark.parametrize("annotated", [False, True])
def test_nothing_but_pictures_is_handed_out(tmp_path, annotated):
    """Whoever can write into the database must not read this machine's files by that.

    Only in memory: the pictures of a visit that is stored are deleted with it.
    """
    for name in ("secret", "secret_annotated"):
        (tmp_path / name).write_bytes(b"geheim")
    strange = (str(tmp_path / "secret"), str(tmp_path), "\0", "x" * 5000, "")
    with pytest.raises(HTTPException):
        best_picture(record(1, pictures=strange), annotated=annotated)


# who may do it


def test_a_viewer_reads_visits(ten):
    viewer = headers_of(ten, "viewer")
    assert len(ids(ten.client.get(VISITS, headers=viewer))) == 10
    assert ten.client.get(f"{VISITS}/visit-1", headers=viewer).status_code == 200
    for path in (VISITS, f"{VISITS}/visit-1", f"{VISITS}/visit-1/picture"):
        answer = ten.client.get(path, headers={"X-Api-Key": ""})
        assert problem_of(answer) == (401, "access_denied")


def test_old_visits_are_forgotten_by_an_admin_only(ten, tmp_path):
    picture = tmp_path / "2-0.jpg"
    picture.write_bytes(b"\xff\xd8\xff")
    ten.services.gallery.visits.record(record(2, pictures=(str(picture),)))
    before = {"before": "2026-11-21T12:05:10Z"}
    for role in ("viewer", "operator"):
        answer = ten.client.delete(VISITS, params=before, headers=headers_of(ten, role))
        assert problem_of(answer) == (403, "role_missing")
    assert problem_of(ten.client.delete(VISITS)) == (422, "request_invalid")
    assert problem_of(ten.client.delete(VISITS, params={"before": "x"})) == (
        422, "request_invalid",
    )  # fmt: skip
    answer = ten.client.delete(VISITS, params=before)
    assert (answer.status_code, answer.json()) == (200, {"forgotten": 5})
    assert ids(ten.client.get(VISITS)) == [f"visit-{number}" for number in (9, 8, 7, 6, 5)]
    assert not picture.exists()
    (change,) = ten.services.gallery.audit.find(limit=1)
    assert (change.action, change.actor) == ("visits.forget", "settings")
    assert change.detail is not None
    assert change.detail.startswith("5 before 2026-11-21T12:05:10")
