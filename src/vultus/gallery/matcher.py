"""Who is who: candidates by distance, joint assignment, decision and reason. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
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
    "taken": "another face of this picture is this person rather",
}


@dataclass(frozen=True)
class Templates:
    """The enrolled faces of a group, ready to search.

    embeddings: (m, d) float32, faces of one person next to each other; persons: k names;
    starts: (k,) where each person's faces begin; means: (k, d) each person's mean embedding;
    sources: m names of the pictures; face_ids: (m,).
    handicaps: (m,) float32, added to the distances of faces that are poorer than enrolled photos.
    """

    embeddings: Floats
    persons: list[str]
    starts: NDArray[np.intp]
    means: Floats
    sources: list[str]
    face_ids: list[int]
    handicaps: Floats

    # What does not change with the question, once rather than with each.

    @cached_property
    def squares(self) -> Floats:
        """Squared lengths of the embeddings, (m,)."""
        return _squares(self.embeddings)

    @cached_property
    def usual_handicaps(self) -> Floats:
        """The mean handicap of each person's faces, (k,)."""
        counts = np.diff([*self.starts, len(self.embeddings)])
        usual = np.add.reduceat(self.handicaps, self.starts) / counts
        return usual.astype(np.float32)


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
    margin: float | None  # by how much the next best answer for this face is worse, a distance
    runner_up: str | None = None


def distances_to(probes: Floats, gallery: Floats, squares: Floats | None = None) -> Floats:
    """Euclidean distances, (n, d) and (m, d) to (n, m) float32.

    squares: squared lengths of the gallery, (m,), where they are known.
    """
    lengths = _squares(gallery) if squares is None else squares
    found = _squares(probes)[:, None] + lengths[None] - 2 * (probes @ gallery.T)
    distances: Floats = np.sqrt(np.maximum(found, 0, dtype=np.float32))
    return distances


def _squares(vectors: Floats) -> Floats:
    squares: Floats = np.sum(vectors**2, axis=1)
    return squares


def distances_to_people(probes: Floats, templates: Templates) -> Floats:
    """Distance of each probe to each person, (n, k), as `person_distances` tells it."""
    to_faces = _distances_to_faces(probes, templates)
    best = np.minimum.reduceat(to_faces, templates.starts, axis=1)
    return _combined(probes, templates, best)


def person_distances(probes: Floats, templates: Templates) -> tuple[Floats, NDArray[np.intp]]:
    """Distance of each probe to each person, (n, k), and the row of the nearest face, (n, k)."""
    to_faces = _distances_to_faces(probes, templates)
    ends = [*templates.starts[1:], len(templates.embeddings)]
    nearest = np.stack(
        [
            start + to_faces[:, start:end].argmin(axis=1)
            for start, end in zip(templates.starts, ends, strict=True)
        ],
        axis=1,
    )
    best = np.take_along_axis(to_faces, nearest, axis=1)
    return _combined(probes, templates, best), nearest


def _distances_to_faces(probes: Floats, templates: Templates) -> Floats:
    found = distances_to(probes, templates.embeddings, templates.squares)
    return found + templates.handicaps


def _combined(probes: Floats, templates: Templates, best: Floats) -> Floats:
    to_means = distances_to(probes, templates.means) + templates.usual_handicaps
    combined: Floats = (best + to_means) / np.float32(2)
    return combined


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
    return [
        _decide_one(row, assigned, probes, distances, nearest, templates, calibrator, margin, top)
        for row in range(len(probes))
    ]


def _decide_one(
    row: int,
    assigned: list[int | None],
    probes: Floats,
    distances: Floats,
    nearest: NDArray[np.intp],
    templates: Templates,
    calibrator: Calibrator,
    margin: float,
    top: int,
) -> Decision:
    order = [int(person) for person in np.argsort(distances[row], kind="stable")]
    own = assigned[row]
    person = order[0] if own is None else own
    listed = order[:top] if person in order[:top] else [*order[: top - 1], person]
    candidates = [
        _candidate(templates, calibrator, probes[row], distances[row, k], nearest[row, k], k)
        for k in listed
    ]
    chosen = candidates[listed.index(person)]
    rival, gap = _nearest_rival(row, person, assigned, distances, calibrator.threshold)
    rule = _rule(chosen.distance, own is not None, gap, calibrator.threshold, margin)
    return Decision(
        person=chosen.person if rule == "named" else None,
        probability=chosen.probability,
        rule=rule,
        candidates=candidates,
        margin=gap,
        runner_up=None if rival is None else templates.persons[rival],
    )


def _nearest_rival(
    row: int, person: int, assigned: list[int | None], distances: Floats, limit: float
) -> tuple[int | None, float | None]:
    """Who else the face could best be, and how much worse the joint answer were for it.

    For a rival that another face is, that face would have to be `person` (or nobody) instead.
    """
    if distances.shape[1] < 2:
        return None, None
    worse = (distances[row] - distances[row, person]).astype(np.float64)
    for other, rival in enumerate(assigned):
        if rival is not None and other != row:
            worse[rival] += min(float(distances[other, person]), limit) - distances[other, rival]
    worse[person] = np.inf
    rival = int(worse.argmin())
    return rival, float(worse[rival])


def _rule(
    distance: float, assigned: bool, gap: float | None, threshold: float, margin: float
) -> Rule:
    if not distance <= threshold:  # so that a broken distance names nobody
        return "threshold"
    if not assigned:
        return "taken"
    return "margin" if gap is not None and gap < margin else "named"


def _candidate(
    templates: Templates,
    calibrator: Calibrator,
    probe: Floats,
    distance: np.float32,
    face: np.intp,
    person: int,
) -> Candidate:
    return Candidate(
        person=templates.persons[person],
        probability=float(calibrator.probability(float(distance))),
        distance=float(distance),
        best_distance=float(np.linalg.norm(probe - templates.embeddings[face])),
        reference=templates.sources[face],
        reference_id=templates.face_ids[face],
    )


def assign(distances: NDArray[np.floating], limit: float) -> list[int | None]:
    """Who the faces (rows) of one picture are, all together: each person (column) at most once.

    Maximises the sum of `limit - distance` over all faces that are somebody. The log-odds of a
    match are proportional to just that, so this is the most probable of all joint answers; nobody
    is assigned over the limit. Solved by shortest augmenting paths (Jonker and Volgenant, 1987),
    O(n^3) in the number of faces that are near to anybody.
    """
    result: list[int | None] = [None] * len(distances)
    allowed = distances <= limit
    rows, columns = (np.flatnonzero(allowed.any(axis)) for axis in (1, 0))
    if not len(rows):
        return result
    near = np.ix_(rows, columns)
    # one spare column a face stands for nobody; what is not allowed costs more than that
    costs = np.where(allowed[near], distances[near].astype(np.float64) - limit, 1.0)
    padded = np.concatenate([costs, np.zeros((len(rows), len(rows)))], axis=1)
    for row, column in enumerate(_shortest_paths(padded)):
        if column < len(columns):
            result[int(rows[row])] = int(columns[column])
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
