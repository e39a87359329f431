"""A group's own threshold, from its own people and from strangers.

A stranger who is searched for in a group is compared with everybody in it: what counts is the share
of such searches in which somebody is named (the false-positive identification rate of ISO/IEC
19795-1), as `vultus identify` decides, and not that of single comparisons.

What a sample shows is an upper limit, right 19 times of 20, see `showable`. A threshold below the
k-th nearest of the sample's strangers keeps that limit although the same sample chose it (Wilks,
1941). Searches for one stranger depend on each other, so each stranger counts once, by the share of
the pictures that would be named. People of the group are strangers to the others when they are
taken out; who is like whom holds both ways, so two of them count as one stranger.
"""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import NothingToDo
from vultus.evaluate.showable import errors_allowed, require_showable, upper_limit
from vultus.gallery.calibration import Calibrator, threshold_for
from vultus.gallery.checking import find_mislabelled, find_same_people, nearest_face
from vultus.gallery.left_out import LeftOut, named_at, search_left_out
from vultus.gallery.matcher import Templates, distances_to_people
from vultus.models import catalogue

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Places = NDArray[np.intp]

_STEPS = 10_000  # of a distance: what is shown is what is set
_SHOWN = 10  # of the most similar pairs and strangers
_AT_ONCE = 256
# Pairs of a stranger and an enrolled person that are taken for one by chance, by the model's card.
# Few: a stranger who is left out for nothing makes the rate look better than it is.
_SAME_BY_CHANCE = 0.05


@dataclass(frozen=True)
class Strangers:
    """Faces of people who are not in the group.

    embeddings: (s, d); people: (s,) which of them each is; names: of each; sources: s pictures.
    """

    embeddings: Floats
    people: Places
    names: list[str]
    sources: list[str]


NOBODY = Strangers(np.zeros((0, 0), np.float32), np.zeros(0, np.intp), [], [])


@dataclass(frozen=True)
class _Sample:
    """Searches for strangers: the distance at which each would be named, and how much it counts.

    strangers: how many they are worth, the sum of the weights, rounded down.
    """

    distances: Doubles
    weights: Doubles

    @property
    def strangers(self) -> int:
        return int(self.weights.sum() + 1e-9)

    def false_names(self, threshold: float) -> float:
        return float(self.weights[self.distances <= threshold].sum())


def measure(
    templates: Templates,
    strangers: Strangers,
    calibrator: Calibrator,
    *,
    far: float,
    margin: float,
    count_enrolled: bool = False,
) -> dict[str, Any]:
    """The threshold for a rate, what it costs, and who is too alike; all of docs/calibration.md.

    Args:
        calibrator: what names people now.
        far: share of searches for strangers in which somebody is named, at most.
        count_enrolled: strangers who look as if they were enrolled count like the others.

    Raises:
        UsageError: so few strangers cannot show this rate.
        NothingToDo: nobody is enrolled.
    """
    if not templates.persons:
        raise NothingToDo("Nobody is enrolled in this group.", "Enrol people first.")
    searched = search_left_out(templates)
    usual = Calibrator.of(calibrator.model_id)
    same = find_same_people(templates, searched, usual)
    wrong = find_mislabelled(templates, searched, same, usual)
    doubles = {place for pair in same for place in (pair.first, pair.second)}
    doubles |= {
        int(each) for row in wrong for each in (searched.people[row], searched.nearest[row])
    }
    looks = _search(templates, strangers, margin)
    known = [] if count_enrolled else _enrolled(templates, strangers, looks, calibrator)
    counted = np.flatnonzero(~np.isin(strangers.people, known))
    sample = _sample(
        _shares(searched.stranger_at(margin), searched.people, doubles, 0.5),
        _shares(looks.named_at[counted], strangers.people[counted], (), 1.0),
    )
    require_showable(far, sample.strangers)
    threshold, loosest = _threshold(sample, far, calibrator.model_id)
    return {
        "far": far,
        "threshold": threshold,
        "loosest": loosest,
        "people": len(templates.persons),
        "faces": len(templates.embeddings),
        "strangers": len(strangers.names) - len(known),
        "counted": sample.strangers,
        "rate": _rate(sample, threshold),
        "named": _named(searched, threshold, margin),
        "before": {
            "threshold": calibrator.threshold,
            "rate": _rate(sample, calibrator.threshold),
            "named": _named(searched, calibrator.threshold, margin),
        },
        "by_card": _by_card(threshold, len(templates.persons), calibrator.model_id),
        "alike": _alike(templates, searched, threshold),
        "nearest_strangers": _nearest_strangers(templates, strangers, looks, counted, threshold),
        "looks_enrolled": [_known(templates, strangers, looks, place) for place in known],
        "same_person": [
            {
                "person": templates.persons[pair.first],
                "other": templates.persons[pair.second],
                "distance": pair.distance,
            }
            for pair in same
        ],
        "mislabelled": [_pair(templates, searched, row, threshold) for row in wrong],
    }


