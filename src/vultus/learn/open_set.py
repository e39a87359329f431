"""When a face is somebody known at all: a threshold measured on people who were left out.

A classifier's own confidence does not tell strangers: it was never shown any, and must choose.
The distance to the faces of the person it names does: on lfw-grey, 18 known people with 35 photos
each and 1,188 strangers, at 1 % of the strangers named, it lets 99 % of the known be named; the
probability of logistic regression 82 to 95 %, the margin of a linear SVM 94 % (docs/classifier.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.gallery.calibration import Calibrator
from vultus.gallery.matcher import Templates, person_distances
from vultus.learn.people import LabelledFaces
from vultus.learn.softmax import Doubles, softmax
from vultus.learn.validation import fit_temperature, stratified_folds

Floats = NDArray[np.float32]
# From what is learnt from and some probes to scores (n, k), see `classifier_kinds`.
Score = Callable[[LabelledFaces, Floats], Doubles]

_FOLDS = 5
_LEFT_OUT_SINGLY = 20  # people; of more, a tenth is left out at once
_GROUPS = 10
_SLOPES = (5.0, 200.0)
_SEED = 1
# Two folders of one person lie at 0.6 of the model's threshold, two people who look alike at 0.9.
_ONE_PERSON = 0.8


@dataclass(frozen=True)
class Rule:
    """threshold: the largest distance at which somebody is named; slope: of the log-odds there;
    temperature: what scores are divided by to be logits."""

    threshold: float
    slope: float
    temperature: float

    def probabilities(self, distances: NDArray[np.floating]) -> Doubles:
        """That a face is of the person at this distance; 0.5 at the threshold."""
        odds = self.slope * (np.asarray(distances, np.float64) - self.threshold)
        return 1 / (1 + np.exp(np.clip(odds, -500, 500)))

    def posteriors(self, scores: Doubles) -> Doubles:
        """Whom a face shows if it is anybody known, (n, k)."""
        return softmax(scores / self.temperature)


@dataclass(frozen=True)
class Measured:
    """What cross-validation showed of n faces, each looked at by a classifier that never saw it.

    accuracy: the right one of the known people; named: the share of the known that are named, and
    rightly, at the threshold. strangers: faces of people who were left out, or given as strangers;
    false_names: how many of them are named. can_show: whether there are enough strangers for the
    rate that was wished. alike: pairs of people of whom one is mostly taken for the other.
    """

    accuracy: float
    named: float
    strangers: int
    false_names: int
    can_show: bool
    alike: list[tuple[str, str]]


def templates_of(faces: LabelledFaces) -> Templates:
    """Faces, those of a person next to each other, as the gallery's matcher searches them."""
    starts = np.searchsorted(faces.targets, np.arange(len(faces.labels)))
    means = np.add.reduceat(faces.embeddings, starts, axis=0) / faces.counts[:, None]
    return Templates(
        embeddings=faces.embeddings,
        persons=list(faces.labels),
        starts=starts.astype(np.intp),
        means=means.astype(np.float32),
        sources=list(faces.sources),
        face_ids=list(range(len(faces))),
        handicaps=np.zeros(len(faces), np.float32),
    )


@dataclass(frozen=True)
class _Looks:
    """n probes: whom each is given, and at which distance."""

    winners: NDArray[np.intp]
    distances: Doubles


def _look(score: Score, faces: LabelledFaces, probes: Floats) -> _Looks:
    if len(faces.labels) == 1:
        winners = np.zeros(len(probes), np.intp)
    else:
        winners = score(faces, probes).argmax(axis=1)
    distances = person_distances(probes, templates_of(faces))[0]
    own = distances[np.arange(len(probes)), winners]
    return _Looks(winners, own.astype(np.float64))


