"""`vultus evaluate ...`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.evaluate_attributes import Kind, evaluate_age_gender, evaluate_expression
from vultus.cli.output import Format, Output
from vultus.cli.work import choose_jobs, work_through
from vultus.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vultus.evaluate.verification import VerificationReport

app = typer.Typer(no_args_is_help=True, help="Measure on your own pictures or on public sets.")


@app.command()
def verification(
    pairs: Annotated[
        Path,
        typer.Option("--pairs", help="Tab-separated: fold, image_a, image_b, same (0 or 1)."),
    ],
    images: Annotated[Path, typer.Option("--images", help="The folder that the names are in.")],
    format: options.FormatOption = Format.human,
    mirror: options.MirrorOption = None,
    jobs: options.JobsOption = 0,
) -> None:
    """Same person or not, on a list of pairs, as LFW does it.

    The accuracy is cross-validated over the file's folds; a pair with a face that was not found
    counts as 'different'. Of several faces in a picture the largest is taken.

    Example: vultus evaluate verification --pairs pairs.tsv --images images/
    """
    out = Output(format)
    from vultus.cli.records import rounded
    from vultus.evaluate.verification import evaluate_verification, read_pairs

    listed = read_pairs(pairs)
    at_once = choose_jobs(jobs, len(listed.images))
    analyzer = options.make_analyzer(options.settings_for(at_once), mirror=mirror)

    def embed(path: Path) -> NDArray[np.float32]:
        faces = analyzer.analyze(path, quality=False)
        return faces.embeddings[:1]  # type: ignore[index]  # embeddings were asked for

    def embed_all(paths: list[Path]) -> list[NDArray[np.float32] | None]:
        found: list[NDArray[np.float32] | None] = []
        results = work_through(paths, embed, at_once)
        for result in out.progress(results, len(paths), "Embedding"):
            if result.error is not None or result.answer is None:
                raise result.error or RuntimeError("no answer")
            found.append(result.answer[0] if len(result.answer) else None)
        return found

    report = evaluate_verification(listed, images, embed_all)
    out.data(rounded(asdict(report)), _lines(report))


def _lines(report: VerificationReport) -> list[str]:
    rates = ", ".join(f"{tar:.3f} at {far}" for far, tar in report.tar_at_far.items())
    return [
        f"{report.pairs} pairs of {report.images} pictures, {report.not_found} faces not found",
        f"accuracy {report.accuracy:.4f} (standard deviation {report.accuracy_std:.4f} over folds)",
        f"area under the curve {report.auc:.4f}, equal error rate {report.eer:.4f}",
        f"true-accept rate {rates} false-accept rate",
        f"best threshold {report.threshold:.3f}, {report.seconds:.1f} seconds",
    ]


@app.command()
def attributes(
    kind: Annotated[Kind, typer.Option("--kind", help="What is measured.", show_default=False)],
    images: Annotated[
        Path,
        typer.Option(
            "--images",
            help="expression: one folder a class (angry, disgust, fear, happy, neutral, sad, "
            "surprise). age-gender: pictures named as UTKFace names them.",
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option("--model", help="A model of `vultus train expression`, with its own labels."),
    ] = None,
    format: options.FormatOption = Format.human,
    jobs: options.JobsOption = 0,
) -> None:
    """How well expression, or age and gender, are told.

    Of several faces in a picture the largest is taken; where none is found the whole picture is
    taken as the face, as crops come.

    Example: vultus evaluate attributes --kind expression --images fer2013/public_test
    """
    out = Output(format)
    if kind is Kind.expression:
        evaluate_expression(out, images, model, jobs)
    elif model is not None:
        raise UsageError("A trained model tells expressions only.", "Leave --model out.")
    else:
        evaluate_age_gender(out, images, jobs)
