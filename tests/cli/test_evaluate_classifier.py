from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.evaluate_helpers import write_people
from tests.fakes import fake_analyzer
from vultus.cli import options
from vultus.evaluate.people import read_people
from vultus.learn.folders import PictureSet

pytest.importorskip("skops", reason="skops is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")


@pytest.fixture(autouse=True)
def squares(monkeypatch):
    monkeypatch.setattr(
        options, "make_analyzer", lambda settings, mirror=None: fake_analyzer(settings)
    )


def train(folder: Path, path: Path) -> Path:
    """A classifier of the people in a folder; faces are coloured squares."""
    from vultus.learn.classifier import train_classifier
    from vultus.learn.classifier_file import save_classifier
    from vultus.learn.embeddings import embed_pictures
    from vultus.learn.people import gather

    analyzer = fake_analyzer()
    people = read_people(folder)
    found = list(embed_pictures(analyzer, people.paths))
    pictures = PictureSet(tuple(people.names), people.paths, people.targets.tolist(), 0)
    faces = gather(folder, pictures, found, 128).faces
    trained = train_classifier(faces, embedder=analyzer.embedder_id, mirror=analyzer.mirror)
    save_classifier(trained.classifier, path)
    return path


@pytest.fixture
def model(tmp_path):
    return train(write_people(tmp_path / "learnt", ada=6, bob=6, cyd=6), tmp_path / "k.vultus")


@pytest.fixture
def fresh(tmp_path):
    """Other photos of ada and bob, and of dan, whom the classifier does not know."""
    folder = write_people(tmp_path / "fresh", ada=9, bob=9, dan=3)
    for person in ("ada", "bob"):
        for number in range(6):
            (folder / person / f"{number}.png").unlink()
    return folder


def test_figures(run, model, fresh):
    ran = run("evaluate", "classifier", fresh, "--model", model, "-f", "json")
    (record,) = ran.records
    assert (record["images"], record["people"], record["learnt_from"]) == (6, 2, 0)
    assert (record["accuracy"], record["balanced_accuracy"], record["f1"]) == (1.0, 1.0, 1.0)
    assert set(record["per_class"]) == {"ada", "bob"}
    assert record["per_class"]["ada"] == {"images": 3, "precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert record["worst_pairs"] == []
    told = record["open_set"]
    assert (told["named"], told["strangers"], told["strangers_named"]) == (1.0, 3, 0.0)
    assert told["named_at_fpir"] == {"0.01": None, "0.001": None}
    lines = run("evaluate", "classifier", fresh, "--model", model).stdout
    assert "6 pictures of 2 people, 0 faces not found" in lines
    assert "of 3 strangers 0.0 % are named" in lines


def test_who_is_taken_for_whom(run, model, fresh):
    (fresh / "ada" / "6.png").rename(fresh / "bob" / "ada.png")
    (record,) = run("evaluate", "classifier", fresh, "--model", model, "-f", "json").records
    assert record["worst_pairs"] == [{"person": "bob", "taken_for": "ada", "count": 1}]
    assert record["accuracy"] == pytest.approx(5 / 6, abs=1e-4)
    assert record["open_set"]["misnamed"] == pytest.approx(1 / 6, abs=1e-4)
    last = run("evaluate", "classifier", fresh, "--model", model).stdout.splitlines()[-1]
    assert last.split() == ["bob", "ada", "1"]


def test_strangers_from_another_folder(run, tmp_path, model, fresh):
    strangers = write_people(tmp_path / "strangers", eve=4)
    arguments = ("--model", model, "--strangers", strangers, "-f", "json")
    (record,) = run("evaluate", "classifier", fresh, *arguments).records
    assert record["open_set"]["strangers"] == 3 + 4
    ran = run("evaluate", "classifier", fresh, "--model", model, "--strangers", "nowhere")
    assert ran.code == 2 and "nowhere is no folder" in ran.stderr


def test_faces_that_are_not_found_are_never_named(run, model, fresh):
    from PIL import Image

    for person in ("ada", "dan"):
        Image.fromarray(np.zeros((80, 80, 3), np.uint8)).save(fresh / person / "black.png")
    (record,) = run("evaluate", "classifier", fresh, "--model", model, "-f", "json").records
    assert (record["images"], record["not_found"], record["accuracy"]) == (7, 1, 1.0)
    assert record["open_set"]["named"] == pytest.approx(6 / 7, abs=1e-4)
    assert record["open_set"]["strangers"] == 4


def test_pictures_that_were_learnt_from_are_left_out(run, tmp_path, model):
    everything = write_people(tmp_path / "everything", ada=8, bob=6, cyd=6)
    (record,) = run("evaluate", "classifier", everything, "--model", model, "-f", "json").records
    assert (record["images"], record["learnt_from"]) == (2, 18)
    ran = run("evaluate", "classifier", tmp_path / "learnt", "--model", model)
    assert (ran.code, ran.stdout) == (1, "")
    assert "18 pictures that it learnt from" in ran.stderr


def test_refuses_what_is_no_classifier(run, tmp_path, fresh):
    (tmp_path / "text.vultus").write_text("hello")
    for name, words in (("nothing.vultus", "model_missing"), ("text.vultus", "model_damaged")):
        ran = run("evaluate", "classifier", fresh, "--model", tmp_path / name)
        assert (ran.code, ran.stdout) == (3, "")
        assert words in ran.stderr


def test_refuses_another_models_embeddings(run, model, fresh, monkeypatch):
    class Other:
        model_id = "other"

        def embed(self, chips):
            return np.zeros((len(chips), 128), np.float32)

    def other(settings, mirror=None):
        analyzer = fake_analyzer(settings)
        analyzer._given_embedder = Other()
        return analyzer

    monkeypatch.setattr(options, "make_analyzer", other)
    ran = run("evaluate", "classifier", fresh, "--model", model)
    assert ran.code == 4
    assert "model_mismatch" in ran.stderr


def test_plots_and_report(run, tmp_path, model, fresh):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    ran = run(
        *("evaluate", "classifier", fresh, "--model", model),
        *("--plots", "plots", "--report", "r.html"),
    )
    assert ran.code == 0
    written = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert written == ["open-set.png", "open-set.svg", "reliability.png", "reliability.svg"]
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "svm, 3 people" in page
    assert "3 probes of strangers cannot show a rate" in page
