"""Open-set identification: some people are enrolled, others are strangers; who is named?

The gallery is searched as the product does it: `gallery.matcher` makes the distances of people and
has the rule of the margin. Over several random splits of a set with a folder a person. Terms and
the way of counting are NIST's (FRVT part 2, NISTIR 8271), see docs/evaluation.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import NothingToDo, UsageError
from vultus.evaluate.metrics import Bools, Floats, wilson_interval
from vultus.gallery.calibration import Calibrator
from vultus.gallery.matcher import Templates, distances_to_people

Vectors = NDArray[np.float32]
Places = NDArray[np.intp]

FPIRS = (0.01, 0.001)
RANKS = (1, 5, 10)
CMC_RANKS = 20
_AT_ONCE = 256  # probes that are searched together


@dataclass(frozen=True)
class Protocol:
    """sizes: people enrolled; enrolled: photos of each at most; probes: photos searched of each
    person at most, so that a few much photographed people do not rule the figures."""

    sizes: tuple[int, ...] = (100, 500, 2000)
    splits: int = 20
    enrolled: int = 1
    probes: int = 10
    seed: int = 0


@dataclass(frozen=True)
class Collected:
    """embeddings: (n, d) of n pictures; found: (n,) whether a face was; people: (n,) whose."""

    embeddings: Vectors
    found: Bools
    people: Places


@dataclass(frozen=True)
class Split:
    """Rows of the pictures that are enrolled, of probes of enrolled people, and of strangers."""

    enrolled: Places
    mates: Places
    strangers: Places


@dataclass(frozen=True)
class Searches:
    """What the searches of one split gave.

    ranks: (m,) of the right person, of probes of enrolled people; infinite with no face found.
    right: (m,) whether the nearest person is the right one. mates, strangers: the distance at
    which a probe would be named, (m,) and (s,); infinite where it never would, because no face
    was found or two people are too close. shipped: as `vultus identify` decides.
    """

    ranks: Floats
    right: Bools
    mates: Floats
    strangers: Floats
    shipped: dict[str, float]


@dataclass
class _Gathered:
    """All splits of one size."""

    searches: list[Searches] = field(default_factory=list)
    faces: list[int] = field(default_factory=list)
    people: list[int] = field(default_factory=list)


def split_people(collected: Collected, size: int, protocol: Protocol, number: int) -> Split:
    """One random split; the same seed, size and number give the same.

    Whoever has a picture with a face may be enrolled, drawn by chance; all others are strangers.
    One picture at least of those enrolled is kept as a probe where there are several.
    """
    rng = np.random.default_rng([protocol.seed, size, number])
    with_face = np.unique(collected.people[collected.found])
    chosen = set(rng.permutation(with_face)[:size].tolist())
    enrolled: list[int] = []
    mates: list[int] = []
    strangers: list[int] = []
    for person in np.unique(collected.people).tolist():
        rows = rng.permutation(np.flatnonzero(collected.people == person))
        if person not in chosen:
            strangers += rows[: protocol.probes].tolist()
            continue
        usable = rows[collected.found[rows]]
        taken = usable[: max(1, min(protocol.enrolled, len(rows) - 1))]
        enrolled += taken.tolist()
        mates += rows[~np.isin(rows, taken)][: protocol.probes].tolist()
    return Split(*(np.array(rows, np.intp) for rows in (enrolled, mates, strangers)))


def make_templates(collected: Collected, rows: Places) -> Templates:
    """What the gallery would hold of these pictures; a person's name is its number."""
    ordered = rows[np.argsort(collected.people[rows], kind="stable")]
    people, starts = np.unique(collected.people[ordered], return_index=True)
    embeddings = collected.embeddings[ordered]
    counts = np.diff([*starts, len(ordered)])
    means = np.add.reduceat(embeddings, starts, axis=0) / counts[:, None]
    return Templates(
        embeddings=embeddings,
        persons=[str(person) for person in people],
        starts=starts.astype(np.intp),
        means=means.astype(np.float32),
        sources=[str(row) for row in ordered],
        face_ids=ordered.tolist(),
        handicaps=np.zeros(len(ordered), np.float32),
    )


