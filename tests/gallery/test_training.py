"""What identification over the wire answers from."""

from __future__ import annotations

from threading import Event, Thread

import numpy as np
import pytest

from tests.gallery.workers import record
from vultus.errors import (
    FaceListUnknown,
    GalleryInvalid,
    GroupUnknown,
    ModelMismatch,
    NotTrained,
    TrainingRunning,
)
from vultus.gallery.containers import ContainerStore
from vultus.gallery.database import Database
from vultus.gallery.face_lists import FaceListStore
from vultus.gallery.schema import face_lists, faces, groups, listed_faces
from vultus.gallery.trainer import Trainer
from vultus.gallery.training import TrainedIndex
from vultus.gallery.wire_rows import GROUP_KINDS, LIST_KINDS
from vultus.models.catalogue import EMBEDDER

SMALL, LARGE = GROUP_KINDS
LIST, LARGE_LIST = LIST_KINDS
X = (SMALL, "x")


class House:
    """A person group x, a face list x and a large face list x, with all that trains them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.containers = ContainerStore(database)
        self.people = self.containers.people
        self.lists = FaceListStore(database)
        self.index = TrainedIndex(database)
        self.containers.create(*X, "X", recognition_model="r4")
        for kind in LIST_KINDS:
            self.lists.create(kind, "x", "X", recognition_model="r4")

    def add(self, person: str, source: str = "") -> str:
        """A new person with a face; returns the guid."""
        guid = self.people.create(*X, person)
        self.people.add_face(*X, guid, record(person, source))
        return guid

    def train(self, kind=SMALL, wire_id: str = "x") -> None:
        """Train, and wait for the end."""
        begun, trainer = Event(), Trainer(self.database)
        trainer.before = begun.set
        trainer.train(kind, wire_id)
        assert begun.wait(30)
        trainer.close()
        assert trainer.state(kind, wire_id).status == "succeeded"

    def known(self) -> list[str]:
        return sorted(self.index.people(*X, EMBEDDER).templates.persons)

    def listed(self, kind) -> list[str]:
        return self.index.faces(kind, "x", EMBEDDER).guids


@pytest.fixture
def house(address):
    database = Database(str(address))
    made = House(database)
    yield made
    database.close()


def test_additions_wait_for_the_next_training(house):
    ada = house.add("Ada")
    with pytest.raises(NotTrained):
        house.known()
    house.train()
    assert house.known() == [ada]
    bob = house.add("Bob")
    house.people.add_face(*X, ada, record("Ada", "another"))
    found = house.index.people(*X, EMBEDDER)
    assert (found.templates.persons, len(found.templates.embeddings)) == ([ada], 1)
    assert found.recognition_model == "r4"
    house.train()
    assert house.known() == sorted([ada, bob])
    assert len(house.index.people(*X, EMBEDDER).templates.embeddings) == 3


def test_what_is_deleted_is_gone_at_once(house):
    ada, bob = house.add("Ada"), house.add("Bob")
    second = house.people.add_face(*X, ada, record("Ada", "2"))
    house.train()
    house.people.delete_face(*X, ada, second)
    assert len(house.index.people(*X, EMBEDDER).templates.embeddings) == 2
    house.people.delete(*X, ada)
    assert house.known() == [bob]


def test_nothing_is_left_of_a_deleted_container(house):
    house.add("Ada")
    house.train()
    house.known()
    house.containers.delete(*X)
    with pytest.raises(GroupUnknown):
        house.known()
    house.containers.create(*X, "X")
    with pytest.raises(NotTrained):
        house.known()
    house.train()
    assert house.known() == []


def test_templates_are_kept_until_something_changes(house):
    ada = house.add("Ada")
    house.train()
    first = house.index.people(*X, EMBEDDER).templates
    assert house.index.people(*X, EMBEDDER).templates is first
    np.testing.assert_array_equal(first.embeddings, [record("Ada").embedding])
    house.train()
    assert house.index.people(*X, EMBEDDER).templates is not first
    house.people.update(*X, ada, title="Other")
    assert house.known() == [ada]


def test_additions_read_nothing_again(house):
    """Ten thousand faces take a third of a second, and every added one would cost that."""
    ada, bob = house.add("Ada"), house.add("Bob")
    house.train()
    first = house.index.people(*X, EMBEDDER).templates
    house.add("Cyd")
    house.people.add_face(*X, ada, record("Ada", "another"))
    assert house.index.people(*X, EMBEDDER).templates is first
    house.people.update(*X, bob, title="Robert")
    assert house.index.people(*X, EMBEDDER).templates is first
    house.people.delete(*X, bob)
    assert house.known() == [ada]


def test_a_face_for_another_does_not_hide_that_it_is_gone(house):
    """As many as before, and the same people."""
    ada = house.add("Ada")
    house.add("Bob")
    second = house.people.add_face(*X, ada, record("Ada", "2"))
    house.train()
    assert len(house.index.people(*X, EMBEDDER).templates.embeddings) == 3
    house.people.delete_face(*X, ada, second)
    house.people.add_face(*X, ada, record("Ada", "3"))
    assert len(house.index.people(*X, EMBEDDER).templates.embeddings) == 2


@pytest.mark.parametrize("into", ["bob", "cyd"])
def test_two_who_are_merged_are_one_from_then_on(house, gallery, into):
    """The number of trained faces stays, whoever has them; cyd had none."""
    for name in ("ada", "bob"):
        gallery._store.add_face("native", record(name))
    house.train(SMALL, "native")
    gallery._store.add_face("native", record("cyd"))
    guids = {person.name: person.guid for person in gallery.people("native")}

    def known() -> list[str]:
        return house.index.people(SMALL, "native", EMBEDDER).templates.persons

    assert known() == sorted([guids["ada"], guids["bob"]])
    gallery.merge("ada", into, group="native")
    assert known() == sorted({guids["bob"], guids[into]})


def test_who_moves_away_is_gone_and_waits_for_training_there(house, gallery):
    for name in ("ada", "bob"):
        gallery._store.add_face("native", record(name))
    gallery._store.add_face("other", record("eve"))
    _, bob = gallery.people("native")
    (eve,) = gallery.people("other")
    for group in ("native", "other"):
        house.train(SMALL, group)
        house.index.people(SMALL, group, EMBEDDER)
    gallery.move("ada", "other", group="native")
    assert house.index.people(SMALL, "native", EMBEDDER).templates.persons == [bob.guid]
    assert house.index.people(SMALL, "other", EMBEDDER).templates.persons == [eve.guid]


def test_additions_to_a_large_face_list_read_nothing_again(house):
    kept, gone = (house.lists.add_face(LARGE_LIST, "x", record("A", n)) for n in ("1", "2"))
    house.train(LARGE_LIST)
    first = house.index.faces(LARGE_LIST, "x", EMBEDDER)
    house.lists.add_face(LARGE_LIST, "x", record("A", "3"))
    assert house.index.faces(LARGE_LIST, "x", EMBEDDER) is first
    house.lists.delete_face(LARGE_LIST, "x", gone)
    assert house.listed(LARGE_LIST) == [kept]


def test_nobody_who_is_gone_stays_in_memory(house):
    """Whoever deleted them: another process may have, and nobody may ask again."""
    house.add("Ada")
    bob = house.add("Bob")
    kept = house.lists.add_face(LARGE_LIST, "x", record("A"))
    house.lists.add_face(LIST, "x", record("A"))
    for kind in (SMALL, LARGE_LIST):
        house.train(kind)
    house.known()
    for kind in LIST_KINDS:
        house.listed(kind)
    house.add("Cyd")
    house.index.forget_stale()
    assert len(house.index._cached) == 3
    house.people.delete(*X, bob)
    house.lists.delete(LIST, "x")
    house.index.forget_stale()
    assert [key[0] for key in house.index._cached] == [LARGE_LIST]
    house.lists.delete_face(LARGE_LIST, "x", kept)
    house.index.forget_stale()
    assert house.index._cached == {}


def test_a_group_made_here_is_trained_too(house, gallery):
    gallery._store.add_face("native", record("ada"))
    (ada,) = gallery.people("native")
    house.train(LARGE, "native")
    for kind in GROUP_KINDS:
        found = house.index.people(kind, "native", EMBEDDER)
        assert found.templates.persons == [ada.guid]
        assert found.recognition_model is None


def test_another_models_faces_are_not_searched(house):
    ada = house.add("Ada")
    house.people.add_face(*X, ada, record("Ada", "old", model="another"))
    house.train()
    assert len(house.index.people(*X, EMBEDDER).templates.embeddings) == 1
    with pytest.raises(ModelMismatch):
        house.index.people(*X, "a third")


def test_a_damaged_face_is_told(house):
    house.add("Ada")
    house.lists.add_face(LIST, "x", record("Ada"))
    house.train()
    with house.database.write() as connection:
        for table in (faces, listed_faces):
            connection.execute(table.update().values(embedding=b"x"))
    with pytest.raises(GalleryInvalid):
        house.known()
    with pytest.raises(GalleryInvalid):
        house.listed(LIST)


def test_a_face_list_needs_no_training(house):
    assert house.index.faces(LIST, "x", EMBEDDER).embeddings.shape == (0, 128)
    guids = [house.lists.add_face(LIST, "x", record("Ada", str(n))) for n in range(3)]
    found = house.index.faces(LIST, "x", EMBEDDER)
    assert found.guids == sorted(guids)
    row = found.guids.index(guids[1])
    np.testing.assert_array_equal(found.embeddings[row], record("Ada", "1").embedding)
    assert found.embeddings.dtype == np.float32
    assert found.recognition_model == "r4"
    house.lists.delete_face(LIST, "x", guids[0])
    assert house.listed(LIST) == sorted(guids[1:])
    house.lists.delete(LIST, "x")
    with pytest.raises(FaceListUnknown):
        house.listed(LIST)


def test_a_large_face_list_is_that_of_its_training(house):
    kept, gone = (house.lists.add_face(LARGE_LIST, "x", record("A", n)) for n in ("1", "2"))
    with pytest.raises(NotTrained):
        house.listed(LARGE_LIST)
    house.train(LARGE_LIST)
    house.lists.add_face(LARGE_LIST, "x", record("A", "3"))
    house.lists.delete_face(LARGE_LIST, "x", gone)
    assert house.listed(LARGE_LIST) == [kept]


def test_while_it_is_trained_nothing_is_answered(house):
    house.add("Ada")
    house.train()
    with house.database.write() as connection:
        for table in (groups, face_lists):
            connection.execute(table.update().values(training_status="running"))
    with pytest.raises(TrainingRunning):
        house.known()
    with pytest.raises(TrainingRunning):
        house.listed(LARGE_LIST)
    assert house.listed(LIST) == []


def test_many_may_ask_at_once(house):
    house.add("Ada")
    house.train()
    found = []

    def ask() -> None:
        found.append(house.index.people(*X, EMBEDDER).templates)

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(templates) for templates in found}) == 1
