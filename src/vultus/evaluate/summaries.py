"""From the figures of an evaluation to its report: which come first, in which words, and what they
do not say. Records are those that `vultus evaluate` prints as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vultus.evaluate.charts import Chart
from vultus.evaluate.report import Headline, Report, Table

Record = Mapping[str, Any]

_LISTED = 40  # people in a table

_SAME_PEOPLE = (
    "Figures hold for pictures like these. Error rates differ between cameras, between ages and "
    "between groups of people."
)
_CROSSED = (
    "Intervals take pictures or pairs as independent. Where one person appears in many, the truth "
    "may lie farther out."
)


def percent(value: float | None, digits: int = 1) -> str:
    """A share in percent; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def between(interval: Sequence[float], digits: int = 1) -> str:
    """An interval of shares in words."""
    low, high = (f"{100 * bound:.{digits}f}" for bound in interval)
    return f"{low} to {high} %, 19 times of 20"


def mean_and_spread(figure: Mapping[str, float], digits: int = 1) -> str:
    """As 95.1 ± 0.4 %."""
    return f"{100 * figure['mean']:.{digits}f} ± {100 * figure['std']:.{digits}f} %"


def verification_report(
    record: Record, charts: Sequence[Chart], settings: Mapping[str, str], impostors: int
) -> Report:
    """settings: what was measured, on what and with which models."""
    genuine = record["pairs"] - impostors
    tars, bounds = record["tar_at_far"], record["intervals"]["tar_at_far"]
    rows = [
        [
            percent(float(far), 2),
            percent(tar),
            between(bounds[far]),
            _allowed(float(far), impostors),
        ]
        for far, tar in tars.items()
    ]
    return Report(
        title="Verification: the same person or not",
        lead=f"{record['pairs']:,} pairs of {record['images']:,} pictures: {genuine:,} of one "
        f"person, {impostors:,} of two. A pair with a face that was not found counts as different.",
        headlines=[
            Headline(
                "Accuracy", percent(record["accuracy"], 2), between(record["intervals"]["accuracy"])
            ),
            Headline("Area under the curve", f"{record['auc']:.4f}", "1 is perfect, 0.5 is chance"),
            Headline("Equal error rate", percent(record["eer"], 2), "as many accepted as rejected"),
            Headline(
                "Faces not found", f"{record['not_found']:,}", f"of {record['images']:,} pictures"
            ),
        ],
        charts=charts,
        tables=[
            Table(
                "Genuine pairs accepted",
                ["at a false-accept rate of", "accepted", "interval", "false accepts allowed"],
                rows,
                "The interval is of the genuine pairs. Of few impostor pairs the rate itself is "
                "uncertain: with none seen in n pairs it may be as high as 3/n.",
            )
        ],
        settings={
            **settings,
            "accuracy": "cross-validated over the folds, standard deviation between folds "
            f"{percent(record['accuracy_std'], 2)}",
            "most accurate threshold": f"{record['threshold']:.4f}, over all pairs",
            "probabilities": _probabilities(record["probability"]),
        },
        limits=[_SAME_PEOPLE, _CROSSED, _few_impostors(impostors)],
    )


def _probabilities(told: Record) -> str:
    return (
        f"calibration error {told['ece']:.4f}, Brier score {told['brier']:.4f}, log loss "
        f"{told['log_loss']:.4f}"
    )


def _allowed(far: float, impostors: int) -> str:
    count = int(far * impostors + 1e-9)
    return f"{count:,} of {impostors:,}"


def _few_impostors(impostors: int) -> str:
    return (
        f"{impostors:,} impostor pairs cannot show a false-accept rate below "
        f"{percent(1 / impostors, 2)}; how often somebody is found among many people is another "
        "question, which vultus evaluate identification answers."
    )


def identification_report(
    record: Record, charts: Sequence[Chart], settings: Mapping[str, str]
) -> Report:
    """The largest gallery comes first: it is the hardest."""
    protocol, galleries = record["protocol"], record["galleries"]
    largest = galleries[-1]
    size = f"{largest['size']:,} people enrolled"
    headlines = [
        Headline("Right person nearest", mean_and_spread(largest["rank_1"]), f"rank 1, {size}")
    ]
    for fpir, told in largest["tpir_at_fpir"].items():
        label = f"Named rightly at {percent(float(fpir))} of strangers named"
        if told is None:
            headlines.append(Headline(label, "not stated", largest["not_stated"][fpir]))
        else:
            headlines.append(Headline(label, mean_and_spread(told), size))
    skipped = [
        f"{one['size']:,} people: not measured: {one['reason']}." for one in record["skipped"]
    ]
    return Report(
        title="Identification: who is it, or nobody known",
        lead=f"{record['images']:,} pictures of {record['people']:,} people. In each of "
        f"{protocol['splits']} random splits some people are enrolled with "
        f"{photos_of(protocol)}; the others are strangers, whom nobody should name.",
        headlines=headlines,
        charts=charts,
        tables=_identification_tables(galleries, protocol),
        settings={
            **settings,
            "splits": f"{protocol['splits']}, seed {protocol['seed']}",
            "photos enrolled": f"{photos_of(protocol)} a person",
            "probes": f"at most {protocol['probes_a_person']} a person",
            "faces not found": f"{record['not_found']:,}; as probes they are never named",
            "matcher": f"margin {protocol['margin']:g}, threshold {protocol['threshold']:.4f}",
        },
        limits=[
            _SAME_PEOPLE,
            "± is the standard deviation over the splits. These share pictures, so it is not the "
            "deviation that other people's pictures would give.",
            "Every probe is searched as if alone in its picture.",
            *skipped,
        ],
    )


