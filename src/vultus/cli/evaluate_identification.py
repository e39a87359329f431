"""`vultus evaluate identification`."""

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
from vultus.errors import UsageError

_MOST_SIZES = 10


def identification(
    images: Annotated[Path, typer.Option("--images", help="A folder with a folder a person.")],
    gallery_sizes: Annotated[
        str, typer.Option("--gallery-sizes", help="People enrolled, such as 50,100.")
    ] = "100,500,2000",
    photos: Annotated[
        int, typer.Option("--photos", min=1, max=1000, help="Photos enrolled of each, at most.")
    ] = 1,
    probes: Annotated[
        int, typer.Option("--probes", min=1, max=10_000, help="Photos searched of each, at most.")
    ] = 10,
    splits: Annotated[int, typer.Option("--splits", min=1, max=1000, help="Random splits.")] = 20,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the random splits.")] = 0,
    report: ReportOption = None,
    plots: PlotsOption = None,
    format: options.FormatOption = Format.human,
    mirror: options.MirrorOption = None,
    cached: CacheOption = True,
    jobs: options.JobsOption = 0,
) -> None:
    """Who is it, or nobody known: some people are enrolled, the others are strangers.

    Measured over random splits with the matcher of `vultus identify`. A rate that so few strangers
    cannot show is not stated.

    Example: vultus evaluate identification --images people/ --gallery-sizes 50,100
    """
    out = Output(format)
    from vultus.cli.records import rounded
    from vultus.evaluate import charts
    from vultus.evaluate.identification import Collected, Protocol, evaluate_identification
    from vultus.evaluate.people import read_people
    from vultus.evaluate.summaries import identification_report
    from vultus.gallery.calibration import Calibrator

    protocol = Protocol(_sizes(gallery_sizes), splits, photos, probes, seed)
    extras = Extras(report, plots)
    extras.check()
    people = read_people(images)
    began = time.perf_counter()
    faces = embed_folder(out, people.paths, jobs, mirror=mirror, cached=cached)
    collected = Collected(faces.embeddings, faces.found, people.targets[faces.rows])
    analyzer = faces.analyzer
    matching = analyzer.settings.matching
    record: dict[str, Any] = evaluate_identification(
        collected,
        Calibrator.of(analyzer.embedder_id, matching.far),
        margin=matching.margin,
        protocol=protocol,
    )
    record |= {
        "outside": people.outside,
        "left_out": faces.left_out,
        "seconds": time.perf_counter() - began,
    }
    out.data(rounded(record), _lines(record))
    extras.write(
        out,
        lambda: [charts.open_set_chart(record["galleries"]), charts.cmc_chart(record["galleries"])],
        lambda drawn: identification_report(record, drawn, facts_of(analyzer, images=str(images))),
    )


def _sizes(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdigit() and 0 < len(word) < 10 for word in words):
        raise UsageError(f"{text!r} are no gallery sizes.", "Example: --gallery-sizes 100,500")
    sizes = tuple(sorted({int(word) for word in words}))
    if sizes[0] < 1 or len(sizes) > _MOST_SIZES:
        raise UsageError(
            f"{text!r}: sizes begin with 1, and there are at most {_MOST_SIZES}.",
            "Example: --gallery-sizes 100,500",
        )
    return sizes


def _lines(record: dict[str, Any]) -> list[str]:
    from vultus.evaluate.summaries import mean_and_spread, percent, photos_of

    rows = []
    for one in record["galleries"]:
        told = [
            "not stated" if rate is None else mean_and_spread(rate)
            for rate in one["tpir_at_fpir"].values()
        ]
        shipped = one["as_shipped"]
        rows.append(
            [
                f"{one['size']} people",
                mean_and_spread(one["rank_1"]),
                *told,
                mean_and_spread(shipped["named"]),
                mean_and_spread(shipped["strangers_named"]),
            ]
        )
    fpirs = [f"at FPIR {percent(float(f))}" for f in record["galleries"][0]["tpir_at_fpir"]]
    header = ["enrolled", "rank 1", *fpirs, "as set: named", "strangers named"]
    protocol = record["protocol"]
    reasons = [
        f"{one['size']} people: {reason}"
        for one in record["galleries"]
        for reason in one["not_stated"].values()
    ]
    skipped = [f"{one['size']} people: not measured: {one['reason']}" for one in record["skipped"]]
    return [
        f"{record['images']} pictures of {record['people']} people, {record['not_found']} faces "
        f"not found; {protocol['splits']} splits, {photos_of(protocol)} enrolled; "
        f"{record['seconds']:.1f} seconds",
        *table_lines(header, rows),
        *reasons,
        *skipped,
    ]
