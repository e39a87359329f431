from __future__ import annotations

import pytest

from vultus.faces.attributes.networks import EXPRESSIONS
from vultus.learn.expressions import expression_of, expressions_of


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_names_of_fer2013_mean_themselves(name):
    assert EXPRESSIONS[expression_of(name)] == name


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("Anger", "angry"),
        ("DISGUSTED", "disgust"),
        ("fearful", "fear"),
        ("scared", "fear"),
        ("happiness", "happy"),
        ("3_happy", "happy"),
        ("Sadness (2)", "sad"),
        ("surprised", "surprise"),
        (" Neutral ", "neutral"),
    ],
)
def test_usual_words_are_understood(name, meaning):
    assert EXPRESSIONS[expression_of(name)] == meaning


@pytest.mark.parametrize("name", ["", "3", "hapy", "contempt", "not happy", "unhappy", "ärger"])
def test_others_are_not_guessed(name):
    assert expression_of(name) is None


def test_several_names_are_compared_only_where_each_means_another():
    assert expressions_of(["Sad", "Happy"]) == [5, 3]
    assert expressions_of(["happy", "joy"]) is None
    assert expressions_of(["happy", "bored"]) is None
