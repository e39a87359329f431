"""The outbox: events wait here, on disk, until every sink has them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

from vultus.events import open_visits
from vultus.events.open_visits import OpenVisit
from vultus.events.outbox_file import OutboxFile
from vultus.events.sinks.sink import Delivery
from vultus.events.visit import Visit

_REMEMBERED = 10_000  # events whose names are kept after delivery, so that none is put twice


@dataclass(frozen=True)
class SinkCounts:
    """What the outbox knows of one sink. delivered: since the outbox was made."""

    key: str
    pending: int
    delivered: int
    set_aside: int
    last_error: str | None


class Outbox:
    """Events until they are delivered, and the visits that have not ended.

    One SQLite file, written with full durability; safe for threads and for several
    processes. Nothing is ever dropped: while a sink is down its events wait here, about 1 kB
    each, and a full disk is a StorageError. An event leaves when every sink has it.

    Raises (every method):
        StorageError: the file cannot be opened, read or written, or is no outbox.
    """

    def __init__(self, path: Path | str) -> None:
        self._file = OutboxFile(Path(path))
        self._run = f"run:{uuid.uuid4().hex}"  # while its lock is held, its visits go on

    @property
    def path(self) -> Path:
        return self._file.path

    @property
    def closed(self) -> bool:
        return self._file.closed

    def client_id(self, key: str) -> str:
        """What a sink calls itself to its receiver: the same on every run, of this outbox only."""
        return hashlib.sha256(f"{self._file.identity} {key}".encode()).hexdigest()[:12]

    def __enter__(self) -> Outbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and give up every claim; may be called twice."""
        self._file.close()
        self._file.remove_lock(self._run)

    def put(self, visit: Visit, keys: Sequence[str]) -> bool:
        """Keep an event for the sinks named by `keys`; it is on disk when this returns.

        False: this (visit, sequence) was put before in this run, and nothing is done. Another run
        over the same recording tells the same events again, which is what it is asked for. Also
        False for the exit of an interrupted visit that somebody has ended or opened meanwhile.
        """
        body = open_visits.body_of(visit)
        if visit.type != "exit":
            self._file.hold(self._run)
        with self._file.writing() as connection:
            run = self._run
            if open_visits.is_missing_exit(visit):
                held = open_visits.find(connection, visit.id)
                if held is None or held.visit.sequence != visit.sequence - 1:
                    return False
                run = held.run  # it ends what that run told; this one may tell the same again
            new = connection.execute(
                "INSERT OR IGNORE INTO known (run, visit, sequence) VALUES (?, ?, ?)",
                (run, visit.id, visit.sequence),
            )
            if new.rowcount == 0:
                return False
            connection.execute(
                "DELETE FROM known WHERE number <= ?", ((new.lastrowid or 0) - _REMEMBERED,)
            )
            open_visits.remember(connection, visit, body, self._run)
            if keys:
                number = connection.execute(
                    "INSERT INTO events (body) VALUES (?)", (body,)
                ).lastrowid
                connection.executemany(
                    "INSERT INTO deliveries (sink, event) VALUES (?, ?)",
                    [(key, number) for key in dict.fromkeys(keys)],
                )
        return True

    def pending(self, key: str, limit: int) -> list[Delivery]:
        """The oldest events, at most `limit`, that the sink has not had."""
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT e.id, d.attempts, e.body FROM deliveries d JOIN events e ON e.id = d.event"
                " WHERE d.sink = ? AND d.refused IS NULL ORDER BY d.event LIMIT ?",
                (key, limit),
            ).fetchall()
        return [Delivery(number, attempts + 1, json.loads(body)) for number, attempts, body in rows]

    def delivered(self, key: str, ids: Sequence[int]) -> None:
        """The sink has these."""
        with self._file.writing() as connection:
            gone = connection.executemany(
                "DELETE FROM deliveries WHERE sink = ? AND event = ?",
                [(key, number) for number in ids],
            )
            self._know_sink(connection, key)
            connection.execute(
                "UPDATE sinks SET delivered = delivered + ? WHERE key = ?", (gone.rowcount, key)
            )
            _remove_finished(connection, ids)

    def failed(self, key: str, ids: Sequence[int], reason: str = "") -> None:
        """These may or may not have arrived: they come again with the next attempt number."""
        with self._file.writing() as connection:
            connection.executemany(
                "UPDATE deliveries SET attempts = attempts + 1 WHERE sink = ? AND event = ?",
                [(key, number) for number in ids],
            )
            self._know_sink(connection, key, reason)

    def set_aside(self, key: str, ids: Sequence[int], reason: str) -> None:
        """The sink will never take these; they are kept, and not tried again."""
        with self._file.writing() as connection:
            connection.executemany(
                "UPDATE deliveries SET attempts = attempts + 1, refused = ?"
                " WHERE sink = ? AND event = ?",
                [(reason, key, number) for number in ids],
            )
            self._know_sink(connection, key, reason)

    def bring_back(self, key: str) -> int:
        """Try what was set aside again; returns how many events."""
        with self._file.writing() as connection:
            return connection.execute(
                "UPDATE deliveries SET refused = NULL WHERE sink = ? AND refused IS NOT NULL",
                (key,),
            ).rowcount

    def forget(self, key: str) -> int:
        """Drop all that waits for a sink that is gone for good; returns how many events."""
        with self._file.writing() as connection:
            rows = connection.execute("SELECT event FROM deliveries WHERE sink = ?", (key,))
            ids = [number for (number,) in rows.fetchall()]
            connection.execute("DELETE FROM deliveries WHERE sink = ?", (key,))
            connection.execute("DELETE FROM sinks WHERE key = ?", (key,))
            _remove_finished(connection, ids)
        return len(ids)

    def counts(self) -> list[SinkCounts]:
        """One for each sink that this outbox has ever had, by key."""
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT k.key, count(d.event) - count(d.refused), coalesce(s.delivered, 0),"
                " count(d.refused), s.last_error"
                " FROM (SELECT key FROM sinks UNION SELECT sink FROM deliveries) k"
                " LEFT JOIN sinks s ON s.key = k.key LEFT JOIN deliveries d ON d.sink = k.key"
                " GROUP BY k.key ORDER BY k.key"
            ).fetchall()
        return [SinkCounts(*row) for row in rows]

    def waiting(self, keys: Sequence[str]) -> int:
        """How many deliveries to these sinks are pending."""
        with self._file.reading() as connection:
            return sum(
                connection.execute(
                    "SELECT count(*) FROM deliveries WHERE sink = ? AND refused IS NULL", (key,)
                ).fetchone()[0]
                for key in keys
            )

    def claim(self, key: str, batch: int) -> bool:
        """Be the one process that delivers to this sink; False: another one is.

        batch: as many events at the head of the queue were perhaps delivered by a process that
        was killed before it could say so; their attempt number says it.
        """
        if self._file.holds(_sink_lock(key)) or not self._file.hold(_sink_lock(key)):
            return False
        with self._file.writing() as connection:
            self._know_sink(connection, key)
            connection.execute(
                "UPDATE deliveries SET attempts = attempts + 1 WHERE sink = :key AND event IN"
                " (SELECT event FROM deliveries WHERE sink = :key AND refused IS NULL"
                " ORDER BY event LIMIT :batch)"
                " AND EXISTS (SELECT 1 FROM sinks WHERE key = :key AND busy = 1)",
                {"key": key, "batch": batch},
            )
            connection.execute("UPDATE sinks SET busy = 1 WHERE key = ?", (key,))
        return True

    def release(self, key: str) -> None:
        """Let another process deliver to this sink."""
        with self._file.writing() as connection:
            connection.execute("UPDATE sinks SET busy = 0 WHERE key = ?", (key,))
        self._file.let_go(_sink_lock(key))

    def open_visits(self, camera: str | None = None) -> list[Visit]:
        """Visits that have entered and not exited, each as its last event told it.

        camera: only of this one. They may be of any process that shares the outbox.
        """
        return [held.visit for held in self._open(camera)]

    def still_there(self, visits: Sequence[Visit]) -> None:
        """Note when and where the faces of open visits were last seen, without making events.

        Should this process be killed, their `exit` says so. Those that are not open are ignored.
        """
        if visits:
            with self._file.writing() as connection:
                open_visits.refresh(connection, visits, self._run)

    def close_interrupted(self, camera: str, now: datetime) -> list[Visit]:
        """The missing `exit` of each visit that a crash left open; `put` them like any event.

        Visits of another process that is still running are left alone.
        """
        return [
            open_visits.missing_exit(held.visit, now)
            for held in self._open(camera)
            if held.run == self._run or self._is_over(held.run)
        ]

    def close_all_interrupted(self, now: datetime) -> list[Visit]:
        """As `close_interrupted`, for all cameras; but never a visit of this run itself."""
        return [
            open_visits.missing_exit(held.visit, now)
            for held in self._open(None)
            if held.run != self._run and self._is_over(held.run)
        ]

    def _open(self, camera: str | None) -> list[OpenVisit]:
        with self._file.reading() as connection:
            return open_visits.find_all(connection, camera)

    @staticmethod
    def _know_sink(connection: sqlite3.Connection, key: str, reason: str = "") -> None:
        connection.execute("INSERT OR IGNORE INTO sinks (key) VALUES (?)", (key,))
        if reason:
            connection.execute("UPDATE sinks SET last_error = ? WHERE key = ?", (reason, key))

    def _is_over(self, run: str) -> bool:
        if self._file.is_held(run):
            return False
        self._file.remove_lock(run)
        return True


def _sink_lock(key: str) -> str:
    return f"sink:{key}"


def _remove_finished(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    connection.executemany(
        "DELETE FROM events WHERE id = ? AND NOT EXISTS"
        " (SELECT 1 FROM deliveries WHERE event = events.id)",
        [(number,) for number in ids],
    )
