"""Every operation on containers of azure-ai-vision-face 1.0.0b2, on real photos."""

from __future__ import annotations

import uuid
from threading import Event

import numpy as np
import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)

from tests.server.azure.clients import group_photo, new_admin, old_client, person_photo
from vultus.models.catalogue import EMBEDDER


@pytest.fixture(scope="module")
def admin(unguarded):
    with new_admin(unguarded) as made:
        yield made


@pytest.fixture
def services(unguarded):
    return unguarded.services


def code_of(kind, call, *args, **options) -> str:
    """The code of the error that a call ends with."""
    with pytest.raises(kind) as caught:
        call(*args, **options)
    return caught.value.error.code


def test_groups(admin, unguarded):
    groups = admin.large_person_group
    groups.create("a", name="A", user_data="ü", recognition_model="recognition_04")
    groups.create("b", name="B", recognition_model="recognition_03")
    listed = groups.get_large_person_groups()
    assert [group.large_person_group_id for group in listed] == ["a", "b"]
    (second,) = groups.get_large_person_groups(start="a", top=1, return_recognition_model=True)
    assert (second.name, second.recognition_model) == ("B", "recognition_03")
    first = groups.get("a", return_recognition_model=True)
    assert (first.user_data, first.recognition_model) == ("ü", "recognition_04")
    groups.update("a", name="C")
    assert (groups.get("a").name, groups.get("a").user_data) == ("C", "ü")
    with old_client(unguarded) as old:  # the same store
        assert old.large_person_group.get("a").name == "C"
    assert code_of(ResourceExistsError, groups.create, "a", name="A") == "LargePersonGroupExists"
    for bad in ("A", "a.b", "x" * 65):
        assert code_of(HttpResponseError, groups.create, bad, name="X") == "BadArgument"
    code = code_of(ResourceNotFoundError, groups.get_training_status, "a")
    assert code == "LargePersonGroupNotTrained"
    for wire_id in ("a", "b"):
        groups.delete(wire_id)
    assert code_of(ResourceNotFoundError, groups.get, "a") == "LargePersonGroupNotFound"


def test_people(admin, services, photo_url):
    groups = admin.large_person_group
    groups.create("people", name="People", recognition_model="recognition_04")
    obama = groups.create_person("people", name="Barack", user_data="44").person_id
    rose = groups.create_person("people", name="Rose").person_id
    data = person_photo("obama", 5).read_bytes()
    faces = [
        groups.add_face("people", obama, data, detection_model="detection_03", user_data="é/?&"),
        groups.add_face_from_url(
            "people", obama, url=photo_url("people/obama/4.jpg"), detection_model="detection_03"
        ),
    ]
    faces = [face.persisted_face_id for face in faces]
    both = group_photo("kit_with_rose.jpg")
    found = services.gallery.analyzer.analyze(both)
    target = [round(float(value)) for value in found.boxes[1]]
    groups.add_face("people", rose, both.read_bytes(), target_face=target)
    code = code_of(HttpResponseError, groups.add_face, "people", rose, both.read_bytes())
    assert code == "InvalidImage"
    listed = groups.get_persons("people", top=1000)
    assert [person.person_id for person in listed] == sorted([obama, rose])
    (second,) = groups.get_persons("people", start=min(obama, rose), top=1)
    assert second.person_id == max(obama, rose)
    groups.update_person("people", obama, name="Barack O.")
    person = groups.get_person("people", obama)
    assert (person.name, person.user_data) == ("Barack O.", "44")
    assert person.persisted_face_ids == sorted(faces)
    assert groups.get_face("people", obama, faces[0]).user_data == "é/?&"
    groups.update_face("people", obama, faces[0], user_data="new")
    assert groups.get_face("people", obama, faces[0]).user_data == "new"
    groups.delete_face("people", obama, faces[0])
    code = code_of(ResourceNotFoundError, groups.get_face, "people", obama, faces[0])
    assert code == "PersistedFaceNotFound"
    code = code_of(ResourceNotFoundError, groups.get_person, "people", str(uuid.uuid4()))
    assert code == "PersonNotFound"
    groups.begin_train("people").result()
    state = groups.get_training_status("people")
    assert state.status == "succeeded"
    assert state.created_date_time <= state.last_successful_training_date_time
    trained = services.trained.people("largepersongroups", "people", EMBEDDER).templates
    assert trained.persons == sorted([obama, rose])
    kept = trained.embeddings[trained.starts[trained.persons.index(rose)]]
    np.testing.assert_allclose(kept, found.embeddings[1], atol=1e-3)
    groups.delete_person("people", rose)
    trained = services.trained.people("largepersongroups", "people", EMBEDDER).templates
    assert trained.persons == [obama]
    groups.delete("people")


def test_large_face_lists(admin, services, photo_url):
    lists = admin.large_face_list
    lists.create("a", name="A")
    lists.create("b", name="B", user_data="x", recognition_model="recognition_04")
    (found,) = lists.get_large_face_lists(start="a", top=5, return_recognition_model=True)
    assert (found.large_face_list_id, found.recognition_model) == ("b", "recognition_04")
    lists.update("b", user_data="y")
    assert (lists.get("b").name, lists.get("b").user_data) == ("B", "y")
    data = person_photo("obama", 5).read_bytes()
    faces = sorted(
        [
            lists.add_face("b", data, user_data="1").persisted_face_id,
            lists.add_face_from_url("b", url=photo_url("people/obama/4.jpg")).persisted_face_id,
        ]
    )
    assert [face.persisted_face_id for face in lists.get_faces("b")] == faces
    (second,) = lists.get_faces("b", start=faces[0], top=1)
    assert second.persisted_face_id == faces[1]
    lists.update_face("b", faces[0], user_data="2")
    assert lists.get_face("b", faces[0]).user_data == "2"
    code = code_of(ResourceNotFoundError, lists.get_training_status, "b")
    assert code == "LargeFaceListNotTrained"
    lists.begin_train("b").result()
    assert lists.get_training_status("b").status == "succeeded"
    lists.delete_face("b", faces[0])
    assert services.trained.faces("largefacelists", "b", EMBEDDER).guids == faces[1:]
    for wire_id in ("a", "b"):
        lists.delete(wire_id)
    assert lists.get_large_face_lists() == []


def test_waiting_for_a_training_waits_for_its_end(admin, services):
    groups = admin.large_person_group
    groups.create("waits", name="X")
    go, begun = Event(), Event()

    def hold() -> None:
        begun.set()
        assert go.wait(30)

    services.trainer.before = hold
    poller = groups.begin_train("waits")
    assert begun.wait(30)
    assert not poller.done()
    assert groups.get_training_status("waits").status == "running"
    code = code_of(ResourceExistsError, groups.begin_train, "waits")
    assert code == "LargePersonGroupTrainingNotFinished"
    go.set()
    poller.result()
    services.trainer.before = None
    assert groups.get_training_status("waits").status == "succeeded"
    groups.delete("waits")


def test_a_wrong_key(unguarded):
    from azure.ai.vision.face import FaceAdministrationClient
    from azure.core.credentials import AzureKeyCredential

    with FaceAdministrationClient(unguarded.url, AzureKeyCredential("wrong")) as client:
        code = code_of(ClientAuthenticationError, client.large_person_group.get, "x")
    assert code == "401"
