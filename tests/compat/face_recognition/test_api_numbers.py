"""dlib's own numbers: landmarks and chips exactly, encodings to the last digits.

The reference is made by tests/reference/make_face_recognition_reference.py.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

import vultus.compat.face_recognition as face_recognition
from tests.shared import shared
from vultus import shortcuts
from vultus.compat.face_recognition import api, engine
from vultus.compat.face_recognition import jitter as jittering
from vultus.imaging.dlib_chip import chip_place, cut_chip

REFERENCE = Path(__file__).parents[2] / "reference" / "face_recognition_reference.json"


def use_analyzer(analyzer, monkeypatch):
    """The session's Analyzer in place of the process's, so that models are loaded once."""
    monkeypatch.setattr(shortcuts, "default_analyzer", lambda: analyzer)


@pytest.fixture(autouse=True)
def shared_analyzer(analyzer, monkeypatch):
    use_analyzer(analyzer, monkeypatch)


@pytest.fixture(scope="module")
def reference():
    return json.loads(REFERENCE.read_text())


@pytest.fixture(scope="module")
def pictures(reference, lfw):
    """The reference's pictures with their faces."""
    return [
        (
            lfw(name)
            if name.startswith("lfw")
            else face_recognition.load_image_file(shared(f"photos/{name}")),
            faces,
        )
        for name, faces in reference["faces"].items()
    ]


def test_hog_boxes_are_about_dlibs(pictures):
    apart = []
    for image, faces in pictures:
        found = np.array(face_recognition.face_locations(image))
        for top, right, bottom, left in (face["location"] for face in faces[:-1]):  # dlib's own
            edges = np.abs(found - (top, right, bottom, left)).max(axis=1)
            apart.append(edges.min() / (right - left + 1))
    assert len(apart) == 20
    assert max(apart) < 0.22  # none is missed: dlib's boxes come in steps of 20 %
    assert np.median(apart) < 0.09
    assert np.mean(np.array(apart) <= 0.15) >= 0.85


def test_the_smallest_faces_that_dlib_finds_are_found():
    with Image.open(shared("photos/people/cf_a/001_A.jpg")) as photo:
        image = np.array(ImageOps.pad(photo.convert("RGB"), (640, 480)))
    (found,) = face_recognition.face_locations(image)
    assert 29 <= found[2] - found[0] <= 44  # dlib: 37
    assert face_recognition.face_locations(image, 0) == []


@pytest.mark.parametrize("model", ["large", "small"])
def test_landmarks_chips_and_encodings_are_dlibs(pictures, model):
    apart = []
    for image, faces in pictures:
        if not faces:
            continue
        locations = [face["location"] for face in faces]
        found = api._raw_face_landmarks(image, locations, model)
        encodings = face_recognition.face_encodings(image, locations, model=model)
        for face, landmarks, encoding in zip(faces, found, encodings, strict=True):
            wanted = face[model]
            assert [list(point) for point in landmarks.parts()] == wanted["points"]
            chip = cut_chip(image, chip_place(np.array(landmarks.parts())))
            assert hashlib.sha256(chip.tobytes()).hexdigest() == wanted["chip"]
            apart.append(np.linalg.norm(encoding - wanted["encoding"]))
    assert len(apart) == 36
    assert max(apart) < 2e-5


def test_the_first_jitters_of_a_process_are_dlibs(reference):
    told = reference["jittered"]
    image = face_recognition.load_image_file(shared(f"photos/{told['photo']}"))
    jittering._generator.cache_clear()
    for answer in told["answers"]:
        (encoding,) = face_recognition.face_encodings(image, [told["location"]], answer["count"])
        assert np.linalg.norm(encoding - answer["encoding"]) < 2e-5


def test_jitters_go_on_from_call_to_call_and_begin_anew_in_a_process(astronaut):
    box = [(67, 277, 181, 163)]
    jittering._generator.cache_clear()
    first, second = (face_recognition.face_encodings(astronaut, box, 3)[0] for _ in range(2))
    assert 0 < np.linalg.norm(first - second) < 0.3
    jittering._generator.cache_clear()
    np.testing.assert_array_equal(face_recognition.face_encodings(astronaut, box, 3)[0], first)


def test_many_jitters_are_made_in_parts_with_the_same_mean(astronaut, monkeypatch):
    box = [(67, 277, 181, 163)]
    answers = []
    for at_once in (64, 2):
        monkeypatch.setattr(api.engine, "COPIES_AT_ONCE", at_once)
        jittering._generator.cache_clear()
        answers.append(face_recognition.face_encodings(astronaut, box, 5)[0])
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-6)


def test_a_jitter_is_a_small_change():
    chip = np.zeros((150, 150, 3), np.uint8)
    chip[60:90, 20:40] = 255  # left of the middle: a mirrored one has it on the right
    copies = jittering.jitter(chip, 200)
    assert copies.shape == (200, 150, 150, 3)
    rows, columns = (copies[..., 0].sum(axis=axis) @ np.arange(150) for axis in (2, 1))
    total = copies[..., 0].sum(axis=(1, 2), dtype=float)
    across, down = columns / total, rows / total
    mirrored = across > 75
    assert 70 < mirrored.sum() < 130
    across[mirrored] = 149 - across[mirrored]
    assert np.abs(across - 29.5).max() < 8
    assert np.abs(down - 74.5).max() < 8
    assert across.std() > 1
    assert (total / total.mean()).std() > 0.005  # sizes differ


def test_pictures_together_have_the_encodings_of_each(pictures):
    images = [image for image, _ in pictures[:3]]
    nobody = np.zeros((50, 50, 3), np.uint8)
    chips = [api.face_chips(image) for image in (images[0], nobody, *images[1:])]
    together = engine.encode_together(chips)
    assert [len(faces) for faces in together] == [len(each) for each in chips]
    assert together[1] == []
    for image, faces in zip(images, (together[0], *together[2:]), strict=True):
        np.testing.assert_allclose(faces, face_recognition.face_encodings(image), atol=1e-5)
