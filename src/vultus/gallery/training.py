"""What identification over the wire answers from: the faces of a container's last training.

A face that was added since waits for the next training; one that was deleted is gone at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
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
from vultus.gallery.thresholds import GroupThreshold, threshold_of
from vultus.gallery.wire_rows import (
    KIND_NAMES,
    GroupKind,
    ListKind,
    Row,
    any_row,
    container_row,
    embedding_of,
    list_row,
    made_by,
    read_templates,
)

RUNNING = "running"


@dataclass(frozen=True)
class TrainedPeople:
    """templates: guids stand in the place of names; recognition_model: None fits every one.

    threshold: the group's own, as it is now.
    """

    templates: Templates
    recognition_model: str | None
    threshold: GroupThreshold | None = None

    @property
    def how_many_of_each(self) -> dict[str, int]:
        """The number of faces by guid."""
        starts = [*self.templates.starts, len(self.templates.embeddings)]
        return dict(zip(self.templates.persons, np.diff(starts).tolist(), strict=True))


@dataclass(frozen=True)
class TrainedFaces:
    """embeddings: (m, d) float32; guids: m; recognition_model: None fits every one."""

    embeddings: NDArray[np.float32]
    guids: list[str]
    recognition_model: str | None


_Trained: TypeAlias = TrainedPeople | TrainedFaces
_Key: TypeAlias = tuple[GroupKind | ListKind, str, str]
_Kept = TypeVar("_Kept", bound=_Trained)

_HOW_MANY_OF_EACH = (
    sa.select(persons.c.guid, sa.func.count())
    .select_from(persons.join(faces))
    .where(
        persons.c.group_id == sa.bindparam("container"),
        faces.c.trained,
        faces.c.model == sa.bindparam("model"),
    )
    .group_by(persons.c.guid)
)
_HOW_MANY = (
    sa.select(sa.func.count())
    .select_from(listed_faces)
    .where(
        listed_faces.c.list_id == sa.bindparam("container"),
        listed_faces.c.trained,
        listed_faces.c.model == sa.bindparam("model"),
    )
)


@dataclass
class _Entry:
    """training: the container and its last training; revision: its, when this was last right."""

    training: tuple[object, ...]
    revision: int
    trained: _Trained


class TrainedIndex:
    """Trained faces in memory, read again when something trained was changed, or trained anew.

    A cache: the database is the truth, and is asked before every answer. Between two trainings
    trained faces only ever go, alone or with their person, or become another person's as a whole
    when two are merged, which takes a person away. So the same numbers of the same people are the
    same faces, and what was added meanwhile, which raises the revision, reads nothing again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._cached: dict[_Key, _Entry] = {}

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
            kept = self._kept(key, row, connection, _read_people)
            return replace(kept, threshold=threshold_of(row))

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
            if kind == "largefacelists":
                require_trained(row, kind)
            return self._kept(key, row, connection, _read_faces)

    def forget_stale(self) -> None:
        """Let go of what is not there any more, whoever deleted it, and nobody has asked for since.

        Raises:
            GalleryError: the database cannot be read.
        """
        for key in list(self._cached):
            with suppress(GroupUnknown, FaceListUnknown), self._reading(key) as connection:
                row = any_row(connection, key[0], key[1])
                with self._lock:
                    if self._fresh(key, row, connection) is None:
                        self._cached.pop(key, None)

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

    def _kept(
        self,
        key: _Key,
        row: Row,
        connection: sa.Connection,
        read: Callable[[sa.Connection, Row, str], _Kept],
    ) -> _Kept:
        with self._lock:
            entry = self._fresh(key, row, connection)
            if entry is None:
                self._cached.pop(key, None)
                trained = read(connection, row, key[2])
                entry = self._cached[key] = _Entry(_training_of(row), row.revision, trained)
            return cast("_Kept", entry.trained)

    def _fresh(self, key: _Key, row: Row, connection: sa.Connection) -> _Entry | None:
        """What is kept, where it is still right."""
        entry = self._cached.get(key)
        if entry is None or entry.training != _training_of(row):
            return None
        if entry.revision != row.revision:
            if not _same(entry.trained, key, row, connection):
                return None
            entry.revision = row.revision
        return entry


def _training_of(row: Row) -> tuple[object, ...]:
    # SQLite gives the id of a removed row to the next one
    return row.id, row.created_at, row.training_success_at, row.recognition_model


def _same(trained: _Trained, key: _Key, row: Row, connection: sa.Connection) -> bool:
    """Whether the faces of the last training are those that are kept."""
    kind, _, model = key
    asked = {"container": row.id, "model": model}
    if isinstance(trained, TrainedPeople):
        found = connection.execute(_HOW_MANY_OF_EACH, asked)
        return {row[0]: row[1] for row in found} == trained.how_many_of_each
    if kind != "largefacelists":  # what is added counts at once
        return False
    return connection.execute(_HOW_MANY, asked).scalar_one() == len(trained.guids)


def require_trained(row: Row, kind: GroupKind | ListKind) -> None:
    """Raises NotTrained, TrainingRunning."""
    if row.training_status == RUNNING:
        raise TrainingRunning(f"The {KIND_NAMES[kind]} is being trained.", "Wait until it is done.")
    if row.training_success_at is None:
        raise NotTrained(f"The {KIND_NAMES[kind]} was never trained.", "Train it first.")


def _read_people(connection: sa.Connection, row: Row, model: str) -> TrainedPeople:
    mine = sa.and_(persons.c.group_id == row.id, faces.c.trained)
    return TrainedPeople(read_templates(connection, mine, model), row.recognition_model)


def _read_faces(connection: sa.Connection, row: Row, model: str) -> TrainedFaces:
    mine = listed_faces.c.list_id == row.id
    if row.kind == "largefacelists":
        mine = sa.and_(mine, listed_faces.c.trained)
    query = sa.select(listed_faces).where(mine).order_by(listed_faces.c.guid)
    found = made_by(model, connection.execute(query).all())
    embeddings = np.zeros((len(found), EMBEDDING_SIZE), np.float32)
    for number, face in enumerate(found):
        embeddings[number] = embedding_of(face)
    return TrainedFaces(embeddings, [face.guid for face in found], row.recognition_model)
