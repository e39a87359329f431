"""People for tests of classifiers: points in 128 dimensions, or squares of a colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.fakes import ColourEmbedder, SquareDetector, SquarePredictor, picture
from vultus.faces.analyzer import Analyzer
from vultus.learn.people import LabelledFaces
from vultus.settings import Settings

EMBEDDER = ColourEmbedder.model_id


class KnownDetector(SquareDetector):
    """As models do, it says who it is; and it counts."""

    model_id = "squares"

    def __init__(self) -> None:
        self.asked = 0

    def detect(self, image, search):
        self.asked += 1
        return super().detect(image, search)


def known_analyzer(settings: Settings | None = None, mirror: bool | None = None) -> Analyzer:
    """As `fake_analyzer`, with models that have an id, so that the cache takes what they say."""
    made = Analyzer(
        settings or Settings(), mirror=mirror, detector=KnownDetector(), embedder=ColourEmbedder()
    )
    made.predictor = SquarePredictor()
    return made


def write_people(folder: Path, people: dict[str, str], count: int = 6, first: int = 0) -> Path:
    """A folder a person, by the colours of `tests.fakes`; each photo has another shade."""
    for name, colour in people.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for shade in range(first, first + count):
            image = picture(colour, shade=shade * 2)
            Image.fromarray(image).save(folder / name / f"{shade:02d}.png")
    return folder


def clusters(
    counts: list[int], *, seed: int = 0, spread: float = 0.25, apart: float = 0.9
) -> LabelledFaces:
    """Faces of people as dlib's network sees them: 0.35 from their own, 0.9 from others'."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(len(counts), 128))
    centres *= apart / np.sqrt(2) / np.linalg.norm(centres, axis=1, keepdims=True)
    targets = np.repeat(np.arange(len(counts)), counts)
    noise = random.normal(size=(len(targets), 128)) * spread / np.sqrt(128)
    return LabelledFaces(
        (centres[targets] + noise).astype(np.float32),
        targets.astype(np.intp),
        tuple(f"person {number}" for number in range(len(counts))),
        tuple(f"person {target}/{row}.jpg" for row, target in enumerate(targets)),
        random.integers(0, 256, (len(targets), 16), np.uint8),
    )
