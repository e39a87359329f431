"""Jobs in the gallery's database: what was accepted is there after a crash."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import sqlalchemy as sa

from vultus.errors import JobUnfinished, JobUnknown, ServerBusy
from vultus.gallery.database import Database
from vultus.gallery.rows import now
from vultus.gallery.schema import jobs

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]

STATES: tuple[State, ...] = get_args(State)
OPEN: tuple[State, ...] = ("queued", "running")
_BUSY_S = 60.0  # until a client may ask again


@dataclass(frozen=True)
class JobRecord:
    """A job without its result. Times are UTC.

    owner: name of the key that asked. done, total: pictures or frames; total is None where nobody
    knows. request: what the kind of job needs to know. error: code and message. cancelling: it
    runs, and ends with the next picture or frame.
    """

    id: str
    kind: str
    state: State
    owner: str
    created_at: datetime.datetime
    request: dict[str, Any]
    started_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None
    done: int = 0
    total: int | None = None
    error: dict[str, str] | None = None
    cancelling: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it has still to end."""
        return self.state in OPEN


_COLUMNS = [column for column in jobs.c if column is not jobs.c.result]


class JobStore:
    """Every method is one transaction."""

    def __init__(self, database: Database, *, most_waiting: int = 100) -> None:
        self._database = database
        self._most = most_waiting

    def require_room(self) -> None:
        """Raises ServerBusy where too many jobs wait already."""
        with self._database.read() as connection:
            self._check_room(connection)

    def add(
        self,
        job_id: str,
        kind: str,
        owner: str,
        request: Mapping[str, Any],
        *,
        total: int | None = None,
    ) -> JobRecord:
        """Accept a job: it is on disk when this returns. Raises ServerBusy."""
        with self._database.write() as connection:
            self._check_room(connection)
            connection.execute(
                jobs.insert().values(
                    id=job_id,
                    kind=kind,
                    state="queued",
                    owner=owner,
                    created_at=now(),
                    total=total,
                    request=dict(request),
                )
            )
            return _get(connection, job_id)

    def _check_room(self, connection: sa.Connection) -> None:
        waiting = sa.select(sa.func.count()).where(jobs.c.state == "queued")
        if connection.execute(waiting).scalar_one() >= self._most:
            busy = ServerBusy(f"{self._most} jobs wait already.", "Try again when some are done.")
            busy.retry_after_s = _BUSY_S
            raise busy

    def get(self, job_id: str) -> JobRecord:
        """Raises JobUnknown."""
        with self._database.read() as connection:
            return _get(connection, job_id)

    def result(self, job_id: str) -> dict[str, Any]:
        """What a job answers.

        Raises:
            JobUnknown: there is no such job. JobUnfinished: it has no result, or not yet.
        """
        with self._database.read() as connection:
            record = _get(connection, job_id)
            query = sa.select(jobs.c.result).where(jobs.c.id == job_id)
            found = connection.execute(query).scalar_one()
        if found is None:
            raise JobUnfinished(
                f"The job has no result; it is {record.state}.",
                "Ask for its state until it has succeeded." if record.is_open else "",
            )
        return cast("dict[str, Any]", found)

    def find(
        self,
        *,
        state: State | None = None,
        kind: str | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[JobRecord]:
        """Jobs, the newest first; `before`, the id of a job, goes on behind it."""
        query = sa.select(*_COLUMNS).order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
        if state is not None:
            query = query.where(jobs.c.state == state)
        if kind is not None:
            query = query.where(jobs.c.kind == kind)
        with self._database.read() as connection:
            if before is not None:
                last = _get(connection, before)
                place = sa.tuple_(jobs.c.created_at, jobs.c.id)
                query = query.where(place < (last.created_at.replace(tzinfo=None), last.id))
            return [_record(row) for row in connection.execute(query.limit(limit))]

    def begin(self, job_id: str) -> JobRecord | None:
        """Take a job that has still to be done; None where it has ended.

        One that runs already is taken again: its end, or its wait, could not be written.
        """
        with self._database.write() as connection:
            mine = sa.and_(jobs.c.id == job_id, jobs.c.state.in_(OPEN))
            values = {"state": "running", "started_at": now()}
            if not connection.execute(jobs.update().where(mine).values(values)).rowcount:
                return None
            return _get(connection, job_id)

    def requeue(self, job_id: str) -> None:
        """A job that was stopped in the middle; it begins again, or goes on."""
        with self._database.write() as connection:
            this = jobs.update().where(jobs.c.id == job_id)
            connection.execute(this.values(state="queued", started_at=None))

    def recover(self) -> list[JobRecord]:
        """All jobs that have to be done, the oldest first; none runs when a server begins."""
        with self._database.write() as connection:
            running = jobs.update().where(jobs.c.state == "running")
            connection.execute(running.values(state="queued", started_at=None))
            query = sa.select(*_COLUMNS).where(jobs.c.state == "queued")
            return [_record(row) for row in connection.execute(query.order_by(jobs.c.created_at))]

    def finish(
        self,
        job_id: str,
        state: State,
        *,
        done: int = 0,
        total: int | None = None,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, str] | None = None,
        request: Mapping[str, Any] | None = None,
    ) -> None:
        """How a job ended. request: what may be kept of what was asked for."""
        values: dict[str, Any] = {"state": state, "ended_at": now(), "done": done, "total": total}
        # a JSON column takes None for JSON's null, which would be a result
        values |= {"result": sa.null() if result is None else dict(result)}
        values |= {"error": sa.null() if error is None else dict(error)}
        if request is not None:
            values["request"] = dict(request)
        with self._database.write() as connection:
            connection.execute(jobs.update().where(jobs.c.id == job_id).values(values))

    def cancel_waiting(self, job_id: str) -> bool:
        """Whether the job, at which nobody is, had still to be done, and never will begin now.

        It may be called running: where it has to wait, that cannot always be written.
        """
        with self._database.write() as connection:
            mine = sa.and_(jobs.c.id == job_id, jobs.c.state.in_(OPEN))
            values = {"state": "cancelled", "ended_at": now()}
            return bool(connection.execute(jobs.update().where(mine).values(values)).rowcount)

    def remove(self, job_id: str) -> None:
        """Forget a job that has ended. Raises JobUnknown, JobUnfinished."""
        with self._database.write() as connection:
            if _get(connection, job_id).is_open:
                raise JobUnfinished("The job has not ended yet.", "Cancel it first.")
            connection.execute(jobs.delete().where(jobs.c.id == job_id))

    def forget(self, *, before: datetime.datetime) -> int:
        """Forget jobs that ended before, with their results; returns how many."""
        moment = before.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        with self._database.write() as connection:
            return connection.execute(jobs.delete().where(jobs.c.ended_at < moment)).rowcount


def _get(connection: sa.Connection, job_id: str) -> JobRecord:
    row = connection.execute(sa.select(*_COLUMNS).where(jobs.c.id == job_id)).one_or_none()
    if row is None:
        raise JobUnknown("There is no such job.", "Finished jobs are forgotten after some days.")
    return _record(row)


def _record(row: sa.Row[Any]) -> JobRecord:
    values = dict(row._mapping)  # Row's own public name for it, underscore and all
    for name in ("created_at", "started_at", "ended_at"):
        if values[name] is not None:
            values[name] = values[name].replace(tzinfo=datetime.timezone.utc)
    return JobRecord(**values)
