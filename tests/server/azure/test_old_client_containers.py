"""Every operation on containers of azure-cognitiveservices-vision-face 0.6.1, on real photos."""

from __future__ import annotations

import uuid
from threading import Event

import numpy as np
import pytest
from azure.cognitiveservices.vision.face.models import APIErrorException, TrainingStatusType

from tests.server.azure.clients import group_photo, old_client, person_photo
from vultus.models.catalogue import EMBEDDER

GROUPS = [("person_group", "persongroups"), ("large_person_group", "largepersongroups")]
both = pytest.mark.parametrize(("name", "kind"), GROUPS)


@pytest.fixture(scope="module")
def client(unguarded):
    with old_client(unguarded) as made:
        yield made


@pytest.fixture
def services(unguarded):
    return unguarded.services


def code_of(call, *args, **options) -> tuple[int, str]:
    """Status and code of the error that a call ends with."""
    with pytest.raises(APIErrorException) as caught:
        call(*args, **options)
    return caught.value.response.status_code, caught.value.error.error.code


def add(operations, *args, photo, **options) -> str:
    """add_face_from_stream, which uploads in chunks."""
    with photo.open("rb") as stream:
        return operations.add_face_from_stream(*args, stream, **options).persisted_face_id


def train(operations, wire_id: str) -> None:
    """As Microsoft's examples wait."""
    operations.train(wire_id)
    for _ in range(3000):
        state = operations.get_training_status(wire_id)
        if state.status is TrainingStatusType.succeeded:
            assert state.created <= state.last_action == state.last_successful_training
            return
        assert state.status is TrainingStatusType.running
        Event().wait(0.01)
    raise AssertionError("the training does not end")


@both
def test_groups(client, name, kind):
    groups = getattr(client, name)
    member = f"{name}_id"
    groups.create("a", name="A", user_data="ü/?&", recognition_model="recognition_03")
    groups.create("b", name="B")
    assert [getattr(group, member) for group in groups.list()] == ["a", "b"]
    (second,) = groups.list(start="a", top=1, return_recognition_model=True)
    assert (getattr(second, member), second.recognition_model) == ("b", "recognition_01")
    first = groups.get("a", return_recognition_model=True)
    assert (first.name, first.user_data) == ("A", "ü/?&")
    assert first.recognition_model == "recognition_03"
    assert groups.get("a").recognition_model is None
    groups.update("a", name="C")
    assert (groups.get("a").name, groups.get("a").user_data) == ("C", "ü/?&")
    groups.update("a", user_data="D")
    assert (groups.get("a").name, groups.get("a").user_data) == ("C", "D")
    noun = {"persongroups": "PersonGroup", "largepersongroups": "LargePersonGroup"}[kind]
    assert code_of(groups.create, "a", name="A") == (409, f"{noun}Exists")
    assert code_of(groups.get_training_status, "a") == (404, f"{noun}NotTrained")
    for wire_id in ("a", "b"):
        groups.delete(wire_id)
    assert code_of(groups.get, "a") == (404, f"{noun}NotFound")
    assert groups.list() == []


