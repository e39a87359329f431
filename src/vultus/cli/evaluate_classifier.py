"""`vultus evaluate classifier`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.evaluate_faces import FolderEmbeddings, embed_folder
from vultus.cli.evaluate_outputs import Extras, PlotsOption, ReportOption, facts_of
from vultus.cli.folder_faces import CacheOption
from vultus.cli.output import Format, Output
from vultus.cli.tables import table_lines
from vultus.errors import NothingToDo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vultus.evaluate.charts import Chart
    from vultus.learn.classifier import Classifier


@dataclass(frozen=True)
class _Answers:
    """Of n pictures. persons: (n,) whom each is most like; named: (n,) whether `identify` would
    say so; scores: (n,) the probability; -inf and nobody where no face was found."""

    persons: NDArray[np.intp]
    named: NDArray[np.bool_]
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class _Judged:
    """record: the figures. sure, likeliest: (n,) of faces that were found, the highest probability
    and whether it is of the right person. right, scores: of all known people's pictures, as
    `report_open` wants them; stranger_scores: of the strangers'."""

    record: dict[str, Any]
    sure: NDArray[np.float64]
    likeliest: NDArray[np.bool_]
    right: NDArray[np.bool_]
    scores: NDArray[np.float64]
    stranger_scores: NDArray[np.float64]


def classifier(
    images: Annotated[
        Path, typer.Argument(help="A folder with a folder a person.", show_default=False)
    ],
    model: Annotated[Path, typer.Option("--model", help="A file of `vultus train classifier`.")],
    strangers: Annotated[
        Path | None,
        typer.Option("--strangers", help="Pictures of people the classifier does not know."),
    ] = None,
    report: ReportOption = None,
    plots: PlotsOption = None,
    format: options.FormatOption = Format.human,
    cached: CacheOption = True,
    jobs: options.JobsOption = 0,
) -> None:
    """How well a classifier names the people it knows, and nobody else.

    Folders of people it does not know count as strangers. Pictures that it learnt from are left
    out.

    Example: vultus evaluate classifier people/ --model people.skops --strangers others/
    """
    out = Output(format)
    from vultus.cli.records import rounded
    from vultus.evaluate.people import read_people
    from vultus.evaluate.strangers import list_strangers
    from vultus.evaluate.summaries import classifier_report
    from vultus.learn.classifier_file import load_classifier

    extras = Extras(report, plots)
    extras.check()
    learnt = load_classifier(model)
    people = read_people(images)
    others = [] if strangers is None else list_strangers(strangers).paths
    began = time.perf_counter()
    faces = embed_folder(out, [*people.paths, *others], jobs, mirror=learnt.mirror, cached=cached)
    learnt.require(faces.analyzer.embedder_id, mirror=faces.analyzer.mirror)
    targets = _targets(learnt, people.names, people.targets, len(others))[faces.rows]
    judged = _judge(learnt, faces, targets)
    record = {**judged.record, "left_out": faces.left_out, "seconds": time.perf_counter() - began}
    out.data(rounded(record), _lines(record))
    facts = facts_of(faces.analyzer, images=str(images), classifier=_card(learnt, model))
    extras.write(
        out,
        lambda: _charts(judged),
        lambda drawn: classifier_report(record, drawn, facts),
    )


def _targets(
    learnt: Classifier, names: list[str], targets: NDArray[np.intp], others: int
) -> NDArray[np.intp]:
    """The place among the classifier's labels of each picture's person; -1 for strangers."""
    import numpy as np

    place_of = {label: place for place, label in enumerate(learnt.labels)}
    places = np.array([place_of.get(name, -1) for name in names], np.intp)
    return np.concatenate([places[targets], np.full(others, -1, np.intp)])


