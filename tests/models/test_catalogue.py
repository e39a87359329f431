from __future__ import annotations

import re
from importlib import resources

import pytest

from vultus.errors import ModelDamaged, ModelUnknown
from vultus.models import catalogue
from vultus.models.catalogue import card, cards, parse_card


def text_of(model_id: str) -> str:
    folder = resources.files("vultus.models") / "cards"
    return folder.joinpath(f"{model_id}.toml").read_text("utf-8")


def without(text: str, key: str) -> str:
    """The card's text without one line."""
    shorter = re.sub(rf"^{key} = .*\n", "", text, count=1, flags=re.MULTILINE)
    assert shorter != text
    return shorter


def test_the_default_models_have_cards():
    for model_id, kind in [
        (catalogue.DETECTOR, "detector"),
        (catalogue.LANDMARKS, "landmarks"),
        (catalogue.LANDMARKS_68, "landmarks"),
        (catalogue.EMBEDDER, "embedder"),
        (catalogue.MMOD, "detector"),
    ]:
        assert card(model_id).id == model_id
        assert card(model_id).kind == kind
    assert set(cards()) == {found.id for found in cards().values()}


def test_the_card_of_the_68_points_says_what_their_training_data_excludes():
    found = card(catalogue.LANDMARKS_68)
    for text in (found.license_weights, found.training_data):
        assert "300-W" in text
        assert "commercial use" in text


def test_an_embedders_calibration_goes_from_strict_to_lax():
    calibration = card(catalogue.EMBEDDER).calibration
    assert calibration is not None
    points = calibration.points
    assert [point.distance for point in points] == sorted(point.distance for point in points)
    assert [point.far for point in points] == sorted(point.far for point in points)
    assert [point.tar for point in points] == sorted(point.tar for point in points)


def test_an_unknown_model_is_answered_with_the_known_ones():
    with pytest.raises(ModelUnknown, match="no-such") as caught:
        card("no-such")
    assert catalogue.EMBEDDER in caught.value.hint


REQUIRED = [name for name, field in catalogue.Card.model_fields.items() if field.is_required()]


@pytest.mark.parametrize("key", [key for key in REQUIRED if key != "files"])
def test_a_card_that_lacks_something_is_refused(key):
    with pytest.raises(ModelDamaged, match=key):
        parse_card(without(text_of(catalogue.DETECTOR), key), "mtcnn.toml")


def test_licences_and_training_data_are_required():
    assert {"license_code", "license_weights", "training_data", "files", "megabytes"} <= set(
        REQUIRED
    )


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ('kind = "detector"', 'kind = "oracle"'),
        ("megabytes = 2.0", "megabytes = 0"),
        ('license_weights = "MIT"', 'license_weights = ""'),
        ("megabytes = 2.0", "megabytes = 2.0\ncolour = 'blue'"),
        ('"pnet.lz4" = "ea6b', '"pnet.lz4" = "xa6b'),
        ('"pnet.lz4" = "ea6b', '"pnet.lz4" = "'),
        ('title = "MTCNN', "title = MTCNN"),
    ],
)
def test_a_card_that_makes_no_sense_is_refused(wrong, right):
    text = text_of(catalogue.DETECTOR)
    assert wrong in text
    with pytest.raises(ModelDamaged, match=r"bad\.toml"):
        parse_card(text.replace(wrong, right), "bad.toml")


def test_a_card_without_weight_files_is_refused():
    head = text_of(catalogue.DETECTOR).split("[files]")[0]
    with pytest.raises(ModelDamaged, match="files"):
        parse_card(head + "[files]\n", "bad.toml")


def test_an_embedder_without_calibration_is_refused():
    head = text_of(catalogue.EMBEDDER).split("[calibration]")[0]
    with pytest.raises(ModelDamaged, match="without calibration"):
        parse_card(head, "bad.toml")


@pytest.mark.parametrize(
    "key", ["slope", "threshold", "calibration_error", "data", "genuine_pairs", "points"]
)
def test_half_a_calibration_is_refused(key):
    text = text_of(catalogue.EMBEDDER)
    head, tail = text.split("[calibration]")
    shorter = re.sub(rf"^{key} = (\[[^\]]*\]|.*)\n?", "", tail, count=1, flags=re.MULTILINE)
    assert shorter != tail
    with pytest.raises(ModelDamaged, match=f"calibration.{key}"):
        parse_card(head + "[calibration]" + shorter, "bad.toml")