@both
def test_people(client, services, photo_url, name, kind):
    groups, people = getattr(client, name), getattr(client, f"{name}_person")
    groups.create("people", name="People")
    obama = people.create("people", name="Barack", user_data="44").person_id
    rose = people.create("people", name="Rose").person_id
    faces = [
        add(people, "people", obama, photo=person_photo("obama", 5), user_data="é"),
        people.add_face_from_url(
            "people", obama, photo_url("people/obama/4.jpg"), detection_model="detection_03"
        ).persisted_face_id,
    ]
    data = group_photo("kit_with_rose.jpg")
    both_faces = services.gallery.analyzer.analyze(data)
    target = [round(float(value)) for value in both_faces.boxes[1]]
    add(people, "people", rose, photo=data, target_face=target)
    assert code_of(lambda: add(people, "people", rose, photo=data)) == (400, "InvalidImage")
    listed = people.list("people")
    assert [person.person_id for person in listed] == sorted([obama, rose])
    (second,) = people.list("people", start=min(obama, rose), top=1)
    assert second.person_id == max(obama, rose)
    person = people.get("people", obama)
    assert (person.name, person.user_data) == ("Barack", "44")
    assert person.persisted_face_ids == sorted(faces)
    people.update("people", obama, name="Barack O.")
    assert people.get("people", obama).user_data == "44"
    face = people.get_face("people", obama, faces[0])
    assert (face.persisted_face_id, face.user_data) == (faces[0], "é")
    people.update_face("people", obama, faces[0], user_data="new")
    assert people.get_face("people", obama, faces[0]).user_data == "new"
    people.delete_face("people", obama, faces[0])
    assert people.get("people", obama).persisted_face_ids == faces[1:]
    gone = code_of(people.get_face, "people", obama, faces[0])
    assert gone == (404, "PersistedFaceNotFound")
    assert code_of(people.get, "people", str(uuid.uuid4())) == (404, "PersonNotFound")
    train(groups, "people")
    trained = services.trained.people(kind, "people", EMBEDDER).templates
    assert trained.persons == sorted([obama, rose])
    number = trained.persons.index(rose)
    kept = trained.embeddings[trained.starts[number]]
    np.testing.assert_allclose(kept, both_faces.embeddings[1], atol=1e-3)
    people.delete("people", rose)
    assert services.trained.people(kind, "people", EMBEDDER).templates.persons == [obama]
    groups.delete("people")


def test_face_lists(client, services, photo_url):
    lists = client.face_list
    lists.create("a", name="A", user_data="x", recognition_model="recognition_02")
    lists.create("b", name="B")
    assert [found.face_list_id for found in lists.list()] == ["a", "b"]
    assert lists.list(return_recognition_model=True)[0].recognition_model == "recognition_02"
    lists.update("a", name="C")
    faces = [
        add(lists, "a", photo=person_photo("obama", 5), user_data="1"),
        lists.add_face_from_url("a", photo_url("people/rose_leslie/1.jpg")).persisted_face_id,
    ]
    found = lists.get("a", return_recognition_model=True)
    assert (found.name, found.user_data, found.recognition_model) == ("C", "x", "recognition_02")
    shown = {face.persisted_face_id: face.user_data for face in found.persisted_faces}
    assert shown == {faces[0]: "1", faces[1]: None}
    assert services.trained.faces("facelists", "a", EMBEDDER).guids == sorted(faces)
    lists.delete_face("a", faces[0])
    assert [face.persisted_face_id for face in lists.get("a").persisted_faces] == faces[1:]
    assert code_of(lists.create, "a", name="A") == (409, "FaceListExists")
    lists.delete("a")
    lists.delete("b")
    assert code_of(lists.get, "a") == (404, "FaceListNotFound")


def test_large_face_lists(client, services, photo_url):
    lists = client.large_face_list
    lists.create("a", name="A")
    lists.create("b", name="B", user_data="x", recognition_model="recognition_04")
    (found,) = lists.list(start="a", top=5, return_recognition_model=True)
    assert (found.large_face_list_id, found.recognition_model) == ("b", "recognition_04")
    lists.update("b", user_data="y")
    assert (lists.get("b").name, lists.get("b").user_data) == ("B", "y")
    assert code_of(lists.get_training_status, "b") == (404, "LargeFaceListNotTrained")
    faces = sorted(
        [
            add(lists, "b", photo=person_photo("obama", 5), user_data="1"),
            lists.add_face_from_url("b", photo_url("people/obama/4.jpg")).persisted_face_id,
        ]
    )
    assert [face.persisted_face_id for face in lists.list_faces("b")] == faces
    (second,) = lists.list_faces("b", start=faces[0], top=1)
    assert second.persisted_face_id == faces[1]
    lists.update_face("b", faces[0], user_data="2")
    assert lists.get_face("b", faces[0]).user_data == "2"
    train(lists, "b")
    lists.delete_face("b", faces[0])
    assert services.trained.faces("largefacelists", "b", EMBEDDER).guids == faces[1:]
    assert code_of(lists.get_face, "b", faces[0]) == (404, "PersistedFaceNotFound")
    lists.delete("a")
    lists.delete("b")
    assert lists.list() == []
