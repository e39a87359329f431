from __future__ import annotations

import datetime
from datetime import timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from tests.gallery.test_visits import picture_files, visit
from tests.gallery.workers import record
from vultus.errors import GroupUnknown, StrangerUnknown, UsageError
from vultus.gallery.schema import stranger_faces, strangers, visits
from vultus.gallery.store import Store
from vultus.gallery.strangers import StrangerFace, StrangerStore, stranger_label
from vultus.gallery.visits import label_number
from vultus.models.catalogue import EMBEDDER

TEAM = "team"
FIRST, SECOND, THIRD = "unknown-0001", "unknown-0002", "unknown-0003"


def face(seed: int = 0, quality: float = 0.5) -> StrangerFace:
    vector = np.random.default_rng(seed).normal(0, 0.1, 128).astype(np.float32)
    return StrangerFace(vector, quality, 64.0)


@pytest.fixture
def store(gallery) -> StrangerStore:
    """Two strangers with two faces and one."""
    made = gallery.strangers
    assert made.add(TEAM, EMBEDDER, [face(1, 0.9), face(2, 0.3)]) == FIRST
    assert made.add(TEAM, EMBEDDER, [face(3)]) == SECOND
    return made


def labels(store: StrangerStore, group: str | None = TEAM) -> list[str]:
    return [stranger.label for stranger in store.strangers(group)]


def count(gallery, table: sa.Table) -> int:
    with gallery.database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


# labels


@pytest.mark.parametrize("number", [1, 42, 9999, 10_000, 123_456])
def test_labels_and_numbers(number):
    assert label_number(stranger_label(number)) == number


@pytest.mark.parametrize(
    "name", ["", "ada", "unknown", "unknown-", "unknown-1", "unknown-00x1", "known-0001",
             "unknown-٠٠٠١", "unknown-0001-2", "unknown-99999999999"]
)  # fmt: skip
def test_what_is_no_label(name):
    assert label_number(name) is None


def test_strangers_are_listed_by_number(gallery, store):
    gallery.visits.record(visit("v1", stranger=FIRST))
    first, second = store.strangers(TEAM)
    assert (first.label, first.group, first.faces, first.visits) == (FIRST, TEAM, 2, 1)
    assert (second.label, second.faces, second.visits, second.ignored) == (SECOND, 1, 0, False)
    assert first.created_at.endswith("Z")


def test_strangers_of_all_groups(store):
    store.add("others", EMBEDDER, [face(9)])
    assert [(s.group, s.label) for s in store.strangers()] == [
        ("others", FIRST),
        (TEAM, FIRST),
        (TEAM, SECOND),
    ]
    with pytest.raises(GroupUnknown):
        store.strangers("nobody")


def test_the_group_is_made_with_its_first_stranger(gallery):
    gallery.strangers.add("new", EMBEDDER, [face()])
    assert [group.name for group in gallery.groups()] == ["new"]
    assert gallery.people("new") == []


# faces


def test_faces_are_read_as_they_were_written(store):
    found, ignored = store.read(TEAM, EMBEDDER)
    assert [label for label, _ in found] == [FIRST, FIRST, SECOND]
    np.testing.assert_array_equal(found[0][1].embedding, face(1).embedding)
    assert (found[0][1].quality, found[0][1].face_px) == (0.9, 64.0)
    assert ignored == frozenset()
    assert store.read(TEAM, "another-model") == ([], frozenset())


def test_the_best_faces_are_kept(store):
    store.learn(TEAM, FIRST, EMBEDDER, [face(7, 0.8), face(8, 0.1)], keep=2)
    found, _ = store.read(TEAM, EMBEDDER)
    assert sorted(f.quality for label, f in found if label == FIRST) == [0.8, 0.9]


def test_the_same_face_is_not_learned_twice(store):
    for _ in range(3):
        store.learn(TEAM, FIRST, EMBEDDER, [face(1, 0.9)], keep=5)
    assert store.strangers(TEAM)[0].faces == 2


def test_learning_of_somebody_who_is_gone_is_left_out(store):
    store.learn(TEAM, THIRD, EMBEDDER, [face(9)], keep=5)
    store.learn("nobody", FIRST, EMBEDDER, [face(9)], keep=5)
    assert labels(store) == [FIRST, SECOND]


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.add(TEAM, EMBEDDER, [face(9)]),
        lambda store: store.learn(TEAM, FIRST, EMBEDDER, [face(9, 1.0)], keep=2),
        lambda store: store.ignore(TEAM, FIRST, ignored=True),
        lambda store: store.forget(TEAM, SECOND),
        lambda store: store.name(TEAM, FIRST, "ada"),
        lambda store: (store.forget(TEAM, SECOND), store.add(TEAM, EMBEDDER, [face(9)])),
    ],
    ids=["add", "learn", "ignore", "forget", "name", "one for another"],
)
def test_every_change_can_be_seen(store, change):
    before = store.revision(TEAM)
    assert store.revision(TEAM) == before
    change(store)
    assert store.revision(TEAM) != before


