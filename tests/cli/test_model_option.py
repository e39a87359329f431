"""`--model`: what `vultus train expression` wrote, used by detect, identify and watch."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.fakes import picture
from tests.learn.networks import ColourNetworks, write_classes
from tests.video.scenes import scene_analyzer
from vultus.cli import options
from vultus.learn.head import ExpressionHead, load_head, networks_id, save_head
from vultus.video import watching


def with_colours(analyzer):
    analyzer.attribute_networks = ColourNetworks()
    return analyzer


@pytest.fixture
def seeing(watch, monkeypatch):
    """Commands whose networks see colours alone."""
    monkeypatch.setattr(
        options,
        "make_analyzer",
        lambda settings, mirror=None: with_colours(scene_analyzer(settings)),
    )
    monkeypatch.setattr(
        watching,
        "analyzer_for",
        lambda cameras, settings: with_colours(scene_analyzer(settings)),
    )
    return watch


@pytest.fixture
def model(seeing, tmp_path):
    """Tells ada from bob."""
    images = write_classes(tmp_path / "images", {"froh": "ada", "müde [x]": "bob"})
    path = tmp_path / "my.vultus"
    assert seeing("train", "expression", images, "--out", path).code == 0
    return path


@pytest.fixture
def both(tmp_path):
    Image.fromarray(picture("ada", "bob")).save(tmp_path / "both.png")
    return tmp_path / "both.png"


ASKED = ("--attributes", "expression")


def test_detect_tells_the_labels_of_the_model(seeing, model, both):
    (record,) = seeing("detect", both, *ASKED, "--model", model, "-f", "json").records
    told = {face["box"]["x"]: face["attributes"]["expression"] for face in record["faces"]}
    first, second = (told[x] for x in sorted(told))
    assert (first["label"], second["label"]) == ("froh", "müde [x]")
    assert set(first["probabilities"]) == {"froh", "müde [x]"}
    assert sum(first["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    shipped = seeing("detect", both, *ASKED, "-f", "json").records[0]["faces"][0]
    assert "neutral" in shipped["attributes"]["expression"]["probabilities"]


def test_identify_tells_them_and_draws_them(seeing, model, both, tmp_path):
    ran = seeing(
        "identify", both, "-g", "family", *ASKED, "--model", model, "-f", "json",
        "--annotate", tmp_path / "out",
    )  # fmt: skip
    faces = {
        face["person"]: face["attributes"]["expression"]["label"]
        for face in ran.records[0]["faces"]
    }
    assert faces == {"ada": "froh", "bob": "müde [x]"}
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_watch_tells_them_in_its_events(seeing, model, clip):
    ran = seeing("watch", clip, "-g", "family", *ASKED, "--model", model, "-f", "json")
    exits = [r for r in ran.records if r.get("type") == "exit" and r.get("person") == "ada"]
    assert [visit["attributes"]["expression"]["label"] for visit in exits] == ["froh"]


def test_a_model_that_nothing_asks_for(seeing, model, both, clip):
    for arguments in (("detect", both), ("identify", both, "-g", "family"), ("watch", clip)):
        ran = seeing(*arguments, "--attributes", "age", "--model", model, "-f", "json")
        assert ran.code == 2
        assert "--attributes expression" in ran.records[0]["error"]["message"]


@pytest.mark.parametrize(
    ("make", "code", "status"),
    [
        ("missing", "model_missing", 3),
        ("damaged", "model_damaged", 3),
        ("other", "model_mismatch", 4),
    ],
)
def test_a_model_that_cannot_be_used(seeing, model, both, make, code, status):
    if make == "missing":
        model.unlink()
    elif make == "damaged":
        model.write_bytes(model.read_bytes()[:-50])
    else:
        head = load_head(model, networks_id())
        card = head.card.model_copy(update={"networks": "0" * 64})
        save_head(ExpressionHead(card, head.weights, head.bias), model)
    ran = seeing("detect", both, *ASKED, "--model", model, "-f", "json")
    assert (ran.code, ran.records[0]["error"]["code"]) == (status, code)
    if make == "other":
        assert "vultus train expression" in ran.records[0]["error"]["message"]


def test_a_picture_without_a_face(seeing, model, tmp_path):
    Image.fromarray(np.zeros((80, 80, 3), np.uint8)).save(tmp_path / "black.png")
    (record,) = seeing(
        "detect", tmp_path / "black.png", *ASKED, "--model", model, "-f", "json"
    ).records
    assert record["faces"] == []
