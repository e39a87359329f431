"""`Classifier`: names for embeddings, learnt from folders of people; none for strangers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from vultus._version import __version__
from vultus.errors import ModelMismatch, UsageError
from vultus.faces.types import Faces
from vultus.gallery.calibration import Calibrator
from vultus.gallery.gallery import Identification, identifications
from vultus.gallery.matcher import Candidate, Decision, Templates, person_distances
from vultus.gallery.matcher import Rule as RuleName
from vultus.learn.classifier_kinds import Kind, fit_estimator, scores_of
from vultus.learn.folders import MAX_LABEL
from vultus.learn.open_set import Measured, Rule, fit_rule, templates_of
from vultus.learn.people import MAX_PEOPLE, LabelledFaces
from vultus.learn.softmax import Doubles

Floats = NDArray[np.float32]

MAX_DIMENSIONS = 4096
_AT_LEAST = 2  # faces of each person: one to learn from, one to see what was learnt


class ClassifierCard(BaseModel):
    """What is known of a classifier.

    embedder: model that made the embeddings; mirror: whether they are averaged with the mirrored
    face's; labels: the people; far: wished rate of strangers who are named; threshold, slope,
    temperature: see `Rule`; accuracy to can_show: see `Measured`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    kind: Kind
    embedder: str = Field(min_length=1, max_length=100)
    mirror: bool
    dimensions: int = Field(ge=1, le=MAX_DIMENSIONS)
    labels: list[Annotated[str, Field(min_length=1, max_length=MAX_LABEL)]] = Field(
        min_length=2, max_length=MAX_PEOPLE
    )
    far: float = Field(gt=0, lt=1)
    threshold: float = Field(ge=0, le=100)
    slope: float = Field(gt=0, le=1000)
    temperature: float = Field(ge=0.01, le=100)
    accuracy: float = Field(ge=0, le=1)
    named: float = Field(ge=0, le=1)
    strangers: int = Field(ge=0)
    false_names: int = Field(ge=0)
    can_show: bool
    made_at: datetime
    vultus: str = Field(max_length=100)

    @model_validator(mode="after")
    def _fits(self) -> ClassifierCard:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("a name is there twice")
        return self


@dataclass(frozen=True)
class Classifier:
    """Tells who faces are. faces: what was learnt from; estimator: see `fit_estimator`.

    Where a gallery's group decides, this can in its place: see `decide`.
    """

    card: ClassifierCard
    faces: LabelledFaces
    estimator: Any

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.card.labels)

    @property
    def embedder(self) -> str:
        """The model whose embeddings it understands."""
        return self.card.embedder

    @property
    def mirror(self) -> bool:
        """Whether these are averaged with the mirrored face's."""
        return self.card.mirror

    @cached_property
    def templates(self) -> Templates:
        """The faces that were learnt from, to measure distances to."""
        return templates_of(self.faces)

    @property
    def rule(self) -> Rule:
        return Rule(self.card.threshold, self.card.slope, self.card.temperature)

    def require(self, embedder: str, *, mirror: bool) -> None:
        """Raises ModelMismatch where embeddings are made in another way than those it learnt."""
        if embedder != self.embedder:
            raise ModelMismatch(
                f"The classifier was trained on embeddings of {self.embedder}, not of {embedder}.",
                "Train it again with `vultus train classifier`.",
            )
        if mirror != self.mirror:
            had, has = ("with", "without") if self.mirror else ("without", "with")
            raise ModelMismatch(
                f"The classifier was trained {had} the mirrored face, these embeddings are "
                f"{has} it.",
                f"Give {'--mirror' if self.mirror else '--no-mirror'}, or train it again.",
            )

    def posteriors(self, embeddings: Floats) -> Doubles:
        """(n, k): whom faces show, (n, d), if it is anybody it knows; rows add up to 1."""
        self._check(embeddings)
        return self.rule.posteriors(self._scores(embeddings))

    def decide(self, embeddings: Floats, *, top: int = 3) -> list[Decision]:
        """Who the faces of one picture are, together, from embeddings (n, d).

        The kind says whom a face is most like; the distance to that person's faces, whether it is
        anybody known. `probability` is the smaller of both: 0.5 or more where somebody is named.
        Where two faces are the same person, the nearer one is.
        """
        posteriors = self.posteriors(embeddings)
        if not len(embeddings):
            return []
        distances, nearest = person_distances(embeddings, self.templates)
        known = self.rule.probabilities(distances)
        probabilities = np.minimum(known, posteriors)
        winners = posteriors.argmax(axis=1)
        rows = np.arange(len(winners))
        best, own = probabilities[rows, winners], distances[rows, winners]
        decisions = []
        for row, winner in enumerate(winners):
            # of two that are equally near the first is
            rivals = (winners == winner) & ((own < own[row]) | ((own == own[row]) & (rows < row)))
            rule = self._rule(float(distances[row, winner]), float(posteriors[row, winner]))
            if rule == "named" and rivals.any():
                rule = "taken"
            order = np.argsort(-posteriors[row], kind="stable")[: max(top, 1)]
            candidates = [
                self._candidate(embeddings[row], distances, probabilities, nearest, row, int(each))
                for each in order
            ]
            others = np.delete(distances[row], winner)
            decisions.append(
                Decision(
                    person=self.labels[winner] if rule == "named" else None,
                    probability=float(best[row]),
                    rule=rule,
                    candidates=candidates,
                    margin=float(others.min() - distances[row, winner]),
                    runner_up=self.labels[int(np.argsort(-posteriors[row], kind="stable")[1])],
                )
            )
        return decisions

    def identify_faces(self, faces: Faces, *, top: int = 3) -> list[Identification]:
        """Name the faces of one picture, as `Gallery.identify_faces` does by a group.

        Raises:
            ModelMismatch: they have no embeddings, or another model's.
        """
        if faces.embeddings is None or faces.embedder is None:
            raise ModelMismatch("These faces have no embeddings.", "Analyze with embed=True.")
        self.require(faces.embedder, mirror=self.mirror)
        decisions = self.decide(faces.embeddings, top=top)
        return identifications(faces, decisions, self.card.threshold)

    def was_learnt(self, digest: str) -> bool:
        """Whether a picture, by the SHA-256 of its bytes, is one of those learnt from."""
        return digest[: 2 * self.faces.digests.shape[1]] in self._digests

    @cached_property
    def _digests(self) -> frozenset[str]:
        return frozenset(row.tobytes().hex() for row in self.faces.digests)

    def _check(self, embeddings: Floats) -> None:
        if embeddings.ndim != 2 or embeddings.shape[1] != self.card.dimensions:
            raise ModelMismatch(
                f"The classifier wants {self.card.dimensions} numbers a face, these have shape "
                f"{embeddings.shape}.",
                "Train it again with `vultus train classifier`.",
            )

    def _scores(self, embeddings: Floats) -> Doubles:
        return scores_of(
            self.card.kind,
            self.estimator,
            self.faces.embeddings,
            self.faces.targets,
            embeddings,
        )

    def _rule(self, distance: float, posterior: float) -> RuleName:
        if not distance <= self.card.threshold:  # so that a broken distance names nobody
            return "threshold"
        return "named" if posterior >= 0.5 else "margin"

    def _candidate(
        self,
        probe: Floats,
        distances: Floats,
        probabilities: Doubles,
        nearest: NDArray[np.intp],
        row: int,
        person: int,
    ) -> Candidate:
        face = int(nearest[row, person])
        return Candidate(
            person=self.labels[person],
            probability=float(probabilities[row, person]),
            distance=float(distances[row, person]),
            best_distance=float(np.linalg.norm(probe - self.faces.embeddings[face])),
            reference=self.faces.sources[face],
            reference_id=face,
        )


