from __future__ import annotations

import datetime
import multiprocessing
from threading import Thread

import numpy as np
import pytest

from tests.gallery import workers
from tests.gallery.workers import record
from vultus.errors import (
    FaceExists,
    FaceUnknown,
    GroupExists,
    GroupUnknown,
    PersonExists,
    PersonUnknown,
    UsageError,
)
from vultus.gallery.database import Database
from vultus.gallery.rows import check_name
from vultus.gallery.store import Store


@pytest.fixture
def database(address):
    made = Database(str(address))
    yield made
    made.close()


@pytest.fixture
def store(database) -> Store:
    """A group of three people with one, two and one faces."""
    made = Store(database)
    for person, source in [("ada", "1"), ("bob", "2"), ("bob", "3"), ("cyd", "4")]:
        assert made.add_face("team", record(person, source))
    return made


def names(store: Store, group: str = "team") -> dict[str, int]:
    return {person.name: person.faces for person in store.people(group)}


def sources(store: Store, person: str, group: str = "team") -> list[str]:
    return [face.source for face in store.faces(group, person=person)]


# faces


def test_a_face_is_read_as_it_was_written(store):
    written = record("dan", "photo of dan 👩‍🚀\n.jpg", crop=b"\x89PNG", quality=0.25)
    face_id = store.add_face("team", written)
    (read,) = store.faces("team", person="dan")
    np.testing.assert_array_equal(read.embedding, written.embedding)
    assert read.embedding.dtype == np.float32
    assert read.id == face_id
    for field in ("person", "model", "source", "digest", "box", "quality", "crop"):
        assert getattr(read, field) == getattr(written, field)
    age = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) - read.enrolled_at
    assert abs(age) < datetime.timedelta(minutes=5)


def test_a_given_time_of_enrolment_is_kept(store):
    then = datetime.datetime(2020, 2, 29, 12, 30, 15, 123456)
    store.add_face("team", record("dan", enrolled_at=then))
    assert store.faces("team", person="dan")[0].enrolled_at == then


def test_group_and_person_are_made_when_they_are_not_there(store):
    store.add_face("others", record("dan"))
    assert [group.name for group in store.groups()] == ["others", "team"]
    assert names(store, "others") == {"dan": 1}


def test_the_same_picture_of_the_same_person_is_noticed(store):
    assert store.add_face("team", record("ada", "1")) is None
    assert names(store)["ada"] == 1


def test_the_same_picture_of_another_person_is_refused(store):
    with pytest.raises(FaceExists, match="'ada'"):
        store.add_face("team", record("bob", "1"))
    with pytest.raises(FaceExists):
        store.add_face("team", record("newcomer", "1"))
    assert names(store) == {"ada": 1, "bob": 2, "cyd": 1}


def test_the_same_picture_may_be_in_another_group_or_of_another_model(store):
    assert store.add_face("others", record("someone else", "1"))
    assert store.add_face("team", record("ada", "1", model="another-model"))


def test_many_faces_are_added_all_or_none(store):
    wrong = [record("dan", "5"), record("eve", "6"), record("dan", "1")]
    with pytest.raises(FaceExists):
        store.add_faces("team", wrong)
    with pytest.raises(FaceExists):
        store.add_faces("a new group", [*wrong, record("ada", "5")])
    assert names(store) == {"ada": 1, "bob": 2, "cyd": 1}
    assert [group.name for group in store.groups()] == ["team"]
    assert store.add_faces("team", [record("dan", "5"), record("ada", "1")]) == 1


def test_one_face_is_removed(store):
    first, second = store.faces("team", person="bob")
    store.remove_face("team", first.id)
    assert [face.id for face in store.faces("team", person="bob")] == [second.id]


def test_a_face_is_removed_from_its_own_group_only(store):
    other = store.add_face("others", record("dan"))
    for face_id in (other, 999):
        with pytest.raises(FaceUnknown, match=str(face_id)):
            store.remove_face("team", face_id)
    with pytest.raises(GroupUnknown):
        store.remove_face("nowhere", other)
    assert names(store, "others") == {"dan": 1}


