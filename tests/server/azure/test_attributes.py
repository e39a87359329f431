from __future__ import annotations

import io

import numpy as np
import pytest
from azure.ai.vision.face import models as new
from azure.cognitiveservices.vision.face import models as old
from PIL import Image, ImageFilter, ImageOps

from tests.server.azure.clients import group_photo, person_photo, refused
from tests.server.azure.pictures import detect, found
from vultus.faces.types import Faces, Quality
from vultus.server.azure.attributes import ANSWERED, KNOWN, attributes_of, named_attributes

EVERY = {"returnFaceAttributes": ",".join(KNOWN), "recognitionModel": "recognition_04"}


def test_every_attribute_of_both_clients_is_known():
    theirs = {kind.value for kind in old.FaceAttributeType}
    assert theirs | {kind.value for kind in new.FaceAttributeType} == set(KNOWN)
    assert set(ANSWERED) < set(KNOWN)


def test_names_come_in_any_case_once_and_in_azures_spelling():
    assert named_attributes("HEADPOSE,blur, headPose ,,qualityforrecognition") == (
        "headPose",
        "blur",
        "qualityForRecognition",
    )
    assert named_attributes("") == ()


def test_what_cannot_be_answered_is_left_out(live):
    (face,) = found(live, person_photo("obama", 5), **EVERY)
    assert tuple(face["faceAttributes"]) == ANSWERED
    (face,) = found(live, person_photo("obama", 5), returnFaceAttributes="age,emotion,hair")
    assert face["faceAttributes"] == {}


def test_only_what_was_asked_for_is_told(live):
    (face,) = found(live, person_photo("obama", 5), returnFaceAttributes="blur,exposure")  # as %2C
    assert face["faceAttributes"].keys() == {"blur", "exposure"}
    answer = detect(live, person_photo("obama", 5), returnFaceAttributes="blur;exposure")
    assert refused(answer) == (400, "BadArgument")


def attributes(live, picture: Image.Image) -> dict:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    (face,) = found(live, buffer.getvalue(), **EVERY)
    return face["faceAttributes"]


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    """A sharp face, well lit, turned a little."""
    with Image.open(person_photo("obama", 4)) as picture:
        return picture.convert("RGB").reduce(2)


def test_a_good_portrait(live, portrait):
    told = attributes(live, portrait)
    assert told["blur"] == {"blurLevel": "low", "value": pytest.approx(0, abs=0.2)}
    assert told["exposure"]["exposureLevel"] == "goodExposure"
    assert told["noise"] == {"noiseLevel": "low", "value": pytest.approx(0, abs=0.1)}
    assert told["qualityForRecognition"] == "high"
    assert all(abs(angle) < 25 for angle in told["headPose"].values())


