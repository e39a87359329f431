"""Every refusal of verify, identify, find similar and group."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import pytest

from tests.server.azure.clients import BASE, refused
from tests.server.azure.places import detected, make_group, make_list, record, train_and_wait
from tests.server.live import Live

NOBODY = "7f91e50a-3feb-4110-a69f-6be9040b91fd"  # fixed: it stands in the names of tests
OPERATIONS = ("verify", "identify", "findsimilars", "group")


def refusal(live: Live, operation: str, **body: object) -> tuple[int, str]:
    return refused(live.client.post(f"{BASE}/{operation}", json=body))


@pytest.fixture(scope="module")
def face(live: Live) -> str:
    return detected(live, 0)


@pytest.fixture(scope="module")
def ada(live: Live) -> str:
    """A person of both kinds of groups, each named `friends`."""
    make_group(live, "largepersongroups", "friends", {"ada": [0]})
    return make_group(live, "persongroups", "friends", {"ada": [0]})["ada"]


# bodies that make no sense, for all four


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"null", b"\xff", b"{}", b'{"a":' * 99])
def test_a_body_that_is_no_object(live, operation, body):
    answer = live.client.post(
        f"{BASE}/{operation}", content=body, headers={"Content-Type": "application/json"}
    )
    assert refused(answer) == (400, "BadArgument")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_body_of_another_kind(live, operation):
    answer = live.client.post(
        f"{BASE}/{operation}", content=b"{}", headers={"Content-Type": "text/plain"}
    )
    assert refused(answer) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_body_that_is_far_too_long(live, operation):
    answer = live.client.post(f"{BASE}/{operation}", json={"faceIds": ["x" * 2**21]})
    assert refused(answer)[0] == 413


@pytest.mark.parametrize("operation", OPERATIONS)
def test_another_method(live, operation):
    assert refused(live.client.get(f"{BASE}/{operation}")) == (405, "MethodNotAllowed")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_wrong_key(live, operation):
    answer = live.client.post(f"{BASE}/{operation}", headers={"X-Api-Key": "wrong"})
    assert refused(answer) == (401, "401")


NO_GUIDS = ["", "x", 3, None, True, [], {}, NOBODY + "0", NOBODY.replace("-", ""), f"{{{NOBODY}}}"]


@pytest.mark.parametrize("wrong", NO_GUIDS)
def test_what_is_no_guid(live, face, wrong):
    group = {"personGroupId": "friends"}
    for operation, body in (
        ("verify", {"faceId1": wrong, "faceId2": face}),
        ("verify", {"faceId1": face, "faceId2": wrong}),
        ("verify", {"faceId": wrong, "personId": NOBODY, **group}),
        ("verify", {"faceId": face, "personId": wrong, **group}),
        ("identify", {"faceIds": [wrong], **group}),
        ("findsimilars", {"faceId": wrong, "faceIds": [face]}),
        ("findsimilars", {"faceId": face, "faceIds": [face, wrong]}),
        ("group", {"faceIds": [face, wrong]}),
    ):
        assert refusal(live, operation, **body) == (400, "BadArgument"), (operation, body)


@pytest.mark.parametrize("wrong", ["", "Friends", "a b", "../x", "a.b", "x" * 65, 3, ["friends"]])
def test_what_is_no_id_of_a_container(live, face, wrong):
    for operation, body in (
        ("verify", {"faceId": face, "personId": NOBODY, "personGroupId": wrong}),
        ("verify", {"faceId": face, "personId": NOBODY, "largePersonGroupId": wrong}),
        ("identify", {"faceIds": [face], "personGroupId": wrong}),
        ("identify", {"faceIds": [face], "largePersonGroupId": wrong}),
        ("findsimilars", {"faceId": face, "faceListId": wrong}),
        ("findsimilars", {"faceId": face, "largeFaceListId": wrong}),
    ):
        assert refusal(live, operation, **body) == (400, "BadArgument"), (operation, body)


# faces that are not there: 404 in verify, 400 elsewhere


def test_an_unknown_face(live, face, ada):
    group = {"personGroupId": "friends"}
    for operation, status, body in (
        ("verify", 404, {"faceId1": NOBODY, "faceId2": face}),
        ("verify", 404, {"faceId1": face, "faceId2": NOBODY}),
        ("verify", 404, {"faceId": NOBODY, "personId": ada, **group}),
        ("identify", 400, {"faceIds": [face, NOBODY], **group}),
        ("findsimilars", 400, {"faceId": NOBODY, "faceIds": [face]}),
        ("findsimilars", 400, {"faceId": face, "faceIds": [face, NOBODY]}),
        ("group", 400, {"faceIds": [face, NOBODY]}),
    ):
        assert refusal(live, operation, **body) == (status, "FaceNotFound"), (operation, body)


# containers and people that are not there


def test_an_unknown_container(live, face):
    person = {"faceId": face, "personId": NOBODY}
    for operation, body, code in (
        ("verify", {**person, "personGroupId": "none"}, "PersonGroupNotFound"),
        ("verify", {**person, "largePersonGroupId": "none"}, "LargePersonGroupNotFound"),
        ("identify", {"faceIds": [face], "personGroupId": "none"}, "PersonGroupNotFound"),
        ("identify", {"faceIds": [face], "largePersonGroupId": "none"}, "LargePersonGroupNotFound"),
        ("findsimilars", {"faceId": face, "faceListId": "none"}, "FaceListNotFound"),
        ("findsimilars", {"faceId": face, "largeFaceListId": "none"}, "LargeFaceListNotFound"),
    ):
        assert refusal(live, operation, **body) == (400, code)


def test_an_unknown_person_one_of_another_group_and_one_without_a_face(live, face, ada):
    question = {"faceId": face, "personGroupId": "friends"}
    assert refusal(live, "verify", personId=NOBODY, **question) == (404, "PersonNotFound")
    other = {"faceId": face, "personId": ada, "largePersonGroupId": "friends"}
    assert refusal(live, "verify", **other) == (404, "PersonNotFound")
    empty = make_group(live, "persongroups", "empty", {"bob": []}, train=False)["bob"]
    question["personGroupId"] = "empty"
    found = refusal(live, "verify", personId=empty, **question)
    assert found == (404, "PersistedFaceNotFound")


# training


def test_what_was_never_trained(live, face):
    make_group(live, "persongroups", "raw", {"ada": [0]}, train=False)
    make_group(live, "largepersongroups", "raw", {"ada": [0]}, train=False)
    make_list(live, "largefacelists", "raw", [0], train=False)
    for operation, body, code in (
        ("identify", {"faceIds": [face], "personGroupId": "raw"}, "PersonGroupNotTrained"),
        (
            "identify",
            {"faceIds": [face], "largePersonGroupId": "raw"},
            "LargePersonGroupNotTrained",
        ),
        ("findsimilars", {"faceId": face, "largeFaceListId": "raw"}, "LargeFaceListNotTrained"),
    ):
        assert refusal(live, operation, **body) == (400, code)


def test_what_is_being_trained(live, face):
    make_group(live, "persongroups", "busy", {"ada": [0]})
    make_group(live, "largepersongroups", "busy", {"ada": [0]})
    make_list(live, "largefacelists", "busy", [0])
    for kind, operation, body, code in (
        ("persongroups", "identify", {"personGroupId": "busy"}, "PersonGroup"),
        ("largepersongroups", "identify", {"largePersonGroupId": "busy"}, "LargePersonGroup"),
        ("largefacelists", "findsimilars", {"largeFaceListId": "busy"}, "LargeFaceList"),
    ):
        go_on = Event()
        live.services.trainer.before = go_on.wait
        try:
            assert live.client.post(f"{BASE}/{kind}/busy/train").status_code == 202
            faces = {"faceId": face} if operation == "findsimilars" else {"faceIds": [face]}
            found = refusal(live, operation, **faces, **body)
            assert found == (409, f"{code}TrainingNotFinished")
        finally:
            go_on.set()
            live.services.trainer.before = None


def test_a_list_without_faces(live, face):
    make_list(live, "facelists", "bare", [])
    assert refusal(live, "findsimilars", faceId=face, faceListId="bare") == (
        400,
        "FaceListNotReady",
    )


# models


def test_faces_of_different_models_are_not_compared(live, face, ada):
    other = detected(live, 0, "recognition_01")
    make_list(live, "facelists", "of-04", [0])
    for operation, body in (
        ("verify", {"faceId1": face, "faceId2": other}),
        ("verify", {"faceId": other, "personId": ada, "personGroupId": "friends"}),
        ("identify", {"faceIds": [other], "personGroupId": "friends"}),
        ("identify", {"faceIds": [face, other], "personGroupId": "friends"}),
        ("findsimilars", {"faceId": face, "faceIds": [face, other]}),
        ("findsimilars", {"faceId": other, "faceListId": "of-04"}),
        ("group", {"faceIds": [face, other]}),
    ):
        assert refusal(live, operation, **body) == (400, "BadArgument"), (operation, body)


def test_faces_that_another_network_described_are_not_compared(live, face):
    foreign = replace(record(0), model="another-network")
    containers, lists = live.services.containers, live.services.face_lists
    bob = make_group(live, "persongroups", "foreign", {"bob": []}, train=False)["bob"]
    containers.people.add_face("persongroups", "foreign", bob, foreign)
    train_and_wait(live, "persongroups", "foreign")
    make_list(live, "facelists", "foreign", [])
    lists.add_face("facelists", "foreign", foreign)
    for operation, body in (
        ("verify", {"faceId": face, "personId": bob, "personGroupId": "foreign"}),
        ("identify", {"faceIds": [face], "personGroupId": "foreign"}),
        ("findsimilars", {"faceId": face, "faceListId": "foreign"}),
    ):
        assert refusal(live, operation, **body) == (400, "BadArgument"), operation


def test_a_group_made_on_the_command_line_takes_every_model(live):
    live.services.gallery.create_group("cellar")
    live.client.post(f"{BASE}/persongroups/cellar/train")
    for label in ("recognition_01", "recognition_04"):
        body = {"faceIds": [detected(live, 0, label)], "personGroupId": "cellar"}
        for _ in range(100):
            answer = live.client.post(f"{BASE}/identify", json=body)
            if answer.status_code != 409:
                break
        assert answer.json()[0]["candidates"] == []


# each one's own


def test_verify_wants_either_group(live, face, ada):
    body = {"faceId": face, "personId": ada}
    assert refusal(live, "verify", **body) == (400, "BadArgument")
    both = {"personGroupId": "friends", "largePersonGroupId": "friends"}
    assert refusal(live, "verify", **body, **both) == (400, "BadArgument")
    assert refusal(live, "verify", faceId1=face) == (400, "BadArgument")
    assert refusal(live, "verify", faceId=face, personGroupId="friends") == (400, "BadArgument")


def test_identify_wants_either_group(live, face, ada):
    neither = refusal(live, "identify", faceIds=[face], personGroupId=None)
    assert neither == (400, "PersonGroupIdAndLargePersonGroupIdBothNull")
    both = {"personGroupId": "friends", "largePersonGroupId": "friends"}
    found = refusal(live, "identify", faceIds=[face], **both)
    assert found == (400, "PersonGroupIdAndLargePersonGroupIdBothNotNull")


@pytest.mark.parametrize(
    "more",
    [
        {"faceIds": []},
        {"faceIds": [NOBODY] * 11},
        {"faceIds": NOBODY},
        {"faceIds": {"0": NOBODY}},
        {"maxNumOfCandidatesReturned": 0},
        {"maxNumOfCandidatesReturned": 101},
        {"maxNumOfCandidatesReturned": 1.5},
        {"maxNumOfCandidatesReturned": "1"},
        {"maxNumOfCandidatesReturned": True},
        {"confidenceThreshold": -0.1},
        {"confidenceThreshold": 1.1},
        {"confidenceThreshold": "0.5"},
        {"confidenceThreshold": True},
    ],
)
def test_identify_within_its_limits(live, face, ada, more):
    body = {"faceIds": [face], "personGroupId": "friends"} | more
    assert refusal(live, "identify", **body) == (400, "BadArgument")


def test_numbers_that_json_does_not_have(live, face, ada):
    body = f'{{"faceIds": ["{face}"], "personGroupId": "friends", "confidenceThreshold": NaN}}'
    answer = live.client.post(
        f"{BASE}/identify", content=body, headers={"Content-Type": "application/json"}
    )
    assert refused(answer) == (400, "BadArgument")


@pytest.mark.parametrize(
    "more",
    [
        {"faceIds": None},
        {"faceListId": "x"},
        {"largeFaceListId": "x"},
        {"faceIds": None, "faceListId": "x", "largeFaceListId": "x"},
        {"faceIds": []},
        {"faceIds": [NOBODY] * 1001},
        {"mode": "matchAll"},
        {"mode": 1},
        {"maxNumOfCandidatesReturned": 0},
        {"maxNumOfCandidatesReturned": 1001},
    ],
)
def test_find_similar_within_its_limits(live, face, more):
    body = {"faceId": face, "faceIds": [face]} | more
    assert refusal(live, "findsimilars", **body) == (400, "BadArgument")


@pytest.mark.parametrize("count", [0, 1, 1001])
def test_group_within_its_limits(live, count):
    assert refusal(live, "group", faceIds=[NOBODY] * count) == (400, "BadArgument")
