"""`vultus evaluate verification`."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.evaluate_outputs import Extras, PlotsOption, ReportOption, facts_of
from vultus.cli.folder_faces import CacheOption, describe_pictures, make_describer
from vultus.cli.output import Format, Output

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vultus.evaluate.charts import Chart
    from vultus.learn.embeddings import FolderFaces


def verification(
    pairs: Annotated[
        Path,
        typer.Option("--pairs", help="Tab-separated: fold, image_a, image_b, same (0 or 1)."),
    ],
    images: Annotated[Path, typer.Option("--images", help="The folder that the names are in.")],
    report: ReportOption = None,
    plots: PlotsOption = None,
    format: options.FormatOption = Format.human,
    mirror: options.MirrorOption = None,
    cached: CacheOption = True,
    jobs: options.JobsOption = 0,
) -> None:
    """Same person or not, on a list of pairs, as LFW does it.

    The accuracy is cross-validated over the file's folds; a pair with a face that was not found
    counts as 'different'. Of several faces in a picture the largest is taken.

    Example: vultus evaluate verification --pairs pairs.tsv --images images/
    """
    out = Output(format)
    from vultus.cli.records import rounded
    from vultus.evaluate.people import check_there
    from vultus.evaluate.summaries import verification_report
    from vultus.evaluate.verification import pair_distances, read_pairs, report_verification
    from vultus.gallery.calibration import Calibrator

    extras = Extras(report, plots)
    extras.check()
    listed = read_pairs(pairs)
    names = listed.images
    check_there(names, images, pairs)
    began = time.perf_counter()
    analyzer, at_once = make_describer(jobs, len(names), mirror)
    looked = describe_pictures(
        out, analyzer, [images / name for name in names], at_once, cached=cached
    )
    embeddings = dict(zip(names, map(_largest, looked), strict=True))
    distances = pair_distances(listed, embeddings)
    calibrator = Calibrator.of(analyzer.embedder_id)
    probabilities = calibrator.probability(distances)
    missed = sum(embedding is None for embedding in embeddings.values())
    figures = report_verification(listed, distances, missed, time.perf_counter() - began)
    record = {**asdict(figures), "probability": _probability(probabilities, listed.same)}
    out.data(rounded(record), _lines(record))
    extras.write(
        out,
        lambda: _charts(distances, listed.same, probabilities, calibrator.threshold),
        lambda charts: verification_report(
            record,
            charts,
            facts_of(analyzer, pairs=str(pairs), images=str(images)),
            int((~listed.same).sum()),
        ),
    )


def _largest(looked: FolderFaces) -> NDArray[np.float32] | None:
    """The embedding of the largest face, None where there is none."""
    if looked.faces is None:
        raise looked.error or RuntimeError("no answer")
    found = looked.faces.embeddings
    return None if found is None or not len(found) else found[0]


def _probability(probabilities: NDArray[np.float64], same: NDArray[np.bool_]) -> dict[str, float]:
    """What the probabilities of `vultus verify` are worth on these pairs."""
    import numpy as np

    from vultus.evaluate.metrics import brier_score, calibration_error, log_loss

    both = np.stack([1 - probabilities, probabilities], axis=1)
    return {
        "ece": calibration_error(probabilities, same),
        "brier": brier_score(probabilities, same),
        "log_loss": log_loss(both, same.astype(np.intp)),
    }


def _charts(
    distances: NDArray[np.float64],
    same: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    threshold: float,
) -> list[Chart]:
    from vultus.evaluate import charts

    return [
        charts.roc_chart(distances, same),
        charts.det_chart(distances, same),
        charts.distance_chart(distances, same, threshold),
        charts.reliability_chart(probabilities, same, "a pair is of one person"),
        charts.precision_recall_chart(-distances, same, "genuine pairs"),
    ]


def _lines(record: dict[str, Any]) -> list[str]:
    rates = ", ".join(f"{tar:.3f} at {far}" for far, tar in record["tar_at_far"].items())
    low, high = record["intervals"]["accuracy"]
    return [
        f"{record['pairs']} pairs of {record['images']} pictures, "
        f"{record['not_found']} faces not found",
        f"accuracy {record['accuracy']:.4f} (standard deviation {record['accuracy_std']:.4f} over "
        f"folds; {low:.4f} to {high:.4f}, 19 times of 20)",
        f"area under the curve {record['auc']:.4f}, equal error rate {record['eer']:.4f}",
        f"true-accept rate {rates} false-accept rate",
        f"calibration error of the probability {record['probability']['ece']:.4f}",
        f"best threshold {record['threshold']:.3f}, {record['seconds']:.1f} seconds",
    ]