def test_a_blurred_dark_and_noisy_one(live, portrait):
    blurred = attributes(live, portrait.filter(ImageFilter.GaussianBlur(6)))
    assert blurred["blur"]["blurLevel"] == "high"
    assert blurred["qualityForRecognition"] in ("low", "medium")
    dark = attributes(live, Image.eval(portrait, lambda level: level // 3))
    assert dark["exposure"]["exposureLevel"] == "underExposure"
    bright = attributes(live, Image.eval(portrait, lambda level: min(255, 160 + level // 2)))
    assert bright["exposure"]["exposureLevel"] == "overExposure"
    pixels = np.asarray(portrait, np.float32)
    grain = np.random.default_rng(1).normal(scale=20, size=(*pixels.shape[:2], 1))
    noisy = attributes(live, Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8)))
    assert noisy["noise"] == {"noiseLevel": "medium", "value": pytest.approx(0.5, abs=0.08)}


def test_a_small_face_is_of_low_quality(live):
    faces = found(live, group_photo("cf_016_8.jpg"), **EVERY)
    assert {face["faceAttributes"]["qualityForRecognition"] for face in faces} == {"low"}


def test_the_pose_has_azures_signs(live, portrait):
    """The nose to the right of the image: yaw above 0; turned clockwise: roll above 0."""
    straight = attributes(live, portrait)["headPose"]
    mirrored = attributes(live, ImageOps.mirror(portrait))["headPose"]
    assert straight["yaw"] == pytest.approx(-mirrored["yaw"], abs=6)
    assert abs(straight["yaw"]) > 10
    (face,) = found(live, person_photo("obama", 4), returnFaceLandmarks="true")
    points = {name: point["x"] for name, point in face["faceLandmarks"].items()}
    nose_to_the_right = points["noseTip"] > (points["pupilLeft"] + points["pupilRight"]) / 2
    assert (straight["yaw"] > 0) == nose_to_the_right
    for clockwise in (-20, 20):
        turned = attributes(live, portrait.rotate(-clockwise))["headPose"]
        assert turned["roll"] - straight["roll"] == pytest.approx(clockwise, abs=4)


# levels, of made-up faces


def one_face(**values: float) -> Faces:
    usual = {field: 0.0 for field in Quality.__dataclass_fields__}
    columns = {name: np.array([value], np.float32) for name, value in (usual | values).items()}
    box, score = np.array([(20, 20, 60, 60)], np.float32), np.ones(1, np.float32)
    landmarks = np.zeros((1, 5, 2), np.float32)
    return Faces(box, score, landmarks, (100, 100), quality=Quality(**columns))


def told(name: str, image: np.ndarray | None = None, **values: float) -> object:
    image = np.zeros((100, 100, 3), np.uint8) if image is None else image
    (answer,) = attributes_of((name, "age"), image, one_face(**values))
    assert list(answer) == [name]
    return answer[name]


@pytest.mark.parametrize(
    ("sharpness", "level"),
    [(1, "low"), (0.76, "low"), (0.75, "medium"), (0.26, "medium"), (0.25, "high"), (0, "high")],
)
def test_levels_of_blur(sharpness, level):
    value = pytest.approx(1 - sharpness)
    assert told("blur", sharpness=sharpness) == {"blurLevel": level, "value": value}


@pytest.mark.parametrize(
    ("brightness", "level"),
    [
        (0, "underExposure"),
        (62, "underExposure"),
        (64, "goodExposure"),
        (189, "goodExposure"),
        (192, "overExposure"),
        (255, "overExposure"),
    ],
)
def test_levels_of_exposure(brightness, level):
    value = pytest.approx(brightness / 255, abs=0.005)
    assert told("exposure", brightness=brightness) == {"exposureLevel": level, "value": value}


@pytest.mark.parametrize(
    ("score", "level"),
    [(1, "high"), (0.66, "high"), (0.64, "medium"), (0.31, "medium"), (0.29, "low"), (0, "low")],
)
def test_levels_of_quality(score, level):
    assert told("qualityForRecognition", score=score) == level


@pytest.mark.parametrize(
    ("deviation", "level"), [(0, "low"), (8, "low"), (20, "medium"), (45, "high")]
)
def test_levels_of_noise(deviation, level):
    noise = np.random.default_rng(2).normal(scale=deviation, size=(100, 100, 1)) + 128
    image = np.clip(noise, 0, 255).repeat(3, axis=2).astype(np.uint8)
    answer = told("noise", image)
    assert answer["noiseLevel"] == level
    assert answer["value"] == pytest.approx(min(1, deviation / 40), abs=0.05)


def test_levels_are_spelled_as_both_clients_compare_them():
    levels = {
        "blurLevel": new.BlurLevel,
        "exposureLevel": new.ExposureLevel,
        "noiseLevel": new.NoiseLevel,
    }
    for sharpness, brightness in ((0, 0), (0.5, 128), (1, 255)):
        for name, kind in (("blur", "blurLevel"), ("exposure", "exposureLevel")):
            level = told(name, sharpness=sharpness, brightness=brightness)[kind]
            assert level in {each.value for each in levels[kind]}


def test_the_pose_is_given_as_it_is():
    pose = told("headPose", yaw_deg=12.34, pitch_deg=-0.01, roll_deg=-5.67)
    assert pose == {"pitch": 0, "roll": -5.7, "yaw": 12.3}
    assert str(pose["pitch"]) == "0.0"
