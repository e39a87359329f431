"""The file under the outbox: opening, transactions, locks between processes, plain errors."""

from __future__ import annotations

import hashlib
import sqlite3
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from filelock import FileLock, Timeout

from vultus.errors import StorageError
from vultus.events.private import FILE_MODE, make_file, make_folder

_VERSION = 1
_APPLICATION_ID = 0x56554C54  # "VULT": tells an outbox from other SQLite files
_BUSY_SECONDS = 30.0

_SCHEMA = """
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE known (
    number INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, visit TEXT NOT NULL,
    sequence INTEGER NOT NULL, UNIQUE (run, visit, sequence));
CREATE TABLE deliveries (
    sink TEXT NOT NULL, event INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    refused TEXT, PRIMARY KEY (sink, event)) WITHOUT ROWID;
CREATE INDEX deliveries_event ON deliveries (event);
CREATE TABLE sinks (
    key TEXT PRIMARY KEY, delivered INTEGER NOT NULL DEFAULT 0, last_error TEXT,
    busy INTEGER NOT NULL DEFAULT 0);
CREATE TABLE open_visits (
    visit TEXT PRIMARY KEY, camera TEXT NOT NULL, run TEXT NOT NULL, body TEXT NOT NULL);
"""


class OutboxFile:
    """An SQLite file in WAL mode, every transaction on disk when it ends; safe for threads.

    Raises (every method):
        StorageError: the file cannot be opened, read or written, or is no outbox.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.closed = False
        self._mutex = RLock()
        self._locks: dict[str, FileLock] = {}
        with self.translated():
            make_folder(self.path.parent)
            make_file(self.path)  # SQLite gives the files beside it the same mode
            self._connection = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        # an outbox that is dropped without `close` leaves no connection behind
        weakref.finalize(self, self._connection.close)
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file and let go of every lock; may be called twice."""
        with self._mutex:
            self.closed = True
            self._connection.close()
            for name in list(self._locks):
                self.let_go(name)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._mutex, self.translated():
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All of the block is on disk when it ends, or none of it."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            message, hint = _explain(error)
            raise StorageError(f"The outbox {self.path} {message}.", hint) from error

    def hold(self, name: str) -> bool:
        """Take a lock that ends with this process, however it ends; False: another has it."""
        with self._mutex, self.translated():
            if self.closed:  # nobody would ever let go
                raise sqlite3.ProgrammingError("closed database")
            if name not in self._locks:
                path = self._lock_path(name)
                make_folder(path.parent)
                lock = FileLock(path, timeout=0, mode=FILE_MODE, thread_local=False)
                try:
                    lock.acquire()
                except Timeout:
                    return False
                self._locks[name] = lock
            return True

    def holds(self, name: str) -> bool:
        return name in self._locks

    def let_go(self, name: str) -> None:
        with self._mutex:
            lock = self._locks.pop(name, None)
            if lock is not None:
                lock.release()

    def is_held(self, name: str) -> bool:
        """Whether any process, this one included, has the lock."""
        if self.holds(name):
            return True
        if not self._lock_path(name).exists():
            return False
        free = self.hold(name)
        self.let_go(name)
        return not free

    def remove_lock(self, name: str) -> None:
        """For locks that nobody will take again."""
        self.let_go(name)
        self._lock_path(name).unlink(missing_ok=True)

    def _lock_path(self, name: str) -> Path:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        return self.path.with_name(self.path.name + "-locks") / f"{digest}.lock"

    def _prepare(self) -> None:
        with self.translated():
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                self._connection.execute(f"PRAGMA {pragma}")
        with self.writing() as connection:
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                for statement in _SCHEMA.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={_VERSION}")
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        if application != _APPLICATION_ID:
            raise StorageError(f"{self.path} is a database, but no outbox.", "Name another file.")
        if version != _VERSION:
            raise StorageError(
                f"{self.path} is an outbox of schema {version}; known is {_VERSION}.",
                "Upgrade Vultus, or name another file.",
            )
        self.identity = self._find_identity()

    def _find_identity(self) -> str:
        """Random, and the same for everybody who opens this file."""
        with self.writing() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL)")
            connection.execute(
                "INSERT INTO identity SELECT ? WHERE NOT EXISTS (SELECT 1 FROM identity)",
                (uuid.uuid4().hex,),
            )
            return str(connection.execute("SELECT id FROM identity").fetchone()[0])


_EXPLANATIONS = (
    (("full", "disk i/o", "no space"), "cannot be written: {}", "Free some space."),
    (("readonly", "read-only"), "is read-only", "Check the permissions of the file and folder."),
    (
        ("locked", "busy"),
        f"has been in use by another process for {_BUSY_SECONDS:.0f} seconds",
        "Try again when it is done.",
    ),
    (("not a database",), "is no outbox", "Name another file."),
    (("malformed", "no such table"), "is damaged", "Move it away; a new one is made."),
    (("closed database",), "is closed", ""),
)


def _explain(error: Exception) -> tuple[str, str]:
    """SQLite tells its errors apart by their texts only."""
    text = str(error).lower()
    for marks, message, hint in _EXPLANATIONS:
        if any(mark in text for mark in marks):
            return message.format(error), hint
    return f"cannot be used: {error}", "Check the path, the folder and its permissions."
