"""Are two faces the same person?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.faces.analyzer import Analyzer
from vultus.gallery.calibration import Calibrator
from vultus.gallery.enrolment import pick_face, source_name
from vultus.imaging.load import ImageSource


@dataclass(frozen=True)
class Verification:
    """same: the distance is at most the threshold. probability: calibrated, 0.5 there."""

    same: bool
    probability: float
    distance: float
    threshold: float


def verify(
    first: ImageSource,
    second: ImageSource,
    *,
    analyzer: Analyzer,
    far: float | None = None,
    largest: bool = False,
) -> Verification:
    """Compare the faces of two pictures.

    Raises:
        NoFace: a picture shows none. SeveralFaces: one shows several, and `largest` is not set.
    """
    vectors = []
    for source in (first, second):
        faces = analyzer.analyze(source, quality=False)
        face = pick_face(faces, source_name(source), largest=largest)
        vectors.append(np.asarray(face.embedding))
    wished = far if far is not None else analyzer.settings.matching.far
    return compare(vectors[0], vectors[1], Calibrator.of(analyzer.embedder_id, wished))


def compare(
    first: NDArray[np.float32], second: NDArray[np.float32], calibrator: Calibrator
) -> Verification:
    """Compare two embeddings (d,) by the calibrator's model."""
    distance = float(np.linalg.norm(first - second))
    probability = float(calibrator.probability(distance))
    return Verification(
        distance <= calibrator.threshold, probability, distance, calibrator.threshold
    )
