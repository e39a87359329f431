"""Detected faces against each other, against people and against lists, as Azure answers.

A confidence is the calibrated probability of a distance: 0.5 at the threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from vultus import errors
from vultus.errors import VultusError
from vultus.gallery.calibration import Calibrator
from vultus.gallery.grouping import group_faces
from vultus.gallery.matcher import distances_to, distances_to_people
from vultus.gallery.training import TrainedPeople
from vultus.gallery.wire_rows import GroupKind, ListKind
from vultus.server.azure.problems import AzureError, bad_argument
from vultus.server.azure.questions import (
    FacesQuestion,
    IdentifyQuestion,
    PersonQuestion,
    SimilarQuestion,
)
from vultus.server.azure.wire import NOUNS
from vultus.server.face_ids import DetectedFace
from vultus.server.services import Services

SAME = 0.5  # from this confidence on it is the same person

Answer = dict[str, object]


def verify_faces(question: FacesQuestion, services: Services) -> Answer:
    """Whether two faces are one person."""
    first, second = _detected((question.first, question.second), services, unknown=404)
    distance = float(np.linalg.norm(first.embedding - second.embedding))
    return _verdict(distance, services.gallery.calibrator)


def verify_person(question: PersonQuestion, services: Services) -> Answer:
    """Whether a face is a person, by the faces that person has now; asks the database."""
    (face,) = _detected((question.face,), services, unknown=404)
    with _told_as(question.kind):
        container = services.containers.find(question.kind, question.group)
        _require_same_model(face.label, container.recognition_model)
        templates = services.containers.person_templates(
            question.kind, question.group, question.person, face.embedder
        )
    if not templates.persons:
        raise AzureError(404, "PersistedFaceNotFound", "This person has no face.")
    distances = distances_to_people(face.embedding[None], templates)
    calibrator = services.gallery.calibrator_with(container.threshold)
    return _verdict(float(distances[0, 0]), calibrator)


def identify(question: IdentifyQuestion, services: Services) -> list[Answer]:
    """Who each face is, for itself: two of them may be one person. Asks the database."""
    faces = _detected(question.faces, services)
    with _told_as(question.kind):
        trained = services.trained.people(question.kind, question.group, faces[0].embedder)
    _require_same_model(faces[0].label, trained.recognition_model)
    probes = np.stack([face.embedding for face in faces])
    return [
        {"faceId": face_id, "candidates": candidates}
        for face_id, candidates in zip(
            question.faces, _candidates(probes, trained, question, services), strict=True
        )
    ]


def _candidates(
    probes: NDArray[np.float32],
    trained: TrainedPeople,
    question: IdentifyQuestion,
    services: Services,
) -> list[list[Answer]]:
    templates = trained.templates
    if not templates.persons:
        return [[] for _ in probes]
    calibrator = services.gallery.calibrator_with(trained.threshold)
    distances = distances_to_people(probes, templates)
    return [
        [
            {"personId": templates.persons[person], "confidence": confidence}
            for person, confidence in _ranked(row, question.top, question.least, calibrator)
        ]
        for row in distances
    ]


def similar(question: SimilarQuestion, services: Services) -> list[Answer]:
    """Faces like one face, the most similar first. Asks the database where a list is meant."""
    (face,) = _detected((question.face,), services)
    if question.kind is None:
        found = _detected(question.among, services, like=face)
        name, ids = "faceId", list(question.among)
        embeddings = np.stack([each.embedding for each in found])
    else:
        name = "persistedFaceId"
        ids, embeddings = _listed(face, question.kind, question.face_list, services)
    least = SAME if question.mode == "matchPerson" else 0.0
    distances = distances_to(face.embedding[None], embeddings)[0]
    return [
        {name: ids[row], "confidence": confidence}
        for row, confidence in _ranked(distances, question.top, least, services.gallery.calibrator)
    ]


def _listed(
    face: DetectedFace, kind: ListKind, wire_id: str, services: Services
) -> tuple[list[str], NDArray[np.float32]]:
    with _told_as(kind):
        listed = services.trained.faces(kind, wire_id, face.embedder)
    _require_same_model(face.label, listed.recognition_model)
    if not listed.guids:
        raise AzureError(400, "FaceListNotReady", "This list has no face to compare with.")
    return listed.guids, listed.embeddings


def group(face_ids: Sequence[str], services: Services) -> Answer:
    """Faces by person, where nobody says who anybody is."""
    found = _detected(face_ids, services)
    embeddings = np.stack([face.embedding for face in found])
    grouping = group_faces(embeddings, services.gallery.calibrator)
    return {
        "groups": [[face_ids[row] for row in rows] for rows in grouping.groups],
        "messyGroup": [face_ids[row] for row in grouping.alone],
    }


def _detected(
    face_ids: Sequence[str],
    services: Services,
    *,
    unknown: int = 400,
    like: DetectedFace | None = None,
) -> list[DetectedFace]:
    """The faces of some ids, all of one model, that of `like` where it is given.

    Raises:
        AzureError: FaceNotFound, with the status `unknown`; BadArgument where models differ.
    """
    try:
        found = [services.face_ids.get(face_id) for face_id in face_ids]
    except errors.FaceIdUnknown as error:
        raise AzureError(unknown, "FaceNotFound", str(error)) from error
    first = like or found[0]
    for face in found:
        _require_same_model(first.label, face.label)
        if face.embedder != first.embedder:
            raise bad_argument("These faces were described by different models.")
    return found


def _require_same_model(first: str | None, second: str | None) -> None:
    """Raises BadArgument where names of models differ; None fits every one."""
    if first is not None and second is not None and first != second:
        raise bad_argument(f"'recognitionModel' is incompatible: {first} and {second}.")


def _ranked(
    distances: NDArray[np.float32], top: int, least: float, calibrator: Calibrator
) -> list[tuple[int, float]]:
    """Rows and confidences of the nearest, nearest first: at most `top`, of `least` confidence."""
    order = np.argsort(distances, kind="stable")[:top]
    confidences = calibrator.probability(distances[order])
    return [
        (int(row), float(confidence))
        for row, confidence in zip(order, confidences, strict=True)
        if confidence >= least
    ]


def _verdict(distance: float, calibrator: Calibrator) -> Answer:
    confidence = float(calibrator.probability(distance))
    return {"isIdentical": confidence >= SAME, "confidence": confidence}


# Another status than where the container itself is asked for: here it is an argument.
_CODES: tuple[tuple[type[VultusError], int, str], ...] = (
    (errors.GroupUnknown, 400, "{}NotFound"),
    (errors.FaceListUnknown, 400, "{}NotFound"),
    (errors.PersonUnknown, 404, "PersonNotFound"),
    (errors.NotTrained, 400, "{}NotTrained"),
    (errors.TrainingRunning, 409, "{}TrainingNotFinished"),
    (errors.ModelMismatch, 400, "BadArgument"),
)


@contextmanager
def _told_as(kind: GroupKind | ListKind) -> Iterator[None]:
    try:
        yield
    except VultusError as error:
        for which, status, code in _CODES:
            if isinstance(error, which):
                raise AzureError(status, code.format(NOUNS[kind]), str(error)) from error
        raise
