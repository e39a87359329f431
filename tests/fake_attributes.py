"""Stand-ins for the networks of attributes, for the coloured squares of `tests.fakes`.

The redder a face the happier and older, the greener the more female. Each counts the faces that
it ran on, so that a test can see that nothing else was run.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vultus.faces.analyzer import Analyzer
from vultus.faces.attributes.networks import EXPRESSIONS
from vultus.faces.embedder import EMBEDDING_SIZE
from vultus.models.dlib_resnet import INNER_SIZE

HAPPY, SAD = EXPRESSIONS.index("happy"), EXPRESSIONS.index("sad")


class Trunk:
    """The mean colour of the middle in the first three maps."""

    def __init__(self) -> None:
        self.faces = 0

    def run(self, chips: np.ndarray) -> list[np.ndarray]:
        self.faces += len(chips)
        maps = np.zeros((len(chips), 64, 13, 13), np.float32)
        colours = chips[:, 60:90, 60:90].mean(axis=(1, 2)) / 255
        maps[:, :3] = colours[:, :, None, None]
        return [maps]


class ExpressionBranch:
    """Happy as red is, sad for the rest; the colour in the first three features."""

    def __init__(self) -> None:
        self.faces = 0

    def run(self, maps: np.ndarray) -> list[np.ndarray]:
        self.faces += len(maps)
        colours = maps[:, :3, 0, 0]
        probabilities = np.zeros((len(maps), len(EXPRESSIONS)), np.float32)
        probabilities[:, HAPPY], probabilities[:, SAD] = colours[:, 0], 1 - colours[:, 0]
        features = np.zeros((len(maps), 512), np.float32)
        features[:, :3] = colours
        return [probabilities, features]


class InnerFake:
    """The recognition network: the mean colour of the middle in its first inner features."""

    def __init__(self) -> None:
        self.faces = 0

    def look(self, chips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.faces += len(chips)
        inner = np.zeros((len(chips), INNER_SIZE), np.float32)
        inner[:, :3] = chips[:, 60:90, 60:90].mean(axis=(1, 2)) / 255
        return np.zeros((len(chips), EMBEDDING_SIZE), np.float32), inner


class PersonFake:
    """As old as red is in per cent, female as green is."""

    def __init__(self) -> None:
        self.faces = 0

    def run(self, inner: np.ndarray) -> list[np.ndarray]:
        self.faces += len(inner)
        red, green = inner[:, 0], inner[:, 1]
        shares = np.zeros((len(inner), 101), np.float32)
        shares[np.arange(len(inner)), np.round(red * 100).astype(int)] = 1
        return [shares, green[:, None].copy()]


class CoveringsFake:
    """Glasses as blue is, a mask as green is."""

    def __init__(self) -> None:
        self.faces = 0

    def run(self, maps: np.ndarray) -> list[np.ndarray]:
        self.faces += len(maps)
        return [maps[:, 2:3, 0, 0], maps[:, 1:2, 0, 0]]


class OcclusionFake:
    """The eyes are covered as blue is, the mouth as green is."""

    def __init__(self) -> None:
        self.faces = 0

    def run(self, maps: np.ndarray) -> list[np.ndarray]:
        self.faces += len(maps)
        return [maps[:, 2:3, 0, 0], maps[:, 1:2, 0, 0]]


@dataclass
class FakeNetworks:
    """The networks, and what they ran on."""

    trunk: Trunk = field(default_factory=Trunk)
    expression: ExpressionBranch = field(default_factory=ExpressionBranch)
    inner: InnerFake = field(default_factory=InnerFake)
    person: PersonFake = field(default_factory=PersonFake)
    coverings: CoveringsFake = field(default_factory=CoveringsFake)
    occlusion: OcclusionFake = field(default_factory=OcclusionFake)

    @property
    def ran(self) -> dict[str, int]:
        """Faces by network, of those that ran."""
        return {name: net.faces for name, net in vars(self).items() if net.faces}


def with_fake_networks(analyzer: Analyzer) -> FakeNetworks:
    """Put them into an analyzer."""
    fake = FakeNetworks()
    analyzer.attribute_sessions = {k: net for k, net in vars(fake).items() if k != "inner"}
    analyzer.resnet = fake.inner
    return fake