@dataclass(frozen=True)
class _Looks:
    """Of each stranger's face: the nearest person, how far, and where it would be named."""

    nearest: Places
    distances: Doubles
    named_at: Doubles


def _search(templates: Templates, strangers: Strangers, margin: float) -> _Looks:
    count = len(strangers.people)
    nearest, distances, named = np.zeros(count, np.intp), np.zeros(count), np.zeros(count)
    for first in range(0, count, _AT_ONCE):
        rows = slice(first, first + _AT_ONCE)
        found = distances_to_people(strangers.embeddings[rows], templates)
        nearest[rows] = found.argmin(axis=1)
        distances[rows] = found.min(axis=1)
        named[rows] = named_at(found, margin)
    return _Looks(nearest, distances, named)


def _enrolled(
    templates: Templates, strangers: Strangers, looks: _Looks, calibrator: Calibrator
) -> list[int]:
    """Strangers who are enrolled: of the same name, or nearer than any two strangers should be."""
    names = set(templates.persons)
    limit = _sure_distance(len(strangers.names) * len(templates.persons), calibrator.model_id)
    return [
        place
        for place, name in enumerate(strangers.names)
        if name in names or float(np.median(looks.distances[strangers.people == place])) <= limit
    ]


def _sure_distance(pairs: int, model: str) -> float:
    """Within it so many pairs of strangers give less than one by chance, by the model's card."""
    calibration = catalogue.card(model).calibration
    if calibration is None or not pairs:
        return 0.0
    rate, strictest = _SAME_BY_CHANCE / pairs, calibration.points[0]
    if rate >= strictest.far:
        return threshold_for(min(rate, calibration.points[-1].far), calibration)
    # below what was measured, as steep as the log-odds
    return strictest.distance - math.log(strictest.far / rate) / calibration.slope


def _shares(
    distances: NDArray[np.floating[Any]], people: Places, without: Container[int], worth: float
) -> tuple[Doubles, Doubles]:
    """Distances with their weights: all searches for one person together are `worth` as much."""
    kept = np.array([person not in without for person in people.tolist()], bool)
    people = people[kept]
    counts = np.bincount(people)
    return distances[kept].astype(np.float64), worth / counts[people]


def _sample(*parts: tuple[Doubles, Doubles]) -> _Sample:
    distances = np.concatenate([part[0] for part in parts])
    order = np.argsort(distances, kind="stable")
    return _Sample(distances[order], np.concatenate([part[1] for part in parts])[order])


def _threshold(sample: _Sample, far: float, model: str) -> tuple[float, bool]:
    """The loosest distance with which the sample shows the rate, and whether it could be looser.

    Not looser than what was measured for the model.
    """
    calibration = catalogue.card(model).calibration
    loosest = calibration.points[-1].distance if calibration else math.inf
    allowed = errors_allowed(far, sample.strangers) or 0
    over = np.flatnonzero(np.cumsum(sample.weights) > allowed + 1e-9)
    first = float(sample.distances[over[0]]) if len(over) else math.inf
    if first > loosest:
        return loosest, True
    # strictly below the first that is one too many, by what batches differ in rounding
    return max(0.0, math.ceil(first * _STEPS - 1) / _STEPS), False


