"""Stand-ins for the attribute networks: what is told depends on the colour of the face alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.fake_attributes import with_fake_networks
from tests.fakes import fake_analyzer, picture
from vultus.faces.attributes.networks import ExpressionAnswer, together
from vultus.learn.softmax import softmax

FEATURES = 48


class ColourNetworks:
    """maps: colours through random weights; features: their means, of which 48 are left.

    The shipped last layer is linear, as the real one is.
    """

    def __init__(self, sharpness: float = 3.0) -> None:
        random = np.random.default_rng(5)
        self._mixes = random.normal(0, 1, (3, 64)).astype(np.float32)
        self._shift = random.normal(0, 0.3, 64).astype(np.float32)
        self.layer = random.normal(0, sharpness, (FEATURES, 7)).astype(np.float32)

    def maps(self, chips: np.ndarray) -> np.ndarray:
        assert chips.dtype == np.uint8
        assert chips.shape[1:] == (150, 150, 3)
        middle = chips[:, 60:86:2, 60:86:2].astype(np.float32) / 255
        mixed = np.maximum(middle @ self._mixes + self._shift, 0)
        return np.ascontiguousarray(mixed.transpose(0, 3, 1, 2))

    def both_maps(self, chips: np.ndarray) -> np.ndarray:
        return self.maps(np.concatenate([chips, chips[:, :, ::-1]]))

    def expression(self, both_maps: np.ndarray) -> ExpressionAnswer:
        return together(self.branch(both_maps))

    def branch(self, maps: np.ndarray) -> ExpressionAnswer:
        features = maps.mean(axis=(2, 3))[:, :FEATURES]
        chances = softmax((features @ self.layer).astype(np.float64))
        return ExpressionAnswer(chances.astype(np.float32), features)


def colour_analyzer(settings=None):
    """Finds squares, and tells what `ColourNetworks` do."""
    analyzer = fake_analyzer(settings)
    with_fake_networks(analyzer)
    analyzer.attribute_networks = ColourNetworks()
    return analyzer


def write_classes(folder: Path, people: dict[str, str], count: int = 8) -> Path:
    """A folder a label with pictures of one person each, in different light."""
    for label, person in people.items():
        (folder / label).mkdir(parents=True)
        for number in range(count):
            shade = number * 5
            Image.fromarray(picture(person, shade=shade)).save(folder / label / f"{number}.png")
    return folder


def samples_of(count: int, seed: int = 0, apart: float = 1.0):
    """Features of classes as clouds, (3 * count, 6), and the targets."""
    random = np.random.default_rng(seed)
    centres = random.normal(0, apart, (3, 6))
    targets = np.repeat(np.arange(3), count)
    features = (centres[targets] + random.normal(0, 1, (3 * count, 6))).astype(np.float32)
    return features, targets
