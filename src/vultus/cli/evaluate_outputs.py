"""What every `vultus evaluate` gives beside its answer: plots, and a report as one HTML file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli.output import Output
from vultus.errors import StorageError, UsageError

if TYPE_CHECKING:
    from vultus.evaluate.charts import Chart
    from vultus.evaluate.report import Report
    from vultus.faces.analyzer import Analyzer

ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report", help="Write everything into one HTML file, with plots.", show_default=False
    ),
]
PlotsOption = Annotated[
    Path | None,
    typer.Option(
        "--plots", help="Write plots as PNG and SVG into this folder.", show_default=False
    ),
]
_ENDINGS = (".html", ".htm")


@dataclass(frozen=True)
class Extras:
    """The report and the plots that were asked for, if any."""

    report: Path | None
    plots: Path | None

    def check(self) -> None:
        """That they can be written: before anything is measured, which may take an hour.

        Raises:
            UsageError: the report's name does not end as an HTML file's.
            ExtraMissing: matplotlib is not installed.
            StorageError: a folder cannot be written to.
        """
        if self.report is None and self.plots is None:
            return
        from vultus.evaluate.plots import require_plots

        require_plots()
        if self.report is not None:
            if self.report.suffix.lower() not in _ENDINGS:  # nothing else is replaced by mistake
                raise UsageError(
                    f"{self.report} does not end with .html.", "Example: --report report.html"
                )
            if self.report.is_dir():
                raise StorageError(f"{self.report} is a folder.", "Name a file.")
            _try_writing(self.report.parent, make=False)
        if self.plots is not None:
            _try_writing(self.plots, make=True)

    def write(
        self,
        out: Output,
        draw: Callable[[], Sequence[Chart]],
        tell: Callable[[Sequence[Chart]], Report],
    ) -> None:
        """Write what was asked for; nothing is drawn otherwise."""
        if self.report is None and self.plots is None:
            return
        from vultus.evaluate.plots import save_plots
        from vultus.evaluate.report import write_report

        charts = draw()
        if self.plots is not None:
            written = save_plots(charts, self.plots)
            out.note(f"{len(written)} plots in {self.plots}")
        if self.report is not None:
            write_report(tell(charts), self.report)
            out.note(f"report in {self.report}")


def _try_writing(folder: Path, *, make: bool) -> None:
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written to: {error.strerror or error}.", "Choose another folder."
        ) from error


def facts_of(analyzer: Analyzer, **measured: str) -> dict[str, str]:
    """What was measured, and what with, for a report."""
    from vultus.models import catalogue

    detection = analyzer.settings.detection
    smallest = f"{detection.min_face_px} pixels" if detection.min_face_px else "by the picture"
    second = "with" if detection.second_look else "without"
    mirrored = "averaged with the mirrored face's" if analyzer.mirror else "of the face as it is"
    return {
        **measured,
        "detector": f"{analyzer.detector_id or 'another'}, score {detection.score_threshold:g}, "
        f"smallest face {smallest}, {second} a second look",
        "alignment": catalogue.LANDMARKS,
        "embedder": f"{analyzer.embedder_id}, {mirrored}",
    }