def fit_rule(
    faces: LabelledFaces, score: Score, model: Calibrator, far: float, strangers: Floats
) -> tuple[Rule, Measured]:
    """The rule that names at most the share `far` of strangers, as far as the faces can show it.

    model: of the embeddings; its own threshold and slope stand where the faces say too little.
    strangers: embeddings (m, d) of others that are known to be none of these people.
    """
    temperature, accuracy, own = _known(faces, score)
    left_out, alike = _left_out(faces, score, model.threshold)
    given = _look(score, faces, strangers).distances
    # with so many people left out, as many fewer were there to be taken for
    rate = far * (1 - 1 / _groups(len(faces.labels)))
    apart = np.sort(np.concatenate([left_out, given]))
    # strictly nearer than the first stranger too many
    allowed = int(rate * len(left_out) + far * len(given))
    threshold = model.threshold
    if len(apart):
        measured = float(np.nextafter(apart[min(allowed, len(apart) - 1)], -np.inf))
        threshold = measured if allowed else min(measured, threshold)
    slope = _slope(own[np.isfinite(own)], apart, threshold, model.slope)
    return Rule(threshold, slope, temperature), Measured(
        accuracy=accuracy,
        named=float((own <= threshold).mean()),
        strangers=len(apart),
        false_names=int((apart <= threshold).sum()),
        can_show=allowed > 0,
        alike=alike,
    )


def _known(faces: LabelledFaces, score: Score) -> tuple[float, float, Doubles]:
    """Temperature, accuracy, and the distance to the right person, infinite where another is named.

    Every face is looked at by a classifier of the same people that has not seen it.
    """
    folds = stratified_folds(faces.targets, min(_FOLDS, int(faces.counts.min())))
    scores = np.zeros((len(faces), len(faces.labels)))
    distances = np.full(len(faces), np.inf)
    for fold in np.unique(folds):
        held = folds == fold
        rest, probes = faces.select(~held), faces.embeddings[held]
        scores[held] = score(rest, probes)
        found = person_distances(probes, templates_of(rest))[0]
        distances[held] = found[np.arange(len(probes)), faces.targets[held]]
    right = scores.argmax(axis=1) == faces.targets
    distances[~right] = np.inf
    temperature = fit_temperature(scores, faces.targets, np.ones(len(faces)))
    return temperature, float(right.mean()), distances


def _groups(people: int) -> int:
    return people if people <= _LEFT_OUT_SINGLY else _GROUPS


def _left_out(
    faces: LabelledFaces, score: Score, near: float
) -> tuple[Doubles, list[tuple[str, str]]]:
    """How near people come to others by a classifier that does not know them.

    From two who look like one person, by the model's own threshold `near`, nothing is learnt.
    """
    count = len(faces.labels)
    group_of = np.random.default_rng(_SEED).permutation(count) % _groups(count)
    distances: list[Doubles] = []
    alike: list[tuple[str, str]] = []
    for group in range(_groups(count)):
        strange = group_of[faces.targets] == group
        rest = faces.select(~strange)
        looks = _look(score, rest, faces.embeddings[strange])
        of = faces.targets[strange]
        for target in np.unique(of):
            mine = of == target
            like = _one_person(looks.winners[mine], looks.distances[mine], near)
            if like is None:
                distances.append(looks.distances[mine])
            else:
                one, other = sorted((faces.labels[int(target)], rest.labels[like]))
                alike.append((one, other))
    return np.concatenate(distances) if distances else np.zeros(0), sorted(set(alike))


def _one_person(winners: NDArray[np.intp], distances: Doubles, near: float) -> int | None:
    """Whom most of somebody's faces would be named as; None where there is nobody like that."""
    taken = np.bincount(winners[distances <= _ONE_PERSON * near], minlength=1)
    like = int(taken.argmax())
    return like if taken[like] * 2 > len(winners) and len(winners) > 1 else None


def _slope(own: Doubles, strangers: Doubles, threshold: float, fallback: float) -> float:
    """The steepness that fits both best, each kind weighing the same; the odds are even at the
    threshold."""
    if not len(own) or not len(strangers):
        return fallback
    slopes = np.geomspace(*_SLOPES, 100)
    losses = [
        np.logaddexp(0, slope * (own - threshold)).mean()
        + np.logaddexp(0, -slope * (strangers - threshold)).mean()
        for slope in slopes
    ]
    return float(slopes[int(np.argmin(losses))])
