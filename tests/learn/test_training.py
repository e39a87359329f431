from __future__ import annotations

import numpy as np
import pytest

from tests.fakes import COLOURS
from tests.learn.networks import FEATURES, ColourNetworks
from vultus.errors import UsageError
from vultus.faces.attributes.networks import EXPRESSIONS, ExpressionAnswer
from vultus.learn import training
from vultus.learn.softmax import softmax
from vultus.learn.training import Samples, check_counts, look, probe, train_expression

NETWORKS = "a" * 64


def chips_of(count: int, seed: int = 0, noise: float = 60, colours: int = 3):
    """Chips of some colours with noise, and which colour each has."""
    random = np.random.default_rng(seed)
    targets = np.arange(colours * count) % colours
    means = np.array(list(COLOURS.values())[:colours], float)[targets]
    shown = means + random.normal(0, noise, means.shape)
    chips = np.zeros((len(targets), 150, 150, 3), np.uint8)
    chips[:] = np.clip(shown, 0, 255)[:, None, None]
    return chips, targets


def trained(labels, chips, targets, networks=None):
    networks = networks or ColourNetworks()
    return train_expression(
        labels, targets, look(networks, chips), probe(networks, chips), NETWORKS
    )


def test_it_learns_colours_under_any_names():
    chips, targets = chips_of(20)
    found = trained(["froh", "müde", "\n"], chips, targets)
    assert found.shipped is None
    card = found.head.card
    assert card.accuracy > 0.9
    assert card.counts == [20, 20, 20]
    assert (card.networks, card.features) == (NETWORKS, FEATURES)
    assert card.made_at.utcoffset().total_seconds() == 0
    assert found.probabilities.shape == (60, 3)
    assert np.allclose(found.probabilities.sum(axis=1), 1)
    others, expected = chips_of(20, seed=9)
    features = look(ColourNetworks(), others).features
    answers = found.head.probabilities(features)
    assert (answers.argmax(axis=1) == expected).mean() > 0.9


def test_the_head_takes_raw_features_as_the_cross_validation_takes_standardised_ones():
    """Logits of the saved head and of the fitted one are the same."""
    chips, targets = chips_of(10)
    samples = look(ColourNetworks(), chips)
    scaled = Samples(samples.features * 7 + 3, samples.mirrored * 7 + 3, samples.shipped)
    probes = probe(ColourNetworks(), chips)
    plain, moved = (
        train_expression(["a", "b", "c"], targets, some, probes, NETWORKS).head
        for some in (samples, scaled)
    )
    expected = plain.probabilities(samples.features)
    assert np.abs(moved.probabilities(scaled.features) - expected).max() < 5e-3


def shipped_chips(networks, count: int, names):
    """Chips with the answers of the shipped network as labels, `count` of each name."""
    chips, _ = chips_of(60, seed=3, noise=90, colours=5)
    places = [EXPRESSIONS.index(name) for name in names]
    answers = look(networks, chips).shipped[:, places].argmax(axis=1)
    rows = np.concatenate([np.flatnonzero(answers == n)[:count] for n in range(len(names))])
    return chips[rows], answers[rows]


def test_the_shipped_layer_is_read_off_its_answers():
    networks = ColourNetworks()
    names = ["sad", "happy", "angry"]
    places = [EXPRESSIONS.index(name) for name in names]
    chips, _ = chips_of(20, noise=90, colours=5)
    samples, probes = look(networks, chips), probe(networks, chips)
    mean, scale = np.full(FEATURES, 0.2, np.float32), np.full(FEATURES, 0.5, np.float32)
    read = training._shipped_layer(samples, probes, places, mean, scale)
    assert read is not None
    others = look(networks, chips_of(10, seed=8, noise=90, colours=5)[0]).features
    expected = softmax((others @ networks.layer[:, places]).astype(float))
    assert np.abs(softmax(read.logits((others - mean) / scale)) - expected).max() < 1e-2


def test_a_network_that_does_not_end_linearly_gives_no_layer():
    networks = ColourNetworks()
    chips, _ = chips_of(20, noise=90, colours=5)
    samples, probes = look(networks, chips), probe(networks, chips)
    logits = np.log(probes.probabilities.astype(float) + 1e-15)
    twisted = ExpressionAnswer(softmax(-(logits**2) / 50), probes.features)
    zero, one = np.zeros(FEATURES, np.float32), np.ones(FEATURES, np.float32)
    assert training._shipped_layer(samples, twisted, [3, 5], zero, one) is None


def test_few_pictures_correct_the_shipped_network_rather_than_replace_it(monkeypatch):
    networks = ColourNetworks()
    names = ["angry", "disgust", "fear"]
    chips, targets = shipped_chips(networks, 6, names)
    all_chips, all_targets = shipped_chips(networks, 40, names)
    features = look(networks, all_chips).features

    def right(found):
        return (found.head.probabilities(features).argmax(axis=1) == all_targets).mean()

    with_prior = trained(["Anger", "disgusted", "SCARED"], chips, targets, networks)
    monkeypatch.setattr(training, "_shipped_layer", lambda *_: None)
    without = trained(["Anger", "disgusted", "SCARED"], chips, targets, networks)
    assert right(with_prior) > 0.93
    assert right(with_prior) > right(without)
    assert with_prior.shipped is not None
    assert (with_prior.shipped.argmax(axis=1) == targets).all()
    assert np.allclose(with_prior.shipped.sum(axis=1), 1)


def test_features_that_hardly_change_here_do_not_outweigh_all_others_elsewhere():
    chips, targets = chips_of(20)
    samples = look(ColourNetworks(), chips)
    tiny = np.random.default_rng(4).normal(0, 1e-5, (len(targets), 1)).astype(np.float32)
    wider = Samples(
        np.hstack([samples.features, tiny]),
        np.hstack([samples.mirrored, tiny]),
        samples.shipped,
    )
    probes = probe(ColourNetworks(), chips)
    found = train_expression(["a", "b", "c"], targets, wider, probes, NETWORKS)
    alive = wider.features.copy()
    alive[:, -1] = 0.1
    change = found.head.probabilities(alive) - found.head.probabilities(wider.features)
    assert np.abs(change).max() < 0.3


def test_mirror_images_are_learnt_too():
    class Sided(ColourNetworks):
        """Sees the left half only."""

        def maps(self, chips):
            return super().maps(np.repeat(chips[:, :, :75], 2, axis=2))

    chips, _ = chips_of(5)
    chips[:, :, 75:] = 0
    samples = look(Sided(), chips)
    assert np.abs(samples.features - samples.mirrored).max() > 0.1
    black = look(Sided(), np.zeros_like(chips)).features
    assert np.allclose(samples.mirrored, black)


def test_counts_are_checked_and_classes_named():
    with pytest.raises(UsageError, match="one class only, 'Happy'"):
        check_counts(["Happy"], [0] * 50, "pictures")
    with pytest.raises(UsageError, match=r"fewer than 5 pictures: 'Sad' \(2\), 'ü' \(0\)"):
        check_counts(["Happy", "Sad", "ü"], [0] * 50 + [1] * 2, "pictures")
    check_counts(["Happy", "Sad"], [0] * 5 + [1] * 5, "pictures")
    chips, targets = chips_of(4)
    with pytest.raises(UsageError, match="fewer than 5"):
        trained(["a", "b", "c"], chips, targets)
