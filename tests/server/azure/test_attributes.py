from __future__ import annotations

import io

import numpy as np
import pytest
from azure.ai.vision.face import FaceClient
from azure.ai.vision.face import models as new
from azure.cognitiveservices.vision.face import models as old
from azure.core.credentials import AzureKeyCredential
from PIL import Image, ImageFilter, ImageOps

from tests.server.azure.clients import group_photo, old_client, person_photo, refused
from tests.server.azure.pictures import detect, found
from tests.server.live import KEY
from vultus.faces.attributes.networks import EXPRESSIONS
from vultus.faces.attributes.types import Ages, Attributes, Expressions, HeadPoses, Occlusions
from vultus.faces.types import Faces, Quality
from vultus.server.azure.attributes import (
    ANSWERED,
    KNOWN,
    attributes_of,
    named_attributes,
    needed_attributes,
    needs_quality,
)

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
    unsure = {"gender", "glasses", "accessories", "occlusion"}  # of this face, perhaps
    assert set(ANSWERED) - unsure <= set(face["faceAttributes"]) <= set(ANSWERED)
    (face,) = found(live, person_photo("obama", 5), returnFaceAttributes="age,emotion,hair")
    assert set(face["faceAttributes"]) == {"age", "emotion"}
    (face,) = found(live, person_photo("obama", 5), returnFaceAttributes="hair")
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
    assert all(abs(angle) < 35 for angle in told["headPose"].values())


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


# in Azure's terms, of made-up faces


def column(value: float) -> np.ndarray:
    return np.array([value], np.float32)


def one_face(score: float = 1.0, **columns: object) -> Faces:
    """A face of this quality; `columns` are of `Attributes`."""
    quality = {name: column(0) for name in Quality.__dataclass_fields__}
    return Faces(
        np.array([(20, 20, 60, 60)], np.float32),
        column(1),
        np.zeros((1, 5, 2), np.float32),
        (100, 100),
        quality=Quality(**{**quality, "score": column(score)}),
        attributes=Attributes(**columns),
    )


def told(name: str, score: float = 1.0, **columns: object) -> object:
    """What is answered; None where it is left out."""
    (answer,) = attributes_of((name, "hair"), one_face(score, **columns))
    assert set(answer) <= {name}
    return answer.get(name)


def offered(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(name not in ANSWERED, reason=f"{name} is not answered")


def test_only_what_is_needed_is_asked_for():
    assert needed_attributes(("emotion", "hair", "headPose")) == ("expression", "head_pose")
    assert needed_attributes(("qualityForRecognition", "makeup")) == ()
    assert needs_quality(("qualityForRecognition",))
    assert not needs_quality(("blur", "age"))


@pytest.mark.parametrize(
    ("value", "level"),
    [(0, "low"), (0.24, "low"), (0.25, "medium"), (0.74, "medium"), (0.75, "high"), (1, "high")],
)
def test_levels_of_blur(value, level):
    assert told("blur", blur=column(value)) == {"blurLevel": level, "value": value}


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (0, "underExposure"),
        (0.24, "underExposure"),
        (0.25, "goodExposure"),
        (0.74, "goodExposure"),
        (0.75, "overExposure"),
        (1, "overExposure"),
    ],
)
def test_levels_of_exposure(value, level):
    assert told("exposure", exposure=column(value)) == {"exposureLevel": level, "value": value}


@pytest.mark.parametrize(
    ("value", "level"),
    [(0, "low"), (0.29, "low"), (0.31, "medium"), (0.69, "medium"), (0.71, "high"), (1, "high")],
)
def test_levels_of_noise(value, level):
    assert told("noise", noise=column(value)) == {"noiseLevel": level, "value": value}


@pytest.mark.parametrize(
    ("score", "level"),
    [(1, "high"), (0.66, "high"), (0.64, "medium"), (0.31, "medium"), (0.29, "low"), (0, "low")],
)
def test_levels_of_quality(score, level):
    assert told("qualityForRecognition", score) == level


def test_levels_are_spelled_as_both_clients_compare_them():
    levels = {
        "blurLevel": new.BlurLevel,
        "exposureLevel": new.ExposureLevel,
        "noiseLevel": new.NoiseLevel,
    }
    for value in (0, 0.5, 1):
        for name in ("blur", "exposure", "noise"):
            kind = f"{name}Level"
            level = told(name, **{name: column(value)})[kind]
            assert level in {each.value for each in levels[kind]}


def test_the_pose_is_given_as_it_is():
    pose = HeadPoses(pitch=column(-0.01), yaw=column(12.34), roll=column(-5.67))
    answer = told("headPose", head_pose=pose)
    assert answer == {"pitch": 0, "roll": -5.7, "yaw": 12.3}
    assert str(answer["pitch"]) == "0.0"
    unknown = HeadPoses(column(np.nan), column(np.nan), column(np.nan))
    assert told("headPose", head_pose=unknown) is None


def test_an_age_is_a_number():
    assert told("age", age=Ages(column(34.24), column(28), column(41))) == 34.2


@pytest.mark.parametrize(
    ("female", "answer"), [(0.97, "female"), (0.02, "male"), (0.6, None), (np.nan, None)]
)
def test_who_is_unsure_names_no_gender(female, answer):
    assert told("gender", female=column(female)) == answer


