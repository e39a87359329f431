"""Groups as Azure's clients see them."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
import sqlalchemy as sa

from tests.gallery.workers import record
from vultus.errors import GroupExists, GroupUnknown, ModelMismatch, PersonUnknown, UsageError
from vultus.gallery.containers import ContainerStore
from vultus.gallery.schema import audit
from vultus.gallery.visits import VisitRecord
from vultus.gallery.wire_rows import GROUP_KINDS, Page
from vultus.models.catalogue import EMBEDDER

SMALL, LARGE = GROUP_KINDS


@pytest.fixture
def containers(gallery) -> ContainerStore:
    gallery.create_group("default")
    gallery.remove_group("default")
    return ContainerStore(gallery.database)


def ids(containers, kind=SMALL, **page) -> list[str]:
    return [container.wire_id for container in containers.page(kind, Page(**page))]


def native(gallery) -> list[str]:
    return [group.name for group in gallery.groups()]


def test_a_container_is_a_group_under_its_id(containers, gallery):
    containers.create(SMALL, "staff", "All of us", user_data="x", recognition_model="r4")
    assert native(gallery) == ["staff"]
    found = containers.find(SMALL, "staff")
    assert (found.wire_id, found.title, found.user_data) == ("staff", "All of us", "x")
    assert (found.recognition_model, found.group, found.kind) == ("r4", "staff", SMALL)


def test_the_two_kinds_are_two_name_spaces(containers, gallery):
    for kind in GROUP_KINDS:
        containers.create(kind, "x", kind)
    assert native(gallery) == ["x", "x (large person group)"]
    assert [containers.find(kind, "x").title for kind in GROUP_KINDS] == list(GROUP_KINDS)
    containers.delete(SMALL, "x")
    assert ids(containers, SMALL) == []
    assert ids(containers, LARGE) == ["x"]
    with pytest.raises(GroupExists):
        containers.create(LARGE, "x", "again")
    containers.create(SMALL, "x", "again")  # an id is free again


def test_the_name_here_is_the_first_that_is_free(containers, gallery):
    gallery.create_group("x (large person group)")
    containers.create(SMALL, "x", "X")
    containers.create(LARGE, "x", "X")
    assert containers.find(LARGE, "x").group == "x (large person group 2)"
    gallery.rename_group("x", "y")
    assert containers.find(SMALL, "x").group == "y"
    containers.create(SMALL, "y", "Y")
    assert containers.find(SMALL, "y").group == "y (person group)"


def test_a_group_made_here_is_seen_as_either_kind(containers, gallery):
    gallery.create_group("friends")
    for kind in GROUP_KINDS:
        found = containers.find(kind, "friends")
        assert (found.wire_id, found.title, found.kind) == ("friends", "friends", kind)
        assert found.recognition_model is None
        assert ids(containers, kind) == ["friends"]
        with pytest.raises(GroupExists):
            containers.create(kind, "friends", "mine")
    containers.update(SMALL, "friends", title="Friends of ours")
    assert containers.find(LARGE, "friends").title == "Friends of ours"
    assert native(gallery) == ["friends"]
    containers.delete(LARGE, "friends")
    assert native(gallery) == []


def test_a_group_whose_name_can_be_no_id_is_not_seen(containers, gallery):
    for name in ("Friends", "our friends", "x" * 65, "ü", "a.b"):
        gallery.create_group(name)
        with pytest.raises(GroupUnknown):
            containers.find(SMALL, name)
    gallery.create_group("x" * 64)
    assert ids(containers) == ["x" * 64]


def test_a_container_hides_a_group_that_took_its_name_here(containers, gallery):
    containers.create(SMALL, "x", "the first")
    gallery.rename_group("x", "elsewhere")
    gallery.create_group("x")
    assert containers.find(SMALL, "x").title == "the first"
    assert containers.find(LARGE, "x").title == "x"
    assert ids(containers, SMALL) == ["x"]
    assert ids(containers, LARGE) == ["x"]


@pytest.mark.parametrize("wire_id", ["", "A", "a.b", "a b", "x" * 65, "../x", "x\n", "ä", "a\0"])
def test_what_can_be_no_id_is_refused(containers, wire_id):
    with pytest.raises(UsageError):
        containers.create(SMALL, wire_id, "X")
    with pytest.raises(GroupUnknown):
        containers.find(SMALL, wire_id)


def test_pages_go_by_id_as_strings_compare(containers, gallery):
    for wire_id in ("b", "a", "a-1", "a_1", "a1", "10", "9"):
        containers.create(SMALL, wire_id, "X")
    containers.create(LARGE, "another", "X")
    gallery.create_group("aa")
    expected = ["10", "9", "a", "a-1", "a1", "a_1", "aa", "b"]
    assert ids(containers) == expected
    assert ids(containers, top=3) == expected[:3]
    assert ids(containers, start="a") == expected[3:]
    assert ids(containers, start="a0", top=2) == ["a1", "a_1"]
    assert ids(containers, start="zzz") == []


def test_what_is_not_given_stays(containers):
    containers.create(SMALL, "x", "X", user_data="data")
    containers.update(SMALL, "x", title="Y")
    containers.update(SMALL, "x")
    assert containers.find(SMALL, "x").user_data == "data"
    containers.update(SMALL, "x", user_data="")
    found = containers.find(SMALL, "x")
    assert (found.title, found.user_data, found.group) == ("Y", None, "x")


def test_what_is_not_there_is_unknown(containers):
    containers.create(SMALL, "x", "X")
    for call in (containers.find, containers.update, containers.delete):
        with pytest.raises(GroupUnknown):
            call(LARGE, "x")


def test_deleting_takes_people_faces_visits_and_pictures(containers, gallery, tmp_path):
    containers.create(SMALL, "x", "X")
    ada = containers.people.create(SMALL, "x", "Ada")
    containers.people.add_face(SMALL, "x", ada, record("ada"))
    picture = tmp_path / "ada.jpg"
    picture.write_bytes(b"x")
    moment = datetime.datetime.now(datetime.timezone.utc)
    visit = VisitRecord(
        id="v1",
        group="x",
        person="Ada",
        stranger=None,
        camera="door",
        sequence=0,
        type="exit",
        probability=0.9,
        start=moment,
        end=moment,
        zone=None,
        pictures=(str(picture),),
    )
    assert gallery.visits.record(visit)
    containers.delete(SMALL, "x")
    assert not picture.exists()
    assert gallery.people() == []
    assert gallery.visits.find() == []


def test_templates_of_one_person_are_those_of_now(containers, gallery):
    containers.create(SMALL, "x", "X")
    people = containers.people
    ada, bob = (people.create(SMALL, "x", name) for name in ("Ada", "Bob"))
    empty = containers.person_templates(SMALL, "x", ada, EMBEDDER)
    assert (empty.persons, len(empty.embeddings)) == ([], 0)
    first = people.add_face(SMALL, "x", ada, record("ada", "1"))
    people.add_face(SMALL, "x", ada, record("ada", "2"))
    people.add_face(SMALL, "x", bob, record("bob"))
    found = containers.person_templates(SMALL, "x", ada.upper(), EMBEDDER)
    assert found.persons == [ada]
    np.testing.assert_array_equal(
        found.embeddings, [record("ada", "1").embedding, record("ada", "2").embedding]
    )
    people.delete_face(SMALL, "x", ada, first)
    found = containers.person_templates(SMALL, "x", ada, EMBEDDER)
    np.testing.assert_array_equal(found.means[0], record("ada", "2").embedding)
    with pytest.raises(ModelMismatch):
        containers.person_templates(SMALL, "x", ada, "another")
    with pytest.raises(GroupUnknown):
        containers.person_templates(LARGE, "x", ada, EMBEDDER)
    people.delete(SMALL, "x", ada)
    with pytest.raises(PersonUnknown):
        containers.person_templates(SMALL, "x", ada, EMBEDDER)


def test_every_change_is_in_the_audit(containers, gallery):
    containers.create(SMALL, "x", "A Secret")
    containers.update(SMALL, "x", title="Another Secret")
    containers.update(SMALL, "x")  # changes nothing
    containers.delete(SMALL, "x")
    with gallery.database.read() as connection:
        rows = connection.execute(sa.select(audit).order_by(audit.c.id)).all()[2:]
    assert [(row.action, row.subject) for row in rows] == [
        ("group.create", "x"),
        ("group.update", "x"),
        ("group.remove", "x"),
    ]
    assert "Secret" not in str(rows)
