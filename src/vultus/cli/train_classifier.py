"""`vultus train classifier`."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.classify_command import judgement_lines
from vultus.cli.folder_faces import (
    CacheOption,
    describe_pictures,
    make_describer,
    tell_unreadable,
)
from vultus.cli.output import Format, Output
from vultus.cli.places import check_new_file
from vultus.errors import UsageError

if TYPE_CHECKING:
    from vultus.faces.analyzer import Analyzer
    from vultus.learn.classifier import TrainedClassifier
    from vultus.learn.folders import PictureSet
    from vultus.learn.people import Floats, Gathered, Split

_LISTED = 20


class KindName(str, Enum):
    """How people are told apart."""

    svm = "svm"
    logistic = "logistic"
    knn = "knn"
    centroid = "centroid"


_Folder = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", help="One folder a person: its name is the label.", show_default=False
    ),
]
_OutFile = Annotated[
    Path, typer.Option("--out", "-o", help="Where the classifier goes.", show_default=False)
]
_Kind = Annotated[KindName, typer.Option("--kind", help="How people are told apart.")]
_MinImages = Annotated[
    int,
    typer.Option("--min-images-per-class", min=2, help="People with fewer pictures are left out."),
]
_TrainImages = Annotated[
    int | None,
    typer.Option(
        "--train-images-per-class",
        min=2,
        help="With --split: train on so many of each person. [default: 35, or 7 of 8]",
        show_default=False,
    ),
]
_Split = Annotated[bool, typer.Option("--split", help="Train on a part, and measure on the rest.")]
_Seed = Annotated[
    int | None,
    typer.Option("--seed", min=0, help="Draw that part. [default: the first by name]"),
]
_Far = Annotated[
    float,
    typer.Option("--far", min=1e-6, max=0.5, help="Wished share of strangers who are named."),
]
_Strangers = Annotated[
    Path | None,
    typer.Option(
        "--strangers",
        help="Pictures of people who are none of them, for the threshold.",
        show_default=False,
    ),
]


def classifier(
    folder: _Folder,
    out_file: _OutFile,
    kind: _Kind = KindName.svm,
    min_images: _MinImages = 40,
    train_images: _TrainImages = None,
    split: _Split = False,
    seed: _Seed = None,
    far: _Far = 0.01,
    strangers: _Strangers = None,
    mirror: options.MirrorOption = None,
    cache: CacheOption = True,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    format: options.FormatOption = Format.human,
    jobs: options.JobsOption = 0,
) -> None:
    """Learn to name people from one folder a person, and to leave strangers unnamed.

    Of several faces in a picture the large one in the middle. The threshold for strangers is
    measured on people who are left out in turn.

    Example: vultus train classifier people/ --out people.skops --split
    """
    out = Output(format)
    began = time.monotonic()
    train = _train_images(min_images, train_images, split, seed)
    check_new_file(out_file, force)
    from vultus.evaluate.strangers import list_strangers
    from vultus.learn.classifier import train_classifier
    from vultus.learn.classifier_file import save_classifier
    from vultus.learn.classifier_kinds import require_learn
    from vultus.learn.folders import read_classes
    from vultus.learn.people import MAX_PEOPLE, split_people
    from vultus.learn.recipe import judge_rest

    require_learn()
    pictures = read_classes(folder, MAX_PEOPLE)
    others = [] if strangers is None else list_strangers(strangers).paths
    analyzer, at_once = make_describer(jobs, len(pictures.paths) + len(others), mirror)
    gathered = _gather(out, analyzer, folder, pictures, at_once, cached=cache)
    parts = split_people(gathered.faces, at_least=min_images, train=train, seed=seed)
    extra = _strangers(out, analyzer, others, at_once, cached=cache)
    out.note(f"Fitting to {len(parts.learnt)} faces of {len(parts.learnt.labels)} people ...")
    trained = train_classifier(
        parts.learnt,
        kind=kind.value,
        embedder=analyzer.embedder_id,
        mirror=analyzer.mirror,
        far=far,
        strangers=extra,
    )
    save_classifier(trained.classifier, out_file)
    record = {
        "model": str(out_file),
        **_counts(pictures, gathered, parts, min_images),
        **_figures(trained),
        "tested": judge_rest(trained.classifier, parts).to_dict() if split else None,
        **_left_out(pictures, gathered),
        "seconds": time.monotonic() - began,
    }
    _answer(out, record)


def _train_images(at_least: int, train: int | None, split: bool, seed: int | None) -> int | None:
    """How many pictures of each person are trained on; None for all."""
    if not split:
        if train is not None or seed is not None:
            raise UsageError(
                "--train-images-per-class and --seed say how to split.", "Give --split, too."
            )
        return None
    from vultus.learn.people import choose_train_images

    return choose_train_images(at_least, train)


def _gather(
    out: Output,
    analyzer: Analyzer,
    folder: Path,
    pictures: PictureSet,
    at_once: int,
    *,
    cached: bool,
) -> Gathered:
    """Look at all pictures, and say which cannot be used and which say two things."""
    from vultus.faces.embedder import EMBEDDING_SIZE
    from vultus.learn.people import gather

    found = describe_pictures(out, analyzer, pictures.paths, at_once, cached=cached)
    gathered = gather(folder, pictures, found, EMBEDDING_SIZE)
    paths = pictures.paths
    if pictures.outside:
        out.note(f"{pictures.outside} pictures lie in no person's folder and are left out.")
    notes = [f"left out: {error} [{error.code}]" for error in gathered.errors.values()]
    notes += [f"{paths[row]}: left out: no face found" for row in gathered.faceless]
    notes += [
        f"{paths[row]}: left out: the same picture as {paths[other]}"
        for row, other in gathered.twice.items()
    ]
    for note in notes[:_LISTED]:
        out.note(note)
    if len(notes) > _LISTED:
        out.note(f"... and {len(notes) - _LISTED} more pictures left out")
    for one, other in gathered.contradicting:
        out.note(
            f"warning: {paths[one]} and {paths[other]} are the same picture of two people; "
            "both are left out"
        )
    for label in gathered.without:
        out.note(f"warning: no picture of {label} can be used; nobody of that name is learnt")
    return gathered


def _strangers(
    out: Output, analyzer: Analyzer, paths: list[Path], at_once: int, *, cached: bool
) -> Floats | None:
    """Embeddings of the main faces of pictures of others."""
    from vultus.learn.recipe import embeddings_of

    if not paths:
        return None
    found = describe_pictures(out, analyzer, paths, at_once, cached=cached)
    tell_unreadable(out, found)
    vectors = embeddings_of(found)
    if not len(vectors):
        raise UsageError("No picture of --strangers shows a face.", "Give other pictures.")
    return vectors


def _counts(
    pictures: PictureSet, gathered: Gathered, parts: Split, at_least: int
) -> dict[str, Any]:
    dropped = parts.dropped
    return {
        "images": len(pictures.paths),
        "classes": len(pictures.labels),
        "used_images": len(parts.learnt) + len(parts.tested),
        "used_classes": len(parts.learnt.labels),
        "train_images": len(parts.learnt),
        "min_images_per_class": at_least,
        "dropped_classes": len(pictures.labels) - len(parts.learnt.labels),
        "dropped_images": len(dropped),
        "without_face": gathered.without,
    }


def _figures(trained: TrainedClassifier) -> dict[str, Any]:
    card, measured = trained.classifier.card, trained.measured
    return {
        "kind": card.kind,
        "embedder": card.embedder,
        "mirror": card.mirror,
        "far": card.far,
        "threshold": card.threshold,
        "accuracy": measured.accuracy,
        "named": measured.named,
        "strangers": measured.strangers,
        "strangers_named": measured.false_names,
        "can_show": measured.can_show,
        "alike": [list(pair) for pair in measured.alike],
    }


def _left_out(pictures: PictureSet, gathered: Gathered) -> dict[str, Any]:
    names = [str(path) for path in pictures.paths]
    return {
        "left_out": [
            {"source": names[row], "code": error.code} for row, error in gathered.errors.items()
        ]
        + [{"source": names[row], "code": "no_face"} for row in gathered.faceless],
        "twice": [
            {"source": names[row], "same_as": names[other]} for row, other in gathered.twice.items()
        ],
        "contradicting": [
            {"source": names[row], "same_as": names[other]} for row, other in gathered.contradicting
        ],
    }


def _answer(out: Output, record: dict[str, Any]) -> None:
    from vultus.cli.records import rounded

    lines = [
        f"Number of classes: {record['used_classes']} of {record['classes']} "
        f"({record['min_images_per_class']} usable images or more)",
        f"Number of images: {record['used_images']} of {record['images']}, "
        f"{record['train_images']} to train",
        f"cross-validated: accuracy {record['accuracy']:.3f}; {record['named']:.1%} of the known "
        f"named at distance {record['threshold']:.3f} or less, where "
        f"{record['strangers_named']} of {record['strangers']} faces of people left out are",
    ]
    if not record["can_show"]:
        lines.append(
            f"{record['strangers']} faces cannot show a rate of {record['far']:g}: the threshold "
            "is the model's own, or stricter; give more people, or --strangers"
        )
    lines += [
        f"warning: {one} and {other} look like one person; is one folder the other's?"
        for one, other in record["alike"]
    ]
    if record["tested"] is not None:
        lines += ["on the images that were kept back:", *judgement_lines(record["tested"])]
    lines.append(f"written to {record['model']} after {record['seconds']:.1f} seconds")
    out.data(rounded(record), lines)
