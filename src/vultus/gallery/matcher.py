"""Who is who: candidates by distance, joint assignment, decision and reason. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vultus.gallery.calibration import Calibrator

Floats = NDArray[np.float32]
Rule = Literal["named", "no_people", "threshold", "margin", "taken"]

RULES: dict[Rule, str] = {
    "named": "near enough to this person, and clearly nearer than to the next",
    "no_people": "nobody is enrolled in this group",
    "threshold": "too far from everybody enrolled",
    "margin": "too close between two people",
    "taken": "another face of this picture is this person with more right",
}


@dataclass(frozen=True)
class Templates:
    """The enrolled faces of a group, ready to search.

    embeddings: (m, d) float32, faces of one person next to each other; persons: k names;
    starts: (k,) where each person's faces begin; means: (k, d) each person's mean embedding;
    sources: m names of the pictures; face_ids: (m,).
    """

    embeddings: Floats
    persons: list[str]
    starts: NDArray[np.intp]
    means: Floats
    sources: list[str]
    face_ids: list[int]


@dataclass(frozen=True)
class Candidate:
    """A person that a face may be.

    distance: the mean of `best_distance` (to the nearest enrolled face, `reference`) and of the
    distance to the mean of the person's faces. On lfw-grey this names more people at the same
    rate of false names than either alone.
    """

    person: str
    probability: float
    distance: float
    best_distance: float
    reference: str
    reference_id: int


@dataclass(frozen=True)
class Decision:
    """Who a face is. `person` is None for a stranger; `rule` says why."""

    person: str | None
    probability: float
    rule: Rule
    candidates: list[Candidate]
    margin: float | None  # distance between the first two candidates


def distances_to(probes: Floats, gallery: Floats) -> Floats:
    """Euclidean distances, (n, d) and (m, d) to (n, m) float32."""
    squares = (
        np.sum(probes**2, axis=1)[:, None]
        + np.sum(gallery**2, axis=1)[None]
        - 2 * (probes @ gallery.T)
    )
    distances: Floats = np.sqrt(np.maximum(squares, 0, dtype=np.float32))
    return distances


def person_distances(probes: Floats, templates: Templates) -> tuple[Floats, NDArray[np.intp]]:
    """Distance of each probe to each person, (n, k), and the row of the nearest face, (n, k)."""
    to_faces = distances_to(probes, templates.embeddings)
    ends = [*templates.starts[1:], len(templates.embeddings)]
    nearest = np.stack(
        [
            start + to_faces[:, start:end].argmin(axis=1)
            for start, end in zip(templates.starts, ends, strict=True)
        ],
        axis=1,
    )
    best = np.take_along_axis(to_faces, nearest, axis=1)
    combined = (best + distances_to(probes, templates.means)) / np.float32(2)
    return combined, nearest


def decide(
    probes: Floats, templates: Templates, calibrator: Calibrator, *, margin: float, top: int = 3
) -> list[Decision]:
    """Decide for all faces of one image together; a person is named at most once."""
    if not len(probes):
        return []
    if not templates.persons:
        return [Decision(None, 0.0, "no_people", [], None) for _ in probes]
    distances, nearest = person_distances(probes, templates)
    assigned = assign(distances, calibrator.threshold)
    decisions = []
    for row, taken_by in enumerate(assigned):
        order = np.argsort(distances[row], kind="stable")[: max(top, 2)]
        candidates = [
            _candidate(templates, calibrator, probes[row], distances[row, k], nearest[row, k], k)
            for k in order
        ]
        decisions.append(_decision(candidates, taken_by, templates, calibrator, margin, top))
    return decisions


def _candidate(
    templates: Templates,
    calibrator: Calibrator,
    probe: Floats,
    distance: np.float32,
    face: np.intp,
    person: np.intp,
) -> Candidate:
    return Candidate(
        person=templates.persons[person],
        probability=float(calibrator.probability(float(distance))),
        distance=float(distance),
        best_distance=float(np.linalg.norm(probe - templates.embeddings[face])),
        reference=templates.sources[face],
        reference_id=templates.face_ids[face],
    )


def _decision(
    candidates: list[Candidate],
    assigned: int | None,
    templates: Templates,
    calibrator: Calibrator,
    margin: float,
    top: int,
) -> Decision:
    first = candidates[0]
    gap = candidates[1].distance - first.distance if len(candidates) > 1 else None
    rule: Rule = "named"
    if first.distance > calibrator.threshold:
        rule = "threshold"
    elif assigned is None or templates.persons[assigned] != first.person:
        # The joint assignment gave the nearest person to another face. The next nearest is not
        # taken instead: a face that looks most like somebody is not named as somebody else.
        rule = "taken"
    elif gap is not None and gap < margin:
        rule = "margin"
    name = first.person if rule == "named" else None
    return Decision(name, first.probability, rule, candidates[:top], gap)


def assign(costs: NDArray[np.floating], limit: float) -> list[int | None]:
    """Give each row at most one column and each column at most one row, at least total cost.

    Pairs over `limit` are never made; as many as possible are made under it. Returns the column
    of each row or None. Shortest augmenting paths (Jonker and Volgenant, 1987), O(n^3) in the
    smaller number of rows and columns that have a pair at all.
    """
    rows = len(costs)
    allowed = costs <= limit
    used_rows, used_columns = (np.flatnonzero(allowed.any(axis)) for axis in (1, 0))
    result: list[int | None] = [None] * rows
    if not len(used_rows):
        return result
    # one spare column a row stands for 'nobody', dearer than any real assignment could save
    real = costs[np.ix_(used_rows, used_columns)].astype(np.float64)
    nobody = (np.abs(real).max() + abs(limit) + 1) * (len(used_rows) + 1)
    real = np.where(allowed[np.ix_(used_rows, used_columns)], real, 2 * nobody)
    padded = np.concatenate([real, np.full((len(used_rows), len(used_rows)), nobody)], axis=1)
    for row, column in enumerate(_shortest_paths(padded)):
        if column < len(used_columns):
            result[int(used_rows[row])] = int(used_columns[column])
    return result


def _shortest_paths(costs: NDArray[np.float64]) -> list[int]:
    """A column for every row, at least total cost; at least as many columns as rows."""
    rows, columns = costs.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    row_of = np.full(columns, -1)
    for start in range(rows):
        distance = costs[start] - row_price[start] - column_price
        previous = np.full(columns, start)
        done = np.zeros(columns, bool)
        while True:
            column = int(np.where(done, np.inf, distance).argmin())
            lowest = distance[column]
            done[column] = True
            if row_of[column] < 0:
                break
            row = row_of[column]
            reduced = lowest + costs[row] - row_price[row] - column_price
            better = ~done & (reduced < distance)
            distance[better], previous[better] = reduced[better], row
        finished = done & (row_of >= 0)
        row_price[row_of[finished]] += lowest - distance[finished]
        row_price[start] += lowest
        column_price[done] -= lowest - distance[done]
        _augment(row_of, previous, column, start)
    answer = [0] * rows
    for column, row in enumerate(row_of):
        if row >= 0:
            answer[int(row)] = column
    return answer


def _augment(row_of: NDArray[np.intp], previous: NDArray[np.intp], column: int, start: int) -> None:
    """Turn around the path that ends in the free `column`."""
    while True:
        row = int(previous[column])
        next_column = int(np.flatnonzero(row_of == row)[0]) if row != start else -1
        row_of[column] = row
        if row == start:
            return
        column = next_column
