"""Person groups and large person groups, by hand: bodies, codes, limits."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.server.azure.clients import done, refused, send

KINDS = [("persongroups", "PersonGroup"), ("largepersongroups", "LargePersonGroup")]
both = pytest.mark.parametrize(("kind", "noun"), KINDS)


@pytest.fixture(autouse=True)
def nothing_left(live):
    """Each test begins with no group at all."""
    yield
    for group in live.services.gallery.groups():
        live.services.gallery.remove_group(group.name)


def shown(live, path: str):
    answer = send(live, "GET", path)
    assert answer.status_code == 200
    return answer.json()


@both
def test_a_group_is_made_shown_changed_and_deleted(live, kind, noun):
    member = noun[0].lower() + noun[1:] + "Id"
    body = {"name": "All of us", "userData": "ü", "recognitionModel": "recognition_04"}
    done(send(live, "PUT", f"/{kind}/x", json={**body, "unknownMember": {"a": [1]}}))
    plain = {member: "x", "name": "All of us", "userData": "ü"}
    whole = {**plain, "recognitionModel": "recognition_04"}
    assert shown(live, f"/{kind}/x") == plain
    for word in ("true", "True", "TRUE"):
        assert shown(live, f"/{kind}/x?returnRecognitionModel={word}") == whole
    assert shown(live, f"/{kind}?returnRecognitionModel=False") == [plain]
    assert shown(live, f"/{kind}?returnRecognitionModel=true") == [whole]
    done(send(live, "PATCH", f"/{kind}/x", json={"name": "We", "userData": None}))
    assert shown(live, f"/{kind}/x") == {**plain, "name": "We"}
    done(send(live, "PATCH", f"/{kind}/x", json={"userData": ""}))
    assert shown(live, f"/{kind}/x") == {member: "x", "name": "We"}
    done(send(live, "PATCH", f"/{kind}/x", json={}))
    done(send(live, "DELETE", f"/{kind}/x"))
    assert shown(live, f"/{kind}") == []
    done(send(live, "PUT", f"/{kind}/x", json={"name": "again"}))
    model = shown(live, f"/{kind}/x?returnRecognitionModel=true")["recognitionModel"]
    assert model == "recognition_01"


@both
def test_an_id_is_taken_once_in_its_kind(live, kind, noun):
    done(send(live, "PUT", f"/{kind}/x", json={"name": "X"}))
    assert refused(send(live, "PUT", f"/{kind}/x", json={"name": "X"})) == (409, f"{noun}Exists")
    live.services.gallery.create_group("native")
    answer = send(live, "PUT", f"/{kind}/native", json={"name": "X"})
    assert refused(answer) == (409, f"{noun}Exists")
    (other,) = (other for other, _ in KINDS if other != kind)
    done(send(live, "PUT", f"/{other}/x", json={"name": "X"}))


@both
def test_a_group_made_here_is_shown_without_a_model(live, kind, noun):
    live.services.gallery.create_group("native")
    live.services.gallery.create_group("Not an id")
    member = noun[0].lower() + noun[1:] + "Id"
    expected = {member: "native", "name": "native"}
    assert shown(live, f"/{kind}/native?returnRecognitionModel=true") == expected
    assert shown(live, f"/{kind}?returnRecognitionModel=true") == [expected]


@both
def test_pages(live, kind, noun):
    member = noun[0].lower() + noun[1:] + "Id"
    for wire_id in ("b", "a", "c", "a-b", "0"):
        done(send(live, "PUT", f"/{kind}/{wire_id}", json={"name": "X"}))

    def ids(query: str) -> list[str]:
        return [each[member] for each in shown(live, f"/{kind}{query}")]

    assert ids("") == ["0", "a", "a-b", "b", "c"]
    assert ids("?start=a&top=2") == ["a-b", "b"]
    assert ids("?top=1000&start=") == ids("")
    assert ids("?start=c") == ids("?start=zzz") == []
    assert ids(f"?start={'a' * 64}") == ["b", "c"]


@pytest.mark.parametrize("query", ["top=0", "top=1001", "top=-1", "top=x", "top=1.5", "top=٣",
                                   f"start={'a' * 65}", "returnRecognitionModel=yes"])  # fmt: skip
def test_pages_that_make_no_sense(live, query):
    assert refused(send(live, "GET", f"/persongroups?{query}")) == (400, "BadArgument")


BAD_IDS = ["A", "a.b", "a%20b", "x" * 65, "a%2Fb", "..%2f..%2fetc", "%C3%A9", "a%00", "%FF", "a:b"]


@pytest.mark.parametrize("wire_id", BAD_IDS)
def test_ids_that_make_no_sense(live, wire_id):
    path = f"/largepersongroups/{wire_id}"
    assert refused(send(live, "PUT", path, json={"name": "X"})) == (400, "BadArgument")
    for method, below in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/training"),
        ("POST", "/train"),
        ("GET", "/persons"),
    ):
        options = {"json": {}} if method == "PATCH" else {}
        answer = send(live, method, path + below, **options)
        assert refused(answer) == (404, "LargePersonGroupNotFound")


def test_tricks_with_paths_reach_no_group(live):
    done(send(live, "PUT", "/persongroups/x", json={"name": "X"}))
    for path in ("/persongroups/y/%2e%2e/x", "/persongroups/%2e%2e/persongroups/x"):
        request = live.client.build_request("GET", live.url)
        request.url = httpx.URL(live.url).copy_with(raw_path=f"/face/v1.0{path}".encode())
        assert live.client.send(request).status_code == 404


BAD_BODIES = {
    "no JSON": b"{",
    "nothing": b"",
    "no UTF-8": b'{"name": "\xff"}',
    "no object": b'["name"]',
    "a text": b'"name"',
    "null": b"null",
    "no name": b"{}",
    "null name": b'{"name": null}',
    "empty name": b'{"name": ""}',
    "long name": json.dumps({"name": "x" * 129}).encode(),
    "a number for a name": b'{"name": 5}',
    "a list for a name": b'{"name": ["x"]}',
    "half of a pair": b'{"name": "\\ud800"}',
    "long userData": json.dumps({"name": "x", "userData": "x" * 16385}).encode(),
    "an object for userData": b'{"name": "x", "userData": {}}',
    "an unknown model": b'{"name": "x", "recognitionModel": "recognition_99"}',
    "an empty model": b'{"name": "x", "recognitionModel": ""}',
    "a number for a model": b'{"name": "x", "recognitionModel": 4}',
    "much too deep": b"[" * 100_000,
}
JSON = {"Content-Type": "application/json; charset=utf-8"}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_bodies_that_make_no_sense(live, body):
    answer = send(live, "PUT", "/persongroups/x", content=body, headers=JSON)
    assert refused(answer) == (400, "BadArgument")
    assert send(live, "GET", "/persongroups/x").status_code == 404


def test_changes_that_make_no_sense_change_nothing(live):
    done(send(live, "PUT", "/persongroups/x", json={"name": "X", "userData": "data"}))
    for body in ({"name": ""}, {"name": "x" * 129}, {"name": "Y", "userData": "x" * 16385}, []):
        answer = send(live, "PATCH", "/persongroups/x", json=body)
        assert refused(answer) == (400, "BadArgument")
    expected = {"personGroupId": "x", "name": "X", "userData": "data"}
    assert shown(live, "/persongroups/x") == expected


def test_the_longest_that_makes_sense(live):
    body = {"name": "é" * 128, "userData": "ü" * 16384}
    done(send(live, "PUT", f"/persongroups/{'x' * 64}", json=body))
    assert shown(live, f"/persongroups/{'x' * 64}")["userData"] == body["userData"]


def test_a_body_that_is_no_json_by_its_own_word(live):
    answer = send(
        live, "PUT", "/persongroups/x", content=b"<x/>", headers={"Content-Type": "text/xml"}
    )
    assert refused(answer) == (415, "UnsupportedMediaType")
    done(send(live, "PUT", "/persongroups/x", content=b'{"name": "x"}'))  # without a word


def test_a_large_body_is_cut_off(live):
    answer = send(live, "PUT", "/persongroups/x", content=b" " * (2**20 + 1), headers=JSON)
    assert refused(answer) == (413, "BadArgument")


def test_the_wrong_method(live):
    assert refused(send(live, "POST", "/persongroups/x")) == (405, "MethodNotAllowed")
    assert refused(send(live, "PUT", "/persongroups")) == (405, "MethodNotAllowed")
    assert refused(send(live, "GET", "/persongroups/x/nothing")) == (404, "ResourceNotFound")


def test_all_versions_and_spellings_reach_the_same_groups(live):
    done(send(live, "PUT", "/persongroups/x", json={"name": "X"}))
    for path in (
        "/face/v1.2-preview.1/persongroups/x",
        "/face/v1.2/persongroups/x",
        "//face/v1.0/PersonGroups/x",
        "/FACE/V1.3-preview/personGroups/x/",
    ):
        answer = live.client.get(live.url + path)
        assert (answer.status_code, answer.json()["name"]) == (200, "X")


def test_a_viewer_may_not_see_groups(live):
    key = live.services.keys.create("viewer", "viewer")
    live.services.ring.forget()
    answer = send(live, "GET", "/persongroups", headers={"X-Api-Key": key})
    assert refused(answer) == (403, "Forbidden")


def test_changes_are_in_the_audit_under_the_keys_name(live):
    key = live.services.keys.create("operator", "operator")
    live.services.ring.forget()
    answer = send(live, "PUT", "/persongroups/x", json={"name": "X"}, headers={"X-Api-Key": key})
    done(answer)
    (row,) = live.services.gallery.audit.find(actor="operator")
    assert (row.action, row.subject) == ("group.create", "x")
