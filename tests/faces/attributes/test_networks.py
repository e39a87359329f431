"""Two looks at a face, as it is and mirrored, are one answer."""

from __future__ import annotations

import numpy as np

from vultus.faces.attributes.networks import (
    EXPRESSIONS,
    AttributeNetworks,
    ExpressionAnswer,
    together,
)

RANDOM = np.random.default_rng(3)
LAYER = RANDOM.normal(0, 1, (3, len(EXPRESSIONS))).astype(np.float32)


class LeftHalf:
    """A trunk that sees the left half of a chip alone, so that a mirrored one is another."""

    def run(self, chips):
        maps = np.zeros((len(chips), 64, 13, 13), np.float32)
        maps[:, :3] = (chips[:, :, :75].mean(axis=(1, 2)) / 255)[:, :, None, None]
        return [maps]


class Linear:
    def run(self, maps):
        features = maps[:, :3, 0, 0]
        return [softmax(features @ LAYER), features]


def softmax(logits):
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def chips(count):
    return RANDOM.integers(0, 256, (count, 1, 150, 3)).astype(np.uint8).repeat(150, axis=1)


def test_a_face_and_its_mirror_image_get_the_same_answer():
    networks = AttributeNetworks(LeftHalf(), Linear())
    faces = chips(11)
    mirrored = np.ascontiguousarray(faces[:, :, ::-1])
    first = networks.expression(networks.both_maps(faces))
    second = networks.expression(networks.both_maps(mirrored))
    assert first.probabilities.dtype == np.float32
    np.testing.assert_allclose(first.probabilities, second.probabilities, rtol=1e-5)
    np.testing.assert_allclose(first.features, second.features, rtol=1e-5)
    one_look = networks.branch(networks.maps(faces))
    assert np.abs(one_look.probabilities - first.probabilities).max() > 0.01


def test_both_looks_make_the_probabilities_of_the_mean_logits():
    first, second = (RANDOM.normal(0, 1, (4, 3)).astype(np.float32) for _ in range(2))
    looks = np.concatenate([first, second])
    both = together(ExpressionAnswer(softmax(looks @ LAYER), looks))
    np.testing.assert_allclose(both.features, (first + second) / 2, rtol=1e-6)
    np.testing.assert_allclose(both.probabilities, softmax(both.features @ LAYER), rtol=1e-4)
    assert np.allclose(both.probabilities.sum(axis=1), 1)


def test_looks_that_exclude_each_other_make_no_nan():
    sure = np.eye(len(EXPRESSIONS), dtype=np.float32)
    both = together(ExpressionAnswer(sure[:2], np.zeros((2, 3), np.float32)))
    assert np.isfinite(both.probabilities).all()
    nobody = np.zeros((0, 150, 150, 3), np.uint8)
    networks = AttributeNetworks(LeftHalf(), Linear())
    assert networks.expression(networks.both_maps(nobody)).probabilities.shape == (0, 7)
