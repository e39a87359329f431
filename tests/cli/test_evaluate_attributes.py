from __future__ import annotations

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from tests.fakes import picture
from tests.learn.networks import ColourNetworks, colour_analyzer, write_classes
from tests.shared import shared
from vultus.cli import options
from vultus.faces.attributes.networks import EXPRESSIONS
from vultus.learn.cutting import cut_faces

EXPRESSION_KEYS = ["images", "used", "accuracy", "per_class", "ece"]
PEOPLE_KEYS = [
    "images",
    "used",
    "age_mae",
    "age_mae_by_band",
    "gender_accuracy",
    "gender_accuracy_18_plus",
    "by_ethnicity",
]


@pytest.fixture
def evaluate(run):
    def run_it(kind, images, *more):
        return run("evaluate", "attributes", "--kind", kind, "--images", images, *more)

    return run_it


@pytest.fixture
def colours(monkeypatch):
    """Networks that see colours alone, in place of the real ones."""
    monkeypatch.setattr(options, "make_analyzer", lambda settings, **_: colour_analyzer(settings))


def told(person):
    """What `ColourNetworks` call the picture of a person."""
    networks = ColourNetworks()
    chips = np.zeros((1, 150, 150, 3), np.uint8)
    chips[:] = picture(person)[50, 50]
    return EXPRESSIONS[networks.expression(networks.both_maps(chips)).probabilities[0].argmax()]


def test_expressions_in_folders(evaluate, colours, tmp_path):
    right = told("ada")
    wrong = next(name for name in EXPRESSIONS if name not in (right, told("bob")))
    images = write_classes(tmp_path / "images", {right.upper(): "ada", f"{wrong}_2": "bob"}, 2)
    write_classes(images, {"Contempt": "cyd"}, 3)
    Image.fromarray(np.zeros((48, 48, 3), np.uint8)).save(images / f"{wrong}_2" / "black.png")
    (images / f"{wrong}_2" / "broken.jpg").write_bytes(b"")
    ran = evaluate("expression", images, "-f", "json")
    assert ran.code == 0
    (record,) = ran.records
    assert list(record)[:5] == EXPRESSION_KEYS
    assert (record["images"], record["used"]) == (9, 5)
    assert record["per_class"][right] == {"images": 2, "recall": 1.0}
    assert record["per_class"][wrong]["images"] == 3
    assert sum(record["confusion"][wrong].values()) == 3
    assert record["unknown_labels"] == {"Contempt": 3}
    assert record["whole_pictures"] == 1
    assert [one["code"] for one in record["left_out"]] == ["image_unreadable"]
    assert "Contempt: not an expression" in ran.stderr
    assert "broken.jpg: left out" in ran.stderr
    lines = evaluate("expression", images).stdout.splitlines()
    assert lines[0].startswith("9 pictures, 5 used, 1 of them as a whole")
    assert lines[-1].startswith(f"accuracy {record['accuracy']:.3f}, balanced accuracy")


def test_two_folders_of_one_meaning_are_one_class(evaluate, colours, tmp_path):
    images = write_classes(tmp_path / "images", {"sad": "ada", "sadness": "bob"}, 2)
    (record,) = evaluate("expression", images, "-f", "json").records
    assert list(record["per_class"]) == ["sad"]
    assert record["per_class"]["sad"]["images"] == 4


def test_a_trained_model_is_measured_with_its_own_labels(evaluate, colours, run, tmp_path):
    people = {"Happy": "ada", "müde": "bob"}
    images = write_classes(tmp_path / "images", people)
    run("train", "expression", images, "--out", tmp_path / "my.vultus")
    others = write_classes(tmp_path / "others", {**people, "happy": "cyd"}, 3)
    (record,) = evaluate(
        "expression", others, "--model", tmp_path / "my.vultus", "-f", "json"
    ).records
    assert record["accuracy"] == 1
    assert set(record["per_class"]) == {"Happy", "müde"}
    assert record["unknown_labels"] == {"happy": 3}
    ran = evaluate("age-gender", others, "--model", tmp_path / "my.vultus")
    assert ran.code == 2
    (tmp_path / "my.vultus").write_bytes(b"damaged")
    ran = evaluate("expression", others, "--model", tmp_path / "my.vultus", "-f", "json")
    assert ran.code == 3
    assert ran.records[0]["error"]["code"] == "model_damaged"


