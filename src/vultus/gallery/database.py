"""Opening a gallery's database: engine, pragmas, migrations, and errors in plain words."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from vultus.errors import (
    GalleryBusy,
    GalleryError,
    GalleryInvalid,
    GalleryMissing,
    GalleryNewer,
    GalleryReadOnly,
    StorageError,
    VultusError,
)
from vultus.gallery import schema

HEAD = "0004"
_BUSY_SECONDS = 30


class Database:
    """One gallery. SQLite files are opened in WAL mode and written with full durability."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.path = _file_of(address)
        self.shown: str | None = None  # in messages, where clients must not learn the address
        self._engine: sa.Engine | None = None
        self._opening = Lock()

    def __str__(self) -> str:
        """The address without its password, or what is shown instead."""
        if self.shown is not None:
            return self.shown
        if self.path is not None:
            return str(self.path)
        return sa.make_url(self.address).render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees one consistent state.

        Raises:
            GalleryMissing: nobody was ever enrolled there.
        """
        with self._translated(), self._open(create=False).connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, create: bool = False) -> Iterator[sa.Connection]:
        """A transaction: all of it is on disk when the block ends, or none of it.

        Raises:
            GalleryMissing: there is no such gallery, and `create` does not ask to make it.
        """
        with self._translated():
            engine = self._open(create=create)
            writer = engine.connect().execution_options(vultus_write=True)
            with writer as connection, connection.begin():
                yield connection

    def close(self) -> None:
        """Close all connections; the gallery can be opened again."""
        with self._opening:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _open(self, *, create: bool) -> sa.Engine:
        with self._opening:
            if self._engine is None:
                self._engine = self._connect(create)
                # a gallery that is dropped without `close` leaves no connection behind
                weakref.finalize(self, self._engine.dispose)
            return self._engine

    def _connect(self, create: bool) -> sa.Engine:
        if self.path is None:
            try:
                engine = sa.create_engine(self.address, hide_parameters=True)
            except ValueError as error:  # a port that is no number
                raise sa.exc.ArgumentError(str(error)) from error
        else:
            if not create and not self.path.exists():
                raise GalleryMissing(
                    f"{self} is not there.",
                    "Enrol somebody first, or name another gallery.",
                )
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # biometric data is for the owner's eyes; SQLite gives its other files the same mode
            os.close(os.open(self.path, os.O_CREAT | os.O_RDONLY, 0o600))
            engine = _sqlite_engine(self.path)
        try:
            self._migrate(engine)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _migrate(self, engine: sa.Engine) -> None:
        with engine.connect() as connection:
            tables = set(sa.inspect(connection).get_table_names())
            version = None
            if "alembic_version" in tables:
                version = connection.execute(
                    sa.text("SELECT version_num FROM alembic_version")
                ).scalar()
        if version == HEAD:
            return
        if tables and (version is None or not tables & set(schema.metadata.tables)):
            raise GalleryInvalid(f"{self} is a database, but not a gallery.", "Name another file.")
        if version is not None and version > HEAD:
            raise GalleryNewer(
                f"{self} was written by a newer Vultus (schema {version}, known is {HEAD}).",
                "Upgrade: pip install --upgrade vultus.",
            )
        _upgrade(engine)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._explain(error.orig or error) from error
        except sa.exc.TimeoutError as error:  # every connection of the pool is waiting
            raise GalleryBusy(f"{self} is busy.", "Try again in a moment.") from error
        except (sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
            raise GalleryInvalid(
                f"The driver for {self} is not installed.", "Install it, or use a file."
            ) from error
        except sa.exc.ArgumentError as error:
            scheme = self.address.partition("://")[0]  # what follows may have a password
            raise GalleryInvalid(
                f"{scheme}://... is no database address.",
                "Give a path, or an address like sqlite:///people.db.",
            ) from error
        except OSError as error:
            raise StorageError(
                f"{self} cannot be opened: {error.strerror or error}.",
                "Check the folder and its permissions.",
            ) from error

    def _explain(self, error: BaseException) -> VultusError:
        """A driver's error in plain words; drivers tell theirs apart by their texts only."""
        text = str(error).lower()
        for marks, kind, message, hint in _EXPLANATIONS:
            if any(mark in text for mark in marks):
                return kind(message.format(self, error), hint)
        return GalleryError(f"{self}: {error}", "")


_EXPLANATIONS: tuple[tuple[tuple[str, ...], type[VultusError], str, str], ...] = (
    (
        ("full", "disk i/o"),
        StorageError,
        "{} cannot be written: {}.",
        "Free some space; what was reported as enrolled is kept.",
    ),
    (
        ("readonly", "read-only"),
        GalleryReadOnly,
        "{} is read-only.",
        "Check the permissions of the file and its folder.",
    ),
    (
        ("locked", "busy"),
        GalleryBusy,
        f"{{}} has been in use by another process for {_BUSY_SECONDS} seconds.",
        "Try again when it is done.",
    ),
    (
        ("unable to open",),
        StorageError,
        "{} cannot be opened.",
        "Check the path and its permissions.",
    ),
    (
        ("not a database",),
        GalleryInvalid,
        "{} is not a gallery.",
        "Name another file.",
    ),
    (
        ("malformed", "no such table", "no such column"),
        GalleryInvalid,
        "{} is damaged.",
        "Restore it from an export or a backup.",
    ),
)


# secure_delete, which only some builds of SQLite begin with: what was forgotten is overwritten
_PRAGMAS = ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON")
_IN_MEMORY = (None, "", ":memory:")


def _file_of(address: str) -> Path | None:
    """The file that a path or an SQLite address names; None for other databases."""
    if "://" not in address:
        return Path(address).expanduser()
    try:
        url = sa.make_url(address)
    except (sa.exc.ArgumentError, ValueError):  # explained when it is opened
        return None
    if url.drivername not in ("sqlite", "sqlite+pysqlite") or url.database in _IN_MEMORY:
        return None
    return Path(str(url.database))


def _sqlite_engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": _BUSY_SECONDS},
        max_overflow=-1,  # a connection for each thread: readers do not wait behind writers
        hide_parameters=True,  # names and embeddings stay out of tracebacks
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in _PRAGMAS:
            try:
                connection.execute(f"PRAGMA {pragma}")
            except sqlite3.OperationalError as error:
                if "readonly" not in str(error) or pragma != "journal_mode=WAL":
                    raise  # a read-only file can be read in the mode that it has

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # A writer takes the lock at once: two of them wait for each other instead of failing.
        write = connection.get_execution_options().get("vultus_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _upgrade(engine: sa.Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "vultus.gallery:migrations")
    writer = engine.connect().execution_options(vultus_write=True)
    with writer as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
