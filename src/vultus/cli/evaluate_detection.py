"""`vultus evaluate detection`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.evaluate_outputs import Extras, PlotsOption, ReportOption, facts_of
from vultus.cli.output import Format, Output
from vultus.cli.tables import table_lines
from vultus.errors import UsageError
from vultus.work import choose_jobs, work_through

if TYPE_CHECKING:
    from vultus.evaluate.boxes import Boxes, MarkedBoxes
    from vultus.evaluate.charts import Chart
    from vultus.evaluate.detection import FoundBoxes
    from vultus.faces.analyzer import Analyzer

_LOW_SCORE = 0.1  # for the curve: what scores less is no face to any detector


@dataclass(frozen=True)
class _Looked:
    """shipped: with the settings as they are; searched: with a low score threshold, too."""

    shipped: FoundBoxes
    searched: FoundBoxes


def detection(
    images: Annotated[Path, typer.Option("--images", help="The folder that the names are in.")],
    boxes: Annotated[
        Path | None,
        typer.Option(
            "--boxes",
            help="Marked faces: JSON {file: [[left, top, right, bottom], ...]}, or WIDER FACE's "
            "text.",
        ),
    ] = None,
    points: Annotated[
        Path | None, typer.Option("--points", help="Marked points: JSON {file: [[x, y], ...]}.")
    ] = None,
    report: ReportOption = None,
    plots: PlotsOption = None,
    format: options.FormatOption = Format.human,
    min_face: options.MinFaceOption = None,
    score_threshold: options.ScoreOption = None,
    second_look: options.SecondLookOption = None,
    jobs: options.JobsOption = 0,
) -> None:
    """Which faces are found: average precision against boxes, recall against points.

    Pictures that no file names are left out.

    Example: vultus evaluate detection --images photos/ --boxes boxes.json
    """
    out = Output(format)
    from vultus.cli.records import rounded
    from vultus.evaluate.boxes import read_boxes, read_points
    from vultus.evaluate.people import check_there
    from vultus.evaluate.summaries import detection_report

    if boxes is None and points is None:
        raise UsageError("There is nothing to measure against.", "Give --boxes or --points.")
    extras = Extras(report, plots)
    extras.check()
    marked = read_boxes(boxes) if boxes else {}
    pointed = read_points(points) if points else {}
    for file, named in ((boxes, marked), (points, pointed)):
        if file is not None:
            check_there(sorted(named), images, file)
    names = sorted({*marked, *pointed})
    began = time.perf_counter()
    at_once = choose_jobs(jobs, len(names))
    settings = options.settings_for(
        at_once, min_face_px=min_face, score_threshold=score_threshold, second_look=second_look
    )
    analyzer = options.make_analyzer(settings)
    looked = _look(out, analyzer, images, names, at_once, curve=bool(marked))
    record = {
        "images": len(names),
        "boxes": _judge_boxes(marked, looked) if marked else None,
        "points": _judge_points(pointed, looked) if pointed else None,
        "seconds": time.perf_counter() - began,
    }
    out.data(rounded(record), _lines(record))
    measured = {"images": str(images), "boxes": str(boxes or "–"), "points": str(points or "–")}
    extras.write(
        out,
        lambda: _charts(record, marked, looked),
        lambda drawn: detection_report(record, drawn, facts_of(analyzer, **measured)),
    )


def _look(
    out: Output,
    analyzer: Analyzer,
    images: Path,
    names: Sequence[str],
    at_once: int,
    *,
    curve: bool,
) -> dict[str, _Looked]:
    """The boxes in each picture; a picture that cannot be read ends the work."""
    from vultus.evaluate.detection import FoundBoxes, corners_of
    from vultus.imaging.load import load

    detection = analyzer.settings.detection
    low = min(_LOW_SCORE, detection.score_threshold)
    harder = detection.model_copy(update={"score_threshold": low, "second_look": False})

    def look(name: str) -> _Looked:
        image = load(images / name, analyzer.settings.limits)
        found = analyzer.locate(image)
        shipped = FoundBoxes(corners_of(found.boxes), found.scores.astype("f8"))
        if not curve:
            return _Looked(shipped, shipped)
        more = analyzer.locate(image, harder)
        if len(found) and not (more.scores >= detection.score_threshold).any():
            return _Looked(shipped, shipped)  # it was the second look that found them
        return _Looked(shipped, FoundBoxes(corners_of(more.boxes), more.scores.astype("f8")))

    analyzer.warm_up(embed=False)
    looked = {}
    results = work_through(names, look, at_once)
    for result in out.progress(results, len(names), "Looking for faces"):
        if result.answer is None:
            raise result.error or RuntimeError("no answer")
        looked[result.task] = result.answer
    return looked


def _judge_boxes(marked: dict[str, MarkedBoxes], looked: dict[str, _Looked]) -> dict[str, Any]:
    from vultus.evaluate.detection import report_boxes

    mine = [looked[name] for name in marked]
    return report_boxes(
        list(marked.values()), [one.shipped for one in mine], [one.searched for one in mine]
    )


def _judge_points(pointed: dict[str, Boxes], looked: dict[str, _Looked]) -> dict[str, Any]:
    from vultus.evaluate.detection import report_points

    return report_points(list(pointed.values()), [looked[name].shipped.boxes for name in pointed])


def _charts(
    record: dict[str, Any], marked: dict[str, MarkedBoxes], looked: dict[str, _Looked]
) -> list[Chart]:
    from vultus.evaluate.charts import detection_precision_recall, recall_by_height_chart
    from vultus.evaluate.detection import curves

    if not marked or not record["boxes"]["faces"]:
        return []
    searched = [looked[name].searched for name in marked]
    return [
        detection_precision_recall(curves(list(marked.values()), searched)),
        recall_by_height_chart(record["boxes"]["by_height"]),
    ]


def _lines(record: dict[str, Any]) -> list[str]:
    from vultus.evaluate.summaries import percent

    lines = [f"{record['images']} pictures, {record['seconds']:.1f} seconds"]
    boxes, points = record["boxes"], record["points"]
    if boxes:
        precisions = ", ".join(f"{of['voc']:.4f} at {least}" for least, of in boxes["ap"].items())
        bands = boxes["by_height"].items()
        lines += [
            f"{boxes['found']} of {boxes['faces']} faces found, {boxes['ignored']} ignored, "
            f"{boxes['false_boxes']} false boxes: recall {percent(boxes['recall'])}, precision "
            f"{percent(boxes['precision'])}",
            f"average precision {precisions} overlap",
            *table_lines(
                ["height", "faces", "found", "recall"],
                [[f"{name} px", *band.values()] for name, band in bands],
            ),
        ]
    if points:
        lines.append(
            f"{points['found']} of {points['points']} points in a box of their own: recall "
            f"{percent(points['recall'])}; {points['false_boxes']} boxes without a point"
        )
    return lines
