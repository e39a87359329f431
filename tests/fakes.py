"""Stand-ins for the networks: a face is a coloured square on black, and its colour the person.

`picture("ada", "bob")` shows two people; `fake_analyzer()` finds, cuts and embeds them without
any model, so that tests of the gallery are quick and exact.
"""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
from PIL import Image

from vultus.faces.analyzer import Analyzer
from vultus.faces.mtcnn import Detections, Search
from vultus.imaging.align import MEAN_FACE
from vultus.models.catalogue import EMBEDDER
from vultus.settings import Settings

COLOURS = {
    "ada": (255, 60, 60),
    "bob": (60, 255, 60),
    "cyd": (60, 60, 255),
    "dan": (255, 255, 60),
    "eve": (60, 255, 255),
}
SIDE = 60
GAP = 20


def picture(*people: str, shade: int = 0, side: int = SIDE) -> np.ndarray:
    """People side by side; another `shade` is another photo of the same people."""
    image = np.zeros((side + 2 * GAP, GAP + len(people) * (side + GAP), 3), np.uint8)
    for place, person in enumerate(people):
        left = GAP + place * (side + GAP)
        colour = np.array(COLOURS[person]) - shade
        image[GAP : GAP + side, left : left + side] = colour
    return image


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


class SquareDetector:
    """Finds the squares of `picture`."""

    def detect(self, image: np.ndarray, search: Search) -> Detections:
        lit = np.flatnonzero(image.any(axis=(0, 2)))
        if not len(lit):
            return _detections([])
        ends = [-1, *np.flatnonzero(np.diff(lit) > 1), len(lit) - 1]
        rows = np.flatnonzero(image.any(axis=(1, 2)))
        return _detections(
            [
                (lit[before + 1], rows[0], lit[last] + 1, rows[-1] + 1)
                for before, last in pairwise(ends)
            ]
        )

    def follow(self, image: np.ndarray, boxes: np.ndarray, score: float) -> Detections:
        return self.detect(image, Search(12))


def _detections(boxes: list[tuple[int, int, int, int]]) -> Detections:
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    scores = np.full(len(corners), 0.99, np.float32)
    return Detections(corners, scores, place_landmarks(corners))


def place_landmarks(corners: np.ndarray) -> np.ndarray:
    """Eyes, nose and mouth of a level face that looks at the camera, (n, 5, 2)."""
    level = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)], np.float32)
    starts, sizes = corners[:, None, :2], corners[:, None, 2:] - corners[:, None, :2]
    return (starts + level * sizes).astype(np.float32)


class SquarePredictor:
    """Puts dlib's mean face into the box."""

    def predict(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        starts, sizes = boxes[:, None, :2], boxes[:, None, 2:] - boxes[:, None, :2]
        return (starts + MEAN_FACE * sizes).astype(np.float32)


class ColourEmbedder:
    """The mean colour of the chip's middle, as the first three of 128 numbers."""

    model_id = EMBEDDER

    def embed(self, chips: np.ndarray) -> np.ndarray:
        vectors = np.zeros((len(chips), 128), np.float32)
        vectors[:, :3] = chips[:, 60:90, 60:90].mean(axis=(1, 2)) / 255
        return vectors


def fake_analyzer(settings: Settings | None = None) -> Analyzer:
    analyzer = Analyzer(
        settings or Settings(), detector=SquareDetector(), embedder=ColourEmbedder()
    )
    analyzer.predictor = SquarePredictor()
    return analyzer
