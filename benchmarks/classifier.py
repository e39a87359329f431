"""The classic recipe on lfw-grey: 18 people with 40 photos or more, all others as strangers.

Five times 35 photos of each person are drawn to train on; the first time the first 35 by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.options import Options
from benchmarks.places import lfw_grey
from benchmarks.tables import Figure, table
from vultus.evaluate.metrics import calibration_error
from vultus.faces.analyzer import Analyzer
from vultus.faces.embedder import EMBEDDING_SIZE
from vultus.gallery.matcher import distances_to
from vultus.learn.classifier import train_classifier
from vultus.learn.classifier_kinds import KINDS, fit_estimator, scores_of
from vultus.learn.embedding_cache import EmbeddingCache
from vultus.learn.embeddings import embed_pictures
from vultus.learn.folders import read_classes
from vultus.learn.judging import judge
from vultus.learn.open_set import templates_of
from vultus.learn.people import MAX_PEOPLE, LabelledFaces, Split, gather, split_people
from vultus.learn.softmax import softmax
from vultus.settings import load_settings

Data = dict[str, Any]
Doubles = NDArray[np.float64]

_AT_LEAST, _TRAIN, _FAR = 40, 35, 0.01
_SEEDS = (None, 1, 2, 3, 4)
_JOBS = 2


def measure(options: Options) -> Data | None:
    """None without the data set."""
    del options
    folder = lfw_grey()
    if folder is None:
        return None
    faces = _faces(folder / "images")
    splits = [split_people(faces, at_least=_AT_LEAST, train=_TRAIN, seed=seed) for seed in _SEEDS]
    return {
        "people": len(splits[0].learnt.labels),
        "tested": len(splits[0].tested),
        "strangers": len(splits[0].dropped),
        "kinds": {kind: _mean([_trained(kind, split) for split in splits]) for kind in KINDS},
        "scores": {
            name: _mean([_separated(score, split) for split in splits])
            for name, score in _SCORES.items()
        },
    }


def _faces(folder: Any) -> LabelledFaces:
    cv2.setNumThreads(1)
    pictures = read_classes(folder, MAX_PEOPLE)
    analyzer = Analyzer(load_settings(runtime={"threads": 1}))
    cache = EmbeddingCache.of(analyzer)
    if cache is None:
        raise RuntimeError("the default models have no recipe")
    with cache:
        found = list(embed_pictures(analyzer, pictures.paths, cache=cache, jobs=_JOBS))
    return gather(folder, pictures, found, EMBEDDING_SIZE).faces


def _trained(kind: Any, split: Split) -> dict[str, float]:
    made = train_classifier(
        split.learnt, kind=kind, embedder="dlib-resnet-128", mirror=True, far=_FAR
    ).classifier
    parts = (split.tested, split.dropped)
    shown = [[part.labels[target] for target in part.targets] for part in parts]
    answers = [[made.decide(one[None])[0] for one in part.embeddings] for part in parts]
    found = judge(made.labels, [*shown[0], *shown[1]], [*answers[0], *answers[1]])
    return {
        "accuracy": found.accuracy or 0.0,
        "named": found.named_rightly or 0.0,
        "wrong": found.named_wrongly or 0.0,
        "strangers_named": found.strangers_named or 0.0,
        "threshold": made.card.threshold,
        "ece": _calibration(shown, answers),
    }


def _calibration(shown: list[list[str]], answers: list[list[Any]]) -> float:
    """Of the best candidate's probability, the known and the strangers weighing the same."""
    flat = [answer for part in answers for answer in part]
    who = [name for part in shown for name in part]
    right = [answer.candidates[0].person == name for answer, name in zip(flat, who, strict=True)]
    weights = np.concatenate([np.full(len(part), 1 / len(part)) for part in answers])
    probabilities = np.array([answer.candidates[0].probability for answer in flat])
    return calibration_error(probabilities, np.array(right), weights)


Score = Callable[[LabelledFaces, NDArray[np.float32]], Doubles]


def _by_kind(kind: Any, *, probability: bool = False) -> Score:
    def score(faces: LabelledFaces, probes: NDArray[np.float32]) -> Doubles:
        estimator = fit_estimator(kind, faces.embeddings, faces.targets)
        found = scores_of(kind, estimator, faces.embeddings, faces.targets, probes)
        return softmax(found) if probability else found

    return score


