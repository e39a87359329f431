"""Verify, identify, find similar and group: exact answers, with faces on a line."""

from __future__ import annotations

import pytest

from tests.server.azure.clients import BASE
from tests.server.azure.places import (
    SAME,
    confidence,
    detected,
    make_group,
    make_list,
    record,
    train_and_wait,
)
from tests.server.live import Live
from vultus.gallery.thresholds import GroupThreshold
from vultus.models.catalogue import EMBEDDER

GROUPS = [("persongroups", "personGroupId"), ("largepersongroups", "largePersonGroupId")]
NEAR = SAME / 4


def asked(live: Live, operation: str, **body: object) -> object:
    answer = live.client.post(f"{BASE}/{operation}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


# verify


@pytest.mark.parametrize("distance", [0, 0.99 * SAME, 1.01 * SAME, 3])
def test_two_faces_are_one_person_from_half_on(live, distance):
    first, second = detected(live, 1), detected(live, 1 + distance)
    found = asked(live, "verify", faceId1=first, faceId2=second.upper())
    assert found == {
        "isIdentical": distance <= SAME,
        "confidence": pytest.approx(confidence(distance), abs=1e-4),
    }


@pytest.mark.parametrize(("kind", "member"), GROUPS)
def test_a_face_and_a_person(live, kind, member):
    ids = make_group(live, kind, f"verify-{kind}", {"ada": [0, NEAR], "bob": [9]}, train=False)
    face = detected(live, NEAR)
    group = {member: f"verify-{kind}"}
    ada = asked(live, "verify", faceId=face, personId=ids["ada"], **group)
    # the mean of what lies between the face and the nearest, and the face and their middle
    assert ada["confidence"] == pytest.approx(confidence(NEAR / 4), abs=1e-4)
    assert ada["isIdentical"] is True
    bob = asked(live, "verify", faceId=face, personId=ids["bob"].upper(), **group)
    assert bob == {"isIdentical": False, "confidence": pytest.approx(0, abs=1e-6)}


def test_a_person_is_verified_by_what_is_there_now_trained_or_not(live):
    ids = make_group(live, "persongroups", "now", {"ada": [0]})
    face = detected(live, 5)
    question = {"faceId": face, "personId": ids["ada"], "personGroupId": "now"}
    assert not asked(live, "verify", **question)["isIdentical"]
    live.services.containers.people.add_face("persongroups", "now", ids["ada"], record(5))
    before = asked(live, "verify", **question)
    train_and_wait(live, "persongroups", "now")
    assert asked(live, "verify", **question) == before


# identify


@pytest.mark.parametrize(("kind", "member"), GROUPS)
def test_each_face_gets_its_candidates_in_the_order_of_the_question(live, kind, member):
    people = {"ada": [0, 0], "bob": [NEAR], "cyd": [2 * NEAR], "far": [50]}
    name = f"order-{kind}"
    ids = make_group(live, kind, name, people)
    faces = [detected(live, place) for place in (2 * NEAR, 100, 0)]
    found = asked(live, "identify", faceIds=faces, **{member: name})
    assert [answer["faceId"] for answer in found] == faces
    ranked = [[each["personId"] for each in answer["candidates"]] for answer in found]
    assert ranked == [
        [ids["cyd"], ids["bob"], ids["ada"]],
        [],
        [ids["ada"], ids["bob"], ids["cyd"]],
    ]
    for answer in found:
        confidences = [each["confidence"] for each in answer["candidates"]]
        assert confidences == sorted(confidences, reverse=True)
    assert found[0]["candidates"][1]["confidence"] == pytest.approx(confidence(NEAR), abs=1e-4)


def test_two_faces_may_be_one_person(live):
    ids = make_group(live, "persongroups", "twins", {"ada": [0], "bob": [2]})
    faces = [detected(live, 0), detected(live, NEAR), detected(live, NEAR)]
    faces.append(faces[0])
    found = asked(live, "identify", faceIds=faces, personGroupId="twins")
    assert [answer["faceId"] for answer in found] == faces
    assert {answer["candidates"][0]["personId"] for answer in found} == {ids["ada"]}


@pytest.mark.parametrize(("kind", "member"), GROUPS)
def test_a_threshold_of_the_groups_own_is_where_the_confidence_is_a_half(live, kind, member):
    name = f"own-{kind}"
    ids = make_group(live, kind, name, {"ada": [0]})
    face, group = detected(live, NEAR), {member: name}

    def answers() -> tuple[float | None, float, bool]:
        (found,) = asked(live, "identify", faceIds=[face], **group)
        verdict = asked(live, "verify", faceId=face, personId=ids["ada"], **group)
        first = found["candidates"][0]["confidence"] if found["candidates"] else None
        return first, verdict["confidence"], verdict["isIdentical"]

    sure = pytest.approx(confidence(NEAR), abs=1e-4)
    assert answers() == (sure, sure, True)
    gallery = live.services.gallery
    half = pytest.approx(0.5, abs=1e-4)
    gallery.set_threshold(name, GroupThreshold(EMBEDDER, NEAR + 1e-7, 0.01, 1))
    assert answers() == (half, half, True)
    gallery.set_threshold(name, GroupThreshold(EMBEDDER, NEAR / 2, 0.01, 1))
    named, verified, same = answers()
    assert (named, same) == (None, False)
    assert verified < 0.5
    gallery.set_threshold(name, None)
    assert answers() == (sure, sure, True)


def test_how_many_candidates_and_from_which_confidence(live):
    make_group(live, "largepersongroups", "many", {f"p{n}": [n / 100] for n in range(15)})
    question = {"faceIds": [detected(live, 0)], "largePersonGroupId": "many"}

    def candidates(**more: object) -> list[float]:
        (answer,) = asked(live, "identify", **question, **more)
        return [each["confidence"] for each in answer["candidates"]]

    assert len(candidates()) == 10
    assert len(candidates(maxNumOfCandidatesReturned=None)) == 10
    assert len(candidates(maxNumOfCandidatesReturned=1)) == 1
    assert len(candidates(maxNumOfCandidatesReturned=100)) == 15
    bound = confidence(0.065)
    several = candidates(maxNumOfCandidatesReturned=100, confidenceThreshold=bound)
    assert len(several) == 7
    assert min(several) >= bound
    make_group(live, "largepersongroups", "distant", {"ada": [1]})
    question["largePersonGroupId"] = "distant"
    assert candidates() == candidates(confidenceThreshold=0.5) == []
    assert len(candidates(confidenceThreshold=0)) == 1
    assert candidates(confidenceThreshold=1) == []


def test_identify_answers_from_the_last_training_and_verify_from_now(live):
    ids = make_group(live, "persongroups", "old", {"ada": [0]})
    people = live.services.containers.people
    people.add_face("persongroups", "old", people.create("persongroups", "old", "bob"), record(5))
    question = {"faceIds": [detected(live, 5)], "personGroupId": "old"}
    assert asked(live, "identify", **question)[0]["candidates"] == []
    train_and_wait(live, "persongroups", "old")
    assert len(asked(live, "identify", **question)[0]["candidates"]) == 1
    # who is deleted is gone at once
    question["faceIds"] = [detected(live, 0)]
    assert len(asked(live, "identify", **question)[0]["candidates"]) == 1
    people.delete("persongroups", "old", ids["ada"])
    assert asked(live, "identify", **question)[0]["candidates"] == []


def test_a_group_without_people_has_no_candidates(live):
    make_group(live, "persongroups", "nobody", {"ada": []})
    found = asked(live, "identify", faceIds=[detected(live, 0)], personGroupId="nobody")
    assert found[0]["candidates"] == []


# find similar


def test_similar_faces_among_detected_ones(live):
    face = detected(live, 0)
    near, far, same = detected(live, NEAR), detected(live, 2 * SAME), detected(live, 0)
    question = {"faceId": face, "faceIds": [far, near, same]}
    found = asked(live, "findsimilars", **question)
    assert [answer["faceId"] for answer in found] == [same, near]
    assert [list(answer) for answer in found] == [["faceId", "confidence"]] * 2
    everyone = asked(live, "findsimilars", mode="matchFace", **question)
    assert [answer["faceId"] for answer in everyone] == [same, near, far]
    assert everyone[2]["confidence"] == pytest.approx(confidence(2 * SAME), abs=1e-6)
    top = asked(live, "findsimilars", mode="matchFace", maxNumOfCandidatesReturned=1, **question)
    assert top == everyone[:1]


@pytest.mark.parametrize(
    ("kind", "member"), [("facelists", "faceListId"), ("largefacelists", "largeFaceListId")]
)
def test_similar_faces_of_a_list(live, kind, member):
    far, near, same = make_list(live, kind, f"similar-{kind}", [2, NEAR, 0])
    question = {"faceId": detected(live, 0), member: f"similar-{kind}"}
    found = asked(live, "findsimilars", **question)
    assert [answer["persistedFaceId"] for answer in found] == [same, near]
    assert [list(answer) for answer in found] == [["persistedFaceId", "confidence"]] * 2
    everyone = asked(live, "findsimilars", mode="MatchFace", **question)
    assert [answer["persistedFaceId"] for answer in everyone] == [same, near, far]


def test_at_most_twenty_similar_faces_unless_said(live):
    faces = [detected(live, 0) for _ in range(30)]
    question = {"faceId": faces[0], "faceIds": faces}
    assert len(asked(live, "findsimilars", **question)) == 20
    assert len(asked(live, "findsimilars", maxNumOfCandidatesReturned=1000, **question)) == 30


def test_a_list_that_needs_no_training_shows_a_new_face_at_once(live):
    make_list(live, "facelists", "at-once", [2])
    question = {"faceId": detected(live, 0), "faceListId": "at-once"}
    assert asked(live, "findsimilars", **question) == []
    live.services.face_lists.add_face("facelists", "at-once", record(0))
    assert len(asked(live, "findsimilars", **question)) == 1


# group


def test_groups_are_a_partition_largest_first(live):
    people = [2, 0, 1, 2, 0, 2, 3]  # who each face is
    faces = [detected(live, 3.0 * person) for person in people]
    found = asked(live, "group", faceIds=faces)
    assert found == {
        "groups": [[faces[0], faces[3], faces[5]], [faces[1], faces[4]]],
        "messyGroup": [faces[2], faces[6]],
    }


def test_nobody_is_left_over_or_nobody_is_like_another(live):
    same = [detected(live, 0), detected(live, 0)]
    assert asked(live, "group", faceIds=same) == {"groups": [same], "messyGroup": []}
    different = [detected(live, 0), detected(live, 9)]
    assert asked(live, "group", faceIds=different) == {"groups": [], "messyGroup": different}


def test_a_face_that_is_named_twice_is_in_one_place(live):
    first, second, third = detected(live, 0), detected(live, 9), detected(live, 0)
    found = asked(live, "group", faceIds=[first, second, first.upper(), third])
    assert found == {"groups": [[first, third]], "messyGroup": [second]}


def test_a_thousand_faces_are_grouped(live):
    faces = [detected(live, 3.0 * (number % 100)) for number in range(1000)]
    found = asked(live, "group", faceIds=faces)
    assert [len(group) for group in found["groups"]] == [10] * 100
    assert found["messyGroup"] == []
