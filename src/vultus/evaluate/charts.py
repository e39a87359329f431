"""What a picture of figures shows, as data: drawn by `plots`, tested without it. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from vultus.evaluate.classification import named_at
from vultus.evaluate.detection import Curve
from vultus.evaluate.metrics import (
    Bools,
    Floats,
    precision_recall,
    receiver_operating,
    reliability,
    wilson_interval,
)

Scale = Literal["linear", "log", "deviate"]  # deviate: a normal distribution becomes a line
Kind = Literal["line", "steps", "steps-back", "points", "bars", "area"]

_BINS = 50
_MOST_POINTS = 1000  # of a line: more cannot be seen, and a file would hold them all
_LOWEST = 1e-4


@dataclass(frozen=True)
class Series:
    """One line, set of points or set of bars. Steps keep a value until the next one; steps back
    have it since the one before.

    xs, ys: (n,); of an area xs are the n + 1 edges. low, high: (n,) where the truth lies.
    sizes: (n,) how many cases each point stands for.
    """

    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    kind: Kind = "line"
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    sizes: Sequence[int] = ()


@dataclass(frozen=True)
class Chart:
    """name: the file's; caption: what it says, for the report and for those who cannot see it.

    subtitle: of how many. categories: names of the places 0, 1, ... on the x axis; whole_x: only
    whole numbers are places. percent: which
    of the axes are in percent. mark: a vertical line with its words.
    """

    name: str
    title: str
    caption: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    x_scale: Scale = "linear"
    y_scale: Scale = "linear"
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    categories: Sequence[str] = ()
    diagonal: bool = False
    whole_x: bool = False
    subtitle: str = ""
    percent: Literal["", "x", "y", "xy"] = ""
    mark: tuple[float, str] | None = None


def roc_chart(distances: Floats, same: Bools) -> Chart:
    """True-accept rate over false-accept rate, from the lowest rate that the pairs show."""
    rates = receiver_operating(distances, same)
    least = 1 / max(1, int((~same).sum()))
    far, tar = _corners(rates.far, rates.tar)
    kept = far >= least / 2
    first = float(tar[~kept].max(initial=0.0))  # what is accepted before any false accept
    xs, ys = [least / 2, *far[kept]], [first, *tar[kept]]
    return Chart(
        "roc",
        "Receiver operating characteristic",
        "Share of genuine pairs accepted over the share of impostor pairs accepted; higher is "
        f"better. {int((~same).sum()):,} impostor pairs show no rate below {least:.2g}.",
        "False-accept rate",
        "True-accept rate",
        [Series("pairs", xs, ys, "steps")],
        subtitle=_pairs(same),
        percent="xy",
        x_scale="log",
        x_limits=(least / 2, 1),
        y_limits=(_floor(min(ys)), 1.005),
    )


def det_chart(distances: Floats, same: Bools) -> Chart:
    """False-reject over false-accept rate on axes of normal deviates (Martin et al., 1997)."""
    rates = receiver_operating(distances, same)
    far, tar = _corners(rates.far, rates.tar)
    frr = 1 - tar
    inside = (far > 0) & (far < 1) & (frr > 0) & (frr < 1)
    # the ends of the axes are the rates of one pair
    low = [1 / max(4, int(mine.sum())) for mine in (~same, same)]
    xs, ys = far[inside].tolist(), frr[inside].tolist()
    return Chart(
        "det",
        "Detection error trade-off",
        "Share of genuine pairs rejected over the share of impostor pairs accepted, on axes on "
        "which normally distributed distances give a straight line; lower is better.",
        "False-accept rate",
        "False-reject rate",
        [Series("pairs", xs, ys, "steps")],
        subtitle=_pairs(same),
        x_scale="deviate",
        y_scale="deviate",
        x_limits=(max(_LOWEST, low[0]), 0.5),
        y_limits=(max(_LOWEST, low[1]), min(0.9, max(0.05, 1.5 * max(ys, default=0.5)))),
    )


def distance_chart(distances: Floats, same: Bools, threshold: float) -> Chart:
    """How distances of genuine and of impostor pairs are spread."""
    return _spread_chart(
        "distances",
        "Distances of pairs",
        "What overlaps is mistaken for each other, at whatever threshold. Pairs in which no face "
        "was found have no distance.",
        {"genuine pairs": distances[same], "impostor pairs": distances[~same]},
        (threshold, f"threshold {threshold:.3f}"),
    )


def _pairs(same: Bools) -> str:
    return f"{int(same.sum()):,} genuine and {int((~same).sum()):,} impostor pairs"


def _spread_chart(
    name: str,
    title: str,
    caption: str,
    groups: Mapping[str, Floats],
    mark: tuple[float, str],
) -> Chart:
    finite = {label: values[np.isfinite(values)] for label, values in groups.items()}
    every = np.concatenate([*finite.values(), [mark[0]]])
    edges = np.linspace(every.min(), every.max() + 1e-9, _BINS + 1)
    series = [
        Series(
            f"{label} ({len(values):,})",
            edges.tolist(),
            (np.histogram(values, edges)[0] / max(1, len(values))).tolist(),
            "area",
        )
        for label, values in finite.items()
    ]
    return Chart(
        name, title, caption, "Distance", "Share of each kind", series, mark=mark, percent="y"
    )


def reliability_chart(probabilities: Floats, outcomes: Bools, of_what: str) -> Chart:
    """Whether probabilities mean what they say."""
    bins = reliability(probabilities, outcomes)
    intervals = [wilson_interval(round(rate * count), count) for _, rate, count in bins]
    return Chart(
        "reliability",
        "Reliability of probabilities",
        f"How often {of_what}, over the probability that was told, in 15 bins; bars hold the truth "
        "19 times of 20. On the line, probabilities mean what they say; the larger a point, the "
        "more cases.",
        "Probability told",
        "Observed rate",
        [
            Series(
                "observed",
                [mean for mean, _, _ in bins],
                [rate for _, rate, _ in bins],
                "points",
                [low for low, _ in intervals],
                [high for _, high in intervals],
                [count for _, _, count in bins],
            )
        ],
        x_limits=(-0.02, 1.02),
        y_limits=(-0.02, 1.02),
        diagonal=True,
        subtitle=f"{len(outcomes):,} cases",
    )


def precision_recall_chart(scores: Floats, right: Bools, of_what: str) -> Chart:
    """Precision over recall of one ranking."""
    curve = _falling(of_what, *precision_recall(scores, right))
    return _precision_recall(f"Precision and recall of {of_what}", [curve])


def detection_precision_recall(curves: Mapping[float, Curve]) -> Chart:
    """Precision over recall at several overlaps; the areas are the average precision."""
    series = [
        _falling(f"overlap {least:g} or more: AP {of.voc:.3f}", of.interpolated, of.recall)
        for least, of in curves.items()
    ]
    return _precision_recall("Precision and recall of found faces", series)


def _falling(label: str, precision: Floats, recall: Floats) -> Series:
    heights, ends = _outline(precision, recall)
    first = heights[:1].tolist()  # the curve begins where nothing is found yet
    return Series(label, [0.0] * len(first) + ends.tolist(), first + heights.tolist(), "steps-back")


def _precision_recall(title: str, series: Sequence[Series]) -> Chart:
    lowest = min(min(one.ys, default=0.0) for one in series)
    return Chart(
        "precision-recall",
        title,
        "From left to right the score that is asked for falls: more is found, and more of it is "
        "wrong. Higher and farther to the right is better.",
        "Recall",
        "Precision",
        series,
        x_limits=(0, 1.005),
        y_limits=(_floor(lowest), 1.01),
    )


def recall_by_height_chart(bands: Mapping[str, Mapping[str, Any]]) -> Chart:
    """Which faces are missed."""
    seen = {name: band for name, band in bands.items() if band["faces"]}
    intervals = [wilson_interval(band["found"], band["faces"]) for band in seen.values()]
    return Chart(
        "recall-by-height",
        "Faces found, by their height",
        "Share of marked faces that are found at an overlap of 0.5 with the settings as they are; "
        "bars hold the truth 19 times of 20.",
        "Height of the marked face in pixels (number of faces)",
        "Recall",
        [
            Series(
                "faces found",
                list(range(len(seen))),
                [band["found"] / band["faces"] for band in seen.values()],
                "bars",
                [low for low, _ in intervals],
                [high for _, high in intervals],
            )
        ],
        y_limits=(0, 1.02),
        percent="y",
        categories=[f"{name}\n({band['faces']:,})" for name, band in seen.items()],
    )


def cmc_chart(galleries: Sequence[Mapping[str, Any]]) -> Chart:
    """How often the right person is among the first so many."""
    lowest = min(min(gallery["cmc"]) for gallery in galleries)
    return Chart(
        "cmc",
        "Cumulative match characteristic",
        "Share of probes of enrolled people whose right person is among the nearest so many, "
        "whatever the distance.",
        "Rank",
        "Identification rate",
        [
            Series(
                f"{gallery['size']:,} people",
                list(range(1, len(gallery["cmc"]) + 1)),
                gallery["cmc"],
            )
            for gallery in galleries
        ],
        x_limits=(0.5, len(galleries[0]["cmc"]) + 0.5),
        y_limits=(_floor(lowest), 1.005),
        whole_x=True,
        subtitle=_probes(galleries, "probes"),
        percent="y",
    )


def _probes(galleries: Sequence[Mapping[str, Any]], kind: str) -> str:
    counts = ", ".join(f"{gallery[kind]:,.0f}" for gallery in galleries)
    return f"{counts} probes a split"


def open_set_chart(galleries: Sequence[Mapping[str, Any]]) -> Chart:
    """What strangers cost: misses over false alarms."""
    shown = [gallery for gallery in galleries if gallery["stranger_probes"]]
    low = min((gallery["trade_off"]["fpir"][0] for gallery in shown), default=0.01)
    return Chart(
        "open-set",
        "Open-set identification",
        "Share of probes of enrolled people that are not named, or wrongly, over the share of "
        "probes of strangers that are named; mean of the splits, lower is better. Each line begins "
        "at the lowest rate that its number of strangers shows.",
        "False-positive identification rate (strangers named)",
        "False-negative identification rate",
        [
            Series(
                f"{gallery['size']:,} people",
                gallery["trade_off"]["fpir"],
                gallery["trade_off"]["fnir"],
            )
            for gallery in shown
        ],
        x_scale="log",
        x_limits=(min(low, 0.25), 0.5),
        y_limits=(0, 1.01),
        subtitle=_probes(shown, "stranger_probes").replace("probes", "probes of strangers"),
        percent="xy",
    )


def named_chart(right: Bools, scores: Floats, stranger_scores: Floats) -> Chart:
    """Known people named over strangers named, as the probability that is asked for falls."""
    least = 1 / max(4, len(stranger_scores))
    rates = np.geomspace(least, 1, 60)
    named = [named_at(right, scores, stranger_scores, rate) for rate in rates]
    return Chart(
        "open-set",
        "Known people and strangers",
        "Share of known people's pictures that are named rightly over the share of strangers' "
        "pictures that are named; higher is better.",
        "Strangers named",
        "Known people named rightly",
        [Series("pictures", rates.tolist(), named)],
        x_scale="log",
        x_limits=(least, 1),
        y_limits=(_floor(min(named)), 1.005),
        subtitle=f"{len(right):,} pictures of known people, {len(stranger_scores):,} of strangers",
        percent="xy",
    )


def cluster_chart(record: Mapping[str, Any]) -> Chart:
    """Whether people are whole and clusters pure."""
    kinds = (("people", "clusters_of_person"), ("clusters", "people_in_cluster"))
    names = ("people, by the clusters they are in", "clusters, by the people in them")
    return Chart(
        "clusters",
        "People in clusters, clusters of people",
        "At 1 a person is in one cluster, or a cluster holds one person; everything else is an "
        "error.",
        "How many",
        "Share",
        [
            Series(
                f"{name} ({record[total]:,})",
                [0, 1, 2, 3],
                [count / record[total] for count in record[key].values()],
                "bars",
            )
            for name, (total, key) in zip(names, kinds, strict=True)
        ],
        y_limits=(0, 1.02),
        percent="y",
        categories=["1", "2", "3", "4 or more"],
    )


def _corners(far: Floats, tar: Floats) -> tuple[Floats, Floats]:
    """The best of each false-accept rate; where there are many, closer together at low rates."""
    ends = np.flatnonzero(np.diff(far, append=np.inf))
    if len(ends) > _MOST_POINTS:
        places = np.geomspace(1, len(ends), _MOST_POINTS).round().astype(int) - 1
        ends = ends[np.unique([0, *places])]
    return far[ends], tar[ends]


def _outline(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """So many points of a line as can be seen; both ends stay."""
    places = np.unique(np.linspace(0, len(first) - 1, _MOST_POINTS).round().astype(int))
    return (first[places], second[places]) if len(first) else (first, second)


def _floor(lowest: float) -> float:
    """Where an axis of rates begins: a round number below what is shown."""
    return max(0.0, float(np.floor(lowest * 10 - 0.2) / 10))