def _ask(learnt: Classifier, faces: FolderEmbeddings) -> _Answers:
    """As `vultus identify` would decide, each face as alone in its picture."""
    import numpy as np

    count = len(faces.found)
    answers = _Answers(np.full(count, -1, np.intp), np.zeros(count, bool), np.full(count, -np.inf))
    place_of = {label: place for place, label in enumerate(learnt.labels)}
    for row in np.flatnonzero(faces.found):
        decision = learnt.decide(faces.embeddings[row][None], top=1)[0]
        answers.persons[row] = place_of[decision.candidates[0].person]
        answers.named[row] = decision.person is not None
        answers.scores[row] = decision.probability
    return answers


def _judge(learnt: Classifier, faces: FolderEmbeddings, targets: NDArray[np.intp]) -> _Judged:
    """targets: (n,) of all pictures, see `_targets`.

    Raises:
        NothingToDo: there is no picture of a known person that it has not learnt from.
    """
    import numpy as np

    from vultus.evaluate.classification import report_closed, report_open

    fresh = np.array([not learnt.was_learnt(digest) for digest in faces.digests], bool)
    known, strange = (targets >= 0) & fresh, (targets < 0) & fresh
    seen = known & faces.found
    if not seen.any():
        raise NothingToDo(
            "There is no face of anybody the classifier knows, beside the "
            f"{int((~fresh).sum())} pictures that it learnt from.",
            f"Give other pictures of {', '.join(learnt.labels[:3])}, a folder each.",
        )
    answers = _ask(learnt, faces)
    posteriors = learnt.posteriors(faces.embeddings[seen])
    right = answers.persons == targets
    record = {
        "images": int(known.sum()),
        "people": len(np.unique(targets[known])),
        "learnt_from": int((~fresh).sum()),
        "not_found": int((known & ~faces.found).sum()),
        **report_closed(learnt.labels, targets[seen], posteriors),
        "open_set": report_open(
            right[known],
            answers.named[known],
            answers.scores[known],
            answers.named[strange],
            answers.scores[strange],
        ),
    }
    return _Judged(
        record,
        posteriors.max(axis=1),
        posteriors.argmax(axis=1) == targets[seen],
        right[known],
        answers.scores[known],
        answers.scores[strange],
    )


def _charts(judged: _Judged) -> list[Chart]:
    from vultus.evaluate.charts import named_chart, reliability_chart

    drawn = [reliability_chart(judged.sure, judged.likeliest, "the likeliest person is right")]
    if len(judged.stranger_scores):
        drawn.append(named_chart(judged.right, judged.scores, judged.stranger_scores))
    return drawn


def _card(learnt: Classifier, model: Path) -> str:
    card = learnt.card
    return (
        f"{model}: {card.kind}, {len(card.labels)} people, threshold {card.threshold:.4f}, made "
        f"{card.made_at:%Y-%m-%d}"
    )


def _lines(record: dict[str, Any]) -> list[str]:
    from vultus.evaluate.summaries import percent

    told = record["open_set"]
    low, high = record["accuracy_interval"]
    rates = [
        f"named at {percent(float(fpir))} of strangers named: "
        + (told["not_stated"][fpir] if rate is None else percent(rate))
        for fpir, rate in told["named_at_fpir"].items()
    ]
    strangers = f"of {told['strangers']} strangers {percent(told['strangers_named'])} are named"
    pairs = [[one["person"], one["taken_for"], one["count"]] for one in record["worst_pairs"]]
    return [
        f"{record['images']} pictures of {record['people']} people, {record['not_found']} faces "
        f"not found, {record['learnt_from']} pictures it learnt from left out; "
        f"{record['seconds']:.1f} seconds",
        f"accuracy {record['accuracy']:.4f} ({low:.4f} to {high:.4f}, 19 times of 20), balanced "
        f"{record['balanced_accuracy']:.4f}, F1 {record['f1']:.4f}",
        f"calibration error {record['ece']:.4f}, log loss {record['log_loss']:.4f}",
        f"with its threshold: {percent(told['named'])} named rightly, "
        f"{percent(told['misnamed'])} wrongly" + (f"; {strangers}" if told["strangers"] else ""),
        *(rates if told["strangers"] else []),
        *(table_lines(["person", "taken for", "times"], pairs) if pairs else []),
    ]
