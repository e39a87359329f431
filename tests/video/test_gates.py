from __future__ import annotations

import numpy as np
import pytest

from tests.fakes import place_landmarks
from vultus.faces.types import Faces, Quality
from vultus.settings import VideoSettings
from vultus.video.gates import REASONS, Gates

GATES = Gates(VideoSettings())
GOOD = {"box_width": 80.0, "score": 0.99, "yaw_deg": 0.0, "pitch_deg": 0.0}


def test_a_good_face_passes():
    assert GATES.before_alignment(**GOOD) is None


@pytest.mark.parametrize(
    ("poor", "word"),
    [
        ({"box_width": 31.9}, "small"),
        ({"score": 0.89}, "doubtful"),
        ({"yaw_deg": 51.0}, "turned"),
        ({"yaw_deg": -51.0}, "turned"),
        ({"pitch_deg": 46.0}, "turned"),
        ({"pitch_deg": -46.0}, "turned"),
    ],
)
def test_each_gate_has_its_word(poor, word):
    assert GATES.before_alignment(**{**GOOD, **poor}) == word
    assert word in REASONS


@pytest.mark.parametrize(
    "limit",
    [
        {"box_width": 32.0},
        {"score": 0.9},
        {"yaw_deg": 50.0},
        {"yaw_deg": -50.0},
        {"pitch_deg": 45.0},
    ],
)
def test_the_limit_itself_passes(limit):
    assert GATES.before_alignment(**{**GOOD, **limit}) is None


@pytest.mark.parametrize(
    ("setting", "face"),
    [
        ({"gate_face_px": 100}, {}),
        ({"gate_score": 0.995}, {}),
        ({"gate_yaw_deg": 10}, {"yaw_deg": 12.0}),
        ({"gate_pitch_deg": 10}, {"pitch_deg": 12.0}),
    ],
)
def test_every_camera_may_have_other_gates(setting, face):
    assert GATES.before_alignment(**{**GOOD, **face}) is None
    assert Gates(VideoSettings(**setting)).before_alignment(**{**GOOD, **face}) is not None


def faces(sharpness: list[float] | None) -> Faces:
    count = len(sharpness or [0])
    corners = np.tile(np.array([0, 0, 80, 80], np.float32), (count, 1))
    quality = None
    if sharpness is not None:
        columns = [np.full(count, 0.5, np.float32) for _ in range(8)]
        columns[1] = np.array(sharpness, np.float32)
        quality = Quality(*columns)
    scores = np.full(count, 0.99, np.float32)
    return Faces(corners, scores, place_landmarks(corners), (640, 480), quality=quality)


def test_a_blurred_face_is_stopped_before_it_is_embedded():
    found = faces([0.5, 0.05, 0.13])
    assert [GATES.before_embedding(found, row) for row in range(3)] == [None, "blurred", None]
    assert "blurred" in REASONS
    assert Gates(VideoSettings(gate_sharpness=0)).before_embedding(found, 1) is None


def test_where_nothing_was_rated_nothing_is_blurred():
    assert GATES.before_embedding(faces(None), 0) is None


def test_every_reason_is_a_sentence():
    assert set(REASONS) == {"small", "blurred", "turned", "doubtful"}
    assert all(len(words.split()) > 3 for words in REASONS.values())