# naming


def test_a_stranger_who_is_named_is_a_person_and_the_visits_follow(gallery, store):
    for name, stranger in [("v1", FIRST), ("v2", SECOND), ("v3", FIRST)]:
        gallery.visits.record(visit(name, stranger=stranger))
    assert gallery.name_stranger(FIRST, "Mrs Novak", group=TEAM) == 2
    assert labels(store) == [SECOND]
    assert [person.name for person in gallery.people(TEAM)] == ["Mrs Novak"]
    assert {v.id for v in gallery.visits.find(person="Mrs Novak")} == {"v1", "v3"}
    assert all(v.stranger is None for v in gallery.visits.find(person="Mrs Novak"))
    assert [v.id for v in gallery.visits.find(person=SECOND)] == ["v2"]
    assert gallery.visits.find(person=FIRST) == []


def test_the_faces_of_a_stranger_who_is_named_are_enrolled(gallery, store):
    gallery.name_stranger(FIRST, "Mrs Novak", group=TEAM)
    found = gallery.faces_of("Mrs Novak", group=TEAM)
    assert [each.source for each in found] == [FIRST, FIRST]
    assert sorted(each.quality for each in found) == [0.3, 0.9]
    decision = gallery.decide(face(1).embedding[None], EMBEDDER, group=TEAM)[0]
    assert decision.person == "Mrs Novak"
    assert count(gallery, stranger_faces) == 1


def test_a_stranger_may_be_somebody_who_is_enrolled(gallery, store):
    Store(gallery.database).add_face(TEAM, record("ada"))
    gallery.visits.record(visit("v1", person="ada"))
    gallery.visits.record(visit("v2", stranger=FIRST))
    assert gallery.name_stranger(FIRST, "ada", group=TEAM) == 1
    assert [(p.name, p.faces) for p in gallery.people(TEAM)] == [("ada", 3)]
    assert {v.id for v in gallery.visits.find(person="ada")} == {"v1", "v2"}


def test_two_strangers_may_be_one_person(gallery, store):
    gallery.name_stranger(FIRST, "ada", group=TEAM)
    gallery.name_stranger(SECOND, "ada", group=TEAM)
    assert [(p.name, p.faces) for p in gallery.people(TEAM)] == [("ada", 3)]


def test_the_index_hears_of_a_name_at_once(gallery, store):
    Store(gallery.database).add_face(TEAM, record("bob"))
    probe = face(3).embedding[None]
    assert gallery.decide(probe, EMBEDDER, group=TEAM)[0].person is None
    gallery.name_stranger(SECOND, "ada", group=TEAM)
    assert gallery.decide(probe, EMBEDDER, group=TEAM)[0].person == "ada"


@pytest.mark.parametrize("label", [THIRD, "ada", "", "unknown-1", "unknown-0000"])
def test_a_label_that_nobody_has(gallery, store, label):
    for act in (
        lambda: gallery.name_stranger(label, "ada", group=TEAM),
        lambda: gallery.forget_stranger(label, group=TEAM),
        lambda: store.ignore(TEAM, label, ignored=True),
    ):
        with pytest.raises(StrangerUnknown, match="List the strangers"):
            act()
    assert labels(store) == [FIRST, SECOND]
    assert gallery.people(TEAM) == []


def test_a_group_that_is_not_there(gallery, store):
    with pytest.raises(GroupUnknown):
        gallery.name_stranger(FIRST, "ada", group="nobody")
    with pytest.raises(GroupUnknown):
        gallery.forget_stranger(FIRST, group="nobody")


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201])
def test_a_name_that_makes_no_sense(gallery, store, name):
    with pytest.raises(UsageError):
        gallery.name_stranger(FIRST, name, group=TEAM)
    assert labels(store) == [FIRST, SECOND]


def test_a_label_is_never_given_to_somebody_else(gallery, store):
    gallery.forget_stranger(SECOND, group=TEAM)
    assert store.add(TEAM, EMBEDDER, [face(5)]) == THIRD
    gallery.name_stranger(THIRD, "ada", group=TEAM)
    store.become(TEAM, FIRST, "ada")
    assert labels(store) == []
    assert store.add(TEAM, EMBEDDER, [face(6)]) == "unknown-0004"


