"""Faces that are coloured squares, in the place of the networks of `api`; see `tests.fakes`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.fakes import fake_analyzer, picture
from vultus.compat.face_recognition import api, engine
from vultus.settings import DetectionSettings, Settings


def paint(folder: Path, name: str, *people: str, shade: int = 0) -> Path:
    """A picture of these people."""
    folder.mkdir(exist_ok=True)
    Image.fromarray(picture(*people, shade=shade)).save(folder / name)
    return folder / name


def use_squares(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Let `api` see squares; returns the shapes of the images that it is asked about."""
    analyzer = fake_analyzer(Settings(detection=DetectionSettings(second_look=False)))
    shapes: list[tuple[int, ...]] = []

    def encodings(image: np.ndarray) -> list[np.ndarray]:
        shapes.append(image.shape)
        faces = analyzer.analyze(image, quality=False)
        order = np.argsort(faces.boxes[:, 0])
        return [faces.embeddings[number].astype(np.float64) for number in order]

    def locations(image: np.ndarray, upsample: int, model: str) -> list[tuple[int, ...]]:
        if model == "cnn":
            return [(1, 2, 3, upsample)]
        boxes = np.sort(analyzer.analyze(image, embed=False).boxes.astype(int), axis=0)
        return [(y, x + w, y + h, x) for x, y, w, h in boxes.tolist()]

    monkeypatch.setattr(api, "face_chips", encodings)  # the chips are encodings already
    monkeypatch.setattr(engine, "encode_together", list)
    monkeypatch.setattr(api, "face_locations", locations)
    return shapes
