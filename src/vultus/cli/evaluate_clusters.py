"""`vultus evaluate clusters`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.evaluate_faces import embed_folder
from vultus.cli.evaluate_outputs import Extras, PlotsOption, ReportOption, facts_of
from vultus.cli.folder_faces import CacheOption
from vultus.cli.output import Format, Output
from vultus.cli.tables import table_lines


def clusters(
    images: Annotated[
        Path, typer.Argument(help="A folder with a folder a person.", show_default=False)
    ],
    min_photos: Annotated[
        int,
        typer.Option(
            "--min-photos", min=1, max=100_000, help="Only people with so many pictures or more."
        ),
    ] = 1,
    report: ReportOption = None,
    plots: PlotsOption = None,
    format: options.FormatOption = Format.human,
    mirror: options.MirrorOption = None,
    cached: CacheOption = True,
    jobs: options.JobsOption = 0,
) -> None:
    """How well faces are grouped without names; the folders say who is who.

    Example: vultus evaluate clusters people/ --min-photos 4
    """
    out = Output(format)
    from vultus.cli.records import rounded
    from vultus.evaluate import charts
    from vultus.evaluate.clusters import report_clusters
    from vultus.evaluate.people import read_people
    from vultus.evaluate.summaries import clusters_report
    from vultus.gallery.calibration import Calibrator
    from vultus.gallery.grouping import group_faces

    extras = Extras(report, plots)
    extras.check()
    people = read_people(images).with_at_least(min_photos)
    began = time.perf_counter()
    faces = embed_folder(out, people.paths, jobs, mirror=mirror, cached=cached)
    analyzer = faces.analyzer
    calibrator = Calibrator.of(analyzer.embedder_id)
    grouping = group_faces(faces.embeddings[faces.found], calibrator)
    truth = people.targets[faces.rows][faces.found]
    record: dict[str, Any] = {
        "images": len(people.paths),
        "not_found": int((~faces.found).sum()),
        **report_clusters(truth, _labels(len(truth), [*grouping.groups, *_each(grouping.alone)])),
        "outside": people.outside,
        "left_out": faces.left_out,
        "seconds": time.perf_counter() - began,
    }
    out.data(rounded(record), _lines(record))
    measured = {"images": str(images), "people": f"with {min_photos} pictures or more"}
    extras.write(
        out,
        lambda: [charts.cluster_chart(record)],
        lambda drawn: clusters_report(record, drawn, facts_of(analyzer, **measured)),
    )


def _each(rows: list[int]) -> list[list[int]]:
    return [[row] for row in rows]


def _labels(count: int, groups: list[list[int]]) -> Any:
    """The number of the group of each face, (count,)."""
    import numpy as np

    labels = np.full(count, -1, np.intp)
    for number, rows in enumerate(groups):
        labels[rows] = number
    return labels


def _lines(record: dict[str, Any]) -> list[str]:
    rows = [
        [name, *record[key].values()]
        for name, key in (("B-cubed", "bcubed"), ("pairwise", "pairwise"))
    ]
    low, high = record["bcubed_f_interval"]
    return [
        f"{record['faces']} faces of {record['people']} people in {record['clusters']} clusters, "
        f"{record['alone']} of them alone; {record['not_found']} faces not found; "
        f"{record['seconds']:.1f} seconds",
        *table_lines(["", "precision", "recall", "F"], rows),
        f"B-cubed F {low:.3f} to {high:.3f}, 19 times of 20",
        f"adjusted Rand index {record['ari']:.3f}, normalised mutual information "
        f"{record['nmi']:.3f}, homogeneity {record['homogeneity']:.3f}, completeness "
        f"{record['completeness']:.3f}",
        f"{record['whole_people']} people are whole, {record['pure_clusters']} clusters pure",
    ]
