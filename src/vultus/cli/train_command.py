"""`vultus train ...`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.face_pictures import (
    left_out_records,
    look_at_faces,
    make_looker,
    tell_left_out,
)
from vultus.cli.output import Format, Output
from vultus.cli.places import check_new_file
from vultus.cli.train_classifier import classifier

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vultus.learn.collecting import Collection
    from vultus.learn.folders import PictureSet
    from vultus.learn.training import Trained

app = typer.Typer(no_args_is_help=True, help="Train on your own pictures.")


app.command()(classifier)


@app.command()
def expression(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="One folder a class: its name is the label.", show_default=False
        ),
    ],
    out_file: Annotated[
        Path, typer.Option("--out", "-o", help="Where the model goes.", show_default=False)
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    format: options.FormatOption = Format.human,
    jobs: options.JobsOption = 0,
) -> None:
    """Learn expressions of your own, with any names, from one folder a class.

    Five pictures a class at least; from fifty on it becomes useful. All figures are
    cross-validated: no picture is answered by a model that has seen it.

    Example: vultus train expression images/ --out my.vultus
    """
    out = Output(format)
    check_new_file(out_file, force)
    from vultus.learn.folders import read_classes
    from vultus.learn.head import networks_id, save_head
    from vultus.learn.training import check_counts, probe, train_expression

    began = time.monotonic()
    pictures = read_classes(folder)
    check_counts(pictures.labels, pictures.targets, "pictures")
    analyzer, at_once = make_looker(jobs, len(pictures.paths))
    found = _collect(out, analyzer, pictures, at_once)
    targets = pictures.targets_of(found.rows)
    check_counts(pictures.labels, targets.tolist(), "usable pictures")
    out.note(f"Fitting to {len(targets)} faces ...")
    probes = probe(analyzer.attribute_networks, found.some_chips)
    trained = train_expression(pictures.labels, targets, found.samples, probes, networks_id())
    save_head(trained.head, out_file)
    record = {
        "model": str(out_file),
        "images": len(pictures.paths),
        "used": len(targets),
        **_figures(trained, targets),
        **_left_out(pictures, found),
        "seconds": time.monotonic() - began,
    }
    _answer(out, record)


def _collect(out: Output, analyzer: Any, pictures: PictureSet, at_once: int) -> Collection:
    """Look at all pictures, and say which cannot be used and in which no face was found."""
    from vultus.learn.collecting import Collection
    from vultus.learn.cutting import CROP_PX, cut_faces
    from vultus.learn.training import look

    found = Collection()
    for looked in look_at_faces(
        out,
        pictures.paths,
        at_once,
        lambda paths: cut_faces(analyzer, paths, CROP_PX),
        lambda chips: look(analyzer.attribute_networks, chips),
    ):
        found.add(looked.first, looked.cut, looked.answer)
    if pictures.outside:
        out.note(f"{pictures.outside} pictures lie in no class folder and are left out.")
    tell_left_out(out, pictures.paths, found.errors)
    for row in found.whole:
        out.note(f"{pictures.paths[row]}: no face found; the whole picture is taken")
    for row, other in found.twice.items():
        out.note(f"{pictures.paths[row]}: left out: the same picture as {pictures.paths[other]}")
    return found


def _left_out(pictures: PictureSet, found: Collection) -> dict[str, Any]:
    names = [str(path) for path in pictures.paths]
    return {
        "whole_pictures": [names[row] for row in found.whole],
        "left_out": left_out_records(pictures.paths, found.errors),
        "twice": [
            {"source": names[row], "same_as": names[other]} for row, other in found.twice.items()
        ],
    }


def _figures(trained: Trained, targets: NDArray[np.intp]) -> dict[str, Any]:
    from vultus.evaluate.attributes import compare_labels, report_labels

    card = trained.head.card
    figures = {
        "labels": card.labels,
        **report_labels(card.labels, targets, trained.probabilities),
        "strength": card.strength,
        "temperature": card.temperature,
        "shipped": None,
        "better_than_shipped": None,
    }
    if trained.shipped is not None:
        shipped = report_labels(card.labels, targets, trained.shipped)
        compared = compare_labels(targets, trained.probabilities, trained.shipped)
        figures["better_than_shipped"] = compared.pop("better")
        figures["shipped"] = {
            "accuracy": shipped["accuracy"],
            "balanced_accuracy": shipped["balanced_accuracy"],
            **compared,
        }
    return figures


def _answer(out: Output, record: dict[str, Any]) -> None:
    from vultus.cli.records import rounded
    from vultus.cli.tables import confusion_lines

    lines = [
        f"{record['images']} pictures, {record['used']} used",
        *confusion_lines(record["confusion"]),
        f"cross-validated: accuracy {record['accuracy']:.3f}, balanced accuracy "
        f"{record['balanced_accuracy']:.3f}, calibration error {record['ece']:.3f}",
        _compared(record),
        f"written to {record['model']} after {record['seconds']:.1f} seconds",
    ]
    out.data(rounded(record), lines)


def _compared(record: dict[str, Any]) -> str:
    shipped, better = record["shipped"], record["better_than_shipped"]
    if shipped is None:
        return "the shipped network knows other expressions: there is nothing to compare with"
    chance = "" if better or shipped["difference"] <= 0 else "; so small a difference may be chance"
    return (
        f"better than the shipped network: {'yes' if better else 'no'} "
        f"({record['balanced_accuracy']:.3f} vs {shipped['balanced_accuracy']:.3f} balanced "
        f"accuracy, {record['accuracy']:.3f} vs {shipped['accuracy']:.3f} accuracy{chance})"
    )
