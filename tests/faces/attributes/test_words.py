from __future__ import annotations

import pytest

from vultus.faces.attributes.words import in_short, in_words

WHOLE = {
    "age": {"value": 34.2, "low": 28.0, "high": 41.4},
    "gender": {"label": "female", "probability": 0.9712},
    "expression": {"label": "happy", "probabilities": {"happy": 0.81, "sad": 0.19}},
    "head_pose": {"pitch_deg": -3.4, "yaw_deg": 12.0, "roll_deg": -0.2},
    "smile": 0.834,
    "glasses": {"label": "glasses", "probability": 0.93},
    "mask": {"label": "none", "probability": 0.98},
    "occlusion": {"eyes": False, "forehead": None, "mouth": True},
    "blur": {"level": "low", "value": 0.12},
    "exposure": {"level": "good", "value": 0.45},
    "noise": {"level": "high", "value": 0.9},
}
UNSURE = {
    "age": {"value": None, "low": None, "high": None},
    "gender": {"label": "unsure", "probability": 0.6},
    "expression": {"label": "sad", "probabilities": {"happy": 0.4, "sad": 0.6}},
    "head_pose": {"pitch_deg": None, "yaw_deg": None, "roll_deg": None},
    "smile": None,
    "glasses": {"label": "unsure", "probability": None},
    "mask": {"label": "unsure", "probability": 0.51},
    "occlusion": {"eyes": None, "forehead": None, "mouth": None},
}


def test_in_words():
    assert in_words({name: WHOLE[name] for name in ("age", "gender", "expression")}) == (
        "about 34 (28-41), female 0.97, happy 0.81"
    )
    assert in_words(WHOLE).endswith(
        "smile 0.83, glasses 0.93, no mask 0.98, mouth covered, yaw 12, pitch -3, roll 0, "
        "blur low 0.12, exposure good 0.45, noise high 0.90"
    )
    assert in_words({}) == ""


def test_what_could_not_be_told_is_unsure():
    assert in_words(UNSURE) == (
        "age unsure, gender unsure, sad 0.60, smile unsure, glasses unsure, mask unsure, "
        "nothing surely covered, pose unsure"
    )


def test_in_short_a_line_a_subject():
    assert in_short(WHOLE) == (
        "34, female, happy, smile 0.8",
        "glasses, mouth covered",
        "yaw 12, pitch -3, roll 0",
        "blur low, exposure good, noise high",
    )
    assert in_short(UNSURE) == ("sad",)
    assert in_short({}) == ()


@pytest.mark.parametrize("name", WHOLE)
def test_each_stands_alone(name):
    assert in_words({name: WHOLE[name]})
    in_short({name: WHOLE[name]})
