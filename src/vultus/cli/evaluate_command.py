"""`vultus evaluate ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vultus.cli import options
from vultus.cli.evaluate_attributes import Kind, evaluate_age_gender, evaluate_expression
from vultus.cli.evaluate_classifier import classifier
from vultus.cli.evaluate_clusters import clusters
from vultus.cli.evaluate_detection import detection
from vultus.cli.evaluate_identification import identification
from vultus.cli.evaluate_verification import verification
from vultus.cli.output import Format, Output
from vultus.errors import UsageError

app = typer.Typer(no_args_is_help=True, help="Measure on your own pictures or on public sets.")
for command in (verification, identification, detection, classifier, clusters):
    app.command()(command)


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