# people


def test_a_person_is_renamed(store):
    store.rename_person("team", "bob", " Robert ")
    assert names(store) == {"Robert": 2, "ada": 1, "cyd": 1}
    store.rename_person("team", "Robert", "Robert")


def test_a_person_is_moved_with_all_faces(store):
    store.move_person("team", "bob", "a new group")
    assert names(store) == {"ada": 1, "cyd": 1}
    assert sources(store, "bob", "a new group") == ["2", "3"]
    store.move_person("a new group", "bob", "a new group")
    assert names(store, "a new group") == {"bob": 2}


def test_two_people_become_one(store):
    store.merge_people("team", "bob", "ada")
    assert names(store) == {"ada": 3, "cyd": 1}
    assert sources(store, "ada") == ["1", "2", "3"]


def test_a_person_is_removed_with_all_faces(store):
    store.remove_person("team", "bob")
    assert names(store) == {"ada": 1, "cyd": 1}
    store.add_face("team", record("newcomer", "9"))  # may get the free id
    assert sources(store, "newcomer") == ["9"]


def test_a_person_without_faces_stays_until_removed(store):
    (face,) = store.faces("team", person="ada")
    store.remove_face("team", face.id)
    assert names(store)["ada"] == 0


UNKNOWN_PEOPLE = {
    "rename": lambda store: store.rename_person("team", "nobody", "x"),
    "move": lambda store: store.move_person("team", "nobody", "others"),
    "merge": lambda store: store.merge_people("team", "nobody", "ada"),
    "merge into": lambda store: store.merge_people("team", "ada", "nobody"),
    "remove": lambda store: store.remove_person("team", "nobody"),
    "faces": lambda store: store.faces("team", person="nobody"),
}


@pytest.mark.parametrize("act", UNKNOWN_PEOPLE.values(), ids=UNKNOWN_PEOPLE)
def test_somebody_unknown(store, act):
    with pytest.raises(PersonUnknown, match="'nobody' in 'team'"):
        act(store)
    assert names(store) == {"ada": 1, "bob": 2, "cyd": 1}
    assert [group.name for group in store.groups()] == ["team"]


UNKNOWN_GROUPS = {
    "people": lambda store: store.people("nowhere"),
    "faces": lambda store: store.faces("nowhere"),
    "revision": lambda store: store.revision("nowhere"),
    "rename person": lambda store: store.rename_person("nowhere", "ada", "x"),
    "move": lambda store: store.move_person("nowhere", "ada", "team"),
    "merge": lambda store: store.merge_people("nowhere", "ada", "bob"),
    "remove person": lambda store: store.remove_person("nowhere", "ada"),
    "rename group": lambda store: store.rename_group("nowhere", "x"),
    "remove group": lambda store: store.remove_group("nowhere"),
}


@pytest.mark.parametrize("act", UNKNOWN_GROUPS.values(), ids=UNKNOWN_GROUPS)
def test_an_unknown_group_is_answered_with_the_known_ones(store, act):
    with pytest.raises(GroupUnknown, match="'nowhere'; there are: 'team'"):
        act(store)


def test_names_that_are_taken(store):
    store.add_face("others", record("ada", "9"))
    with pytest.raises(PersonExists, match="merge"):
        store.rename_person("team", "bob", "ada")
    with pytest.raises(PersonExists, match="others"):
        store.move_person("team", "ada", "others")
    with pytest.raises(UsageError, match="itself"):
        store.merge_people("team", "ada", "ada")
    assert names(store) == {"ada": 1, "bob": 2, "cyd": 1}


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "tab\there", "null\0", "x" * 201])
def test_names_that_cannot_stand_in_a_gallery(store, name):
    for act in (
        lambda: store.create_group(name),
        lambda: store.rename_group("team", name),
        lambda: store.rename_person("team", "ada", name),
        lambda: store.move_person("team", "ada", name),
        lambda: store.add_face(name, record("dan")),
        lambda: store.add_face("team", record(name, "8")),
    ):
        with pytest.raises(UsageError, match="no name"):
            act()
    assert names(store) == {"ada": 1, "bob": 2, "cyd": 1}