def _nearest(faces: LabelledFaces, probes: NDArray[np.float32]) -> Doubles:
    distances = distances_to(probes, faces.embeddings)
    return -np.minimum.reduceat(distances, templates_of(faces).starts, axis=1).astype(np.float64)


def _to_mean(faces: LabelledFaces, probes: NDArray[np.float32]) -> Doubles:
    return -distances_to(probes, templates_of(faces).means).astype(np.float64)


def _both(faces: LabelledFaces, probes: NDArray[np.float32]) -> Doubles:
    return (_nearest(faces, probes) + _to_mean(faces, probes)) / 2


def _both_and_logits(faces: LabelledFaces, probes: NDArray[np.float32]) -> Doubles:
    # of the weights tried, these are the best on the very faces that are tested
    return _by_kind("logistic")(faces, probes) / 4 + 12 * _both(faces, probes)


_SCORES: dict[str, Score] = {
    "probability of logistic regression": _by_kind("logistic", probability=True),
    "largest logit of logistic regression": _by_kind("logistic"),
    "largest margin of a linear SVM": _by_kind("svm"),
    "distance to the person's mean": _to_mean,
    "distance to the nearest photo": _nearest,
    "mean of both distances (used)": _both,
    "both distances and logit": _both_and_logits,
}


def _separated(score: Score, split: Split) -> dict[str, float]:
    """How many of the known are named, and rightly, where just so many strangers are.

    The threshold is chosen on the strangers tested: how well a score could do at best.
    """
    known = score(split.learnt, split.tested.embeddings)
    strange = score(split.learnt, split.dropped.embeddings).max(axis=1)
    names = [split.tested.labels[target] for target in split.tested.targets]
    best = [split.learnt.labels[place] for place in known.argmax(axis=1)]
    right = np.array([one == other for one, other in zip(best, names, strict=True)])
    shares = {}
    for far in (_FAR, _FAR / 10):
        threshold = np.sort(strange)[::-1][int(far * len(strange))]
        shares[f"{far:g}"] = float((right & (known.max(axis=1) > threshold)).mean())
    return shares


def _mean(found: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def figures(data: Data) -> list[Figure]:
    worst = min(kind["accuracy"] for kind in data["kinds"].values())
    svm = data["kinds"]["svm"]
    return [
        Figure(
            f"Classifier, {data['people']} people of lfw-grey, {_TRAIN} photos each to train",
            "accuracy 0.985",
            f"{svm['accuracy']:.4f} (svm), {worst:.4f} the worst kind",
            worst >= 0.985,
        ),
        Figure(
            "Known people still named where 1 % of strangers may be",
            "95 %",
            f"{svm['named']:.1%}, with {svm['strangers_named']:.2%} of the strangers named",
            svm["named"] >= 0.95,
        ),
    ]


def details(data: Data) -> list[str]:
    kinds = [
        (
            name,
            f"{one['accuracy']:.4f}",
            f"{one['named']:.1%}",
            f"{one['wrong']:.2%}",
            f"{one['strangers_named']:.2%}",
            f"{one['ece']:.3f}",
        )
        for name, one in data["kinds"].items()
    ]
    scores = [
        (name, f"{one['0.01']:.1%}", f"{one['0.001']:.1%}") for name, one in data["scores"].items()
    ]
    return [
        f"{data['people']} people with {_AT_LEAST} photos or more, {_TRAIN} of each to train, "
        f"{data['tested']} to test; {data['strangers']:,} photos of all others are strangers. "
        f"Means of {len(_SEEDS)} draws. The threshold was fitted in training, on people who were "
        "left out, for 1 % of strangers.",
        "",
        *table(
            ("kind", "accuracy", "named rightly", "named wrongly", "strangers named", "ECE"), kinds
        ),
        "",
        "What could tell strangers from the known, each with the best threshold there is for the "
        "strangers tested: the share of the known who are named rightly where 1 % and 0.1 % of the "
        "strangers are named.",
        "",
        *table(("score", "at 1 %", "at 0.1 %"), scores),
    ]
