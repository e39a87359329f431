from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from tests.gallery import workers
from tests.gallery.workers import record
from vultus.errors import (
    GalleryBusy,
    GalleryError,
    GalleryInvalid,
    GalleryMissing,
    GalleryNewer,
    GalleryReadOnly,
    StorageError,
)
from vultus.gallery import database as database_module
from vultus.gallery import schema
from vultus.gallery.database import HEAD, Database
from vultus.gallery.store import Store
from vultus.gallery.strangers import StrangerFace, StrangerStore
from vultus.gallery.visits import VisitStore
from vultus.models.catalogue import EMBEDDER


@contextmanager
def opened(address: object):
    database = Database(str(address))
    try:
        yield Store(database)
    finally:
        database.close()


@pytest.fixture
def team(address) -> Path:
    """A gallery of one face, closed."""
    with opened(address) as store:
        store.add_face("team", record("ada"))
    return address


def run_sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


# the schema


def test_migrations_lead_to_the_schema_of_the_code(team):
    database = Database(str(team))
    with database.read() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []
        assert context.get_current_revision() == HEAD
    database.close()


def test_migrations_make_the_same_constraints(team):
    def shape(connection) -> dict[str, object]:
        inspector = sa.inspect(connection)
        return {
            table: (
                inspector.get_columns(table),
                inspector.get_pk_constraint(table)["constrained_columns"],
                inspector.get_foreign_keys(table),
                sorted(map(str, inspector.get_unique_constraints(table))),
                sorted(map(str, inspector.get_indexes(table))),
            )
            for table in schema.metadata.tables
        }

    direct = sa.create_engine("sqlite://")
    schema.metadata.create_all(direct)
    database = Database(str(team))
    with database.read() as migrated, direct.connect() as made:
        assert str(shape(migrated)) == str(shape(made))
    database.close()
    direct.dispose()