def search(collected: Collected, split: Split, calibrator: Calibrator, margin: float) -> Searches:
    """Search the enrolled people for all probes, each face as alone in its picture."""
    templates = make_templates(collected, split.enrolled)
    person_of = {name: place for place, name in enumerate(templates.persons)}
    truth = np.array([person_of[str(person)] for person in collected.people[split.mates]], np.intp)
    ranks = np.full(len(split.mates), np.inf)
    named_at = []
    for rows in (split.mates, split.strangers):
        distances = np.full(len(rows), np.inf)
        for first in range(0, len(rows), _AT_ONCE):
            part = np.arange(first, min(first + _AT_ONCE, len(rows)))
            part = part[collected.found[rows[part]]]
            if not len(part):
                continue
            to_people = distances_to_people(collected.embeddings[rows[part]], templates)
            distances[part] = _named_at(to_people, margin)
            if rows is split.mates:
                own = to_people[np.arange(len(part)), truth[part]][:, None]
                ranks[part] = (to_people <= own).sum(axis=1)  # what is as near counts before it
        named_at.append(distances)
    mates, strangers = named_at
    right = ranks == 1
    shipped = _as_shipped(right, mates, strangers, calibrator.threshold)
    return Searches(ranks, right, mates, strangers, shipped)


def _named_at(distances: NDArray[np.float32], margin: float) -> Floats:
    """The least threshold at which `matcher.decide` names the nearest person, (n,); infinite where
    it never does, because the next person is within the margin."""
    if distances.shape[1] == 1:
        return distances[:, 0].astype(np.float64)
    nearest = np.partition(distances, 1, axis=1)[:, :2]
    gap = (nearest[:, 1] - nearest[:, 0]).astype(np.float64)
    return np.where(gap >= margin, nearest[:, 0].astype(np.float64), np.inf)


def _as_shipped(
    right: Bools, mates: Floats, strangers: Floats, threshold: float
) -> dict[str, float]:
    """Shares of what `decide` answers at the product's own threshold, one face a picture."""
    named = mates <= threshold
    return {
        "named": float((named & right).mean()),
        "misnamed": float((named & ~right).mean()),
        "strangers_named": float((strangers <= threshold).mean()) if len(strangers) else 0.0,
    }


def limit_at(strangers: Floats, fpir: float) -> float:
    """Below this distance at most `fpir` of the strangers' probes are named: the next one's."""
    allowed = int(np.floor(fpir * len(strangers) + 1e-9))
    return float(np.sort(strangers)[allowed]) if allowed < len(strangers) else np.inf


def identification_rate(searches: Searches, fpir: float) -> float:
    """The share of probes of enrolled people that are named rightly (TPIR, rank 1)."""
    limit = limit_at(searches.strangers, fpir)
    return float((searches.right & (searches.mates < limit)).mean())


def too_few(strangers: int, fpir: float) -> str | None:
    """Why so many probes of strangers cannot show a rate; None where they can.

    Of n probes the smallest share that is not zero is 1 / n: below that a rate is not measured.
    """
    needed = int(np.ceil(1 / fpir - 1e-9))
    if strangers >= needed:
        return None
    return f"{strangers} probes of strangers cannot show a rate of {fpir:g}: {needed} are needed"


def evaluate_identification(
    collected: Collected, calibrator: Calibrator, *, margin: float, protocol: Protocol
) -> dict[str, Any]:
    """All figures, for each size that the data allow.

    Raises:
        UsageError: the protocol makes no sense.
        NothingToDo: no size can be measured.
    """
    _check(protocol)
    people = len(np.unique(collected.people[collected.found]))
    everybody = len(np.unique(collected.people))
    galleries, skipped = [], []
    for size in sorted(set(protocol.sizes)):
        if size > people or size >= everybody:
            reason = f"{everybody} people, {people} of them with a face: no strangers are left"
            if size > people:
                reason = f"there are {people:,} people with a face"
            skipped.append({"size": size, "reason": reason})
            continue
        gathered = _gather(collected, size, calibrator, margin, protocol)
        if gathered is None:
            reason = "nobody enrolled has a second picture to search with"
            skipped.append({"size": size, "reason": reason})
            continue
        galleries.append({"size": size, **_figures(gathered)})
    if not galleries:
        reasons = "; ".join(f"{one['size']}: {one['reason']}" for one in skipped)
        raise NothingToDo(
            f"No gallery size can be measured ({reasons}).",
            "Ask for smaller ones, or add people and pictures.",
        )
    counts = np.bincount(collected.people)
    return {
        "images": len(collected.people),
        "people": everybody,
        "people_with_two": int((counts >= 2).sum()),
        "not_found": int((~collected.found).sum()),
        "protocol": {
            "splits": protocol.splits,
            "enrolled_photos": protocol.enrolled,
            "probes_a_person": protocol.probes,
            "seed": protocol.seed,
            "margin": margin,
            "threshold": calibrator.threshold,
        },
        "galleries": galleries,
        "skipped": skipped,
    }


