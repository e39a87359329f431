"""What may be wrong with the people of a group: names, doubles, poor photos, too few of them.

Each finding comes with its evidence. How many of the findings are right, and how many planted
errors are found, was measured on lfw-grey; see docs/calibration.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vultus.faces.quality import POOR_FACE_PX
from vultus.gallery.calibration import Calibrator
from vultus.gallery.gallery import Gallery
from vultus.gallery.left_out import Bools, Floats, LeftOut, Places, search_left_out
from vultus.gallery.matcher import Templates, distances_to, distances_to_people
from vultus.gallery.store import FaceRecord

Kind = Literal["same_person", "mislabelled", "duplicate", "poor", "few"]
KINDS: dict[Kind, str] = {
    "same_person": "one person under two names",
    "mislabelled": "a face that is nearer to another person's faces than to its own person's",
    "duplicate": "the same photo twice",
    "poor": "a photo in which the face is small, blurred, dark or turned away",
    "few": "somebody who needs more photos",
}

# Of how many people the nearest is taken without more ado; the log-odds that two are one fall with
# the logarithm of their number. Chosen on lfw-grey, coarsely: its halves give the same figures.
_FEW_PAIRS = 8  # when two whole people are compared
_FEW_FACES = 100  # when one face is
_CLEARLY = 0.1  # so much nearer to another person: odds of 140 to 1
# Of 250 copies of 50 photos (saved again, half the size, cut, mirrored, brighter) 240 are within
# this distance; of 20,520 pairs of different photos of one person the nearest is at 0.117.
_COPY = 0.1
_POOR_QUALITY = 0.3  # one in a hundred of the photos of lfw-grey is below 0.5
PHOTOS = 3  # see decision 0003: 0.77 of probes are named with two photos, 0.89 with three
_SURELY = 0.5  # of a person's own photos that the others must recognise
_AT_ONCE = 256


@dataclass(frozen=True)
class Finding:
    """Something that looks wrong, and why.

    face, source: the enrolled face that it is about; of `same_person` and `few` the whole person.
    other, other_face, other_source: whom or what it is too near to. distance: to that;
    own_distance: to the own person's other faces; probability: that it is `other`. quality: 0 to 1.
    faces: of `few`, the person's faces that count; recognised: how many of them the others
    recognise.
    """

    kind: Kind
    person: str
    face: int | None = None
    source: str | None = None
    other: str | None = None
    other_face: int | None = None
    other_source: str | None = None
    distance: float | None = None
    own_distance: float | None = None
    probability: float | None = None
    quality: float | None = None
    faces: int | None = None
    recognised: int | None = None


@dataclass(frozen=True)
class SamePerson:
    """Two people, by their places, whose faces are each other's; distance: of a typical one."""

    first: int
    second: int
    distance: float


def check_group(gallery: Gallery, group: str, *, photos: int = PHOTOS) -> list[Finding]:
    """All findings, the gravest kind first. Ten thousand faces take some seconds.

    photos: who has fewer that are good needs more.

    Raises:
        GroupUnknown, GalleryMissing: there is no such group. ModelMismatch: it is another model's.
    """
    templates = gallery.templates(group)
    by_id = {record.id or 0: record for record in gallery.faces(group)}
    if any(face not in by_id for face in templates.face_ids):  # changed in between: once more
        return check_group(gallery, group, photos=photos)
    records = [by_id[face] for face in templates.face_ids]
    calibrator = Calibrator.of(gallery.analyzer.embedder_id)
    found = check_faces(templates, records, calibrator, photos=photos)
    known = set(templates.persons)
    faceless = [each.name for each in gallery.people(group) if each.name not in known]
    return found + [Finding("few", name, faces=0, recognised=0) for name in faceless]


