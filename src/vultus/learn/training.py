"""Training a head for expressions on somebody's own pictures.

The head is a softmax regression on the features that the shipped network computes. Where the
labels are among the seven that the shipped network knows, its own last layer is what the weights
are drawn to, so that few pictures correct it rather than replace it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from vultus._version import __version__
from vultus.errors import UsageError
from vultus.faces.attributes.networks import AttributeNetworks, ExpressionAnswer, together
from vultus.learn.expressions import expressions_of
from vultus.learn.head import ExpressionHead, Floats, HeadCard
from vultus.learn.softmax import Doubles, Linear, softmax
from vultus.learn.validation import Rows, class_weights, cross_validate, fit_temperature

MIN_PICTURES = 5  # of a class
_PROBES = 1200  # more than features, so that all of the shipped network's last layer shows
PROBED_CHIPS = 64
_LEAST = 1e-20  # probabilities below are too coarse to read a layer from
_LEAST_DEVIATION = 0.1  # of the median one
_LINEAR = 0.02  # largest error of a logit at which the layer counts as read


@dataclass(frozen=True)
class Samples:
    """What the networks tell of n pictures.

    features, mirrored: (n, d), of the pictures and of their mirror images; shipped: (n, 7), the
    probabilities that the shipped network tells from both, in the order of its `EXPRESSIONS`.
    """

    features: Floats
    mirrored: Floats
    shipped: Floats

    @property
    def together(self) -> Floats:
        """The features that an answer is told from, (n, d): the mean of both looks."""
        mean: Floats = np.float32(0.5) * (self.features + self.mirrored)
        return mean

    def select(self, mask: NDArray[np.bool_]) -> Samples:
        """Some of them."""
        return Samples(self.features[mask], self.mirrored[mask], self.shipped[mask])

    @staticmethod
    def joined(parts: Sequence[Samples]) -> Samples:
        """Several after each other."""
        return Samples(
            np.concatenate([part.features for part in parts]),
            np.concatenate([part.mirrored for part in parts]),
            np.concatenate([part.shipped for part in parts]),
        )


@dataclass(frozen=True)
class Trained:
    """A head and what it answers to pictures that it was not trained on.

    probabilities: (n, k), cross-validated; shipped: (n, k), the shipped network's among the same
    labels, or None where its labels are others.
    """

    head: ExpressionHead
    probabilities: Doubles
    shipped: Doubles | None


def look(networks: AttributeNetworks, chips: NDArray[np.uint8]) -> Samples:
    """The samples of aligned chips, uint8 (n, 150, 150, 3)."""
    looks = networks.branch(networks.both_maps(chips))
    plain, mirrored = np.split(looks.features, 2)
    return Samples(plain, mirrored, together(looks).probabilities)


def probe(networks: AttributeNetworks, chips: NDArray[np.uint8]) -> ExpressionAnswer:
    """Answers to faces as nobody has them: their maps are mixed and weighted at random.

    All that the shipped network's last layer does is read off such answers.
    """
    random = np.random.default_rng(0)
    maps = networks.maps(chips[:PROBED_CHIPS])
    answers = []
    for _ in range(0, _PROBES, len(maps)):
        gains = random.lognormal(0, 0.5, (len(maps), maps.shape[1], 1, 1))
        mixed = (maps + maps[random.permutation(len(maps))]) * (gains / 2)
        answers.append(networks.branch(mixed.astype(np.float32)))
    return ExpressionAnswer(
        np.concatenate([answer.probabilities for answer in answers]),
        np.concatenate([answer.features for answer in answers]),
    )


def check_counts(labels: Sequence[str], targets: Sequence[int], what: str) -> None:
    """Whether there are enough classes and pictures. what: which pictures were counted.

    Raises:
        UsageError: there is one class only, or one with fewer than 5 pictures.
    """
    if len(labels) < 2:
        raise UsageError(
            f"There is one class only, {labels[0]!r}.",
            "Two folders or more are needed, one a class.",
        )
    counts = np.bincount(np.array(targets, np.intp), minlength=len(labels))
    poor = [
        f"{label!r} ({count})"
        for label, count in zip(labels, counts.tolist(), strict=True)
        if count < MIN_PICTURES
    ]
    if poor:
        raise UsageError(
            f"Classes with fewer than {MIN_PICTURES} {what}: {', '.join(poor)}.",
            "Add pictures (50 or more of each make a good start), or remove the folder.",
        )


def train_expression(
    labels: Sequence[str],
    targets: NDArray[np.intp],
    samples: Samples,
    probes: ExpressionAnswer,
    networks: str,
) -> Trained:
    """Fit a head with the strength that cross-validation finds best.

    labels: k names; targets: (n,), of each sample; networks: the id of those that made the
    features.

    Raises:
        UsageError: there is one class only, or one with fewer than 5 pictures.
    """
    check_counts(labels, targets.tolist(), "usable pictures")
    both = np.concatenate([samples.features, samples.mirrored])
    mean, scale = _standard(both)
    places = expressions_of(labels)
    prior = Linear.zero(len(labels), both.shape[1])
    if places is not None:
        prior = _shipped_layer(samples, probes, places, mean, scale) or prior
    rows = Rows((both - mean) / scale, targets, class_weights(targets, len(labels)))
    found = cross_validate(rows, prior)
    fitted = rows.fit(np.ones(len(targets), bool), found.strength, prior)
    temperature = fit_temperature(found.logits, targets, rows.weights)
    probabilities = softmax(found.logits / temperature)
    right = probabilities.argmax(axis=1) == targets
    card = HeadCard(
        labels=list(labels),
        features=both.shape[1],
        networks=networks,
        temperature=temperature,
        counts=np.bincount(targets, minlength=len(labels)).tolist(),
        strength=found.strength,
        accuracy=float(right.mean()),
        balanced_accuracy=float(np.average(right, weights=rows.weights)),
        made_at=datetime.now(timezone.utc),
        vultus=__version__,
    )
    head = _for_raw_features(card, fitted, mean, scale)
    return Trained(head, probabilities, _among(samples.shipped, places))


def _standard(features: Floats) -> tuple[Floats, Floats]:
    """Mean and scale of each feature.

    The scale is the deviation, but not of those that hardly change in these pictures: in others
    they may, and must not outweigh all the rest then.
    """
    deviation = features.std(axis=0)
    least = _LEAST_DEVIATION * max(float(np.median(deviation)), 1e-6)
    return features.mean(axis=0), np.maximum(deviation, np.float32(least))


def _for_raw_features(
    card: HeadCard, fitted: Linear, mean: Floats, scale: Floats
) -> ExpressionHead:
    weights = fitted.weights / scale
    bias = fitted.bias - weights @ mean
    return ExpressionHead(card, weights.astype(np.float32), bias.astype(np.float32))


def _shipped_layer(
    samples: Samples, probes: ExpressionAnswer, places: list[int], mean: Floats, scale: Floats
) -> Linear | None:
    """The shipped network's last layer, for those of its labels, on standardised features.

    The logarithms of its probabilities are linear in its features but for a number that all
    labels share, so that least squares find the layer exactly. None where they do not: then the
    network ends otherwise.
    """
    some = slice(_PROBES)  # faces as they are, beside the probes: more would only take memory
    features = np.concatenate([samples.together[some], probes.features])
    chances = np.concatenate([samples.shipped[some], probes.probabilities])[:, places]
    readable = (chances > _LEAST).all(axis=1)
    if readable.sum() <= features.shape[1]:
        return None
    logits = np.log(chances[readable].astype(np.float64))
    logits -= logits.mean(axis=1, keepdims=True)
    known = np.column_stack([(features[readable] - mean) / scale, np.ones(int(readable.sum()))])
    layer = np.linalg.lstsq(known.astype(np.float64), logits, rcond=1e-8)[0]
    if np.abs(known @ layer - logits).max() > _LINEAR:
        return None
    return Linear(layer[:-1].T.copy(), layer[-1].copy())


def _among(shipped: Floats, places: list[int] | None) -> Doubles | None:
    """The shipped network's probabilities of some labels, as if there were no others."""
    if places is None:
        return None
    chosen = shipped[:, places].astype(np.float64) + 1e-12
    among: Doubles = chosen / chosen.sum(axis=1, keepdims=True)
    return among