def made_by_schema(version: str, address: Path) -> None:
    """A gallery as an older Vultus made it, with ada and bob in it."""
    engine = database_module._sqlite_engine(address)
    config = Config()
    config.set_main_option("script_location", "vultus.gallery:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    engine.dispose()
    day, face = "2026-01-02 03:04:05", record("ada")
    with closing(sqlite3.connect(address)) as connection, connection:
        connection.execute("INSERT INTO groups VALUES (7, 'team', 5, ?)", [day])
        for key, name in [(3, "ada"), (4, "bob")]:
            connection.execute("INSERT INTO persons VALUES (?, 7, ?, ?)", [key, name, day])
        connection.execute(
            "INSERT INTO faces VALUES (9, 3, ?, ?, 'ada.jpg', 'abc', 1, 2, 30, 40, 0.5, ?, ?)",
            [face.model, face.embedding.tobytes(), b"PNG", day],
        )


def test_a_gallery_of_the_first_schema_is_brought_up_to_date_with_its_people(address):
    made_by_schema("0001", address)
    with opened(address) as store:
        assert [(p.name, p.group, p.faces) for p in store.people()] == [
            ("ada", "team", 1),
            ("bob", "team", 0),
        ]
        assert store.revision("team")[:2] == (7, 5)
        (face,) = store.faces("team", person="ada")
        np.testing.assert_array_equal(face.embedding, record("ada").embedding)
        assert (face.id, face.source, face.box, face.crop) == (9, "ada.jpg", (1, 2, 30, 40), b"PNG")
    test_migrations_lead_to_the_schema_of_the_code(address)
    test_migrations_make_the_same_constraints(address)


def test_an_older_gallery_can_do_what_is_new(address):
    made_by_schema("0001", address)
    database = Database(str(address))
    face = StrangerFace(record("xen").embedding, 0.5, 64.0)
    assert VisitStore(database).find(group="team") == []
    assert StrangerStore(database).add("team", EMBEDDER, [face]) == "unknown-0001"
    assert StrangerStore(database).name("team", "unknown-0001", "ada") == 0
    assert len(Store(database).faces("team", person="ada")) == 2
    database.close()


def test_an_update_that_fails_leaves_the_older_gallery_as_it_is(address):
    made_by_schema("0001", address)
    with closing(sqlite3.connect(address)) as connection, connection:
        connection.execute("CREATE TABLE visits (id INTEGER)")  # in the way
    with opened(address) as store, pytest.raises(GalleryError):
        store.people()
    with closing(sqlite3.connect(address)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        assert "strangers" not in tables
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        assert version == ("0001",)
        assert connection.execute("SELECT count(*) FROM faces").fetchone() == (1,)


def test_a_gallery_is_written_durably(team):
    database = Database(str(team))
    with database.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    database.close()
    assert pragmas == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1,
    }  # fmt: skip


def test_what_breaks_names_nobody(team):
    """Tracebacks end in logs; SQLAlchemy would put a statement's values into them."""
    database = Database(str(team))
    with pytest.raises(GalleryError) as caught, database.write() as connection:
        connection.execute(schema.persons.insert().values(group_id=None, name="Ada Lovelace"))
    database.close()
    assert "Lovelace" not in f"{caught.value} {caught.value.__cause__}"


def test_a_failed_block_writes_nothing(team):
    database = Database(str(team))
    with pytest.raises(RuntimeError), database.write() as connection:
        connection.execute(schema.groups.delete())
        raise RuntimeError("half-way")
    assert [group.faces for group in Store(database).groups()] == [1]
    database.close()


def test_a_closed_gallery_can_be_opened_again(team):
    database = Database(str(team))
    for _ in range(2):
        assert len(Store(database).people()) == 1
        database.close()


# what is no gallery


def test_a_missing_gallery_is_not_made_by_looking(tmp_path):
    path = tmp_path / "deep" / "people.db"
    with opened(path) as store, pytest.raises(GalleryMissing, match=r"people\.db"):
        store.groups()
    assert not path.parent.exists()


def test_folders_are_made_when_somebody_is_enrolled(tmp_path):
    path = tmp_path / "deep" / "er" / "people.db"
    with opened(path) as store:
        store.add_face("team", record("ada"))
    assert path.exists()


def test_a_home_folder_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with opened("~/people.db") as store:
        store.create_group("team")
    assert (tmp_path / "people.db").exists()


FILES = {
    "text": b"This is a shopping list.\n" * 100,
    "short text": b"milk",
    "zip": b"PK\x03\x04" + b"\0" * 2000,
    "cut-off header": b"SQLite format 3\0",
    "header and noise": b"SQLite format 3\0" + bytes(range(256)) * 20,
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_another_file_is_refused_and_left_as_it_is(address, content):
    address.write_bytes(content)
    with opened(address) as store:
        for act in (store.groups, lambda: store.create_group("team")):
            with pytest.raises(GalleryInvalid):
                act()
    assert address.read_bytes() == content


def test_an_empty_file_becomes_a_gallery(address):
    address.touch()
    with opened(address) as store:
        assert store.groups() == []
        store.create_group("team")


OTHER_DATABASES = {
    "another table": ["CREATE TABLE books (id INTEGER)"],
    "a table of the same name": ["CREATE TABLE groups (id INTEGER)"],
    "another one with migrations": [
        "CREATE TABLE books (id INTEGER)",
        "CREATE TABLE alembic_version (version_num VARCHAR(32))",
        "INSERT INTO alembic_version VALUES ('00004a3f9c12')",
    ],
    "one with migrations that is newer": [
        "CREATE TABLE alembic_version (version_num VARCHAR(32))",
        "INSERT INTO alembic_version VALUES ('ffff4a3f9c12')",
    ],
}


@pytest.mark.parametrize("statements", OTHER_DATABASES.values(), ids=OTHER_DATABASES)
def test_somebody_elses_database_is_refused_and_left_as_it_is(address, statements):
    run_sql(address, *statements)
    with opened(address) as store:
        for act in (store.groups, lambda: store.create_group("team")):
            with pytest.raises(GalleryInvalid, match="not a gallery"):
                act()
    with closing(sqlite3.connect(address)) as connection:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    assert tables == sum(statement.startswith("CREATE") for statement in statements)


def test_a_gallery_of_a_newer_vultus_is_refused(team):
    run_sql(team, "UPDATE alembic_version SET version_num = '0999'")
    with opened(team) as store, pytest.raises(GalleryNewer, match="0999") as caught:
        store.groups()
    assert "pip install --upgrade" in caught.value.hint


def test_a_damaged_gallery_is_told(team):
    with opened(team) as store:
        for number in range(50):
            store.add_face("team", record("ada", str(number)))
    data = bytearray(team.read_bytes())
    data[5000:] = b"\xab" * (len(data) - 5000)
    team.write_bytes(data)
    with opened(team) as store, pytest.raises(GalleryInvalid):
        store.faces("team")


# addresses


def test_an_sqlite_address_is_the_file_it_names(address):
    with opened(f"sqlite:///{address}") as store:
        with pytest.raises(GalleryMissing):
            store.groups()
        store.add_face("team", record("ada", "1"))
        store.remove_person("team", "ada")
        store.add_face("team", record("bob", "2"))  # gets the free id, and nothing of ada's
        assert [face.source for face in store.faces("team")] == ["2"]
    with opened(address) as store:
        assert [person.name for person in store.people("team")] == ["bob"]


@pytest.mark.parametrize(
    "address", ["nosuch://host/db", "://x", "sqlite+nosuch:///x.db", "http//://[", "a://b:c/d"]
)
def test_an_address_that_makes_no_sense(address):
    with opened(address) as store, pytest.raises(GalleryInvalid):
        store.groups()


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+nosuch://me:secret@localhost/x",
        "nosuch://me:secret@localhost/x",
        "postgresql://me:secret@localhost:port/x",
    ],
)
def test_no_message_shows_a_password(address):
    with opened(address) as store, pytest.raises(GalleryInvalid) as caught:
        store.groups()
    assert "secret" not in str(caught.value)


