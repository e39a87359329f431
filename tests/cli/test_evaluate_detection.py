from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from tests.cli.evaluate_helpers import write_group
from tests.fakes import fake_analyzer
from tests.shared import shared
from vultus.cli import options
from vultus.faces.mtcnn import Detections


@pytest.fixture
def squares(monkeypatch):
    monkeypatch.setattr(options, "make_analyzer", fake_analyzer)


@pytest.fixture
def groups(tmp_path):
    """Three photos, and where their faces are."""
    folder = tmp_path / "photos"
    marks = {
        "two.png": write_group(folder / "two.png", "ada", "bob"),
        "deep/three.png": write_group(folder / "deep" / "three.png", "ada", "cyd", "eve"),
        "none.png": [],
    }
    Image.fromarray(np.zeros((60, 60, 3), np.uint8)).save(folder / "none.png")
    return folder, marks


@pytest.fixture
def evaluate(run, groups, tmp_path):
    def run_it(*more, **files):
        arguments = []
        for kind, marks in files.items():
            path = tmp_path / f"{kind}.marks"
            path.write_text(marks if isinstance(marks, str) else json.dumps(marks))
            arguments += [f"--{kind}", path]
        return run("evaluate", "detection", "--images", groups[0], *arguments, *more)

    return run_it


def test_boxes(evaluate, groups, squares):
    marks = {name: list(boxes) for name, boxes in groups[1].items()}
    marks["two.png"].append([0, 0, 10, 10])  # nobody is there
    marks["deep/three.png"] = marks["deep/three.png"][:2]  # one that nobody marked
    (record,) = evaluate("-f", "json", boxes=marks).records
    assert set(record) == {"images", "boxes", "points", "seconds"}
    assert (record["images"], record["points"]) == (3, None)
    told = record["boxes"]
    keys = "faces ignored found recall recall_interval false_boxes precision precision_interval"
    assert set(told) == {*keys.split(), "by_height", "ap"}
    assert (told["faces"], told["found"], told["false_boxes"]) == (5, 4, 1)
    assert (told["recall"], told["precision"]) == (0.8, 0.8)
    assert told["by_height"]["0-12"] == {"faces": 1, "found": 0, "recall": 0.0}
    assert told["by_height"]["48-96"] == {"faces": 4, "found": 4, "recall": 1.0}
    # all scores are equal: one step to a recall of 0.8 at a precision of 0.8
    assert told["ap"]["0.5"]["voc"] == pytest.approx(0.64)
    assert told["ap"]["0.5"]["coco"] == pytest.approx(81 / 101 * 0.8, abs=1e-4)
    assert set(told["ap"]) == {"0.4", "0.5", "0.75"}


def test_wider_face(evaluate, groups, squares):
    lines = []
    for name, boxes in groups[1].items():
        rows = [f"{x} {y} {r - x} {b - y} 0 0 0 0 0 0" for x, y, r, b in boxes]
        lines += [name, str(len(rows)), *(rows or ["0 0 0 0 0 0 0 0 0 0"])]
    text = "\n".join(lines).replace("0 0 0 0 0 0\ndeep", "0 0 0 1 0 0\ndeep")  # bob is invalid
    (record,) = evaluate("-f", "json", boxes=text).records
    told = record["boxes"]
    assert (told["faces"], told["ignored"], told["found"], told["false_boxes"]) == (4, 1, 4, 0)
    assert told["ap"]["0.75"] == {"voc": 1.0, "coco": 1.0}


def test_points(evaluate, squares):
    ran = evaluate(points={"two.png": [[50, 50], [130, 50], [3, 3]], "none.png": []})
    assert "2 of 3 points in a box of their own: recall 66.7 %; 0 boxes without a point" in (
        ran.stdout
    )
    (record,) = evaluate("-f", "json", points={"two.png": [[50, 50]]}).records
    assert record["boxes"] is None
    assert record["points"]["false_boxes"] == 1
    assert record["points"]["recall"] == 1


def test_boxes_and_points_of_different_pictures(evaluate, groups, squares):
    ran = evaluate(boxes={"two.png": groups[1]["two.png"]}, points={"deep/three.png": [[50, 50]]})
    assert "2 pictures" in ran.stdout
    assert "2 of 2 faces found" in ran.stdout
    assert "1 of 1 points" in ran.stdout


class Doubtful:
    """Scores the left face of each picture high and the others low."""

    def __init__(self):
        self._inner = fake_analyzer().detector

    def detect(self, image, search):
        found = self._inner.detect(image, search)
        scores = np.where(np.arange(len(found.boxes)) == 0, 0.99, 0.4).astype(np.float32)
        kept = scores >= search.output
        return Detections(found.boxes[kept], scores[kept], found.landmarks[kept])


def test_the_curve_sees_what_the_threshold_hides(evaluate, groups, monkeypatch):
    def doubtful(settings):
        analyzer = fake_analyzer(settings)
        analyzer._given_detector = Doubtful()
        return analyzer

    monkeypatch.setattr(options, "make_analyzer", doubtful)
    marks = {name: boxes for name, boxes in groups[1].items() if boxes}
    (record,) = evaluate("-f", "json", boxes=marks).records
    told = record["boxes"]
    assert (told["found"], told["faces"], told["precision"]) == (2, 5, 1.0)
    assert told["ap"]["0.5"]["voc"] == 1.0
    (record,) = evaluate("-f", "json", "--score-threshold", 0.3, boxes=marks).records
    assert record["boxes"]["found"] == 5


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "Give --boxes or --points"),
        ({"boxes": "a.jpg\n2\n1 1 9 9\n"}, "after line 3"),
        ({"boxes": {"two.png": [[1, 2, float("nan"), 4]]}}, "mark 1 of two.png"),
        ({"boxes": {"two.png": [[1, 2, 1, 4]]}}, "box 1 of two.png has no area"),
        ({"points": {}}, "names no picture"),
    ],
)
def test_marks_that_make_no_sense(evaluate, squares, files, words):
    ran = evaluate(**files)
    assert (ran.code, ran.stdout) == (2, "")
    assert words in ran.stderr


def test_missing_pictures(evaluate, squares):
    ran = evaluate(boxes={f"{number}.jpg": [] for number in range(7)})
    assert (ran.code, ran.stdout) == (1, "")
    assert "7 of the 7 pictures" in ran.stderr
    assert "0.jpg, 1.jpg, 2.jpg, ..." in ran.stderr


def test_plots_and_report(evaluate, groups, squares, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    points = {"two.png": [[50, 50]]}
    ran = evaluate("--plots", "plots", "--report", "r.html", boxes=groups[1], points=points)
    assert ran.code == 0
    names = ("precision-recall", "recall-by-height")
    written = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert written == sorted(f"{name}.{end}" for name in names for end in ("png", "svg"))
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "Average precision" in page
    assert "Boxes without a point" in page
    ran = evaluate("--report", "points.html", points=points)
    assert "<svg" not in (tmp_path / "points.html").read_text("utf-8")


def test_all_noses_of_the_group_photos(run):
    """The shipped detector: 37 marked noses, and no false box."""
    groups = shared("photos/groups")
    points = groups / "noses.json"
    arguments = ("--images", groups, "--points", points, "-f", "json")
    (record,) = run("evaluate", "detection", *arguments).records
    told = record["points"]
    assert (told["points"], told["found"], told["false_boxes"]) == (37, 37, 0)