def _check(protocol: Protocol) -> None:
    numbers = (*protocol.sizes, protocol.splits, protocol.enrolled, protocol.probes)
    if not protocol.sizes or min(numbers) < 1 or protocol.seed < 0:
        raise UsageError(
            "Sizes, splits, photos and probes are whole numbers from 1.",
            "Example: --gallery-sizes 100,500 --splits 20.",
        )


def _gather(
    collected: Collected, size: int, calibrator: Calibrator, margin: float, protocol: Protocol
) -> _Gathered | None:
    """All splits of a size; None where none has a probe of anybody enrolled."""
    gathered = _Gathered()
    for number in range(protocol.splits):
        split = split_people(collected, size, protocol, number)
        if len(split.mates):
            gathered.searches.append(search(collected, split, calibrator, margin))
            gathered.faces.append(len(split.enrolled))
            gathered.people.append(len(np.unique(collected.people[split.strangers])))
    return gathered if gathered.searches else None


def _figures(gathered: _Gathered) -> dict[str, Any]:
    searches = gathered.searches
    fewest = min(len(one.strangers) for one in searches)
    reasons = {f"{fpir:g}": too_few(fewest, fpir) for fpir in FPIRS}
    return {
        "splits": len(searches),
        "enrolled_faces": float(np.mean(gathered.faces)),
        "probes": float(np.mean([len(one.mates) for one in searches])),
        "stranger_probes": float(np.mean([len(one.strangers) for one in searches])),
        "strangers": float(np.mean(gathered.people)),
        **{
            f"rank_{rank}": spread([(one.ranks <= rank).mean() for one in searches])
            for rank in RANKS
        },
        "tpir_at_fpir": {
            f"{fpir:g}": None if reasons[f"{fpir:g}"] else _at_rate(searches, fpir)
            for fpir in FPIRS
        },
        "not_stated": {name: reason for name, reason in reasons.items() if reason},
        "as_shipped": {
            name: spread([one.shipped[name] for one in searches]) for name in searches[0].shipped
        },
        "cmc": [
            float(np.mean([(one.ranks <= rank).mean() for one in searches]))
            for rank in range(1, CMC_RANKS + 1)
        ],
        "trade_off": _trade_off(searches, fewest),
    }


def _at_rate(searches: Sequence[Searches], fpir: float) -> dict[str, Any]:
    """TPIR over the splits; the interval says what FPIR one split's sample can tell from."""
    limits = [limit_at(one.strangers, fpir) for one in searches]
    finite = [limit for limit in limits if np.isfinite(limit)]
    counts = sorted(len(one.strangers) for one in searches)
    probes = counts[len(counts) // 2]
    return {
        **spread([identification_rate(one, fpir) for one in searches]),
        "distance": float(np.mean(finite)) if finite else None,
        "fpir_interval": list(wilson_interval(int(fpir * probes + 1e-9), probes)),
    }


def _trade_off(searches: Sequence[Searches], strangers: int) -> dict[str, list[float]]:
    """FNIR (1 - TPIR) over FPIR, from the lowest rate that the sample shows, mean of splits."""
    rates = np.unique(np.geomspace(max(1 / max(strangers, 1), 1e-6), 0.5, 40))
    return {
        "fpir": [float(rate) for rate in rates],
        "fnir": [
            1 - float(np.mean([identification_rate(one, rate) for one in searches]))
            for rate in rates
        ],
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean and standard deviation over the splits."""
    return {
        "mean": float(np.mean(values)),
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
    }
