"""Face lists and large face lists, by hand: bodies, codes, limits."""

from __future__ import annotations

import uuid

import pytest

from tests.server.azure.clients import OCTETS, done, person_photo, refused, send

KINDS = [("facelists", "FaceList"), ("largefacelists", "LargeFaceList")]
both = pytest.mark.parametrize(("kind", "noun"), KINDS)


@pytest.fixture(autouse=True)
def nothing_left(live):
    """Each test begins with no list at all."""
    yield
    for kind, noun in KINDS:
        for found in send(live, "GET", f"/{kind}").json():
            wire_id = found[f"{noun[0].lower()}{noun[1:]}Id"]
            done(send(live, "DELETE", f"/{kind}/{wire_id}"))


def shown(live, path: str):
    answer = send(live, "GET", path)
    assert answer.status_code == 200
    return answer.json()


def add(live, path: str, query: str = "") -> str:
    photo = person_photo("obama", 5).read_bytes()
    answer = send(live, "POST", f"{path}/persistedfaces{query}", content=photo, headers=OCTETS)
    assert answer.status_code == 200
    assert set(answer.json()) == {"persistedFaceId"}
    return answer.json()["persistedFaceId"]


@both
def test_a_list_is_made_shown_changed_and_deleted(live, kind, noun):
    member = f"{noun[0].lower()}{noun[1:]}Id"
    body = {"name": "Faces", "userData": "ü", "recognitionModel": "Recognition_03"}
    done(send(live, "PUT", f"/{kind}/x", json=body))
    assert refused(send(live, "PUT", f"/{kind}/x", json=body)) == (409, f"{noun}Exists")
    plain = {member: "x", "name": "Faces", "userData": "ü"}
    faces = {"persistedFaces": []} if kind == "facelists" else {}
    model = {"recognitionModel": "recognition_03"}
    assert shown(live, f"/{kind}/x") == {**plain, **faces}
    assert shown(live, f"/{kind}/x?returnRecognitionModel=True") == {**plain, **faces, **model}
    assert shown(live, f"/{kind}") == [plain]
    assert shown(live, f"/{kind}?returnRecognitionModel=true") == [{**plain, **model}]
    done(send(live, "PATCH", f"/{kind}/x", json={"userData": ""}))
    done(send(live, "PATCH", f"/{kind}/x", json={"name": "Other"}))
    assert shown(live, f"/{kind}") == [{member: "x", "name": "Other"}]
    done(send(live, "DELETE", f"/{kind}/x"))
    for method, options in (("GET", {}), ("PATCH", {"json": {}}), ("DELETE", {})):
        answer = send(live, method, f"/{kind}/x", **options)
        assert refused(answer) == (404, f"{noun}NotFound")
    done(send(live, "PUT", f"/{kind}/x", json=body))


@both
def test_what_makes_no_sense(live, kind, noun):
    for wire_id in ("A", "a.b", "x" * 65, "a%2Fb"):
        answer = send(live, "PUT", f"/{kind}/{wire_id}", json={"name": "X"})
        assert refused(answer) == (400, "BadArgument")
        assert refused(send(live, "GET", f"/{kind}/{wire_id}")) == (404, f"{noun}NotFound")
    done(send(live, "PUT", f"/{kind}/there", json={"name": "X"}))
    bodies = [
        {"name": ""},
        {"name": 1},
        {"name": "x" * 129},
        {"name": "x", "userData": "x" * 16385},
    ]
    for body in (*bodies, []):
        for method, wire_id in (("PUT", "x"), ("PATCH", "there")):
            answer = send(live, method, f"/{kind}/{wire_id}", json=body)
            assert refused(answer) == (400, "BadArgument")
    for body in ({}, {"name": "x", "recognitionModel": "recognition_05"}):
        answer = send(live, "PUT", f"/{kind}/x", json=body)
        assert refused(answer) == (400, "BadArgument")
    for query in ("top=0", "top=1001", f"start={'a' * 65}", "returnRecognitionModel=1"):
        assert refused(send(live, "GET", f"/{kind}?{query}")) == (400, "BadArgument")


@both
def test_pages_of_lists(live, kind, noun):
    for wire_id in ("c", "a", "b"):
        done(send(live, "PUT", f"/{kind}/{wire_id}", json={"name": wire_id}))

    def names(query: str) -> list[str]:
        return [found["name"] for found in shown(live, f"/{kind}{query}")]

    assert names("") == ["a", "b", "c"]
    assert names("?start=a&top=1") == ["b"]
    assert names("?start=c") == []


def test_a_face_list_shows_its_faces(live):
    done(send(live, "PUT", "/facelists/x", json={"name": "X"}))
    faces = [add(live, "/facelists/x", "?userData=a"), add(live, "/facelists/x")]
    expected = [{"persistedFaceId": faces[0], "userData": "a"}, {"persistedFaceId": faces[1]}]
    expected.sort(key=lambda face: face["persistedFaceId"])
    assert shown(live, "/facelists/x")["persistedFaces"] == expected
    path = f"/facelists/x/persistedfaces/{faces[0]}"
    done(send(live, "DELETE", path))
    assert refused(send(live, "DELETE", path)) == (404, "PersistedFaceNotFound")
    assert [face["persistedFaceId"] for face in shown(live, "/facelists/x")["persistedFaces"]] == [
        faces[1]
    ]


def test_faces_of_a_large_list_are_paged_and_changed(live):
    done(send(live, "PUT", "/largefacelists/x", json={"name": "X"}))
    guids = sorted(add(live, "/largefacelists/x", f"?userData={n}") for n in range(3))
    path = "/largefacelists/x/persistedFaces"

    def ids(query: str) -> list[str]:
        return [face["persistedFaceId"] for face in shown(live, path + query)]

    assert ids("") == guids
    assert ids(f"?start={guids[0]}&top=1") == guids[1:2]
    assert ids(f"?start={guids[2]}") == []
    assert refused(send(live, "GET", f"{path}?top=0")) == (400, "BadArgument")
    one = f"{path}/{guids[0]}"
    done(send(live, "PATCH", one, json={"userData": "new"}))
    assert shown(live, one) == {"persistedFaceId": guids[0], "userData": "new"}
    answer = send(live, "PATCH", one, json={"userData": "x" * 1025})
    assert refused(answer) == (400, "BadArgument")
    done(send(live, "DELETE", one))
    for method, options in (("GET", {}), ("PATCH", {"json": {}}), ("DELETE", {})):
        answer = send(live, method, one, **options)
        assert refused(answer) == (404, "PersistedFaceNotFound")
        nowhere = f"/largefacelists/nowhere/persistedfaces/{uuid.uuid4()}"
        answer = send(live, method, nowhere, **options)
        assert refused(answer) == (404, "LargeFaceListNotFound")


def test_what_small_lists_do_not_have(live):
    done(send(live, "PUT", "/facelists/x", json={"name": "X"}))
    guid = add(live, "/facelists/x")
    for method, path in (
        ("GET", "/facelists/x/persistedfaces"),
        ("GET", f"/facelists/x/persistedfaces/{guid}"),
        ("POST", "/facelists/x/train"),
        ("GET", "/facelists/x/training"),
    ):
        assert send(live, method, path).status_code in (404, 405)
