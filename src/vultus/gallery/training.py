"""What identification over the wire answers from: the faces of a container's last training.

A face that was added since waits for the next training; one that was deleted is gone at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TypeAlias, TypeVar, cast

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from vultus.errors import FaceListUnknown, GroupUnknown, NotTrained, TrainingRunning
from vultus.faces.embedder import EMBEDDING_SIZE
from vultus.gallery.database import Database
from vultus.gallery.matcher import Templates
from vultus.gallery.schema import faces, listed_faces, persons
from vultus.gallery.wire_rows import (
    KIND_NAMES,
    GroupKind,
    ListKind,
    Row,
    container_row,
    embedding_of,
    list_row,
    made_by,
    read_templates,
)

RUNNING = "running"


@dataclass(frozen=True)
class TrainedPeople:
    """templates: guids stand in the place of names; recognition_model: None fits every one."""

    templates: Templates
    recognition_model: str | None


@dataclass(frozen=True)
class TrainedFaces:
    """embeddings: (m, d) float32; guids: m; recognition_model: None fits every one."""

    embeddings: NDArray[np.float32]
    guids: list[str]
    recognition_model: str | None


_Trained: TypeAlias = TrainedPeople | TrainedFaces
_Key: TypeAlias = tuple[GroupKind | ListKind, str, str]
_Kept = TypeVar("_Kept", bound=_Trained)


class TrainedIndex:
    """Trained faces in memory, read again when their container was changed or trained.

    A cache: the database is the truth, and is asked before every answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._cached: dict[_Key, tuple[tuple[object, ...], _Trained]] = {}

    def people(self, kind: GroupKind, wire_id: str, model: str) -> TrainedPeople:
        """The people of a group, by the faces that `model` made.

        Raises:
            GroupUnknown: there is no such group.
            NotTrained, TrainingRunning: it was never trained, or is being trained.
            ModelMismatch: another model made all of its faces.
        """
        key = (kind, wire_id, model)
        with self._reading(key) as connection:
            row = container_row(connection, kind, wire_id)
            require_trained(row, kind)
            mine = sa.and_(persons.c.group_id == row.id, faces.c.trained)
            return self._kept(
                key,
                row,
                lambda: TrainedPeople(
                    read_templates(connection, mine, model), row.recognition_model
                ),
            )

    def faces(self, kind: ListKind, wire_id: str, model: str) -> TrainedFaces:
        """The faces of a list that `model` made; all of them where a list needs no training.

        Raises:
            FaceListUnknown: there is no such list.
            NotTrained, TrainingRunning: a large one was never trained, or is being trained.
            ModelMismatch: another model made all of its faces.
        """
        key = (kind, wire_id, model)
        with self._reading(key) as connection:
            row = list_row(connection, kind, wire_id)
            mine = listed_faces.c.list_id == row.id
            if kind == "largefacelists":
                require_trained(row, kind)
                mine = sa.and_(mine, listed_faces.c.trained)
            return self._kept(key, row, lambda: _read_faces(connection, row, mine, model))

    @contextmanager
    def _reading(self, key: _Key) -> Iterator[sa.Connection]:
        """One state of the database, for the container and its faces."""
        try:
            with self._database.read() as connection:
                yield connection
        except (GroupUnknown, FaceListUnknown):
            with self._lock:  # nobody's data stays behind
                self._cached.pop(key, None)
            raise

    def _kept(self, key: _Key, row: Row, read: Callable[[], _Kept]) -> _Kept:
        # SQLite gives the id of a removed row to the next one
        state = (row.id, row.created_at, row.revision, row.training_success_at)
        with self._lock:
            cached = self._cached.get(key)
            if cached is None or cached[0] != state:
                cached = (state, read())
                self._cached[key] = cached
            return cast("_Kept", cached[1])


def require_trained(row: Row, kind: GroupKind | ListKind) -> None:
    """Raises NotTrained, TrainingRunning."""
    if row.training_status == RUNNING:
        raise TrainingRunning(f"The {KIND_NAMES[kind]} is being trained.", "Wait until it is done.")
    if row.training_success_at is None:
        raise NotTrained(f"The {KIND_NAMES[kind]} was never trained.", "Train it first.")


def _read_faces(
    connection: sa.Connection, row: Row, mine: sa.ColumnElement[bool], model: str
) -> TrainedFaces:
    query = sa.select(listed_faces).where(mine).order_by(listed_faces.c.guid)
    found = made_by(model, connection.execute(query).all())
    embeddings = np.zeros((len(found), EMBEDDING_SIZE), np.float32)
    for number, face in enumerate(found):
        embeddings[number] = embedding_of(face)
    return TrainedFaces(embeddings, [face.guid for face in found], row.recognition_model)
