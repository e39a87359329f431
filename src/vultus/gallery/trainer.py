"""Training containers in the background: it marks the faces that are there, no more.

Clients wait for it and ask how it goes; see `training` for what rests on it.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Literal, TypeAlias, cast

import sqlalchemy as sa

from vultus.errors import NotTrained, TrainingRunning, VultusError
from vultus.gallery.audit import note
from vultus.gallery.database import Database
from vultus.gallery.rows import now
from vultus.gallery.schema import face_lists, faces, groups, listed_faces, persons
from vultus.gallery.training import RUNNING
from vultus.gallery.wire_rows import GROUP_KINDS, KIND_NAMES, GroupKind, ListKind, any_row

log = logging.getLogger("vultus.gallery")

Kind: TypeAlias = GroupKind | ListKind
Status = Literal["running", "succeeded", "failed"]

_THREADS = 2
_RETRY_S = 5.0
# One takes a moment, or a minute where the database is locked: whoever ran it has died.
_ABANDONED = datetime.timedelta(minutes=5)


@dataclass(frozen=True)
class TrainingState:
    """How the last training went. Times are UTC; message: why it failed."""

    status: Status
    created_at: datetime.datetime
    action_at: datetime.datetime
    success_at: datetime.datetime | None
    message: str | None


@dataclass(frozen=True)
class _Task:
    """One training. asked_at tells it from one of another container under the same row."""

    table: sa.Table
    row_id: int
    asked_at: datetime.datetime

    @property
    def still_wanted(self) -> sa.ColumnElement[bool]:
        return sa.and_(
            self.table.c.id == self.row_id,
            self.table.c.training_created_at == self.asked_at,
            self.table.c.training_status == RUNNING,
        )

    @property
    def mark(self) -> sa.Update:
        if self.table is face_lists:
            mine = listed_faces.c.list_id == self.row_id
            return listed_faces.update().where(mine, ~listed_faces.c.trained).values(trained=True)
        members = sa.select(persons.c.id).where(persons.c.group_id == self.row_id)
        mine = faces.c.person_id.in_(members)
        return faces.update().where(mine, ~faces.c.trained).values(trained=True)


class Trainer:
    """Trains groups and large face lists, each once at a time.

    before: called in the thread of a training that has begun, before it does anything; with it a
        test holds a training, or makes it fail.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="vultus-training")
        self._stopping = Event()
        self.before: Callable[[], None] | None = None

    def start(self) -> None:
        """Take up again what an earlier server did not finish."""
        self._threads.submit(self._resume)

    def close(self) -> None:
        """End those that run; those that wait are taken up by the next `start`."""
        self._stopping.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def train(self, kind: Kind, wire_id: str) -> None:
        """Begin a training, and do not wait for its end.

        One that another server began and did not survive is begun again.

        Raises:
            GroupUnknown, FaceListUnknown: there is no such container.
            TrainingRunning: the last training has not ended.
        """
        with self._database.write() as connection:
            row = any_row(connection, kind, wire_id)
            if row.training_status == RUNNING and now() - row.training_action_at < _ABANDONED:
                raise TrainingRunning(
                    f"The {KIND_NAMES[kind]} is being trained.", "Wait until it is done."
                )
            in_group = kind in GROUP_KINDS
            table = groups if in_group else face_lists
            task = _Task(table, row.id, now())
            connection.execute(
                table.update()
                .where(table.c.id == row.id)
                .values(
                    training_status=RUNNING,
                    training_created_at=task.asked_at,
                    training_action_at=task.asked_at,
                    training_message=None,
                )
            )
            if in_group:
                note(connection, "group.train", row.name)
            else:
                note(connection, "list.train", wire_id, kind)
        self._submit(task)

    def state(self, kind: Kind, wire_id: str) -> TrainingState:
        """How the last training went.

        Raises:
            GroupUnknown, FaceListUnknown: there is no such container.
            NotTrained: nobody ever asked for a training.
        """
        with self._database.read() as connection:
            row = any_row(connection, kind, wire_id)
        if row.training_status is None:
            raise NotTrained(f"The {KIND_NAMES[kind]} was never trained.", "Train it first.")
        return TrainingState(
            cast("Status", row.training_status),
            row.training_created_at,
            row.training_action_at,
            row.training_success_at,
            row.training_message,
        )

    def _resume(self) -> None:
        for table in (groups, face_lists):
            query = sa.select(table.c.id, table.c.training_created_at).where(
                table.c.training_status == RUNNING
            )
            try:
                with self._database.read() as connection:
                    found = connection.execute(query).all()
            except VultusError as error:  # the border of the thread
                log.error("trainings cannot be taken up again: %s", error.code)
                return
            for row in found:
                self._submit(_Task(table, row.id, row.training_created_at))

    def _submit(self, task: _Task) -> None:
        try:
            self._threads.submit(self._run, task)
        except RuntimeError:  # closed in between; the next server takes it up
            return

    def _run(self, task: _Task) -> None:
        """The border of the thread: what goes wrong is kept for those who ask how it goes."""
        try:
            if self.before is not None:
                self.before()
            self._succeed(task)
        except VultusError as error:  # its message may hold a path
            log.error("a training failed: %s", error.code)
            self._fail(task)
        except Exception:
            log.exception("a training failed")
            self._fail(task)

    def _succeed(self, task: _Task) -> None:
        with self._database.write() as connection:
            done = now()
            changed = connection.execute(
                task.table.update()
                .where(task.still_wanted)
                .values(
                    training_status="succeeded", training_action_at=done, training_success_at=done
                )
            )
            if changed.rowcount:  # otherwise the container was deleted
                connection.execute(task.mark)

    def _fail(self, task: _Task) -> None:
        """Say so, as soon as the database takes it; nobody shall wait for ever."""
        failed = (
            task.table.update()
            .where(task.still_wanted)
            .values(
                training_status="failed",
                training_action_at=now(),
                training_message="Something went wrong here; train again.",
            )
        )
        while True:
            try:
                with self._database.write() as connection:
                    connection.execute(failed)
            except VultusError as error:
                log.error("a failed training cannot be noted: %s", error.code)
                if self._stopping.wait(_RETRY_S):
                    return
            else:
                return