def check_faces(
    templates: Templates,
    records: Sequence[FaceRecord],
    calibrator: Calibrator,
    *,
    photos: int = PHOTOS,
) -> list[Finding]:
    """The same for faces in the order of the templates.

    calibrator: the model's own; what is wrong does not depend on what a group is used for.
    """
    if not records:
        return []
    searched = search_left_out(templates)
    same = find_same_people(templates, searched, calibrator)
    wrong = find_mislabelled(templates, searched, same, calibrator)
    copies = _copies(templates, records)
    poor = [row for row, record in enumerate(records) if _is_poor(record)]
    told = [_tell_same(templates, searched, pair, calibrator) for pair in same]
    told += [_tell_wrong(templates, searched, row, calibrator) for row in wrong]
    told += [
        Finding(
            "duplicate",
            records[row].person,
            *_named(templates, row),
            None,
            *_named(templates, kept),
            distance=distance,
        )
        for row, kept, distance in copies
    ]
    told += [
        Finding("poor", records[row].person, *_named(templates, row), quality=records[row].quality)
        for row in poor
    ]
    bad = {*wrong, *poor, *(row for row, _, _ in copies)}
    return told + _few(templates, searched, bad, calibrator, photos)


def find_same_people(
    templates: Templates, searched: LeftOut, calibrator: Calibrator
) -> list[SamePerson]:
    """People of whom both are the other: half of the faces of each, or more, are that near.

    And still near enough without faces that look mislabelled: who has one of another's, in place
    of an own one, is not that person.
    """
    limit = _limit(calibrator, len(templates.persons), _FEW_PAIRS)
    wrong = _clearly_wrong(templates, searched, calibrator)
    counts = np.bincount(searched.people, minlength=len(templates.persons))
    mistaken = np.bincount(searched.people[wrong], minlength=len(counts))
    kept = ~(wrong & (2 * mistaken <= counts)[searched.people])
    near = np.flatnonzero(searched.first <= limit)
    pairs = {_pair(searched.people[row], searched.nearest[row]) for row in near}
    found: list[SamePerson] = []
    for first, second in sorted(pairs):
        both = [np.flatnonzero(searched.people == each) for each in (first, second)]
        typical = _typical_of_both(templates, *both)
        if typical > limit:
            continue
        rest = [rows[kept[rows]] for rows in both]
        if _typical_of_both(templates, *rest) <= calibrator.threshold:
            found.append(SamePerson(first, second, typical))
    return sorted(found, key=lambda pair: pair.distance)


def _limit(calibrator: Calibrator, people: int, few: int) -> float:
    return calibrator.threshold - math.log(max(1.0, people / few)) / calibrator.slope


def _typical_of_both(templates: Templates, first: Places, second: Places) -> float:
    return max(_typical(templates, first, second), _typical(templates, second, first))


def _typical(templates: Templates, of: Places, to: Places) -> float:
    """The median distance of some faces, by their rows, to the person of others."""
    faces = templates.embeddings[to]
    person = Templates(
        faces,
        [""],
        np.zeros(1, np.intp),
        faces.mean(axis=0, keepdims=True),
        [templates.sources[row] for row in to],
        [templates.face_ids[row] for row in to],
        templates.handicaps[to],
    )
    return float(np.median(distances_to_people(templates.embeddings[of], person)[:, 0]))


def _clearly_wrong(templates: Templates, searched: LeftOut, calibrator: Calibrator) -> Bools:
    """Which faces are clearly nearer to another person, (m,)."""
    limit = _limit(calibrator, len(templates.persons), _FEW_FACES)
    known = np.isfinite(searched.own)
    clearly: Bools = known & (searched.first <= np.where(known, searched.own, 0) - _CLEARLY)
    return clearly & (searched.first <= limit)


def find_mislabelled(
    templates: Templates, searched: LeftOut, same: Sequence[SamePerson], calibrator: Calibrator
) -> list[int]:
    """Rows of faces that are clearly nearer to another person, the nearest first."""
    explained = {(pair.first, pair.second) for pair in same}
    rows = np.flatnonzero(_clearly_wrong(templates, searched, calibrator))
    return [
        int(row)
        for row in rows[np.argsort(searched.first[rows], kind="stable")]
        if _pair(searched.people[row], searched.nearest[row]) not in explained
    ]


def _pair(first: np.intp, second: np.intp) -> tuple[int, int]:
    return min(int(first), int(second)), max(int(first), int(second))


