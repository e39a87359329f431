"""`vultus classify`."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.exit_codes import FAILED
from vultus.cli.folder_faces import CacheOption, describe_pictures, make_describer
from vultus.cli.output import Format, Output
from vultus.imaging.folders import Picture, find_pictures, is_folder

if TYPE_CHECKING:
    from vultus.gallery.matcher import Decision
    from vultus.learn.classifier import Classifier
    from vultus.learn.embeddings import FolderFaces


@dataclass(frozen=True)
class _Answer:
    """truth: whom a picture shows by its folder, if it is in one; decision: None without a face."""

    picture: Picture
    truth: str | None
    decision: Decision | None
    learnt: bool

    @property
    def best(self) -> str | None:
        """Whom it shows if it is anybody known."""
        return self.decision.candidates[0].person if self.decision else None


def classify(
    paths: options.Paths,
    model: Annotated[
        Path,
        typer.Option(
            "--model", "-m", help="File of `vultus train classifier`.", show_default=False
        ),
    ],
    top: Annotated[int, typer.Option("--top", min=1, max=100, help="Candidates a picture.")] = 3,
    cache: CacheOption = True,
    format: options.FormatOption = Format.human,
    jobs: options.JobsOption = 0,
) -> None:
    """Name the person in each picture with a trained classifier; strangers stay unknown.

    Of several faces the large one in the middle. Where pictures lie in a folder a person, the
    answers are counted against that.

    Example: vultus classify photos/ --model people.skops
    """
    out = Output(format)
    from vultus.learn.classifier_file import load_classifier

    classifier = load_classifier(model)
    pictures = find_pictures(paths).pictures
    analyzer, at_once = make_describer(jobs, len(pictures), classifier.mirror)
    classifier.require(analyzer.embedder_id, mirror=analyzer.mirror)
    files = [picture.path for picture in pictures]
    found = describe_pictures(out, analyzer, files, at_once, cached=cache)
    labelled = any(is_folder(path) for path in paths)
    answers, failed = [], 0
    for picture, looked in zip(pictures, found, strict=True):
        if looked.error is not None:
            out.error(looked.error, str(picture.path))
            failed += 1
            continue
        answer = _answer(classifier, picture, looked, top, labelled=labelled)
        answers.append(answer)
        out.data(_record(answer), _line(answer))
    _sum_up(out, classifier, answers, failed)
    if failed:
        raise typer.Exit(FAILED)


def _answer(
    classifier: Classifier, picture: Picture, looked: FolderFaces, top: int, *, labelled: bool
) -> _Answer:
    import numpy as np

    from vultus.imaging.load import readable

    folders = picture.place.parts[:-1] if labelled else ()
    truth = unicodedata.normalize("NFC", readable(folders[0])) if folders else None
    main = looked.main
    decision = None
    if main is not None:
        decision = classifier.decide(np.asarray(main.embedding)[None], top=top)[0]
    return _Answer(picture, truth, decision, classifier.was_learnt(looked.digest))


def _record(answer: _Answer) -> dict[str, Any]:
    from vultus.cli.records import rounded

    decision = answer.decision
    record: dict[str, Any] = {
        "source": str(answer.picture.path),
        "person": decision.person if decision else None,
        "probability": decision.probability if decision else None,
        "rule": decision.rule if decision else "no_face",
        "candidates": [
            {"person": one.person, "probability": one.probability, "distance": one.distance}
            for one in (decision.candidates if decision else [])
        ],
        "shown": answer.truth,
        "learnt": answer.learnt,
    }
    found: dict[str, Any] = rounded(record)
    return found


def _line(answer: _Answer) -> str:
    source, decision = answer.picture.path, answer.decision
    if decision is None:
        return f"{source}: no face"
    best = decision.candidates[0]
    if decision.person is not None:
        told = f"{decision.person} ({decision.probability:.1%})"
    else:
        reason = "between two people" if decision.rule == "margin" else f"at {best.distance:.2f}"
        told = f"unknown (nearest {best.person}, {decision.probability:.1%}, {reason})"
    return f"{source}: {told}{' [learnt from it]' if answer.learnt else ''}"


def _sum_up(out: Output, classifier: Classifier, answers: Sequence[_Answer], failed: int) -> None:
    from vultus.cli.records import rounded
    from vultus.learn.judging import judge

    decisions = [answer.decision for answer in answers if answer.decision is not None]
    named = sum(decision.person is not None for decision in decisions)
    figures: dict[str, Any] = {
        "images": len(answers) + failed,
        "classes": len(classifier.labels),
        "named": named,
        "unknown": len(decisions) - named,
        "no_face": len(answers) - len(decisions),
        "failed": failed,
    }
    # pictures that were learnt from prove nothing: where there are others, these alone count
    told = [answer for answer in answers if answer.truth is not None and answer.decision]
    fresh = [answer for answer in told if not answer.learnt]
    figures |= {"learnt": len(told) - len(fresh), "fresh": bool(fresh)}
    judgement = judge(
        classifier.labels,
        [answer.truth or "" for answer in fresh or told],
        [answer.decision for answer in fresh or told if answer.decision],
    )
    if {answer.truth for answer in told} & {*classifier.labels}:  # else folders are no people
        figures |= judgement.to_dict()
    if out.format is Format.json:
        out.data({"summary": rounded(figures)})
        return
    out.data({}, _summary(figures))


def _summary(figures: dict[str, Any]) -> list[str]:
    lines = [
        f"{figures['images']} images, {figures['classes']} classes: {figures['named']} named, "
        f"{figures['unknown']} unknown, {figures['no_face']} without a face, "
        f"{figures['failed']} failed"
    ]
    if "accuracy" in figures:
        learnt = figures["learnt"]
        if not figures["fresh"]:
            lines.append("it learnt from all of these images: what follows proves nothing")
        elif learnt:
            lines.append(f"{learnt} images that it learnt from are not counted below")
        lines += judgement_lines(figures)
    return lines


def judgement_lines(figures: dict[str, Any]) -> list[str]:
    """A `Judgement` as data, for people."""
    lines = []
    if figures["known"]:
        lines.append(
            f"{figures['known']} images of known people: accuracy {figures['accuracy']:.3f}; "
            f"{figures['named_rightly']:.1%} named rightly, {figures['named_wrongly']:.1%} "
            "wrongly, the rest unknown"
        )
    lines += [
        f"  {one['shown']} taken for {one['answered']}: {one['count']}"
        for one in figures["confused"]
    ]
    if figures["strangers"]:
        lines.append(
            f"{figures['strangers']} images of people it does not know: "
            f"{figures['strangers_named']:.1%} named"
        )
    return lines