def photos_of(protocol: Record) -> str:
    """How many photos are enrolled, in words."""
    most = protocol["enrolled_photos"]
    return "one photo" if most == 1 else f"up to {most} photos"


def _identification_tables(galleries: Sequence[Record], protocol: Record) -> list[Table]:
    searched = [
        [
            f"{one['size']:,}",
            f"{one['probes']:,.0f}",
            f"{one['stranger_probes']:,.0f}",
            *(mean_and_spread(one[f"rank_{rank}"]) for rank in (1, 5, 10)),
        ]
        for one in galleries
    ]
    rates = [
        [
            f"{one['size']:,}",
            percent(float(fpir)),
            "not stated" if told is None else mean_and_spread(told),
            "–" if told is None or told["distance"] is None else f"{told['distance']:.3f}",
            one["not_stated"].get(fpir) or between(told["fpir_interval"], 2),
        ]
        for one in galleries
        for fpir, told in one["tpir_at_fpir"].items()
    ]
    kinds = ("named", "misnamed", "strangers_named")
    shipped = [
        [f"{one['size']:,}", *(mean_and_spread(one["as_shipped"][kind]) for kind in kinds)]
        for one in galleries
    ]
    header = ["people enrolled", "probes a split", "of strangers", "rank 1", "rank 5", "rank 10"]
    return [
        Table(
            "Strangers among the probes",
            [
                "people enrolled",
                "strangers named (FPIR)",
                "named rightly (TPIR)",
                "distance",
                "FPIR within",
            ],
            rates,
            "A probe counts as named rightly where the right person is nearest, near enough, and "
            "nearer than the next by the margin. The last column is how far a sample of this size "
            "tells the rate of strangers.",
        ),
        Table("Everybody is enrolled", header, searched, "No threshold: who is nearest?"),
        Table(
            f"As it is set: threshold {protocol['threshold']:.4f}",
            ["people enrolled", "named rightly", "named wrongly", "strangers named"],
            shipped,
            "The larger the gallery, the more strangers resemble somebody in it: choose the "
            "threshold for yours.",
        ),
    ]


def detection_report(
    record: Record, charts: Sequence[Chart], settings: Mapping[str, str]
) -> Report:
    """Against boxes, points, or both."""
    boxes, points = record["boxes"], record["points"]
    headlines: list[Headline] = []
    tables: list[Table] = []
    if boxes:
        headlines += _box_headlines(boxes)
        tables += _box_tables(boxes)
    if points:
        held = between(points["recall_interval"])
        headlines += [
            Headline("Points in a box", percent(points["recall"]), held),
            Headline(
                "Boxes without a point",
                f"{points['false_boxes']:,}",
                f"{points['points']:,} points",
            ),
        ]
    return Report(
        title="Detection: which faces are found",
        lead=f"{record['images']:,} pictures with marked faces.",
        headlines=headlines,
        charts=charts,
        tables=tables,
        settings=settings,
        limits=[
            _SAME_PEOPLE,
            _CROSSED,
            "A face that nobody marked and that is found counts as false.",
            "Faces under the smallest size that is searched for are missed by intention.",
        ],
    )


def _box_headlines(boxes: Record) -> list[Headline]:
    return [
        Headline(
            "Average precision", f"{boxes['ap']['0.5']['voc']:.4f}", "overlap 0.5, all points"
        ),
        Headline("Recall", percent(boxes["recall"]), between(boxes["recall_interval"])),
        Headline("Precision", percent(boxes["precision"]), between(boxes["precision_interval"])),
        Headline(
            "Faces",
            f"{boxes['faces']:,}",
            f"{boxes['ignored']:,} more are ignored, {boxes['false_boxes']:,} boxes are false",
        ),
    ]


