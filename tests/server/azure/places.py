"""Faces on a line: how far apart two are is how far apart they lie, so that answers are exact."""

from __future__ import annotations

import time

import numpy as np

from tests.server.azure.clients import BASE
from tests.server.live import Live
from vultus.gallery.calibration import Calibrator
from vultus.gallery.store import FaceRecord
from vultus.gallery.wire_rows import GroupKind, ListKind
from vultus.models.catalogue import EMBEDDER
from vultus.server.face_ids import DetectedFace

CALIBRATOR = Calibrator.of(EMBEDDER)
SAME = CALIBRATOR.threshold
MODEL = "recognition_04"


def embedding(place: float) -> np.ndarray:
    vector = np.zeros(128, np.float32)
    vector[0] = place
    return vector


def confidence(distance: float) -> float:
    return float(CALIBRATOR.probability(distance))


def detected(live: Live, place: float, label: str | None = MODEL) -> str:
    """The id of a face that was detected there."""
    return live.services.face_ids.add(DetectedFace(embedding(place), EMBEDDER, label), 3600)


def record(place: float) -> FaceRecord:
    box = (0.0, 0.0, 100.0, 100.0)
    return FaceRecord("", EMBEDDER, embedding(place), "x.jpg", f"{place}", box, 1.0)


def make_group(
    live: Live, kind: GroupKind, name: str, people: dict[str, list[float]], *, train: bool = True
) -> dict[str, str]:
    """A container of people with faces at these places; returns their ids."""
    containers = live.services.containers
    containers.create(kind, name, name, recognition_model=MODEL)
    ids = {person: containers.people.create(kind, name, person) for person in people}
    for person, places in people.items():
        for place in places:
            containers.people.add_face(kind, name, ids[person], record(place))
    if train:
        train_and_wait(live, kind, name)
    return ids


def make_list(
    live: Live, kind: ListKind, name: str, places: list[float], *, train: bool = True
) -> list[str]:
    """A face list with faces at these places; returns their ids."""
    lists = live.services.face_lists
    lists.create(kind, name, name, recognition_model=MODEL)
    ids = [lists.add_face(kind, name, record(place)) for place in places]
    if train and kind == "largefacelists":
        train_and_wait(live, kind, name)
    return ids


def train_and_wait(live: Live, kind: str, name: str) -> None:
    assert live.client.post(f"{BASE}/{kind}/{name}/train").status_code == 202
    for _ in range(500):
        status = live.client.get(f"{BASE}/{kind}/{name}/training").json()["status"]
        if status == "succeeded":
            return
        time.sleep(0.01)
    raise AssertionError(status)