@pytest.mark.parametrize(
    "name", ["李小龙", "O'Brien; DROP TABLE faces", "👩‍🚀", '"', "%_", "x" * 200]
)
def test_names_of_any_alphabet(store, name):
    store.add_face(name, record(name, "9"))
    assert names(store, name) == {name: 1}
    store.rename_person("team", "ada", name)
    assert sources(store, name) == ["1"]
    assert check_name(f"  {name} ", "person") == name


# groups


def test_groups_count_their_people_and_faces(store):
    store.create_group("empty")
    counted = {group.name: (group.people, group.faces) for group in store.groups()}
    assert counted == {"empty": (0, 0), "team": (3, 4)}


def test_groups_are_made_renamed_and_removed(store):
    store.create_group("others")
    for act in (
        lambda: store.create_group("team"),
        lambda: store.rename_group("team", "others"),
    ):
        with pytest.raises(GroupExists):
            act()
    store.rename_group("team", "crew")
    store.rename_group("crew", "crew")
    assert names(store, "crew") == {"ada": 1, "bob": 2, "cyd": 1}
    store.remove_group("crew")
    assert [group.name for group in store.groups()] == ["others"]
    assert store.people() == []


def test_nothing_of_a_removed_group_is_left(store, database):
    store.remove_group("team")
    with database.read() as connection:
        for table in ("groups", "persons", "faces"):
            count = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()  # noqa: S608
            assert count == 0


CHANGES = {
    "add": lambda store: store.add_face("team", record("dan")),
    "rename": lambda store: store.rename_person("team", "ada", "dan"),
    "move": lambda store: store.move_person("team", "ada", "others"),
    "merge": lambda store: store.merge_people("team", "ada", "bob"),
    "remove": lambda store: store.remove_person("team", "ada"),
    "remove a face": lambda store: store.remove_face("team", 1),
    "again": lambda store: (store.remove_group("team"), store.add_face("team", record("x"))),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_change_of_a_group_changes_its_revision(store, change):
    before = store.revision("team")
    assert store.revision("team") == before
    change(store)
    assert store.revision("team") != before


def test_a_group_that_somebody_is_moved_into_has_changed_too(store):
    store.add_face("others", record("dan"))
    before = store.revision("others")
    store.move_person("team", "ada", "others")
    assert store.revision("others") != before


# several at once


def test_threads_share_a_store(store):
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(10):
                store.add_face("team", record(f"t{number}", f"t{number}-{i}"))
                store.people("team")
        except BaseException as error:  # handed to the test
            errors.append(error)

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert {f"t{number}": 10 for number in range(4)}.items() <= names(store).items()


def test_processes_that_enrol_at_once_lose_nothing(address):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    running = [
        workers.start_enrolling(context, address, person, 40, start) for person in ("ada", "bob")
    ]
    for process, heard in running:
        assert workers.drain(heard) == list(range(40))
        process.join(60)
        assert process.exitcode == 0
    assert names(workers.store(address)) == {"ada": 40, "bob": 40}


def test_what_a_killed_process_reported_is_there(address):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(1)
    process, heard = workers.start_enrolling(context, address, "ada", 100_000, start)
    told = [heard.recv() for _ in range(50)]
    process.kill()
    process.join(60)
    told += workers.drain(heard)
    assert process.exitcode == -9
    after = workers.store(address)
    kept = sources(after, "ada")
    assert [f"ada-{number}.jpg" for number in told] == kept[: len(told)]
    assert len(kept) <= len(told) + 1  # written, but killed before it could say so
    assert after.add_face("team", record("bob"))
