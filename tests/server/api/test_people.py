"""The people of a group over the native API; enrolling them is in test_enrolling.py."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.fakes import picture
from tests.server.api.quick import enrol, face_ids, headers_of, path_of, problem_of
from tests.server.api.test_groups import NO_NAMES, STRANGE_NAMES
from vultus.gallery.rows import inserted, now
from vultus.gallery.schema import groups, persons

NOBODY = "00000000-0000-4000-8000-000000000000"


def people_of(live, group):
    return [each["name"] for each in live.client.get(path_of(group, "")[:-1]).json()["people"]]


def actions(live):
    return [change.action for change in live.services.gallery.audit.find(limit=1)]


def test_a_person_is_told_with_faces_but_without_embeddings(quick):
    enrol(quick, "team", "ada", keep_crops=True)
    enrol(quick, "team", "ada", shade=20)
    answer = quick.client.get(path_of("team", "ada"))
    told = answer.json()
    assert set(told) == {"id", "name", "group", "face_count", "created_at", "faces"}
    assert (told["name"], told["group"], told["face_count"]) == ("ada", "team", 2)
    first, second = told["faces"]
    assert set(first) == {"id", "source", "quality", "box", "model", "crop", "enrolled_at"}
    assert first["box"] == {"x": 20.0, "y": 20.0, "width": 60.0, "height": 60.0}
    assert (first["crop"], second["crop"]) == (True, False)
    assert first["enrolled_at"].endswith("Z")
    assert first["id"] != second["id"]
    assert answer.headers["cache-control"] == "no-store"
    assert quick.client.get(path_of("team", "ada", "faces", first["id"])).json() == first


def test_embeddings_are_for_admins(quick):
    enrol(quick, "team", "ada")
    path, wish = path_of("team", "ada"), {"embeddings": "true"}
    refused = quick.client.get(path, params=wish, headers=headers_of(quick, "operator"))
    assert problem_of(refused) == (403, "role_missing")
    (face,) = quick.client.get(path, params=wish).json()["faces"]
    (kept,) = quick.services.gallery.faces_of("ada", group="team")
    np.testing.assert_array_equal(np.float32(face["embedding"]), kept.embedding)


def test_a_kept_crop_comes_as_a_picture(quick):
    enrol(quick, "team", "ada", keep_crops=True)
    enrol(quick, "team", "bob")
    (face,) = face_ids(quick, "team", "ada")
    answer = quick.client.get(path_of("team", "ada", "faces", face, "crop"))
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    assert Image.open(io.BytesIO(answer.content)).size == (150, 150)
    (other,) = face_ids(quick, "team", "bob")
    missing = quick.client.get(path_of("team", "bob", "faces", other, "crop"))
    assert problem_of(missing) == (404, "face_unknown")


def test_people_come_in_pages_also_those_without_a_face(quick):
    for name in ("cyd", "ada"):
        enrol(quick, "team", name)
    enrol(quick, "others", "bob")
    with quick.services.gallery.database.write() as connection:  # as Azure's clients make people
        team = connection.execute(groups.select().where(groups.c.name == "team")).one().id
        inserted(connection, persons, group_id=team, name="bare", created_at=now())
    path = "/api/v1/groups/team/people"
    first = quick.client.get(path, params={"limit": 2}).json()
    assert [(each["name"], each["face_count"]) for each in first["people"]] == [
        ("ada", 1), ("bare", 0),
    ]  # fmt: skip
    second = quick.client.get(path, params={"limit": 2, "after": first["next"]}).json()
    assert [each["name"] for each in second["people"]] == ["cyd"]
    assert "next" not in second
    assert quick.client.get(path, params={"after": "zoe"}).json() == {"people": []}
    assert quick.client.get(path_of("team", "bare")).json()["faces"] == []


def test_a_person_is_found_by_id_wherever_they_are(quick):
    enrol(quick, "team", "ada")
    told = quick.client.get(path_of("team", "ada")).json()
    quick.client.post(path_of("team", "ada", "move"), json={"group": "others"})
    for written in (told["id"], told["id"].upper()):
        found = quick.client.get(f"/api/v1/people/{written}").json()
        assert (found["id"], found["name"], found["group"]) == (told["id"], "ada", "others")
    for wrong in (NOBODY, "ada", "x" * 36, "%00"):
        answer = quick.client.get(f"/api/v1/people/{wrong}")
        assert problem_of(answer) == (404, "person_unknown")


def test_renaming_keeps_id_and_faces(quick):
    enrol(quick, "team", "ada")
    before = quick.client.get(path_of("team", "ada")).json()
    answer = quick.client.patch(path_of("team", "ada"), json={"name": " Ada Lovelace "})
    assert answer.json()["name"] == "Ada Lovelace"
    after = quick.client.get(path_of("team", "Ada Lovelace")).json()
    assert after == {**before, "name": "Ada Lovelace"}
    assert problem_of(quick.client.get(path_of("team", "ada"))) == (404, "person_unknown")
    assert actions(quick) == ["person.rename"]


@pytest.mark.parametrize("name", STRANGE_NAMES)
def test_every_name_can_be_reached(quick, name):
    enrol(quick, "a/b", "ada")
    assert quick.client.patch(path_of("a/b", "ada"), json={"name": name}).status_code == 200
    assert quick.client.get(path_of("a/b", name)).json()["name"] == name
    assert quick.client.delete(path_of("a/b", name)).status_code == 204


@pytest.mark.parametrize("name", [name for name in NO_NAMES if name != "\ud800"], ids=repr)
def test_what_is_no_name_changes_nothing(quick, name):
    enrol(quick, "team", "ada")
    for method, path, body in (
        ("PATCH", path_of("team", "ada"), {"name": name}),
        ("POST", path_of("team", "ada", "move"), {"group": name}),
        ("POST", path_of("team", "ada", "merge"), {"into": name}),
    ):
        answer = quick.client.request(method, path, json=body)
        assert problem_of(answer) in {(400, "usage"), (422, "request_invalid")}
    assert people_of(quick, "team") == ["ada"]
    assert [group.name for group in quick.services.gallery.groups()] == ["team"]


def test_moving_takes_the_faces_along(quick):
    enrol(quick, "team", "ada")
    moved = quick.client.post(path_of("team", "ada", "move"), json={"group": "new"}).json()
    assert (moved["group"], moved["face_count"]) == ("new", 1)
    assert (people_of(quick, "team"), people_of(quick, "new")) == ([], ["ada"])
    assert actions(quick) == ["person.move"]
    enrol(quick, "team", "ada", shade=20)
    taken = quick.client.post(path_of("team", "ada", "move"), json={"group": "new"})
    assert problem_of(taken) == (409, "person_exists")
    assert people_of(quick, "team") == ["ada"]


def test_merging_leaves_one(quick):
    enrol(quick, "team", "ada")
    enrol(quick, "team", "adah", "ada", shade=20)
    merged = quick.client.post(path_of("team", "adah", "merge"), json={"into": "ada"}).json()
    assert (merged["name"], merged["face_count"]) == ("ada", 2)
    assert people_of(quick, "team") == ["ada"]
    assert actions(quick) == ["person.merge"]
    itself = quick.client.post(path_of("team", "ada", "merge"), json={"into": "ada"})
    assert problem_of(itself) == (400, "usage")


def test_a_removed_person_is_gone(quick):
    enrol(quick, "team", "ada")
    enrol(quick, "team", "bob")
    answer = quick.client.delete(path_of("team", "ada"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert people_of(quick, "team") == ["bob"]
    assert problem_of(quick.client.delete(path_of("team", "ada"))) == (404, "person_unknown")
    decided = quick.services.gallery.identify(picture("ada"), group="team")
    assert [face.person for face in decided] == [None]


def test_a_face_is_removed_from_its_own_person_only(quick):
    enrol(quick, "team", "ada")
    enrol(quick, "team", "ada", shade=20)
    enrol(quick, "team", "bob")
    first, second = face_ids(quick, "team", "ada")
    for path in (
        path_of("team", "bob", "faces", first), path_of("team", "ada", "faces", NOBODY),
        path_of("team", "ada", "faces", "1"), path_of("team", "ada", "faces", "%00"),
    ):  # fmt: skip
        assert problem_of(quick.client.get(path)) == (404, "face_unknown")
        assert problem_of(quick.client.get(path + "/crop")) == (404, "face_unknown")
        assert problem_of(quick.client.delete(path)) == (404, "face_unknown")
    assert quick.client.delete(path_of("team", "ada", "faces", first.upper())).status_code == 204
    assert face_ids(quick, "team", "ada") == [second]
    assert actions(quick) == ["face.remove"]


def test_whoever_is_not_there(quick):
    enrol(quick, "team", "ada")
    asked = [
        ("GET", "", {}), ("DELETE", "", {}), ("PATCH", "", {"json": {"name": "x"}}),
        ("POST", "/move", {"json": {"group": "x"}}), ("POST", "/merge", {"json": {"into": "ada"}}),
        ("GET", f"/faces/{NOBODY}", {}), ("GET", f"/faces/{NOBODY}/crop", {}),
    ]  # fmt: skip
    for group, code in (("team", "person_unknown"), ("nowhere", "group_unknown")):
        for method, rest, options in asked:
            answer = quick.client.request(method, path_of(group, "zoe") + rest, **options)
            assert problem_of(answer) == (404, code), (method, rest)
    nobody = quick.client.post(path_of("team", "ada", "merge"), json={"into": "zoe"})
    assert problem_of(nobody) == (404, "person_unknown")
    assert problem_of(quick.client.get("/api/v1/groups/nowhere/people")) == (404, "group_unknown")