def _copies(templates: Templates, records: Sequence[FaceRecord]) -> list[tuple[int, int, float]]:
    """Rows of faces that are copies, the row that each is a copy of, and their distance.

    The best of them is kept: the one of higher quality, else the one enrolled first.
    """
    found: list[tuple[int, int, float]] = []
    ends = [*templates.starts[1:].tolist(), len(records)]
    for start, end in zip(templates.starts.tolist(), ends, strict=True):
        order = sorted(range(start, end), key=lambda row: (-records[row].quality, row))
        place = {row: rank for rank, row in enumerate(order)}
        gone: set[int] = set()
        near = list(_near_pairs(templates.embeddings[start:end], start))
        for one, other, distance in sorted(
            near, key=lambda pair: tuple(sorted((place[pair[0]], place[pair[1]])))
        ):
            kept, row = sorted((one, other), key=place.__getitem__)
            if kept not in gone and row not in gone:
                gone.add(row)
                found.append((row, kept, distance))
    return sorted(found)


def _near_pairs(embeddings: Floats, start: int) -> Iterator[tuple[int, int, float]]:
    for first in range(0, len(embeddings), _AT_ONCE):
        distances = distances_to(embeddings[first : first + _AT_ONCE], embeddings[first:])
        ones, others = np.nonzero(distances <= _COPY)
        for one, other in zip(ones.tolist(), others.tolist(), strict=True):
            if other > one:
                exact = embeddings[first + one] - embeddings[first + other]
                yield start + first + one, start + first + other, float(np.linalg.norm(exact))


def _is_poor(record: FaceRecord) -> bool:
    """Encodings that were imported have neither size nor quality: of them nothing is known."""
    measured = record.box[2] > 0
    return measured and (record.box[2] < POOR_FACE_PX or record.quality < _POOR_QUALITY)


def _few(
    templates: Templates,
    searched: LeftOut,
    bad: set[int],
    calibrator: Calibrator,
    photos: int,
) -> list[Finding]:
    """Who has fewer good photos than wanted, or photos that do not recognise each other."""
    count = len(templates.persons)
    good = np.ones(len(searched.people), bool)
    good[list(bad)] = False
    counts = np.bincount(searched.people[good], minlength=count)
    recognised = np.bincount(
        searched.people[good & (searched.own <= calibrator.threshold)], minlength=count
    )
    return [
        Finding("few", name, faces=int(counts[place]), recognised=int(recognised[place]))
        for place, name in enumerate(templates.persons)
        if counts[place] < photos or _unlike(int(counts[place]), int(recognised[place]))
    ]


def _unlike(good: int, recognised: int) -> bool:
    """Whether a person's photos do not recognise each other; one alone says nothing."""
    return good > 1 and recognised < _SURELY * good


# in words


def _named(templates: Templates, row: int) -> tuple[int, str]:
    return templates.face_ids[row], templates.sources[row]


def nearest_face(
    templates: Templates, people: Places, probe: NDArray[np.float32], person: int
) -> int:
    """The row of the face of a person that is nearest to a probe (d,)."""
    rows = np.flatnonzero(people == person)
    distances = distances_to(probe[None], templates.embeddings[rows])[0]
    return int(rows[(distances + templates.handicaps[rows]).argmin()])


def _tell_same(
    templates: Templates, searched: LeftOut, pair: SamePerson, calibrator: Calibrator
) -> Finding:
    """The person of fewer faces is told to be the other one; the nearest two faces show it."""
    sizes = np.bincount(searched.people, minlength=len(templates.persons))
    small, large = sorted((pair.first, pair.second), key=lambda place: (sizes[place], -place))
    mine = np.flatnonzero(searched.people == small)
    theirs = np.flatnonzero(searched.people == large)
    distances = distances_to(templates.embeddings[mine], templates.embeddings[theirs])
    row, other = np.unravel_index(int(distances.argmin()), distances.shape)
    return Finding(
        "same_person",
        templates.persons[small],
        *_named(templates, int(mine[row])),
        templates.persons[large],
        *_named(templates, int(theirs[other])),
        distance=pair.distance,
        probability=float(calibrator.probability(pair.distance)),
    )


def _tell_wrong(
    templates: Templates, searched: LeftOut, row: int, calibrator: Calibrator
) -> Finding:
    person = int(searched.nearest[row])
    other = nearest_face(templates, searched.people, templates.embeddings[row], person)
    distance = float(searched.first[row])
    return Finding(
        "mislabelled",
        templates.persons[searched.people[row]],
        *_named(templates, row),
        templates.persons[person],
        *_named(templates, other),
        distance=distance,
        own_distance=float(searched.own[row]),
        probability=float(calibrator.probability(distance)),
    )