def _box_tables(boxes: Record) -> list[Table]:
    found = [
        [f"{name} px", f"{band['faces']:,}", f"{band['found']:,}", percent(band["recall"])]
        for name, band in boxes["by_height"].items()
    ]
    precisions = [
        [least, f"{of['voc']:.4f}", f"{of['coco']:.4f}"] for least, of in boxes["ap"].items()
    ]
    return [
        Table("By height", ["height of the face", "marked", "found", "recall"], found),
        Table(
            "Average precision",
            ["overlap", "all points (VOC)", "101 points (COCO)"],
            precisions,
            "Of a search with a low score threshold, so that the whole curve is seen.",
        ),
    ]


def classifier_report(
    record: Record, charts: Sequence[Chart], settings: Mapping[str, str]
) -> Report:
    """With the names of people: they are in the classifier, too."""
    told = record["open_set"]
    headlines = [
        Headline("Accuracy", percent(record["accuracy"], 2), between(record["accuracy_interval"])),
        Headline("Named rightly", percent(told["named"]), "with its threshold for strangers"),
    ]
    if told["strangers"]:
        held = between(told["strangers_named_interval"])
        headlines.append(Headline("Strangers named", percent(told["strangers_named"]), held))
    headlines.append(
        Headline("Calibration error", f"{record['ece']:.4f}", "of the likeliest person")
    )
    return Report(
        title="Classifier: who of the people it knows, or nobody",
        lead=f"{record['images']:,} pictures of {record['people']:,} known people and "
        f"{told['strangers']:,} of strangers; {record['learnt_from']:,} pictures that it learnt "
        "from are left out.",
        headlines=headlines,
        charts=charts,
        tables=_classifier_tables(record),
        settings={**settings, "faces not found": f"{record['not_found']:,}, never named"},
        limits=[
            _SAME_PEOPLE,
            _CROSSED,
            "Accuracy, precision and recall are of the likeliest person, of faces that were found.",
        ],
    )


def _classifier_tables(record: Record) -> list[Table]:
    told = record["open_set"]
    rates = [
        [percent(float(fpir)), "not stated" if rate is None else percent(rate)]
        for fpir, rate in told["named_at_fpir"].items()
    ]
    worst = sorted(record["per_class"].items(), key=lambda item: item[1]["f1"])[:_LISTED]
    people = [
        [name, f"{one['images']:,}", *(f"{one[key]:.3f}" for key in ("precision", "recall", "f1"))]
        for name, one in worst
    ]
    pairs = [
        [one["person"], one["taken_for"], f"{one['count']:,}"] for one in record["worst_pairs"]
    ]
    tables = [
        Table(
            "People",
            ["person", "pictures", "precision", "recall", "F1"],
            people,
            "Those with the lowest F1 first, at most forty.",
        )
    ]
    if pairs:
        tables.insert(0, Table("Taken for another", ["person", "taken for", "times"], pairs))
    if told["strangers"]:
        tables.insert(
            0,
            Table(
                "Strangers among the pictures",
                ["strangers named", "known people named rightly"],
                rates,
                "; ".join(told["not_stated"].values()),
            ),
        )
    return tables


def clusters_report(record: Record, charts: Sequence[Chart], settings: Mapping[str, str]) -> Report:
    """Precision says whether clusters are pure, recall whether people are whole."""
    bcubed, pairs = record["bcubed"], record["pairwise"]
    rows = [
        [name, *(f"{score[key]:.4f}" for key in ("precision", "recall", "f"))]
        for name, score in (("B-cubed, over faces", bcubed), ("pairs of faces", pairs))
    ]
    others = [
        [name, f"{record[key]:.4f}"]
        for name, key in (
            ("adjusted Rand index", "ari"),
            ("normalised mutual information", "nmi"),
            ("homogeneity", "homogeneity"),
            ("completeness", "completeness"),
        )
    ]
    return Report(
        title="Clusters: faces grouped without names",
        lead=f"{record['faces']:,} faces of {record['people']:,} people came into "
        f"{record['clusters']:,} clusters, {record['alone']:,} of them with a single face.",
        headlines=[
            Headline("B-cubed F", f"{bcubed['f']:.4f}", _span(record["bcubed_f_interval"])),
            Headline("Pairwise F", f"{pairs['f']:.4f}", "large people and clusters rule it"),
            Headline("Pure clusters", f"{record['pure_clusters']:,}", f"of {record['clusters']:,}"),
            Headline("Whole people", f"{record['whole_people']:,}", f"of {record['people']:,}"),
        ],
        charts=charts,
        tables=[
            Table("Agreement with the folders", ["", "precision", "recall", "F"], rows),
            Table(
                "Other indices", ["", "value"], others, "1 is agreement; the first is 0 by chance."
            ),
        ],
        settings={**settings, "faces not found": f"{record['not_found']:,}, left out"},
        limits=[
            _SAME_PEOPLE,
            "A picture in the wrong folder counts as an error of the clustering.",
            "Only pictures with a face count.",
        ],
    )


def _span(interval: Sequence[float]) -> str:
    return f"{interval[0]:.4f} to {interval[1]:.4f}, 19 times of 20"
