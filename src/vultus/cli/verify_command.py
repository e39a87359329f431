"""`vultus verify`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vultus.cli import options
from vultus.cli.output import Format, Output


def verify(
    first: Annotated[Path, typer.Argument(help="A picture.", show_default=False)],
    second: Annotated[Path, typer.Argument(help="Another picture.", show_default=False)],
    format: options.FormatOption = Format.human,
    far: options.FarOption = None,
    mirror: options.MirrorOption = None,
    largest: options.LargestOption = False,
) -> None:
    """Say whether two pictures show the same person.

    Example: vultus verify a.jpg b.jpg --far 1e-3
    """
    out = Output(format)
    from vultus.cli.records import rounded
    from vultus.gallery.verification import verify as verify_with

    analyzer = options.make_analyzer(options.settings_for(), mirror=mirror)
    answer = verify_with(first, second, analyzer=analyzer, far=far, largest=largest)
    word = "the same person" if answer.same else "different people"
    line = (
        f"{word}: probability of one person {answer.probability:.1%}, "
        f"distance {answer.distance:.3f}, "
        f"threshold {answer.threshold:.3f}"
    )
    out.data(rounded(asdict(answer)), line)
