"""Groups over the native API."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from tests.fakes import picture, png
from tests.server.api.quick import enrol, path_of, problem_of
from vultus.gallery.gallery import Gallery
from vultus.gallery.thresholds import GroupThreshold
from vultus.gallery.visits import VisitRecord
from vultus.models.catalogue import EMBEDDER

GROUPS = "/api/v1/groups"
JSON = {"Content-Type": "application/json"}
STRANGE_NAMES = [
    "a/b", "/", "..", ".", "%2F", "a%20b", "a b", "a+b", "a?b#c&d=e", "日本", "x" * 200,
    "people", "Robert'); DROP TABLE groups;--", "{group}", "ı\u202e",
]  # fmt: skip
NO_NAMES = ["", " ", "a\nb", "a\x00b", "\ud800", "x" * 201, 5, None, ["a"]]


def test_a_group_from_its_making_to_its_end(quick):
    made = quick.client.post(GROUPS, json={"name": " friends "})
    friends = {"name": "friends", "person_count": 0, "face_count": 0}
    assert (made.status_code, made.json()) == (201, friends)
    for shade in (0, 20):
        enrol(quick, "friends", "ada", shade=shade)
    enrol(quick, "friends", "bob")
    counted = {**friends, "person_count": 2, "face_count": 3}
    assert quick.client.get(path_of("friends")).json() == counted
    renamed = quick.client.patch(path_of("friends"), json={"name": "family"})
    assert (renamed.status_code, renamed.json()) == (200, {**counted, "name": "family"})
    assert quick.client.get(GROUPS).json() == {"groups": [{**counted, "name": "family"}]}
    removed = quick.client.delete(path_of("family"))
    assert (removed.status_code, removed.content) == (204, b"")
    assert quick.client.get(GROUPS).json() == {"groups": []}
    told = quick.services.gallery.audit.find(limit=10)
    assert [change.action for change in told if change.action.startswith("group")] == [
        "group.remove", "group.rename", "group.create",
    ]  # fmt: skip


def test_a_threshold_of_its_own_is_shown_and_used(quick):
    enrol(quick, "own", "ada")
    quick.services.gallery.set_threshold("own", GroupThreshold(EMBEDDER, 0.123, 0.01, 1))
    assert quick.client.get(path_of("own")).json()["threshold"] == 0.123
    options = {"group": "own", "explain": True}
    body, kind = png(picture("ada")), {"Content-Type": "image/png"}
    for more, threshold in [({}, 0.123), ({"far": 0.001}, 0.518)]:
        answer = quick.client.post(
            "/api/v1/identify", content=body, headers=kind, params=options | more
        )
        (face,) = answer.json()["faces"]
        assert face["why"]["threshold"] == pytest.approx(threshold)
    quick.client.delete(path_of("own"))


def test_groups_come_in_pages(quick):
    names = [f"group {number}" for number in range(5)]
    for name in reversed(names):
        quick.client.post(GROUPS, json={"name": name})
    seen, after, pages = [], None, 0
    while pages == 0 or after:
        options = {"limit": 2} | ({"after": after} if after else {})
        page = quick.client.get(GROUPS, params=options).json()
        seen += [group["name"] for group in page["groups"]]
        after, pages = page.get("next"), pages + 1
    assert (seen, pages) == (names, 3)
    assert quick.client.get(GROUPS, params={"after": "z"}).json() == {"groups": []}
    assert quick.client.get(GROUPS, params={"limit": 5}).json().get("next") is None


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "all", "1e3"])
def test_pages_of_no_size(quick, limit):
    assert problem_of(quick.client.get(GROUPS, params={"limit": limit})) == (422, "request_invalid")


@pytest.mark.parametrize("name", STRANGE_NAMES)
def test_every_name_can_be_reached(quick, name):
    assert quick.client.post(GROUPS, json={"name": name}).json()["name"] == name
    assert quick.client.get(path_of(name)).json()["name"] == name
    assert quick.client.patch(path_of(name), json={"name": "other"}).json()["name"] == "other"
    assert quick.client.patch(path_of("other"), json={"name": name}).json()["name"] == name
    assert quick.client.delete(path_of(name)).status_code == 204


def test_a_slash_ends_a_name_unless_it_is_encoded(quick):
    quick.client.post(GROUPS, json={"name": "a/b"})
    assert problem_of(quick.client.get(f"{GROUPS}/a/b")) == (404, "not_found")
    assert problem_of(quick.client.get(f"{GROUPS}/a%252Fb")) == (404, "group_unknown")
    assert quick.client.get(f"{GROUPS}/a%2fb").status_code == 200


@pytest.mark.parametrize("name", NO_NAMES, ids=repr)
def test_what_is_no_name_makes_no_group(quick, name):
    body = json.dumps({"name": name}).encode()
    answer = quick.client.post(GROUPS, content=body, headers=JSON)
    assert problem_of(answer) in {(400, "usage"), (422, "request_invalid")}
    assert quick.services.gallery.groups() == []


def test_what_is_no_name_finds_none(quick):
    assert problem_of(quick.client.get(f"{GROUPS}/a%00b")) == (400, "usage")
    assert problem_of(quick.client.get(f"{GROUPS}/%20")) == (400, "usage")
    assert problem_of(quick.client.get(f"{GROUPS}/%FF%FE")) == (422, "request_invalid")
    assert problem_of(quick.client.get(f"{GROUPS}/{'x' * 201}")) == (422, "request_invalid")


BODIES = {
    "no JSON": (b"name=friends", 400, "usage"),
    "nothing": (b"", 400, "usage"),
    "no text": (b"\xff\xfe", 400, "usage"),
    "too deep": (b"[" * 100_000, 400, "usage"),
    "a list": (b'["friends"]', 422, "request_invalid"),
    "no name": (b"{}", 422, "request_invalid"),
    "more than a name": (b'{"name": "friends", "colour": "red"}', 422, "request_invalid"),
    "too large": (b'{"name": "' + b"x" * 2**21 + b'"}', 413, "body_too_large"),
}


@pytest.mark.parametrize(("body", "status", "code"), BODIES.values(), ids=BODIES)
def test_bodies_that_make_no_sense(quick, body, status, code):
    answer = quick.client.post(GROUPS, content=body, headers=JSON)
    assert problem_of(answer) == (status, code)
    assert quick.services.gallery.groups() == []


def test_a_body_of_another_kind(quick):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "x" * 500):
        answer = quick.client.post(GROUPS, content=b"{}", headers={"Content-Type": kind})
        assert problem_of(answer) == (415, "content_refused")
    shouted = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert quick.client.post(GROUPS, content=b'{"name": "a"}', headers=shouted).status_code == 201


def test_a_group_that_is_not_there(quick):
    for method, options in (
        ("GET", {}), ("DELETE", {}), ("PATCH", {"json": {"name": "a"}}),
    ):  # fmt: skip
        answer = quick.client.request(method, path_of("nobody"), **options)
        assert problem_of(answer) == (404, "group_unknown")
    assert problem_of(quick.client.put(path_of("nobody"))) == (405, "method_not_allowed")


def test_a_name_that_is_taken(quick):
    for name in ("friends", "family"):
        quick.client.post(GROUPS, json={"name": name})
    again = quick.client.post(GROUPS, json={"name": "family "})
    assert problem_of(again) == (409, "group_exists")
    renamed = quick.client.patch(path_of("friends"), json={"name": "family"})
    assert problem_of(renamed) == (409, "group_exists")
    same = quick.client.patch(path_of("friends"), json={"name": "friends"})
    assert same.status_code == 200


def test_a_groups_visits_and_their_pictures_go_with_it(quick, tmp_path):
    enrol(quick, "friends", "ada")
    taken = tmp_path / "ada.jpg"
    taken.write_bytes(b"picture")
    now = datetime.now(timezone.utc)
    quick.services.gallery.visits.record(
        VisitRecord(
            id="v", group="friends", person="ada", stranger=None, camera="door", sequence=1,
            type="exit", probability=0.9, start=now, end=now, zone=None, pictures=(str(taken),),
        )
    )  # fmt: skip
    assert quick.client.delete(path_of("friends")).status_code == 204
    assert not taken.exists()
    assert quick.services.gallery.visits.find() == []


def test_other_programs_see_the_same_groups(quick):
    quick.client.post(GROUPS, json={"name": "friends"})
    with Gallery(quick.services.gallery.database.path) as other:
        assert [group.name for group in other.groups()] == ["friends"]
        other.create_group("family")
    told = quick.client.get(GROUPS).json()["groups"]
    assert [group["name"] for group in told] == ["family", "friends"]


def test_bytes_that_are_no_letters_are_no_name(quick):
    """Otherwise all such names would be the same one."""
    for path in ("%ff", "%ff%fe", "a%c3"):
        answer = quick.client.get(f"{GROUPS}/{path}")
        assert problem_of(answer) == (422, "request_invalid")
