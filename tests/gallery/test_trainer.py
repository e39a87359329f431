"""Trainings in the background, and how they go."""

from __future__ import annotations

import datetime
from threading import Event

import pytest
import sqlalchemy as sa

from tests.gallery.workers import record
from vultus.errors import FaceListUnknown, GroupUnknown, NotTrained, StorageError, TrainingRunning
from vultus.gallery.audit import acting_as
from vultus.gallery.containers import ContainerStore
from vultus.gallery.database import Database
from vultus.gallery.face_lists import FaceListStore
from vultus.gallery.rows import now
from vultus.gallery.schema import audit, faces, groups, listed_faces
from vultus.gallery.trainer import Trainer

SMALL, LARGE_LIST = "persongroups", "largefacelists"
X = (SMALL, "x")


class Held:
    """Holds every training until it is let go."""

    def __init__(self, trainer: Trainer) -> None:
        self.begun, self._go = Event(), Event()
        trainer.before = self._hold

    def _hold(self) -> None:
        self.begun.set()
        assert self._go.wait(30)

    def let_go(self) -> None:
        self._go.set()


@pytest.fixture
def database(address):
    made = Database(str(address))
    ContainerStore(made).create(*X, "X")
    FaceListStore(made).create(LARGE_LIST, "x", "X")
    yield made
    made.close()


@pytest.fixture
def trainer(database):
    made = Trainer(database)
    yield made
    made.close()


def ended(trainer: Trainer, kind=SMALL, wire_id: str = "x"):
    """The state when it does not run any more."""
    for _ in range(3000):
        if (state := trainer.state(kind, wire_id)).status != "running":
            return state
        Event().wait(0.01)
    raise AssertionError("the training does not end")


def trained(database: Database, table: sa.Table = faces) -> int:
    with database.read() as connection:
        return connection.execute(sa.select(sa.func.sum(table.c.trained))).scalar_one()


def add_face(database: Database) -> None:
    people = ContainerStore(database).people
    people.add_face(*X, people.create(*X, "Ada"), record("Ada"))


@pytest.mark.parametrize("kind", [SMALL, LARGE_LIST])
def test_an_empty_container_is_trained(trainer, kind):
    with pytest.raises(NotTrained):
        trainer.state(kind, "x")
    trainer.train(kind, "x")
    state = ended(trainer, kind)
    assert state.status == "succeeded"
    assert state.created_at <= state.success_at == state.action_at
    assert state.message is None


def test_what_is_not_there_is_unknown(trainer):
    for call in (trainer.train, trainer.state):
        with pytest.raises(GroupUnknown):
            call("largepersongroups", "x")
        with pytest.raises(FaceListUnknown):
            call(LARGE_LIST, "y")


def test_a_running_training_is_not_begun_again(trainer):
    trainer.train(*X)
    first = ended(trainer)
    held = Held(trainer)
    trainer.train(*X)
    assert held.begun.wait(30)
    running = trainer.state(*X)
    assert (running.status, running.success_at) == ("running", first.success_at)
    with pytest.raises(TrainingRunning):
        trainer.train(*X)
    held.let_go()
    assert ended(trainer).success_at > first.success_at
    trainer.train(*X)


def test_a_training_of_a_deleted_container_touches_no_other(trainer, database):
    held = Held(trainer)
    trainer.train(*X)
    assert held.begun.wait(30)
    containers = ContainerStore(database)
    containers.delete(*X)
    containers.create(*X, "under the same row")
    add_face(database)
    held.let_go()
    trainer.close()
    assert trained(database) == 0
    with pytest.raises(NotTrained):
        trainer.state(*X)


def test_what_a_server_left_behind_is_taken_up(database):
    add_face(database)
    FaceListStore(database).add_face(LARGE_LIST, "x", record("Ada"))
    killed = Trainer(database)
    killed._threads.shutdown()  # it hears of the training, and dies
    killed.train(*X)
    killed.train(LARGE_LIST, "x")
    assert killed.state(*X).status == "running"
    trainer = Trainer(database)
    trainer.start()
    for kind in (SMALL, LARGE_LIST):
        assert ended(trainer, kind).status == "succeeded"
    trainer.close()
    assert (trained(database), trained(database, listed_faces)) == (1, 1)


def test_what_another_server_left_behind_does_not_stand_in_the_way_for_ever(trainer, database):
    """While this one runs nobody takes it up: it is begun again by whoever wants it next."""
    add_face(database)
    for minutes, begins in ((1, False), (10, True)):
        at = now() - datetime.timedelta(minutes=minutes)
        left = groups.update().values(
            training_status="running", training_created_at=at, training_action_at=at
        )
        with database.write() as connection:
            connection.execute(left)
        if not begins:
            with pytest.raises(TrainingRunning):
                trainer.train(*X)
    trainer.train(*X)
    assert ended(trainer).status == "succeeded"
    assert trained(database) == 1


def test_closing_ends_those_that_run_and_keeps_those_that_wait(database):
    containers = ContainerStore(database)
    for wire_id in "abc":
        containers.create(SMALL, wire_id, wire_id)
    first = Trainer(database)
    held = Held(first)
    for wire_id in "abc":
        first.train(SMALL, wire_id)
    assert held.begun.wait(30)
    first._stopping.set()
    first._threads.shutdown(wait=False, cancel_futures=True)
    held.let_go()
    first.close()
    assert [first.state(SMALL, wire_id).status for wire_id in "abc"].count("running") == 1
    second = Trainer(database)
    second.start()
    assert {ended(second, SMALL, wire_id).status for wire_id in "abc"} == {"succeeded"}
    second.close()


@pytest.mark.parametrize("error", [StorageError("/secret/path is full"), ValueError("oops")])
def test_a_failed_training_says_so_and_may_be_repeated(trainer, database, error, caplog):
    add_face(database)

    def fail() -> None:
        raise error

    trainer.before = fail
    trainer.train(*X)
    state = ended(trainer)
    assert (state.status, state.success_at) == ("failed", None)
    assert state.message
    assert "secret" not in state.message + caplog.text
    assert trained(database) == 0
    trainer.before = None
    trainer.train(*X)
    assert ended(trainer).message is None
    assert trained(database) == 1


def test_a_failure_is_noted_as_soon_as_the_database_takes_it(trainer, database, monkeypatch):
    monkeypatch.setattr("vultus.gallery.trainer._RETRY_S", 0.01)
    write, refused = Database.write, []

    def full(self, **options):
        if len(refused) < 3:
            refused.append(1)
            raise StorageError("full")
        return write(self, **options)

    trainer.before = lambda: monkeypatch.setattr(Database, "write", full)
    trainer.train(*X)
    assert ended(trainer).status == "failed"
    assert len(refused) == 3


def test_a_training_is_in_the_audit(trainer, database):
    with acting_as("key-1"):
        trainer.train(*X)
        trainer.train(LARGE_LIST, "x")
    with database.read() as connection:
        rows = connection.execute(sa.select(audit).where(audit.c.action.like("%train"))).all()
    assert [(row.actor, row.action, row.subject) for row in rows] == [
        ("key-1", "group.train", "x"),
        ("key-1", "list.train", "x"),
    ]
