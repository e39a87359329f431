"""`vultus evaluate verification`, `identification`, `clusters`: faces are coloured squares."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from tests.cli.evaluate_helpers import write_people
from tests.fakes import fake_analyzer
from vultus.cli import options
from vultus.evaluate.verification import read_pairs

HEADER = "fold\timage_a\timage_b\tsame\n"


@pytest.fixture(autouse=True)
def squares(monkeypatch):
    monkeypatch.setattr(options, "make_analyzer", lambda settings, mirror=None: fake_analyzer())


@pytest.fixture
def people(tmp_path):
    return write_people(tmp_path / "people", ada=4, bob=3, cyd=2, dan=1, eve=3)


@pytest.fixture
def pairs(tmp_path, people):
    rows = [
        f"{fold}\t{a}/0.png\t{b}/1.png\t{int(a == b)}"
        for fold, (a, b) in enumerate(
            [("ada", "ada"), ("ada", "bob"), ("bob", "bob"), ("cyd", "eve"), ("cyd", "cyd")]
        )
    ]
    path = tmp_path / "pairs.tsv"
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def test_verification(run, people, pairs):
    ran = run("evaluate", "verification", "--pairs", pairs, "--images", people, "-f", "json")
    (record,) = ran.records
    assert (record["pairs"], record["not_found"], record["auc"]) == (5, 0, 1.0)
    assert record["tar_at_far"] == {"0.01": 1.0, "0.001": 1.0}
    lines = run("evaluate", "verification", "--pairs", pairs, "--images", people).stdout
    assert "accuracy 1.0000 (standard deviation 0.0000 over folds; 0.5655 to 1.0000" in lines


def test_verification_with_missing_pictures(run, people, pairs):
    with pairs.open("a") as file:
        file.write("9\tnobody/1.png\tada/0.png\t0\n9\tnobody/2.png\tada/0.png\t0\n")
    ran = run("evaluate", "verification", "--pairs", pairs, "--images", people)
    assert ran.code == 1
    assert "2 of the 9 pictures" in ran.stderr
    assert "nobody/1.png, nobody/2.png." in ran.stderr
    assert "[image_not_found]" in ran.stderr


def test_verification_with_a_picture_that_cannot_be_read(run, people, pairs):
    (people / "ada" / "0.png").write_bytes(b"no picture")
    ran = run("evaluate", "verification", "--pairs", pairs, "--images", people)
    assert (ran.code, ran.stdout) == (1, "")
    assert "[image_unreadable]" in ran.stderr


def test_identification(run, people):
    ran = run(
        *("evaluate", "identification", "--images", people, "--splits", 6, "--seed", 3),
        *("--gallery-sizes", "2,4,500", "--photos", 2, "-f", "json"),
    )
    (record,) = ran.records
    keys = "images people people_with_two not_found protocol galleries skipped outside left_out"
    assert set(record) == {*keys.split(), "seconds"}
    assert (record["images"], record["people"], record["people_with_two"]) == (13, 5, 4)
    assert record["protocol"] == {
        "splits": 6,
        "enrolled_photos": 2,
        "probes_a_person": 10,
        "seed": 3,
        "margin": 0.02,
        "threshold": 0.53,
    }
    assert [one["size"] for one in record["galleries"]] == [2, 4]
    assert record["skipped"][0]["size"] == 500
    for one in record["galleries"]:
        assert one["rank_1"] == {"mean": 1.0, "std": 0.0}
        assert one["tpir_at_fpir"] == {"0.01": None, "0.001": None}
        assert set(one["not_stated"]) == {"0.01", "0.001"}
        assert one["as_shipped"]["named"]["mean"] == 1
        assert one["as_shipped"]["strangers_named"]["mean"] == 0
    again = run(
        *("evaluate", "identification", "--images", people, "--splits", 6, "--seed", 3),
        *("--gallery-sizes", "2,4,500", "--photos", 2, "-f", "json"),
    ).records[0]
    assert {**again, "seconds": 0} == {**record, "seconds": 0}


def test_identification_for_people(run, people):
    ran = run("evaluate", "identification", "--images", people, "--gallery-sizes", "3,9")
    assert "at FPIR 0.1 %" in ran.stdout
    assert "100.0 ± 0.0 %" in ran.stdout
    assert "not stated" in ran.stdout
    assert "probes of strangers cannot show a rate of 0.001: 1000 are needed" in ran.stdout
    assert "9 people: not measured: there are 5 people with a face" in ran.stdout


@pytest.mark.parametrize(
    "sizes", ["", "0", "a", "5,", "-1", "1.5", ",".join(map(str, range(1, 13)))]
)
def test_gallery_sizes_without_sense(run, people, sizes):
    ran = run("evaluate", "identification", "--images", people, f"--gallery-sizes={sizes}")
    assert (ran.code, ran.stdout) == (2, "")
    assert "[usage]" in ran.stderr


def test_people_who_cannot_be_measured(run, tmp_path, people):
    ran = run("evaluate", "identification", "--images", people, "--gallery-sizes", "100")
    assert (ran.code, ran.stdout) == (1, "")
    assert "[nothing_to_do]" in ran.stderr
    one = write_people(tmp_path / "one", ada=3)
    for command in (("identification", "--images", one), ("clusters", one)):
        ran = run("evaluate", *command)
        assert (ran.code, ran.stdout) == (1, "")
        assert "not two people" in ran.stderr
    (tmp_path / "empty").mkdir()
    assert run("evaluate", "clusters", tmp_path / "empty").code == 1
    assert run("evaluate", "clusters", tmp_path / "nothing").code == 2


def test_pictures_without_a_face_or_that_cannot_be_read(run, people):
    Image.fromarray(np.zeros((90, 90, 3), np.uint8)).save(people / "ada" / "black.png")
    (people / "bob" / "broken.png").write_bytes(b"")
    ran = run("evaluate", "clusters", people, "-f", "json")
    (record,) = ran.records
    assert (record["images"], record["not_found"], record["faces"]) == (15, 1, 13)
    assert [one["code"] for one in record["left_out"]] == ["image_unreadable"]
    (left_out,) = [line for line in ran.stderr.splitlines() if line.startswith("left out: ")]
    assert left_out.count("broken.png") == 1


def test_no_face_at_all(run, tmp_path):
    for name in ("ada", "bob"):
        (tmp_path / "black" / name).mkdir(parents=True)
        Image.fromarray(np.zeros((90, 90, 3), np.uint8)).save(tmp_path / "black" / name / "1.png")
    ran = run("evaluate", "clusters", tmp_path / "black")
    assert ran.code == 1
    assert "No face was found" in ran.stderr


def test_clusters(run, people):
    (record,) = run("evaluate", "clusters", people, "-f", "json").records
    assert (record["faces"], record["people"], record["clusters"]) == (13, 5, 5)
    assert record["bcubed"] == record["pairwise"] == {"precision": 1.0, "recall": 1.0, "f": 1.0}
    assert (record["ari"], record["nmi"], record["alone"]) == (1.0, 1.0, 1)
    (record,) = run("evaluate", "clusters", people, "--min-photos", 3, "-f", "json").records
    assert record["people"] == 3
    lines = run("evaluate", "clusters", people).stdout
    assert "13 faces of 5 people in 5 clusters, 1 of them alone" in lines


def test_clusters_that_disagree_with_the_folders(run, people):
    (people / "ada" / "0.png").rename(people / "dan" / "ada.png")
    (record,) = run("evaluate", "clusters", people, "-f", "json").records
    assert record["whole_people"] == 4
    assert record["pure_clusters"] == 4
    # ada's four: three at 3/4 and one at 1/4; all others at 1
    assert record["bcubed"]["precision"] == pytest.approx((3 * 0.75 + 0.25 + 9) / 13, abs=1e-4)


@pytest.mark.parametrize("command", ["verification", "identification", "clusters"])
def test_plots_and_report(run, tmp_path, people, pairs, command):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    arguments = {
        "verification": ("--pairs", pairs, "--images", people),
        "identification": ("--images", people, "--gallery-sizes", "2,3"),
        "clusters": (people,),
    }[command]
    names = {
        "verification": ["det", "distances", "precision-recall", "reliability", "roc"],
        "identification": ["cmc", "open-set"],
        "clusters": ["clusters"],
    }[command]
    ran = run(
        *("evaluate", command, *arguments),
        *("--plots", "out/plots", "--report", "report.html", "-f", "json"),
    )
    assert ran.code == 0
    assert len(ran.records) == 1
    written = sorted(path.name for path in (tmp_path / "out" / "plots").iterdir())
    assert written == sorted(f"{name}.{end}" for name in names for end in ("png", "svg"))
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.count("<svg ") == len(names)
    assert str(people) in page
    assert "dlib-resnet-128" in page
    assert f"{len(read_pairs(pairs).images)} pictures" in page or command != "verification"


def test_extras_are_checked_before_anything_is_measured(run, tmp_path, people, monkeypatch):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")

    def never(*_, **__):
        raise AssertionError("measured")

    monkeypatch.setattr(options, "make_analyzer", never)
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder.html").mkdir()
    command = ("evaluate", "clusters", people)
    for arguments, code, word in (
        (("--plots", "file"), 5, "storage_failed"),
        (("--plots", "file/plots"), 5, "storage_failed"),
        (("--report", "nothing/report.html"), 5, "storage_failed"),
        (("--report", "folder.html"), 5, "storage_failed"),
        (("--report", "photo.png"), 2, "usage"),
    ):
        ran = run(*command, *arguments)
        assert (ran.code, ran.stdout) == (code, ""), arguments
        assert f"[{word}]" in ran.stderr
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    ran = run(*command, "--report", "report.html")
    assert ran.code == 1
    assert "[extra_missing]" in ran.stderr
    assert "vultus[plots]" in ran.stderr