@dataclass(frozen=True)
class TrainedClassifier:
    """A classifier, and what cross-validation showed of it."""

    classifier: Classifier
    measured: Measured


def train_classifier(
    faces: LabelledFaces,
    *,
    kind: Kind = "svm",
    embedder: str,
    mirror: bool,
    far: float = 0.01,
    strangers: Floats | None = None,
) -> TrainedClassifier:
    """Learn to tell people apart, and which distance a stranger does not reach.

    Args:
        faces: of two people at least, two of each at least; see `split_people`.
        far: wished share of strangers who are named.
        strangers: embeddings (m, d) of people who are none of them, for the threshold alone; those
            of the people themselves, each left out in turn, are used as well.

    Raises:
        UsageError: too few faces. ExtraMissing: scikit-learn is not installed.
    """
    if len(faces.labels) < 2 or faces.counts.min() < _AT_LEAST:
        raise UsageError(
            "A classifier needs two people or more, with two faces each or more.",
            "Give more pictures.",
        )
    if not 0 < far < 1:
        raise UsageError(f"A rate of {far} makes no sense.", "Choose one such as 0.01.")
    others = np.zeros((0, faces.embeddings.shape[1]), np.float32)
    if strangers is not None:
        others = strangers

    def score(known: LabelledFaces, probes: Floats) -> Doubles:
        estimator = fit_estimator(kind, known.embeddings, known.targets)
        return scores_of(kind, estimator, known.embeddings, known.targets, probes)

    rule, measured = fit_rule(faces, score, Calibrator.of(embedder), far, others)
    card = ClassifierCard(
        kind=kind,
        embedder=embedder,
        mirror=mirror,
        dimensions=faces.embeddings.shape[1],
        labels=list(faces.labels),
        far=far,
        threshold=rule.threshold,
        slope=rule.slope,
        temperature=rule.temperature,
        accuracy=measured.accuracy,
        named=measured.named,
        strangers=measured.strangers,
        false_names=measured.false_names,
        can_show=measured.can_show,
        made_at=datetime.now(timezone.utc),
        vultus=__version__,
    )
    estimator = fit_estimator(kind, faces.embeddings, faces.targets)
    return TrainedClassifier(Classifier(card, faces, estimator), measured)
