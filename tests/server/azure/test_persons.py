"""People of person groups and large person groups, by hand: bodies, codes, limits."""

from __future__ import annotations

import uuid

import pytest

from tests.server.azure.clients import BASE, OCTETS, done, person_photo, refused, send

KINDS = [("persongroups", "PersonGroup"), ("largepersongroups", "LargePersonGroup")]
both = pytest.mark.parametrize(("kind", "noun"), KINDS)


@pytest.fixture(autouse=True)
def groups(live):
    """Each test begins with an empty group x of each kind."""
    for group in live.services.gallery.groups():
        live.services.gallery.remove_group(group.name)
    for kind, _ in KINDS:
        done(send(live, "PUT", f"/{kind}/x", json={"name": "X"}))


def create(live, kind: str, **body) -> str:
    answer = send(live, "POST", f"/{kind}/x/persons", json=body)
    assert answer.status_code == 200
    assert set(answer.json()) == {"personId"}
    return answer.json()["personId"]


def shown(live, path: str):
    answer = send(live, "GET", path)
    assert answer.status_code == 200
    return answer.json()


@both
def test_a_person_is_made_shown_changed_and_deleted(live, kind, noun):
    guid = create(live, kind, name="Anna", userData="ü")
    assert str(uuid.UUID(guid)) == guid
    path = f"/{kind}/x/persons/{guid}"
    expected = {"personId": guid, "name": "Anna", "userData": "ü", "persistedFaceIds": []}
    assert shown(live, path) == shown(live, path.upper().replace(kind.upper() + "/X", kind + "/x"))
    assert shown(live, path) == expected
    assert shown(live, f"/{kind}/x/persons") == [expected]
    done(send(live, "PATCH", path, json={"userData": "5", "name": None}))
    assert shown(live, path) == {**expected, "userData": "5"}
    done(send(live, "PATCH", path, json={"name": "Berta", "userData": ""}))
    del expected["userData"]
    assert shown(live, path) == {**expected, "name": "Berta"}
    done(send(live, "DELETE", path))
    assert refused(send(live, "GET", path)) == (404, "PersonNotFound")
    assert shown(live, f"/{kind}/x/persons") == []


def test_namesakes_are_people_of_their_own(live):
    guids = [create(live, "persongroups", name="Anna") for _ in range(3)]
    people = shown(live, "/persongroups/x/persons")
    assert [person["personId"] for person in people] == sorted(guids)
    assert {person["name"] for person in people} == {"Anna"}
    names = {person.name for person in live.services.gallery.people("x")}
    assert names == {"Anna", "Anna (2)", "Anna (3)"}


@both
def test_pages(live, kind, noun):
    guids = sorted(create(live, kind, name=str(number)) for number in range(4))

    def ids(query: str) -> list[str]:
        return [each["personId"] for each in shown(live, f"/{kind}/x/persons{query}")]

    assert ids("") == ids("?start=&top=1000") == guids
    assert ids(f"?start={guids[0]}&top=2") == guids[1:3]
    assert ids(f"?start={guids[3]}") == []
    for query in ("top=0", "top=1001", "top=x", f"start={'a' * 65}"):
        answer = send(live, "GET", f"/{kind}/x/persons?{query}")
        assert refused(answer) == (400, "BadArgument")


def test_bodies_that_make_no_sense(live):
    path = "/persongroups/x/persons"
    guid = create(live, "persongroups", name="Anna")
    both_ways = [{"name": ""}, {"name": "x" * 129}, {"name": 5}, {"name": "x", "userData": []}, []]
    for body in (*both_ways, {"name": "x", "userData": "x" * 16385}):
        for method, where in (("POST", path), ("PATCH", f"{path}/{guid}")):
            assert refused(send(live, method, where, json=body)) == (400, "BadArgument")
    for body in ({}, {"userData": "x"}, {"name": None}):
        assert refused(send(live, "POST", path, json=body)) == (400, "BadArgument")
    assert [person["name"] for person in shown(live, path)] == ["Anna"]


