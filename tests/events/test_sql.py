"""SQL: rows in the gallery's own database, in another file, and in PostgreSQL."""

from __future__ import annotations

import getpass
import importlib.util
import os
import shutil
import sqlite3
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.events.servers import free_port
from tests.events.visits import delivery, visit
from vultus.errors import DeliveryFailed, DeliveryRefused, ExtraMissing, UsageError
from vultus.events.sinks.sink import Delivery
from vultus.events.sinks.sql import open_sql
from vultus.gallery.database import HEAD, Database
from vultus.gallery.schema import events


def rows(address):
    engine = sa.create_engine(address)
    try:
        with engine.connect() as connection:
            return connection.execute(
                sa.select(events).order_by(events.c.visit, events.c.sequence)
            ).all()
    finally:
        engine.dispose()


def check_insert(sink, address):
    sink.deliver([delivery(visit(0)), delivery(visit(0, 1))])
    sink.deliver([delivery(visit(0, 1)), delivery(visit(1, best_shot=None, zone="ramp"))])
    sink.close()
    sink.close()
    found = rows(address)
    assert [(row.visit, row.sequence) for row in found] == [("v0", 0), ("v0", 1), ("v1", 0)]
    assert found[0].time == datetime(2026, 11, 21, 8, 30)
    assert (found[0].person, found[0].group_name, found[0].box_width) == ("Ada", "family", 30.0)
    assert (found[2].picture, found[2].zone) == (None, "ramp")
    assert found[1].body == visit(0, 1).to_dict()


def test_a_file(tmp_path):
    sink = open_sql(str(tmp_path / "new" / "events.db"), None)
    assert sink.key == f"sql:{tmp_path}/new/events.db"
    assert os.name != "posix" or (tmp_path / "new" / "events.db").stat().st_mode & 0o077 == 0
    check_insert(sink, f"sqlite:///{tmp_path}/new/events.db")


def test_an_address_of_sqlite(tmp_path):
    check_insert(
        open_sql(f"sqlite:///{tmp_path}/events.db", None), f"sqlite:///{tmp_path}/events.db"
    )


def test_the_gallery_itself(tmp_path):
    path = tmp_path / "people.db"
    with Database(str(path)).write(create=True):
        pass
    check_insert(open_sql("", str(path)), f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    connection.close()
    assert version == (HEAD,)


def test_a_gallery_that_is_not_there_yet_is_made(tmp_path):
    sink = open_sql("", str(tmp_path / "people.db"))
    sink.close()
    with Database(str(tmp_path / "people.db")).read() as connection:
        assert "events" in sa.inspect(connection).get_table_names()


def test_rows_and_tables_of_others_are_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "mine.db") as connection:
        connection.execute("CREATE TABLE mine (x)")
        connection.execute("INSERT INTO mine VALUES (1)")
    connection.close()
    check_insert(open_sql(str(tmp_path / "mine.db"), None), f"sqlite:///{tmp_path}/mine.db")
    with sqlite3.connect(tmp_path / "mine.db") as connection:
        assert connection.execute("SELECT x FROM mine").fetchall() == [(1,)]
    connection.close()


def test_a_locked_database_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr("vultus.gallery.database._BUSY_SECONDS", 0.05)
    sink = open_sql(str(tmp_path / "events.db"), None)
    other = sqlite3.connect(tmp_path / "events.db")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DeliveryFailed, match="in use"):
        sink.deliver([delivery(visit())])
    other.rollback()
    other.close()
    sink.deliver([delivery(visit())])
    sink.close()


def test_what_the_table_cannot_take_is_refused(tmp_path):
    sink = open_sql(str(tmp_path / "events.db"), None)
    with pytest.raises(DeliveryRefused):
        sink.deliver([Delivery(1, 1, visit().to_dict() | {"camera": None})])
    sink.close()


@pytest.mark.parametrize(
    "address",
    [
        "mysql://u:geheim1@h/d",
        "nonsense://u:geheim1@h/d",
        "postgresql+psycopg://u:geheim1@h:port/d",
    ],
)
def test_other_databases_are_refused(address):
    with pytest.raises((UsageError, ExtraMissing)) as caught:
        open_sql(address, None)
    assert "geheim1" not in str(caught.value)


def test_what_cannot_be_opened_is_refused(tmp_path):
    (tmp_path / "file").write_text("some text that is no database" * 100)
    for address in (tmp_path / "file", tmp_path / "file" / "below.db", tmp_path):
        with pytest.raises(UsageError):
            open_sql(str(address), None)
    with pytest.raises(UsageError, match="no gallery"):
        open_sql("", None)


def test_a_missing_driver_is_named():
    if importlib.util.find_spec("pg8000"):
        pytest.skip("pg8000 is installed")
    with pytest.raises(ExtraMissing, match="driver"):
        open_sql("postgresql+pg8000://user:geheim1@host/db", None)


class Postgres:
    """A real server on its own port; it refuses to run as root, so a user `postgres` is used."""

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        program = shutil.which("initdb") or (found[-1] / "initdb" if found else None)
        if program is None:
            pytest.skip("needs PostgreSQL (apt install postgresql)")
        self.bin = Path(program).resolve().parent
        self.data = folder / "data"
        self.port = free_port()
        self.before: list[str] = []
        if os.geteuid() == 0:
            if shutil.which("runuser") is None:
                pytest.skip("PostgreSQL does not run as root, and there is no runuser")
            self.before = ["runuser", "-u", "postgres", "--"]
            shutil.chown(folder, "postgres")
        self.run("initdb", "-D", self.data, "-U", "vultus", "-A", "trust", "--no-sync")

    @property
    def address(self) -> str:
        return f"postgresql+psycopg://vultus@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *arguments: object) -> None:
        command = [*self.before, str(self.bin / program), *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=60)

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off -k {self.data}"
        self.run("pg_ctl", "-D", self.data, "-w", "-l", self.data / "log", "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")


@pytest.fixture
def server():
    pytest.importorskip("psycopg", reason="needs the driver psycopg")
    with tempfile.TemporaryDirectory() as folder:  # where another user may look, unlike tmp_path
        yield Postgres(Path(folder))


def test_postgresql_through_a_restart(server):
    sink = open_sql(server.address, None)  # a server that is down is no error
    assert getpass.getuser() not in sink.key
    with pytest.raises(DeliveryFailed):
        sink.deliver([delivery(visit(0))])
    server.start()
    try:
        sink.deliver([delivery(visit(0))])
        server.stop()
        with pytest.raises(DeliveryFailed):
            sink.deliver([delivery(visit(0, 1))])
        server.start()
        check_insert(sink, server.address)
        with pytest.raises(DeliveryRefused):
            sink.deliver([delivery(visit(2, camera="x" * 300))])
        sink.close()
    finally:
        server.stop()
