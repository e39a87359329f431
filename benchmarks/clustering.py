"""Grouping faces without names: what Vultus ships beside the usual methods, on lfw-grey.

People are split in two by the digest of their names. Whatever a method lets choose is chosen on
one half, over sets of many kinds and sizes together, and measured on the other, both ways round:
in use nobody says either how many people there are, or how many photos of each.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.options import Options
from benchmarks.places import lfw_grey
from benchmarks.tables import Figure, table
from vultus.evaluate.clusters import Overlaps, bcubed, bcubed_interval
from vultus.evaluate.people import read_people
from vultus.faces.analyzer import Analyzer
from vultus.gallery.calibration import Calibrator
from vultus.gallery.grouping import group_faces
from vultus.gallery.linkage import Cluster, Points, join_near
from vultus.gallery.matcher import distances_to
from vultus.learn.embedding_cache import EmbeddingCache
from vultus.learn.embeddings import embed_pictures
from vultus.models.catalogue import EMBEDDER

Data = dict[str, Any]
Ints = NDArray[np.intp]
Floats = NDArray[np.float32]
Labels = Callable[[Floats], list[Ints]]  # embeddings to the labels at each of LIMITS

LIMITS = np.round(np.arange(0.36, 0.63, 0.01), 2)
# the limit falls with the logarithm of the number of faces, by so much, from so many on
RULES = [
    (threshold, few, share)
    for threshold in np.round(np.arange(0.42, 0.621, 0.01), 2).tolist()
    for few in (10, 20, 50, 100)
    for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
]
# kind and number of faces; `mixed`: half of them of people with one photo, at most 12 of the
# others; `album`: a person for every 15 faces; `singles`: nobody twice
KINDS = (
    ("mixed", 30), ("mixed", 100), ("mixed", 300), ("mixed", 800),
    ("album", 30), ("album", 100), ("album", 300),
    ("singles", 30), ("singles", 100), ("singles", 500),
)  # fmt: skip
FULL = ("4+", "2+", "all")
WANTED = 0.95
MANY = 20_000


@dataclass(frozen=True)
class Photos:
    """embeddings: (n, d); people: (n,) numbers; counts: (n,) photos of each one's person; half:
    (n,) 0 or 1."""

    embeddings: Floats
    people: Ints
    counts: Ints
    half: Ints


def measure(options: Options) -> Data | None:
    """B-cubed F of every method, and the time of many faces; None without lfw-grey."""
    del options
    folder = lfw_grey()
    if folder is None:
        return None
    read = read_people(folder / "images")
    analyzer = Analyzer()
    cache = EmbeddingCache.of(analyzer)
    vectors, rows = [], []
    for row, looked in enumerate(embed_pictures(analyzer, read.paths, cache=cache)):
        if looked.main is not None and looked.main.embedding is not None:
            vectors.append(looked.main.embedding)
            rows.append(row)
        if row % 500 == 499:
            print(f"  {row + 1} photos", flush=True)
    if cache is not None:
        cache.close()
    people = read.targets[rows]
    halves = [hashlib.sha256(name.encode()).digest()[0] % 2 for name in read.names]
    counts = np.bincount(people)[people]
    photos = Photos(np.stack(vectors), people, counts, np.array(halves)[people])
    methods = {name: _cross_fit(photos, labels) for name, labels in METHODS.items()}
    return {
        "photos": len(people),
        "not_found": len(read.paths) - len(rows),
        "shipped": _shipped(photos),
        "methods": methods,
        "whole": {kind: _whole(photos, kind) for kind in ("4+", "all")},
        "many": _many(photos),
    }


def _sets(photos: Photos, half: int) -> list[tuple[str, Ints]]:
    random = np.random.default_rng(half)
    made = []
    for kind, count in KINDS:
        for _ in range(8 if count <= 300 else 3):
            made.append((f"{kind} {count}", _draw(photos, half, random, kind, count)))
    return made + [(kind, _full(photos, kind, half)) for kind in FULL]


def _full(photos: Photos, kind: str, half: int | None = None) -> Ints:
    least = {"4+": 4, "2+": 2, "all": 1}[kind]
    mine = True if half is None else photos.half == half
    return np.flatnonzero((photos.counts >= least) & mine)


def _draw(photos: Photos, half: int, random: np.random.Generator, kind: str, count: int) -> Ints:
    mine = np.flatnonzero(photos.half == half)

    def whole_people(least: int, most: int, faces: int) -> Ints:
        found: list[Ints] = []
        people = np.unique(photos.people[mine[photos.counts[mine] >= least]])
        for person in random.permutation(people):
            found.append(random.permutation(mine[photos.people[mine] == person])[:most])
            if sum(map(len, found)) >= faces:
                break
        return np.concatenate(found)[:faces]

    if kind == "album":
        people = max(2, count // 15)
        return whole_people(10, count // people, count)
    if kind == "singles":
        return whole_people(1, 1, count)
    ones = random.permutation(mine[photos.counts[mine] == 1])[: count // 2]
    return np.concatenate([ones, whole_people(2, 12, count - len(ones))])


def _f(photos: Photos, rows: Ints, labels: Ints) -> float:
    return bcubed(Overlaps.of(photos.people[rows], labels)).f


def _cross_fit(photos: Photos, labels: Labels) -> dict[str, float]:
    """Mean F of each kind of set, with the rule that is best on the other half of the people."""
    told = []
    for half in (0, 1):
        table_of: list[tuple[str, int, NDArray[np.float64]]] = []
        for kind, rows in _sets(photos, half):
            found = labels(photos.embeddings[rows])
            curve = np.array([_f(photos, rows, each) for each in found])
            table_of.append((kind, len(rows), curve))
        told.append({rule: _at(table_of, rule) for rule in RULES})
    answers = []
    for chosen_on, measured_on in ((0, 1), (1, 0)):
        best = max(RULES, key=lambda rule: float(np.mean(list(told[chosen_on][rule].values()))))
        answers.append(told[measured_on][best])
    return {kind: (answers[0][kind] + answers[1][kind]) / 2 for kind in answers[0]}


def _at(
    curves: list[tuple[str, int, NDArray[np.float64]]], rule: tuple[float, int, float]
) -> dict[str, float]:
    threshold, few, share = rule
    slope = Calibrator.of(EMBEDDER).slope
    found: dict[str, list[float]] = {}
    for kind, faces, curve in curves:
        limit = threshold - share * np.log(max(1.0, faces / few)) / slope
        found.setdefault(kind, []).append(float(np.interp(limit, LIMITS, curve)))
    return {kind: float(np.mean(values)) for kind, values in found.items()}


def _shipped(photos: Photos) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for half in (0, 1):
        for kind, rows in _sets(photos, half):
            found.setdefault(kind, []).append(_f(photos, rows, _ours(photos.embeddings[rows])))
    return {kind: float(np.mean(values)) for kind, values in found.items()}


def _ours(embeddings: Floats) -> Ints:
    labels = np.arange(len(embeddings))
    for rows in group_faces(embeddings, Calibrator.of(EMBEDDER)).groups:
        labels[rows] = rows[0]
    return labels


def _whole(photos: Photos, kind: str) -> dict[str, float]:
    rows = _full(photos, kind)
    overlaps = Overlaps.of(photos.people[rows], _ours(photos.embeddings[rows]))
    people = len(np.unique(photos.people[rows]))
    low, high = bcubed_interval(overlaps)
    told = {"faces": len(rows), "people": people, "low": low, "high": high}
    return {**told, **bcubed(overlaps).to_dict()}


def _many(photos: Photos) -> dict[str, float]:
    """Processor time for faces that are made up: people and looks as they scatter in lfw-grey."""
    random = np.random.default_rng(0)
    several = photos.counts >= 4
    people, inverse = np.unique(photos.people[several], return_inverse=True)
    looks = photos.embeddings[several]
    means = np.stack([looks[inverse == number].mean(axis=0) for number in range(len(people))])
    scatter = np.cov((looks - means[inverse]).T)
    sizes = random.geometric(0.15, MANY)
    who = np.repeat(np.arange(len(sizes)), sizes)[:MANY]
    centres = random.multivariate_normal(means.mean(axis=0), np.cov(means.T), who[-1] + 1)
    noise = random.multivariate_normal(np.zeros(looks.shape[1]), scatter, MANY)
    faces = (centres[who] + noise).astype(np.float32)
    began = time.process_time()
    _ours(faces)
    return {"faces": MANY, "people": int(who[-1]) + 1, "seconds": time.process_time() - began}


def _joined(embeddings: Floats) -> list[Ints]:
    """As it ships, but with the same limit however many people there are."""
    points = Points(embeddings, np.ones(len(embeddings), np.float32))
    clusters = [Cluster([row]) for row in range(len(embeddings))]
    found = []
    for limit in LIMITS:
        clusters = join_near(points, clusters, float(limit))
        labels = np.empty(len(embeddings), np.intp)
        for cluster in clusters:
            labels[cluster.points] = cluster.points[0]
        found.append(labels)
    return found


def _distances(embeddings: Floats) -> NDArray[np.float64]:
    found = distances_to(embeddings, embeddings).astype(np.float64)
    found = (found + found.T) / 2
    np.fill_diagonal(found, 0)
    return found


def _linkage(method: str) -> Labels:
    def labels(embeddings: Floats) -> list[Ints]:
        from scipy.cluster.hierarchy import fcluster, linkage
        from scipy.spatial.distance import squareform

        tree = linkage(squareform(_distances(embeddings), checks=False), method)
        # complete linkage wants larger limits, single smaller ones
        shift = {"complete": 0.06, "single": -0.04}.get(method, 0.0)
        return [fcluster(tree, limit + shift, "distance") for limit in LIMITS]

    return labels


def _dbscan(embeddings: Floats) -> list[Ints]:
    from sklearn.cluster import DBSCAN

    distances = _distances(embeddings)
    found = []
    for limit in LIMITS:
        scan = DBSCAN(eps=float(limit) - 0.04, min_samples=3, metric="precomputed")
        found.append(_noise_alone(scan.fit_predict(distances)))
    return found


def _hdbscan(embeddings: Floats) -> list[Ints]:
    from sklearn.cluster import HDBSCAN

    scan = HDBSCAN(min_cluster_size=2, min_samples=1, metric="precomputed", copy=True)
    found = _noise_alone(scan.fit_predict(_distances(embeddings)))
    return [found] * len(LIMITS)  # it wants none


def _noise_alone(labels: Ints) -> Ints:
    return np.where(labels < 0, len(labels) + np.arange(len(labels)), labels)


def _whispers(embeddings: Floats) -> list[Ints]:
    """C. Biemann, 2006; edges weigh more the nearer two faces are. In random order."""
    distances = _distances(embeddings)
    np.fill_diagonal(distances, np.inf)
    random = np.random.default_rng(0)
    found = []
    for limit in LIMITS:
        labels = np.arange(len(embeddings))
        near = [np.flatnonzero(row <= limit) for row in distances]
        for _ in range(30):
            before = labels.copy()
            for row in random.permutation(len(labels)):
                if len(near[row]):
                    votes = np.bincount(labels[near[row]], 1 - distances[row, near[row]])
                    labels[row] = votes.argmax()
            if (labels == before).all():
                break
        found.append(labels)
    return found


METHODS: dict[str, Labels] = {
    "the same linkage, limit by the number of faces": _joined,
    "Chinese whispers": _whispers,
    "average linkage": _linkage("average"),
    "complete linkage": _linkage("complete"),
    "connected components (DBSCAN, 1 neighbour)": _linkage("single"),
    "DBSCAN, 3 neighbours": _dbscan,
    "HDBSCAN": _hdbscan,
}


def figures(data: Data) -> list[Figure]:
    f = data["whole"]["4+"]["f"]
    name = "grouping the photos of people with 4 or more, B-cubed F"
    return [Figure(name, f"at least {WANTED}", f"{f:.4f}", f >= WANTED)]


def details(data: Data) -> list[str]:
    four, every, many = data["whole"]["4+"], data["whole"]["all"], data["many"]
    lines = [
        f"B-cubed F, the harmonic mean of precision and recall of each face's group, on "
        f"{data['photos']:,} photos of lfw-grey. All photos of the {four['people']} people with 4 "
        f"or more ({four['faces']:,}): **{four['f']:.4f}** (precision {four['precision']:.3f}, "
        f"recall {four['recall']:.3f}; with other people it might have been "
        f"{four['low']:.3f} to {four['high']:.3f}); all {every['faces']:,} photos of "
        f"{every['people']:,} people, most of them with one: {every['f']:.4f} (precision "
        f"{every['precision']:.3f}, recall {every['recall']:.3f}).",
        "",
        "Other methods are compared where nothing is known of the faces beforehand. People are "
        "split in two; the limit of each method, a rule of the number of faces, is chosen on one "
        "half over all these sets together and measured on the other, both ways round. The first "
        "row is what ships, measured on both halves; the two numbers in its rule were chosen in "
        "this way, too. `mixed`: half of the faces of people with one photo; `album`: 15 "
        "photos of each person; `singles`: nobody twice; `4+`, `2+`, `all`: all photos of the "
        "people of one half with so many.",
        "",
    ]
    kinds = list(data["shipped"])
    rows = {"**Vultus**": data["shipped"], **data["methods"]}
    body = [
        (name, *(f"{row[kind]:.3f}" for kind in kinds), f"{np.mean([row[k] for k in kinds]):.4f}")
        for name, row in rows.items()
    ]
    return [
        *lines,
        *table(("", *kinds, "mean"), body),
        "",
        "So few people do not tell the first rows and Chinese whispers from each other. But "
        "another order of the faces gives Chinese whispers other groups; "
        "what ships gives the same groups in any order, tells two people of one photo apart, "
        "and lets groups grow that somebody has named.",
        "",
        f"{many['faces']:,} made-up faces of {many['people']:,} people that scatter as these do: "
        f"{many['seconds']:.0f} s of processor time.",
    ]