def test_a_gallery_is_named_without_its_password():
    assert str(Database("postgresql://me:secret@host/x")) == "postgresql://me:***@host/x"


def test_what_is_shown_instead_of_the_address_is_in_every_message(tmp_path):
    database = Database(str(tmp_path / "people.db"))
    database.shown = "The gallery"
    with pytest.raises(GalleryMissing, match="The gallery is not there") as caught:
        Store(database).groups()
    assert str(tmp_path) not in str(caught.value)
    (tmp_path / "people.db").write_text("milk")
    with pytest.raises(GalleryInvalid, match="The gallery is not a gallery") as caught:
        Store(database).groups()
    assert str(tmp_path) not in str(caught.value)
    database.close()


def test_a_folder_is_no_gallery(tmp_path):
    with opened(tmp_path) as store, pytest.raises(StorageError):
        store.groups()


def test_a_path_through_a_file(tmp_path):
    tmp_path.joinpath("file").touch()
    with opened(tmp_path / "file" / "people.db") as store, pytest.raises(StorageError):
        store.create_group("team")


# trouble while writing


def test_a_gallery_in_use_is_told_after_a_while(team, monkeypatch):
    monkeypatch.setattr(database_module, "_BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(team, isolation_level=None)) as other, opened(team) as store:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(GalleryBusy):
            store.add_face("team", record("bob"))
        assert len(store.people()) == 1  # readers do not wait
        other.execute("ROLLBACK")
        assert store.add_face("team", record("bob"))


def fill(store: Store) -> int:
    """Enrol until it fails; how many were reported as enrolled."""
    for number in range(10_000):
        try:
            store.add_face("team", record("bob", str(number), crop=bytes(20_000)))
        except StorageError as error:
            assert "Free some space" in error.hint
            return number
    pytest.fail("it never got full")


def test_a_full_disk_is_told_and_what_was_enrolled_is_kept(team, monkeypatch):
    """A limit on the number of pages raises what a full disk raises."""
    plain = database_module._sqlite_engine

    def limited(path):
        engine = plain(path)
        sa.event.listen(engine, "connect", lambda c, _: c.execute("PRAGMA max_page_count=200"))
        return engine

    monkeypatch.setattr(database_module, "_sqlite_engine", limited)
    with opened(team) as store:
        enrolled = fill(store)
        assert enrolled > 5
        assert len(store.faces("team", person="bob")) == enrolled
    monkeypatch.undo()
    with opened(team) as store:
        assert len(store.faces("team", person="bob")) == enrolled
        assert store.add_face("team", record("bob", "there is room again"))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 600 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_really_is_full(small_disk):
    path = small_disk / "people.db"
    with opened(path) as store:
        store.add_face("team", record("ada"))
        enrolled = fill(store)
        assert len(store.faces("team", person="bob")) == enrolled > 3
    with opened(path) as store:
        assert len(store.faces("team", person="bob")) == enrolled
        assert len(store.faces("team", person="ada")) == 1


@pytest.fixture
def ordinary_user():
    """A folder of nobody's that everybody can reach, with the rights of an ordinary user."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    _ = database_module._upgrade, sa.create_engine("sqlite://").dispose()
    is_root = os.geteuid() == 0
    with opened(folder / "people.db") as store:
        store.add_face("team", record("ada"))
    if is_root:
        os.seteuid(65534)
    yield folder
    if is_root:
        os.seteuid(0)
    folder.chmod(0o777)
    shutil.rmtree(folder)


def protect(path: Path, mode: int) -> None:
    """Change a mode, as the owner."""
    mine = os.geteuid()
    if os.getuid() == 0:
        os.seteuid(0)
    path.chmod(mode)
    os.seteuid(mine)


def test_a_read_only_gallery_can_be_read_but_not_written(ordinary_user):
    path = ordinary_user / "people.db"
    protect(path, 0o444)
    with opened(path) as store:
        assert [person.name for person in store.people()] == ["ada"]
        with pytest.raises(GalleryReadOnly, match=r"people\.db"):
            store.add_face("team", record("bob"))
        assert [person.name for person in store.people()] == ["ada"]


def test_a_gallery_in_a_read_only_folder_cannot_be_written(ordinary_user):
    path = ordinary_user / "people.db"
    protect(path, 0o444)
    protect(ordinary_user, 0o555)
    with opened(path) as store, pytest.raises(GalleryReadOnly):
        store.add_face("team", record("bob"))


def test_a_gallery_that_cannot_be_made(ordinary_user):
    protect(ordinary_user, 0o555)
    with opened(ordinary_user / "new.db") as store, pytest.raises(StorageError):
        store.create_group("team")
    with opened(ordinary_user / "new" / "new.db") as store, pytest.raises(StorageError):
        store.create_group("team")


def test_processes_that_make_the_same_gallery_at_once(address):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    running = [workers.start_enrolling(context, address, name, 1, start) for name in "abc"]
    for process, heard in running:
        assert workers.drain(heard) == [0]
        process.join(60)
        assert process.exitcode == 0
    with opened(address) as store:
        assert len(store.people("team")) == 3
