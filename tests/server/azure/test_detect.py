"""Detect, by plain requests and on real photos."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from azure.cognitiveservices.vision.face.models import FaceLandmarks
from PIL import Image

from tests.server.azure.clients import group_photo, person_photo, refused
from tests.server.azure.pictures import detect, encoded, face_ids, found
from tests.shared import shared
from vultus.faces.types import Faces
from vultus.server.azure.detect import whole_rectangles
from vultus.server.face_ids import FaceIds

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
POINTS = {names["key"] for names in FaceLandmarks._attribute_map.values()}


@pytest.fixture(scope="module")
def small() -> Path:
    """427 x 240 pixels, one face of 51."""
    return person_photo("obama", 5)


def test_a_face_has_an_id_and_a_rectangle_and_nothing_that_was_not_asked_for(live, small):
    (face,) = found(live, small)
    assert sorted(face) == ["faceId", "faceRectangle"]
    assert GUID.match(face["faceId"])
    assert list(face["faceRectangle"]) == ["left", "top", "width", "height"]
    assert all(type(value) is int for value in face["faceRectangle"].values())


def test_faces_come_largest_first_and_inside_of_the_image(live):
    width, height = 800, 533
    for name, count in (("cf_016_8.jpg", 8), ("cf_015_6.jpg", 6), ("cf_014_5.jpg", 5)):
        rectangles = [face["faceRectangle"] for face in found(live, group_photo(name))]
        assert len(rectangles) == count
        areas = [box["width"] * box["height"] for box in rectangles]
        assert areas == sorted(areas, reverse=True)
        for box in rectangles:
            assert box["left"] >= 0 and box["top"] >= 0 and box["width"] > 0 and box["height"] > 0
            assert box["left"] + box["width"] <= width
            assert box["top"] + box["height"] <= height


def test_a_picture_without_a_face_gives_an_empty_list(live):
    answer = detect(live, shared("photos/noface/cf_017_0.jpg"), returnFaceAttributes="blur")
    assert (answer.status_code, answer.json()) == (200, [])


def test_every_call_makes_new_ids(live, small):
    assert not set(face_ids(live, small)) & set(face_ids(live, small))


def test_less_is_done_where_less_is_asked_for(live, small, monkeypatch):
    asked = []
    real = live.services.looker.faces

    def spy(image, cancel, **options):
        wish = {name for name, value in options.items() if value is True}
        asked.append(wish | set(options["attributes"]))
        return real(image, cancel, **options)

    monkeypatch.setattr(live.services.looker, "faces", spy)
    kept = len(live.services.face_ids)
    (face,) = found(live, small, returnFaceId="false")
    assert list(face) == ["faceRectangle"]
    found(live, small, returnFaceId="False", returnFaceAttributes="makeup,hair")
    found(live, small, returnFaceId="false", returnFaceAttributes="blur,emotion")
    quality = {"returnFaceAttributes": "qualityForRecognition"}
    found(live, small, returnFaceId="false", recognitionModel="recognition_04", **quality)
    found(live, small, returnFaceId="false", returnFaceLandmarks="TRUE")
    assert len(live.services.face_ids) == kept
    found(live, small)
    wished = [set(), set(), {"blur", "expression"}, {"quality"}, {"points68"}, {"embed"}]
    assert asked == wished
    assert len(live.services.face_ids) == kept + 1


def test_at_most_a_hundred_faces(live, small, monkeypatch):
    limits = []
    real = live.services.looker.faces

    def spy(image, cancel, *, detection, **options):
        limits.append(detection.max_faces)
        return real(image, cancel, detection=detection, **options)

    monkeypatch.setattr(live.services.looker, "faces", spy)
    found(live, small)
    assert limits == [100]


def test_an_id_lives_as_long_as_it_was_asked_to(live, small, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(live.services, "face_ids", FaceIds(1000, clock=lambda: now))
    (short,) = face_ids(live, small, faceIdTimeToLive="60")
    (long,) = face_ids(live, small)

    def alive(face_id: str) -> int:
        body = {"faceId1": face_id, "faceId2": face_id}
        return live.client.post("/face/v1.0/verify", json=body).status_code

    now += 59
    assert (alive(short), alive(long)) == (200, 200)
    now += 2
    assert (alive(short), alive(long)) == (404, 200)
    now += 86_400 - 62
    assert alive(long) == 200
    now += 1
    assert alive(long) == 404


def test_the_recognition_model_is_told_where_it_is_asked_for(live, small):
    (face,) = found(live, small, returnRecognitionModel="true")
    assert face["recognitionModel"] == "recognition_01"
    asked = {"returnRecognitionModel": "true", "recognitionModel": "recognition_04"}
    (face,) = found(live, small, detectionModel="detection_03", **asked)
    assert face["recognitionModel"] == "recognition_04"


def test_all_27_landmarks_lie_where_they_belong(live, small):
    (face,) = found(live, small, returnFaceLandmarks="true")
    points, box = face["faceLandmarks"], face["faceRectangle"]
    assert set(points) == POINTS
    assert len(points) == 27
    for point in points.values():
        assert box["left"] < point["x"] < box["left"] + box["width"]
        assert box["top"] < point["y"] < box["top"] + box["height"]
    for name in POINTS:
        if "Left" in name:  # as seen in the image
            assert points[name]["x"] < points[name.replace("Left", "Right")]["x"]
    down = ["eyebrowLeftInner", "pupilLeft", "noseTip", "upperLipTop", "underLipBottom"]
    heights = [points[name]["y"] for name in down]
    assert heights == sorted(heights)


def test_a_photo_on_its_side_is_set_upright_as_its_mark_says(live, small, tmp_path):
    photo, turned = person_photo("obama"), tmp_path / "turned.jpg"
    with Image.open(photo) as picture:
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned by 90 degrees clockwise
        picture.rotate(90, expand=True).save(turned, exif=exif, quality=95)
    (upright,), (marked,) = found(live, photo), found(live, turned)
    for name, value in upright["faceRectangle"].items():
        assert marked["faceRectangle"][name] == pytest.approx(value, abs=5)


@pytest.mark.parametrize(
    ("kind", "mode"), [("BMP", "RGB"), ("PNG", "RGB"), ("GIF", "P"), ("PNG", "P"), ("PNG", "L")]
)
def test_other_formats_give_the_same_face(live, small, kind, mode):
    (expected,), (face,) = found(live, small), found(live, encoded(small, kind, mode))
    for name, value in expected["faceRectangle"].items():
        assert face["faceRectangle"][name] == pytest.approx(value, abs=6)


def test_rectangles_are_cut_at_the_border_and_never_empty():
    boxes = np.array(
        [(-5.5, -3, 20, 10), (90.2, 40.9, 30, 30), (10.5, 10.5, 3, 4), (200, 90, 9, 9)], np.float32
    )
    scores, landmarks = np.ones(4, np.float32), np.zeros((4, 5, 2), np.float32)
    found = whole_rectangles(Faces(boxes, scores, landmarks, (100, 50)))
    assert found.tolist() == [[0, 0, 15, 7], [90, 40, 10, 10], [10, 10, 4, 5], [99, 49, 1, 1]]


def test_order_goes_by_what_is_inside_of_the_image(live, small, monkeypatch):
    boxes = np.array([(-90, 0, 100, 100), (100, 100, 50, 50)], np.float32)
    faces = Faces(boxes, np.ones(2, np.float32), np.zeros((2, 5, 2), np.float32), (427, 240))
    monkeypatch.setattr(live.services.looker, "faces", lambda *_, **__: faces)
    rectangles = [face["faceRectangle"] for face in found(live, small, returnFaceId="false")]
    assert [box["width"] for box in rectangles] == [50, 10]


BAD_QUERIES = [
    {"returnFaceId": "yes"},
    {"returnFaceLandmarks": "1"},
    {"returnRecognitionModel": "maybe"},
    {"recognitionModel": "recognition_05"},
    {"detectionModel": "detection_04"},
    {"faceIdTimeToLive": "59"},
    {"faceIdTimeToLive": "86401"},
    {"faceIdTimeToLive": "1e3"},
    {"faceIdTimeToLive": "9" * 5000},
    {"returnFaceAttributes": "beauty"},
    {"returnFaceAttributes": "blur,beauty"},
    {"detectionModel": "detection_02", "returnFaceAttributes": "blur"},
    {"detectionModel": "detection_02", "returnFaceLandmarks": "true"},
    {"returnFaceAttributes": "qualityForRecognition"},
    {"returnFaceAttributes": "qualityForRecognition", "recognitionModel": "recognition_02"},
]


@pytest.mark.parametrize("query", BAD_QUERIES)
def test_a_query_that_makes_no_sense_is_refused(live, small, query):
    answer = detect(live, small, **query)
    assert refused(answer) == (400, "BadArgument")


def test_detection_02_gives_rectangles_and_says_what_it_does_not_give(live, small):
    assert len(found(live, small, detectionModel="detection_02")) == 1
    answer = detect(live, small, detectionModel="detection_02", returnFaceAttributes="blur")
    message = answer.json()["error"]["message"]
    assert message == "'returnFaceAttributes' is not supported by detection_02."