def _rate(sample: _Sample, threshold: float) -> dict[str, float]:
    """Share of searches for strangers that name somebody: as seen, and at most."""
    errors, count = sample.false_names(threshold), sample.strangers
    return {
        "seen": errors / float(sample.weights.sum()),
        "at_most": upper_limit(math.ceil(errors - 1e-9), count),
        "false_names": errors,
    }


def _named(searched: LeftOut, threshold: float, margin: float) -> dict[str, float | int | None]:
    """What becomes of enrolled faces when the person's other faces are all that is enrolled."""
    several = np.isfinite(searched.own)
    faces = int(several.sum())
    right = int((searched.right_at(margin)[several] <= threshold).sum())
    wrong = int((searched.wrong_at(margin)[several] <= threshold).sum())
    return {
        "faces": faces,
        "people": len(np.unique(searched.people[several])),
        "named": right / faces if faces else None,
        "missed": faces - right - wrong,
        "misnamed": wrong,
    }


def _by_card(threshold: float, people: int, model: str) -> float | None:
    """An estimate from the model's card: pairs of other people, times the people of the group."""
    calibration = catalogue.card(model).calibration
    points = calibration.points if calibration else []
    if not points or not points[0].distance <= threshold <= points[-1].distance:
        return None
    logs = np.interp(
        threshold, [point.distance for point in points], np.log([point.far for point in points])
    )
    return float(-math.expm1(people * math.log1p(-math.exp(logs))))


def _alike(templates: Templates, searched: LeftOut, threshold: float) -> dict[str, Any]:
    """Pairs of enrolled people by the face of one that is nearest to the other, nearest first."""
    nearest: dict[tuple[int, int], int] = {}
    for row in np.argsort(searched.first, kind="stable").tolist():
        if not np.isfinite(searched.first[row]):
            break
        one, other = int(searched.people[row]), int(searched.nearest[row])
        nearest.setdefault((min(one, other), max(one, other)), row)
    within = sum(searched.first[row] <= threshold for row in nearest.values())
    shown = list(nearest.values())[:_SHOWN]
    return {
        "too_alike": int(within),
        "pairs": [_pair(templates, searched, row, threshold) for row in shown],
    }


def _pair(templates: Templates, searched: LeftOut, row: int, threshold: float) -> dict[str, Any]:
    one, other = int(searched.people[row]), int(searched.nearest[row])
    reference = nearest_face(templates, searched.people, templates.embeddings[row], other)
    return {
        "person": templates.persons[one],
        "face": templates.face_ids[row],
        "source": templates.sources[row],
        "other": templates.persons[other],
        "other_face": templates.face_ids[reference],
        "other_source": templates.sources[reference],
        "distance": float(searched.first[row]),
        "too_alike": bool(searched.first[row] <= threshold),
    }


def _nearest_strangers(
    templates: Templates, strangers: Strangers, looks: _Looks, counted: Places, threshold: float
) -> list[dict[str, Any]]:
    """The strangers' faces that come nearest to somebody of the group."""
    order = counted[np.argsort(looks.named_at[counted], kind="stable")][:_SHOWN]
    return [
        {
            "stranger": strangers.names[int(strangers.people[row])],
            "source": strangers.sources[int(row)],
            "person": templates.persons[int(looks.nearest[row])],
            "distance": float(looks.distances[row]),
            "named": bool(looks.named_at[row] <= threshold),
        }
        for row in order
        if np.isfinite(looks.named_at[row])
    ]


def _known(templates: Templates, strangers: Strangers, looks: _Looks, place: int) -> dict[str, Any]:
    rows = np.flatnonzero(strangers.people == place)
    row = int(rows[looks.distances[rows].argmin()])
    return {
        "stranger": strangers.names[place],
        "source": strangers.sources[row],
        "person": templates.persons[int(looks.nearest[row])],
        "distance": float(looks.distances[row]),
    }