def test_whom_a_stranger_was_named(gallery, store):
    assert store.named(TEAM, FIRST) is None
    gallery.name_stranger(FIRST, "ada", group=TEAM)
    assert store.named(TEAM, FIRST) == "ada"
    gallery.rename("ada", "eve", group=TEAM)
    assert store.named(TEAM, FIRST) == "eve"
    gallery.forget_stranger(SECOND, group=TEAM)
    assert store.named(TEAM, SECOND) is None


def test_a_stranger_who_was_known_all_the_time(gallery, store):
    Store(gallery.database).add_face(TEAM, record("ada"))
    gallery.visits.record(visit("v1", stranger=FIRST))
    store.become(TEAM, FIRST, "ada")
    assert [v.person for v in gallery.visits.find()] == ["ada"]
    assert [(p.name, p.faces) for p in gallery.people(TEAM)] == [("ada", 1)]  # no poor faces
    assert labels(store) == [SECOND]
    store.become(TEAM, FIRST, "ada")  # gone already
    store.become(TEAM, SECOND, "nobody")
    assert labels(store) == [SECOND]


# ignoring and forgetting


def test_ignoring_and_not_ignoring(store):
    store.ignore(TEAM, FIRST, ignored=True)
    assert store.read(TEAM, EMBEDDER)[1] == {FIRST}
    assert [stranger.ignored for stranger in store.strangers(TEAM)] == [True, False]
    store.ignore(TEAM, FIRST, ignored=False)
    assert store.read(TEAM, EMBEDDER)[1] == frozenset()


def test_forgetting_deletes_rows_and_pictures(gallery, store, tmp_path):
    mine, others = picture_files(tmp_path, "a"), picture_files(tmp_path, "b")
    gallery.visits.record(visit("v1", stranger=FIRST, pictures=(str(mine[0]),)))
    gallery.visits.record(visit("v2", stranger=SECOND, pictures=(str(others[0]),)))
    gallery.forget_stranger(FIRST, group=TEAM)
    assert labels(store) == [SECOND]
    assert count(gallery, stranger_faces) == 1
    assert [v.id for v in gallery.visits.find()] == ["v2"]
    assert not any(path.exists() for path in mine)  # the annotated one, too
    assert all(path.exists() for path in others)


def seen_at(gallery, label: str, moment: datetime.datetime) -> None:
    with gallery.database.write() as connection:
        connection.execute(
            strangers.update()
            .where(strangers.c.number == label_number(label))
            .values(seen_at=moment.astimezone(timezone.utc).replace(tzinfo=None))
        )


def test_forgetting_all_who_were_not_seen_for_a_while(gallery, store, tmp_path):
    pictures = picture_files(tmp_path, "a")
    gallery.visits.record(visit("v1", stranger=FIRST, pictures=(str(pictures[0]),)))
    now = datetime.datetime.now(timezone(timedelta(hours=5)))
    seen_at(gallery, FIRST, now - timedelta(days=31))
    seen_at(gallery, SECOND, now - timedelta(days=29))
    since = now - timedelta(days=30)
    assert gallery.forget_strangers(unseen_since=since, group=TEAM) == 1
    assert labels(store) == [SECOND]
    assert not any(path.exists() for path in pictures)
    assert gallery.forget_strangers(unseen_since=since, group=TEAM) == 0


def test_who_is_seen_again_is_not_forgotten(gallery, store):
    old = datetime.datetime.now(timezone.utc) - timedelta(days=31)
    seen_at(gallery, FIRST, old)
    store.learn(TEAM, FIRST, EMBEDDER, [face(9)], keep=5)
    since = old + timedelta(days=1)
    assert gallery.forget_strangers(unseen_since=since, group=TEAM) == 0


def test_a_group_takes_its_strangers_along(gallery, store, tmp_path):
    pictures = picture_files(tmp_path, "a")
    gallery.visits.record(visit("v1", stranger=FIRST, pictures=(str(pictures[0]),)))
    gallery.remove_group(TEAM)
    for table in (strangers, stranger_faces, visits):
        assert count(gallery, table) == 0
    assert not any(Path(path).exists() for path in pictures)


def test_a_renamed_group_keeps_its_strangers(gallery, store):
    gallery.rename_group(TEAM, "crew")
    assert labels(store, "crew") == [FIRST, SECOND]
    assert store.add("crew", EMBEDDER, [face(9)]) == THIRD