def test_people_by_the_names_of_their_pictures(evaluate, colours, tmp_path):
    (tmp_path / "deep").mkdir()
    analyzer = colour_analyzer()
    paths = []
    for person, name in (("ada", "20_1_0_x"), ("bob", "deep/60_0_3_x"), ("cyd", "5_1_4_x")):
        paths.append(tmp_path / f"{name}.png")
        Image.fromarray(picture(person)).save(paths[-1])
    Image.fromarray(picture("dan")).save(tmp_path / "holiday.png")
    (tmp_path / "8_0_1_x.jpg").write_bytes(b"no picture")
    chips = cut_faces(analyzer, paths).chips
    ages, female = analyzer.person_head.told(analyzer.look(chips)[1])
    ran = evaluate("age-gender", tmp_path, "-f", "json", "--jobs", 2)
    (record,) = ran.records
    assert list(record)[:7] == PEOPLE_KEYS
    assert (record["images"], record["used"], record["unlabelled"]) == (5, 3, 1)
    off = np.abs(ages.value - (20, 60, 5))
    assert record["age_mae"] == pytest.approx(off.mean(), abs=1e-3)
    assert record["age_mae_by_band"]["60+"] == pytest.approx(off[1], abs=1e-3)
    right = (female >= 0.5) == (True, False, True)
    assert record["gender_accuracy"] == pytest.approx(right.mean(), abs=1e-3)
    assert record["gender_accuracy_18_plus"] == pytest.approx(right[:2].mean(), abs=1e-3)
    assert record["by_ethnicity"]["indian"]["images"] == 1
    assert [one["code"] for one in record["left_out"]] == ["image_unreadable"]
    assert "8_0_1_x.jpg: left out" in ran.stderr
    assert "1 pictures have no age" in ran.stderr
    lines = evaluate("age-gender", tmp_path).stdout.splitlines()
    assert lines[1].split() == ["images", "age", "error", "gender", "gender,", "18+"]
    assert lines[2].split()[:2] == ["all", "3"]


@pytest.mark.parametrize("kind", ["expression", "age-gender"])
def test_folders_without_what_is_measured(evaluate, colours, tmp_path, kind):
    images = write_classes(tmp_path / "images", {"ada": "ada", "bob": "bob"}, 1)
    ran = evaluate(kind, images, "-f", "json")
    assert ran.records[-1]["error"]["code"] == (
        "usage" if kind == "expression" else "nothing_to_do"
    )
    assert evaluate(kind, tmp_path / "missing").code == 2
    assert evaluate(kind, images / "ada" / "0.png").code == 2
    (tmp_path / "empty").mkdir()
    assert evaluate(kind, tmp_path / "empty").code in (1, 2)


@pytest.mark.parametrize("kind", ["expression", "age-gender"])
def test_no_usable_picture(evaluate, colours, tmp_path, kind):
    (tmp_path / "happy").mkdir()
    (tmp_path / "happy" / "20_1_0_x.jpg").write_bytes(b"no picture")
    ran = evaluate(kind, tmp_path, "-f", "json")
    assert ran.code == 1
    assert ran.records[-1]["error"]["code"] == "nothing_to_do"


def test_another_kind_is_refused(evaluate, tmp_path):
    assert evaluate("mood", tmp_path).code == 2


def unpack(archive, folder, wanted, most):
    """The first `most` members of an archive that are wanted, by their folder."""
    counts: dict[str, int] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            *above, name = member.name.split("/")
            label = above[-1] if above else ""
            if not (member.isfile() and wanted(member.name)) or counts.get(label, 0) >= most:
                continue
            counts[label] = counts.get(label, 0) + 1
            data = tar.extractfile(member)
            (folder / label).mkdir(parents=True, exist_ok=True)
            Image.open(io.BytesIO(data.read())).save(folder / label / name)
            if len(counts) == 7 and min(counts.values()) >= most:
                break
    return folder


def test_real_people(evaluate, tmp_path):
    images = unpack(shared("utkface.tar"), tmp_path / "utk", lambda name: name.endswith(".jpg"), 12)
    (record,) = evaluate("age-gender", images, "-f", "json").records
    assert record["images"] == record["used"] == 12
    assert 0 <= record["age_mae"] < 60
    assert record["whole_pictures"] <= 2
    assert sum(group["images"] for group in record["by_ethnicity"].values()) == 12


def test_real_expressions_are_measured_and_learnt(evaluate, run, tmp_path):
    images = unpack(
        shared("fer2013.tar.gz"), tmp_path / "fer", lambda name: "/public_test/" in name, 5
    )
    (record,) = evaluate("expression", images, "-f", "json").records
    assert record["images"] == record["used"] == 35
    assert set(record["per_class"]) == set(EXPRESSIONS)
    (trained,) = run(
        "train", "expression", images, "--out", tmp_path / "my.vultus", "-f", "json"
    ).records
    assert trained["used"] + len(trained["twice"]) == 35
    assert isinstance(trained["better_than_shipped"], bool)
    if not trained["twice"]:  # both commands asked the same network about the same pictures
        assert trained["shipped"]["accuracy"] == record["accuracy"]
    (again,) = evaluate(
        "expression", images, "--model", tmp_path / "my.vultus", "-f", "json"
    ).records
    assert again["accuracy"] >= trained["accuracy"]