@both
def test_who_is_not_there(live, kind, noun):
    guid = create(live, kind, name="Anna")
    (other,) = (other for other, _ in KINDS if other != kind)
    for person in (str(uuid.uuid4()), "no-guid", guid[:-1], "%00"):
        answer = send(live, "GET", f"/{kind}/x/persons/{person}")
        assert refused(answer) == (404, "PersonNotFound")
    for group, code in (
        (f"{kind}/nowhere", f"{noun}NotFound"),
        (f"{kind}/A.B", f"{noun}NotFound"),
        (f"{other}/x", "PersonNotFound"),
    ):
        path = f"/{group}/persons/{guid}"
        for where in (path, f"{path}/persistedfaces/{uuid.uuid4()}"):
            for method, options in (("GET", {}), ("PATCH", {"json": {}}), ("DELETE", {})):
                assert refused(send(live, method, where, **options)) == (404, code)
    photo = person_photo("obama", 5).read_bytes()
    for path in (f"/{kind}/x/persons/no-guid", f"/{other}/x/persons/{guid}"):
        answer = send(live, "POST", f"{path}/persistedfaces", content=photo, headers=OCTETS)
        assert refused(answer) == (404, "PersonNotFound")
    answer = send(live, "POST", f"/{kind}/nowhere/persons", json={"name": "Anna"})
    assert refused(answer) == (404, f"{noun}NotFound")
    assert refused(send(live, "GET", f"/{kind}/nowhere/persons")) == (404, f"{noun}NotFound")


@both
def test_a_persisted_face_is_made_shown_changed_and_deleted(live, kind, noun):
    guid = create(live, kind, name="Barack")
    path = f"/{kind}/x/persons/{guid}"
    photo = person_photo("obama", 5).read_bytes()
    faces = []
    for data in ("ä,%b", "", None):
        params = {} if data is None else {"userData": data}
        answer = live.client.post(
            f"{BASE}{path}/persistedFaces", params=params, content=photo, headers=OCTETS
        )
        assert answer.status_code == 200
        assert set(answer.json()) == {"persistedFaceId"}
        faces.append(answer.json()["persistedFaceId"])
    assert shown(live, path)["persistedFaceIds"] == sorted(faces)
    one = f"{path}/persistedfaces/{faces[0]}"
    assert shown(live, one) == {"persistedFaceId": faces[0], "userData": "ä,%b"}
    assert shown(live, f"{path}/persistedfaces/{faces[1]}") == {"persistedFaceId": faces[1]}
    done(send(live, "PATCH", one, json={"userData": "x" * 1024}))
    done(send(live, "PATCH", one, json={}))
    assert shown(live, one)["userData"] == "x" * 1024
    for body in ({"userData": "x" * 1025}, {"userData": 1}, [], "x"):
        assert refused(send(live, "PATCH", one, json=body)) == (400, "BadArgument")
    done(send(live, "DELETE", one))
    for method, options in (("GET", {}), ("PATCH", {"json": {}}), ("DELETE", {})):
        assert refused(send(live, method, one, **options)) == (404, "PersistedFaceNotFound")
        answer = send(live, method, f"{path}/persistedfaces/no-guid", **options)
        assert refused(answer) == (404, "PersistedFaceNotFound")
    assert shown(live, path)["persistedFaceIds"] == sorted(faces[1:])


def test_the_gallery_has_the_face_and_not_the_pictures_name(live):
    guid = create(live, "persongroups", name="Barack")
    photo = person_photo("obama", 5).read_bytes()
    answer = send(
        live,
        "POST",
        f"/persongroups/x/persons/{guid}/persistedfaces",
        content=photo,
        headers=OCTETS,
    )
    (face,) = live.services.gallery.faces_of("Barack", group="x")
    assert (face.guid, face.source) == (answer.json()["persistedFaceId"], "azure")
    assert 0 < face.quality <= 1
    assert face.box == pytest.approx((196, 18, 52, 75), abs=2)
    found = live.services.gallery.identify(person_photo("obama", 4), group="x")
    assert [each.person for each in found] == ["Barack"]
