"""Every enrolled face searched for in its own group as if it had not been enrolled. Pure functions.

What the gallery says of itself: how far each face lies from its own person's other faces, and from
the people who are most like it. Distances are the product's, see `matcher` and decision 0003.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.gallery.matcher import Templates, distances_to, distances_to_people

Floats = NDArray[np.float32]
Places = NDArray[np.intp]
Bools = NDArray[np.bool_]

_AT_ONCE = 256  # faces that are searched for together


@dataclass(frozen=True)
class LeftOut:
    """What the searches for m faces of k people gave.

    people: (m,) whose each is; own: (m,) distance to the own person by the person's other faces,
    infinite where there is none. first, second: (m,) distances to the nearest and the next nearest
    of the other people, infinite where there are none; nearest: (m,) which person the nearest is.
    """

    people: Places
    own: Floats
    first: Floats
    second: Floats
    nearest: Places

    def stranger_at(self, margin: float) -> Floats:
        """The least threshold at which each face would be named if its person were not enrolled."""
        return _named_at(self.first, self.second, margin)

    def right_at(self, margin: float) -> Floats:
        """The least threshold at which each face is named rightly; infinite where it never is."""
        return _named_at(self.own, self.first, margin)

    def wrong_at(self, margin: float) -> Floats:
        """The least threshold at which each face is named as another person."""
        return _named_at(self.first, np.minimum(self.own, self.second), margin)


def named_at(distances: Floats, margin: float) -> Floats:
    """The least threshold at which `matcher.decide` names the nearest person, (n, k) to (n,).

    Infinite where it never does, because the next person is within the margin.
    """
    first, second, _ = _two_nearest(distances)
    return _named_at(first, second, margin)


def _named_at(distance: Floats, rival: Floats, margin: float) -> Floats:
    with np.errstate(invalid="ignore"):  # no distance and no rival: named never
        clear = rival - distance >= margin
    return np.where(clear & (rival > distance), distance, np.float32(np.inf))


def search_left_out(templates: Templates) -> LeftOut:
    """Search for every enrolled face among all others. Ten thousand take some seconds."""
    counts = np.diff([*templates.starts, len(templates.embeddings)])
    people = np.repeat(np.arange(len(templates.persons)), counts)
    own = np.full(len(people), np.inf, np.float32)
    for place, start in enumerate(templates.starts):
        if counts[place] > 1:
            mine = slice(int(start), int(start + counts[place]))
            own[mine] = _to_the_others(templates.embeddings[mine], templates.handicaps[mine])
    parts = [_to_other_people(templates, rows, people) for rows in _blocks(len(people))]
    first, second = (
        np.concatenate([part[n] for part in parts]) if parts else np.zeros(0, np.float32)
        for n in (0, 1)
    )
    nearest = np.concatenate([part[2] for part in parts]) if parts else np.zeros(0, np.intp)
    return LeftOut(people, own, first, second, nearest)


def _blocks(count: int) -> Iterator[slice]:
    for start in range(0, count, _AT_ONCE):
        yield slice(start, min(start + _AT_ONCE, count))


def _to_other_people(
    templates: Templates, rows: slice, people: Places
) -> tuple[Floats, Floats, Places]:
    distances = distances_to_people(templates.embeddings[rows], templates)
    distances[np.arange(len(distances)), people[rows]] = np.inf
    return _two_nearest(distances)


def _two_nearest(distances: Floats) -> tuple[Floats, Floats, Places]:
    """The least distance of each row, the next one (infinite where there is none), and whose."""
    rows = np.arange(len(distances))
    nearest = distances.argmin(axis=1).astype(np.intp)
    first = distances[rows, nearest]
    if distances.shape[1] < 2:
        return first, np.full(len(first), np.inf, np.float32), nearest
    return first, np.partition(distances, 1, axis=1)[:, 1], nearest


def _to_the_others(embeddings: Floats, handicaps: Floats) -> Floats:
    """Distance of each of one person's faces, two or more, to the person without it."""
    count = len(embeddings)
    nearest = np.empty(count, np.float32)
    for rows in _blocks(count):
        to_faces = distances_to(embeddings[rows], embeddings) + handicaps
        to_faces[np.arange(len(to_faces)), np.arange(rows.start, rows.stop)] = np.inf
        nearest[rows] = to_faces.min(axis=1)
    means = (embeddings.sum(axis=0) - embeddings) / np.float32(count - 1)
    usual = (handicaps.sum() - handicaps) / np.float32(count - 1)
    to_means = np.linalg.norm(embeddings - means, axis=1) + usual
    own: Floats = ((nearest + to_means) / np.float32(2)).astype(np.float32)
    return own
