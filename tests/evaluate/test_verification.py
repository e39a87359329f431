from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.shared import shared
from vultus.errors import ImageNotFound, UsageError
from vultus.evaluate.verification import evaluate_verification, read_pairs

HEADER = "fold\timage_a\timage_b\tsame\n"


def write(path: Path, body: str) -> Path:
    path.write_text(body)
    return path


def test_reads_the_columns_in_any_order(tmp_path):
    file = write(tmp_path / "p.tsv", "same\timage_b\timage_a\tfold\n1\tb\ta\t2\n0\td\tc\t1\n")
    pairs = read_pairs(file)
    assert pairs.folds.tolist() == [2, 1]
    assert (pairs.first, pairs.second) == (["a", "c"], ["b", "d"])
    assert pairs.same.tolist() == [True, False]
    assert pairs.images == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "a,b,c\n1,2,3\n",
        HEADER,
        HEADER + "1\ta\tb\tmaybe\n",
        HEADER + "one\ta\tb\t1\n1\ta\tc\t0\n",
        HEADER + "1\ta\tb\t1\n",
    ],
)
def test_refuses_what_is_no_list_of_pairs(tmp_path, body):
    with pytest.raises(UsageError, match="no list of pairs"):
        read_pairs(write(tmp_path / "p.tsv", body))


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(UsageError, match="no list of pairs: No such file"):
        read_pairs(tmp_path / "nothing.tsv")


def test_report_counts_what_was_not_found(tmp_path):
    pairs = read_pairs(
        write(tmp_path / "p.tsv", HEADER + "1\ta\tb\t1\n1\ta\tc\t0\n2\tb\td\t1\n2\tc\ta\t0\n")
    )
    vectors = {"a": [0.0], "b": [0.1], "c": [2.0], "d": None}
    report = evaluate_verification(
        pairs,
        tmp_path,
        lambda paths: [
            None if vectors[path.name] is None else np.array(vectors[path.name], np.float32)
            for path in paths
        ],
    )
    assert (report.pairs, report.images, report.not_found) == (4, 4, 1)
    assert report.accuracy == pytest.approx(0.75)
    assert set(report.tar_at_far) == {"0.01", "0.001"}


def test_the_command_on_a_part_of_lfw(tmp_path, lfw, run_vultus):
    """Thirty pairs of each kind, picture by picture as the full evaluation does it."""
    import tarfile

    with tarfile.open(shared("lfw-grey.tar")) as archive:
        member = archive.extractfile("lfw-grey/pairs.tsv")
        assert member is not None
        header, *rows = member.read().decode().splitlines()
    chosen = [row for row in rows if row.endswith("1")][:30]
    chosen += [row for row in rows if row.endswith("0")][:30]
    from PIL import Image

    for name in {name for row in chosen for name in row.split("\t")[1:3]}:
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(lfw(f"lfw-grey/images/{name}")).save(path, quality=95)
    file = write(tmp_path / "pairs.tsv", "\n".join([header, *chosen]) + "\n")
    arguments = ("evaluate", "verification", "--pairs", file, "--images", tmp_path / "images")
    (report,) = run_vultus(*arguments, "--no-cache", "--format", "json")
    keys = "pairs images not_found accuracy accuracy_std auc eer tar_at_far threshold intervals"
    assert set(report) == {*keys.split(), "seconds", "probability"}
    assert set(report["probability"]) == {"ece", "brier", "log_loss"}
    low, high = report["intervals"]["accuracy"]
    assert low < report["accuracy"] <= high
    assert (report["pairs"], report["not_found"]) == (60, 0)
    assert report["auc"] > 0.98
    assert report["accuracy"] > 0.9


@pytest.fixture
def run_vultus():
    import json

    from typer.testing import CliRunner

    from vultus.cli.app import app

    def run(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    return run


def test_a_missing_picture_ends_the_evaluation(tmp_path):
    from vultus.cli.evaluate_verification import verification

    file = write(tmp_path / "p.tsv", HEADER + "1\ta.jpg\tb.jpg\t1\n1\ta.jpg\tc.jpg\t0\n")
    (tmp_path / "b.jpg").write_bytes(b"")
    with pytest.raises(ImageNotFound, match=r"2 of the 3 pictures .*: a.jpg, c.jpg"):
        verification(file, tmp_path)


@pytest.mark.long
def test_all_of_lfw_grey(tmp_path, run_vultus):
    """The figures that docs/benchmarks.md promises, on all 1,682 pairs."""
    import tarfile

    with tarfile.open(shared("lfw-grey.tar")) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "lfw-grey"
    arguments = ("--pairs", folder / "pairs.tsv", "--images", folder / "images", "--no-cache")
    (report,) = run_vultus("evaluate", "verification", *arguments, "--format", "json")
    assert (report["pairs"], report["images"]) == (1682, 2202)
    assert report["not_found"] <= 4
    assert report["accuracy"] >= 0.982