def test_a_smile():
    assert told("smile", smile=column(0.8123)) == 0.812
    assert told("smile", smile=column(np.nan)) is None


def test_emotions_are_azures_and_add_up_to_one():
    shares = np.array([[0.1, 0.05, 0.05, 0.5, 0.1, 0.05, 0.15]], np.float32)
    answer = told("emotion", expression=Expressions(EXPRESSIONS, shares))
    assert answer == {
        "anger": 0.1,
        "contempt": 0.0,
        "disgust": 0.05,
        "fear": 0.05,
        "happiness": 0.5,
        "neutral": 0.1,
        "sadness": 0.05,
        "surprise": 0.15,
    }
    others = Expressions(("calm", "wild"), np.array([[0.5, 0.5]], np.float32))
    assert told("emotion", expression=others) is None


@offered("glasses")
@pytest.mark.parametrize(
    ("glasses", "answer"),
    [(0.9, "readingGlasses"), (0.1, "noGlasses"), (0.5, None), (np.nan, None)],
)
def test_glasses(glasses, answer):
    assert told("glasses", glasses=column(glasses)) == answer


@offered("occlusion")
@pytest.mark.parametrize(
    ("glasses", "eyes", "answer"),
    [(0.9, 0.9, "sunglasses"), (0.9, 0.1, "readingGlasses"), (0.1, 0.9, "noGlasses")],
)
def test_eyes_are_covered_behind_sunglasses(glasses, eyes, answer):
    covered = Occlusions(column(eyes), column(np.nan), column(0.1))
    assert told("glasses", glasses=column(glasses), occlusion=covered) == answer


@offered("mask")
@pytest.mark.parametrize(
    ("mask", "answer"),
    [
        (0.9, {"type": "faceMask"}),
        (0.1, {"type": "noMask", "noseAndMouthCovered": False}),
        (0.5, {"type": "uncertain"}),
        (np.nan, {"type": "uncertain"}),
    ],
)
def test_masks(mask, answer):
    assert told("mask", mask=column(mask)) == answer


@offered("accessories")
@pytest.mark.parametrize(
    ("glasses", "mask", "answer"),
    [
        (
            0.9,
            0.8,
            [{"type": "glasses", "confidence": 0.9}, {"type": "mask", "confidence": 0.8}],
        ),
        (0.9, 0.5, [{"type": "glasses", "confidence": 0.9}]),
        (0.1, 0.1, []),
        (0.5, 0.5, None),
    ],
)
def test_accessories(glasses, mask, answer):
    assert told("accessories", glasses=column(glasses), mask=column(mask)) == answer


@offered("occlusion")
def test_occlusion():
    some = Occlusions(eyes=column(0.1), forehead=column(np.nan), mouth=column(0.9))
    assert told("occlusion", occlusion=some) == {"eyeOccluded": False, "mouthOccluded": True}
    nothing = Occlusions(column(np.nan), column(np.nan), column(np.nan))
    assert told("occlusion", occlusion=nothing) is None


# as both clients read it


def test_the_old_client_reads_them(live):
    kinds = [old.FaceAttributeType(name) for name in KNOWN]
    with old_client(live) as client, person_photo("obama", 4).open("rb") as photo:
        (face,) = client.face.detect_with_stream(
            photo, return_face_attributes=kinds, recognition_model="recognition_04"
        )
    told = face.face_attributes
    assert 0 <= told.age <= 101
    assert told.gender in (None, old.Gender.male, old.Gender.female)
    assert 0 <= told.smile <= 1
    emotions = told.emotion.as_dict()
    assert emotions.pop("contempt") == 0
    assert sum(emotions.values()) == pytest.approx(1, abs=0.01)
    assert abs(told.head_pose.yaw) > 10
    assert told.blur.blur_level == old.BlurLevel.low
    assert told.exposure.exposure_level == old.ExposureLevel.good_exposure
    assert told.noise.noise_level == old.NoiseLevel.low
    assert told.quality_for_recognition == old.QualityForRecognition.high
    assert (told.hair, told.makeup, told.facial_hair) == (None, None, None)
    if "glasses" in ANSWERED and told.glasses is not None:
        assert told.glasses is old.GlassesType.no_glasses
    if "mask" in ANSWERED:
        assert told.mask.type in set(old.MaskType)


def test_the_new_client_reads_them(live):
    kinds = [kind for kind in new.FaceAttributeType if kind.value in ANSWERED]
    with FaceClient(live.url, AzureKeyCredential(KEY)) as client:
        (face,) = client.detect(
            person_photo("obama", 4).read_bytes(),
            detection_model="detection_01",
            recognition_model="recognition_04",
            return_face_id=False,
            return_face_attributes=kinds,
        )
    told = face.face_attributes
    assert 0 <= told.age <= 101
    assert 0 <= told.smile <= 1
    assert abs(told.head_pose.yaw) > 10
    assert told.blur.blur_level == new.BlurLevel.LOW
    assert told.exposure.exposure_level == new.ExposureLevel.GOOD_EXPOSURE
    assert told.noise.noise_level == new.NoiseLevel.LOW
    assert told.hair is None
    if "glasses" in ANSWERED and told.glasses is not None:
        assert told.glasses == new.GlassesType.NO_GLASSES
    if "mask" in ANSWERED:
        assert told.mask.type in set(new.MaskType)
