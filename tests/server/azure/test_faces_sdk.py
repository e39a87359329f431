"""Both of Microsoft's clients, unmodified, with real photos of real people."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.ai.vision.face import FaceClient as NewClient
from azure.ai.vision.face import models as new
from azure.cognitiveservices.vision.face import FaceClient as OldClient
from azure.cognitiveservices.vision.face import models as old
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from tests.server.azure.clients import group_photo, old_client, person_photo
from tests.server.azure.pictures import web_of
from tests.server.azure.places import train_and_wait
from tests.server.live import KEY, Live, live_server, settings_in
from vultus.server.azure.attributes import ANSWERED

RECOGNITION = "recognition_04"
DETECTION = "detection_03"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = settings_in(tmp_path_factory.mktemp("server"), allow_private_urls=True)
    with live_server(settings) as server:
        yield server


@pytest.fixture(scope="module")
def before(live: Live) -> Iterator[OldClient]:
    """azure-cognitiveservices-vision-face 0.6.1."""
    with old_client(live) as client:
        yield client


@pytest.fixture(scope="module")
def after(live: Live) -> Iterator[NewClient]:
    """azure-ai-vision-face 1.0.0b2."""
    with NewClient(live.url, AzureKeyCredential(KEY)) as client:
        yield client


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    with web_of({"/photo.jpg": group_photo("obama_and_biden.jpg").read_bytes()}) as address:
        yield f"{address}/photo.jpg"


def seen(client: OldClient | NewClient, photo: Path) -> list[str]:
    """Ids of the faces of a photo, largest first, by either client."""
    if isinstance(client, NewClient):
        found = client.detect(
            photo.read_bytes(),
            detection_model=DETECTION,
            recognition_model=RECOGNITION,
            return_face_id=True,
        )
    else:
        with photo.open("rb") as stream:
            found = client.face.detect_with_stream(stream, recognition_model=RECOGNITION)
    return [face.face_id for face in found]


@pytest.fixture(scope="module")
def people(live: Live, before: OldClient) -> dict[str, dict[str, str]]:
    """The same people in a person group and in a large one, both called `family`, and trained."""
    ids: dict[str, dict[str, str]] = {}
    for kind, groups, members in (
        ("persongroups", before.person_group, before.person_group_person),
        ("largepersongroups", before.large_person_group, before.large_person_group_person),
    ):
        groups.create("family", name="Family", recognition_model=RECOGNITION)
        ids[kind] = {}
        for person in ("obama", "rose_leslie"):
            ids[kind][person] = members.create("family", name=person).person_id
            with person_photo(person).open("rb") as photo:
                members.add_face_from_stream("family", ids[kind][person], photo)
        train_and_wait(live, kind, "family")
    return ids


@pytest.fixture(scope="module")
def listed(live: Live, before: OldClient) -> dict[str, dict[str, str]]:
    """The same faces in a face list and in a large one, both called `faces`."""
    ids: dict[str, dict[str, str]] = {}
    for kind, lists in (
        ("facelists", before.face_list),
        ("largefacelists", before.large_face_list),
    ):
        lists.create("faces", name="Faces", recognition_model=RECOGNITION)
        ids[kind] = {}
        for person in ("obama", "rose_leslie"):
            with person_photo(person).open("rb") as photo:
                added = lists.add_face_from_stream("faces", photo)
            ids[kind][person] = added.persisted_face_id
    train_and_wait(live, "largefacelists", "faces")
    return ids


# detect


def test_the_old_client_detects_in_a_stream_with_everything(before):
    with person_photo("obama", 5).open("rb") as stream:
        (face,) = before.face.detect_with_stream(
            stream,
            return_face_landmarks=True,
            return_face_attributes=list(old.FaceAttributeType),
            recognition_model=RECOGNITION,
            return_recognition_model=True,
            detection_model=DETECTION,
            face_id_time_to_live=60,
        )
    assert face.recognition_model == RECOGNITION
    assert face.face_rectangle.width > 40
    landmarks = face.face_landmarks
    assert landmarks.pupil_left.x < landmarks.nose_tip.x < landmarks.pupil_right.x
    told = face.face_attributes
    assert told.blur.blur_level in list(old.BlurLevel)
    assert told.exposure.exposure_level is old.ExposureLevel.good_exposure
    assert told.noise.noise_level in list(old.NoiseLevel)
    assert told.quality_for_recognition in list(old.QualityForRecognition)
    assert abs(told.head_pose.yaw) < 20
    answered = {old.FaceAttributes._attribute_map[name]["key"] for name in vars_set(told)}
    assert {"age", "emotion", "smile", "headPose", "blur"} <= answered <= set(ANSWERED)


def vars_set(model: object) -> list[str]:
    return [
        name for name, value in vars(model).items() if value and name != "additional_properties"
    ]


def test_the_new_client_detects_in_a_stream_with_everything(after):
    attributes = [kind for kind in new.FaceAttributeType if kind.value in ANSWERED]
    (face,) = after.detect(
        person_photo("obama", 5).read_bytes(),
        detection_model=new.FaceDetectionModel.DETECTION03,
        recognition_model=new.FaceRecognitionModel.RECOGNITION04,
        return_face_id=True,
        return_face_attributes=[*attributes, new.FaceAttributeType.HAIR],
        return_face_landmarks=True,
        return_recognition_model=True,
        face_id_time_to_live=60,
    )
    assert face.recognition_model == new.FaceRecognitionModel.RECOGNITION04
    assert face.face_landmarks.pupil_left.x < face.face_landmarks.pupil_right.x
    told = face.face_attributes
    assert told.blur.blur_level in list(new.BlurLevel)
    assert told.exposure.exposure_level == new.ExposureLevel.GOOD_EXPOSURE
    assert told.noise.noise_level == new.NoiseLevel.LOW
    assert told.quality_for_recognition in list(new.QualityForRecognition)
    assert abs(told.head_pose.yaw) < 20
    assert 0 < told.age < 101
    assert told.hair is None


def test_both_clients_detect_by_address(before, after, web):
    by_old = before.face.detect_with_url(web, return_face_id=False)
    by_new = after.detect_from_url(
        url=web,
        detection_model=DETECTION,
        recognition_model=RECOGNITION,
        return_face_id=False,
    )
    rectangles = [[vars(face.face_rectangle)["left"] for face in by_old]]
    rectangles.append([face.face_rectangle.left for face in by_new])
    assert rectangles[0] == rectangles[1]
    assert len(by_old) >= 2
    assert {face.face_id for face in [*by_old, *by_new]} == {None}


def test_both_clients_hear_why_an_address_is_refused(before, after):
    with pytest.raises(old.APIErrorException) as by_old:
        before.face.detect_with_url("http://127.0.0.1:1/x.jpg")
    assert by_old.value.error.error.code == "InvalidURL"
    with pytest.raises(HttpResponseError) as by_new:
        after.detect_from_url(
            url="ftp://x/y.jpg",
            detection_model=DETECTION,
            recognition_model=RECOGNITION,
            return_face_id=True,
        )
    assert (by_new.value.status_code, by_new.value.error.code) == (400, "InvalidURL")


def test_both_clients_know_a_wrong_key_when_they_hear_it(live, before):
    from msrest.authentication import CognitiveServicesCredentials

    wrong = OldClient(live.url, CognitiveServicesCredentials("wrong"))
    with wrong, pytest.raises(old.APIErrorException) as by_old:
        wrong.face.detect_with_stream(io.BytesIO(b"x" * 5000))
    assert by_old.value.error.error.code == "401"
    with (
        NewClient(live.url, AzureKeyCredential("wrong")) as client,
        pytest.raises(ClientAuthenticationError) as by_new,
    ):
        client.verify_face_to_face(face_id1="x", face_id2="y")
    assert by_new.value.error.code == "401"


# verify


def test_the_old_client_verifies(before, people):
    obama, rose = (
        seen(before, person_photo("obama", 2)),
        seen(before, person_photo("rose_leslie", 2)),
    )
    again = seen(before, person_photo("obama", 3))
    same = before.face.verify_face_to_face(obama[0], again[0])
    assert same.is_identical and same.confidence > 0.8
    other = before.face.verify_face_to_face(obama[0], rose[0])
    assert not other.is_identical and other.confidence < 0.2
    for kind, group in (
        ("persongroups", "person_group_id"),
        ("largepersongroups", "large_person_group_id"),
    ):
        ids, where = people[kind], {group: "family"}
        mine = before.face.verify_face_to_person(obama[0], ids["obama"], **where)
        assert mine.is_identical and mine.confidence > 0.8
        theirs = before.face.verify_face_to_person(rose[0], ids["obama"], **where)
        assert not theirs.is_identical and theirs.confidence < 0.2


def test_the_new_client_verifies(after, people):
    obama, rose = seen(after, person_photo("obama", 2)), seen(after, person_photo("rose_leslie", 2))
    again = seen(after, person_photo("obama", 3))
    assert after.verify_face_to_face(face_id1=obama[0], face_id2=again[0]).is_identical
    assert not after.verify_face_to_face(face_id1=obama[0], face_id2=rose[0]).is_identical
    question = {
        "large_person_group_id": "family",
        "person_id": people["largepersongroups"]["obama"],
    }
    assert after.verify_from_large_person_group(face_id=obama[0], **question).is_identical
    assert not after.verify_from_large_person_group(face_id=rose[0], **question).is_identical


# identify


def test_the_old_client_identifies(before, people):
    faces = [
        *seen(before, person_photo("rose_leslie", 2)),
        *seen(before, person_photo("biden")),
        *seen(before, person_photo("obama", 3)),
    ]
    for kind, group in (
        ("persongroups", "person_group_id"),
        ("largepersongroups", "large_person_group_id"),
    ):
        found = before.face.identify(faces, **{group: "family"})
        assert [answer.face_id for answer in found] == faces
        named = [[each.person_id for each in answer.candidates] for answer in found]
        assert named == [[people[kind]["rose_leslie"]], [], [people[kind]["obama"]]]
        assert found[0].candidates[0].confidence >= 0.5
    everyone = before.face.identify(
        faces, person_group_id="family", max_num_of_candidates_returned=2, confidence_threshold=0.0
    )
    assert [len(answer.candidates) for answer in everyone] == [2, 2, 2]


def test_the_new_client_identifies(after, people):
    faces = [*seen(after, person_photo("obama", 3)), *seen(after, person_photo("biden"))]
    found = after.identify_from_large_person_group(face_ids=faces, large_person_group_id="family")
    assert [answer.face_id for answer in found] == faces
    named = [[each.person_id for each in answer.candidates] for answer in found]
    assert named == [[people["largepersongroups"]["obama"]], []]


# find similar


def test_the_old_client_finds_similar_faces(before, listed):
    (obama,) = seen(before, person_photo("obama", 2))
    among = [*seen(before, person_photo("rose_leslie", 2)), *seen(before, person_photo("obama", 3))]
    found = before.face.find_similar(obama, face_ids=among)
    assert [answer.face_id for answer in found] == among[1:]
    everyone = before.face.find_similar(obama, face_ids=among, mode="matchFace")
    assert [answer.face_id for answer in everyone] == among[::-1]
    assert everyone[0].confidence > 0.8 > 0.2 > everyone[1].confidence
    for kind, where in (
        ("facelists", {"face_list_id": "faces"}),
        ("largefacelists", {"large_face_list_id": "faces"}),
    ):
        ids = listed[kind]
        found = before.face.find_similar(obama, **where)
        assert [answer.persisted_face_id for answer in found] == [ids["obama"]]
        everyone = before.face.find_similar(
            obama, mode=old.FindSimilarMatchMode.match_face, **where
        )
        expected = [ids["obama"], ids["rose_leslie"]]
        assert [answer.persisted_face_id for answer in everyone] == expected
        assert {answer.face_id for answer in everyone} == {None}


def test_the_new_client_finds_similar_faces(after, listed):
    (obama,) = seen(after, person_photo("obama", 2))
    among = [*seen(after, person_photo("rose_leslie", 2)), *seen(after, person_photo("obama", 3))]
    found = after.find_similar(face_id=obama, face_ids=among)
    assert [answer.face_id for answer in found] == among[1:]
    mode = new.FindSimilarMatchMode.MATCH_FACE
    everyone = after.find_similar(
        face_id=obama, face_ids=among, mode=mode, max_num_of_candidates_returned=1
    )
    assert [answer.face_id for answer in everyone] == among[1:]
    large = after.find_similar_from_large_face_list(
        face_id=obama, large_face_list_id="faces", mode=mode
    )
    ids = listed["largefacelists"]
    expected = [ids["obama"], ids["rose_leslie"]]
    assert [answer.persisted_face_id for answer in large] == expected


# group


def test_both_clients_group(before, after):
    photos = [("obama", 2), ("rose_leslie", 1), ("biden", 1), ("obama", 3), ("rose_leslie", 2)]
    photos.append(("obama", 5))
    faces = [face for name, number in photos for face in seen(before, person_photo(name, number))]
    expected = [[faces[0], faces[3], faces[5]], [faces[1], faces[4]]]
    by_old = before.face.group(faces)
    assert (by_old.groups, by_old.messy_group) == (expected, [faces[2]])
    by_new = after.group(face_ids=faces)
    assert (by_new.groups, by_new.messy_group) == (expected, [faces[2]])


def test_both_clients_hear_that_a_face_is_unknown(before, after):
    nobody = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(old.APIErrorException) as by_old:
        before.face.verify_face_to_face(nobody, nobody)
    assert by_old.value.response.status_code == 404
    assert by_old.value.error.error.code == "FaceNotFound"
    with pytest.raises(HttpResponseError) as by_new:
        after.group(face_ids=[nobody, nobody])
    assert (by_new.value.status_code, by_new.value.error.code) == (400, "FaceNotFound")
