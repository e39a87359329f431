"""People of containers and their persisted faces."""

from __future__ import annotations

import numpy as np
import pytest
import sqlalchemy as sa

from tests.gallery.workers import record
from vultus.errors import FaceUnknown, GroupUnknown, PersonUnknown
from vultus.gallery.containers import ContainerStore
from vultus.gallery.members import MemberStore
from vultus.gallery.rows import check_name
from vultus.gallery.schema import audit
from vultus.gallery.wire_rows import GROUP_KINDS, Page
from vultus.models.catalogue import EMBEDDER

SMALL, LARGE = GROUP_KINDS
X = (SMALL, "x")


@pytest.fixture
def people(gallery) -> MemberStore:
    """Of an empty person group x."""
    containers = ContainerStore(gallery.database)
    containers.create(SMALL, "x", "X")
    return containers.people


def native(gallery) -> dict[str, int]:
    return {person.name: person.faces for person in gallery.people("x")}


def test_a_person_is_read_as_it_was_written(people):
    guid = people.create(*X, "Anna", user_data="7")
    found = people.find(*X, guid.upper())
    assert (found.guid, found.title, found.user_data) == (guid, "Anna", "7")
    assert found.face_guids == []


def test_namesakes_have_names_of_their_own_here(people, gallery):
    guids = [people.create(*X, "Anna") for _ in range(3)]
    assert [people.find(*X, guid).title for guid in guids] == ["Anna"] * 3
    assert set(native(gallery)) == {"Anna", "Anna (2)", "Anna (3)"}
    people.delete(*X, guids[1])
    people.create(*X, "Anna (3)")
    people.create(*X, "Anna")
    assert len(native(gallery)) == 4


@pytest.mark.parametrize(
    "title", [" Anna ", "\n", " ", "a\tb", "x" * 128, "\x00", "👩‍🚀", "unknown-0001"]
)
def test_any_name_is_kept_and_has_one_that_can_be_shown(people, gallery, title):
    guids = [people.create(*X, title), people.create(*X, title)]
    assert [people.find(*X, guid).title for guid in guids] == [title, title]
    shown = native(gallery)
    assert len(shown) == 2
    assert all(check_name(name, "person") == name for name in shown)


def test_a_new_name_counts_here_too(people, gallery):
    anna, other = people.create(*X, "Anna"), people.create(*X, "Anna")
    people.update(*X, other, user_data="7")
    people.update(*X, other, title="Anna")
    assert set(native(gallery)) == {"Anna", "Anna (2)"}
    people.update(*X, anna, title="Berta")
    people.update(*X, other, title=" Anna")
    assert set(native(gallery)) == {"Berta", "Anna"}
    assert people.find(*X, other).title == " Anna"
    assert people.find(*X, other).user_data == "7"
    people.update(*X, other, user_data="")
    assert people.find(*X, other).user_data is None


def test_people_enrolled_and_renamed_here_are_seen(people, gallery):
    gallery._store.add_face("x", record("ada"))
    guid = people.create(*X, "Bob\n")
    gallery.rename("Bob", "Robert", group="x")
    titles = {person.guid: person.title for person in people.page(*X, Page())}
    assert sorted(titles.values()) == ["Robert", "ada"]
    assert titles[guid] == "Robert"


def test_pages_go_by_guid(people):
    guids = sorted(people.create(*X, "Anna") for _ in range(5))

    def page(**asked) -> list[str]:
        return [person.guid for person in people.page(*X, Page(**asked))]

    assert page() == guids
    assert page(top=2) == guids[:2]
    assert page(start=guids[1], top=2) == guids[2:4]
    assert page(start=guids[1].upper()) == guids[2:]
    assert page(start=guids[4]) == []


def test_the_same_picture_may_be_added_again(people, gallery):
    guid = people.create(*X, "Anna")
    faces = [people.add_face(*X, guid, record("any"), user_data="é") for _ in range(2)]
    assert faces[0] != faces[1]
    assert people.find(*X, guid).face_guids == sorted(faces)
    assert people.face(*X, guid, faces[0].upper()).user_data == "é"
    assert native(gallery) == {"Anna": 2}


def test_an_added_face_is_an_enrolled_one(people, gallery):
    guid = people.create(*X, "Anna")
    face = record("any", crop=b"\x89PNG", quality=0.75)
    face_guid = people.add_face(*X, guid, face)
    (kept,) = gallery.faces_of("Anna", group="x")
    np.testing.assert_array_equal(kept.embedding, face.embedding)
    assert (kept.guid, kept.person_guid) == (face_guid, guid)
    for field in ("model", "source", "digest", "box", "quality", "crop"):
        assert getattr(kept, field) == getattr(face, field)
    decision = gallery.decide(face.embedding[None], EMBEDDER, group="x")[0]
    assert decision.candidates[0].person == "Anna"
    people.delete_face(*X, guid, face_guid)
    decision = gallery.decide(face.embedding[None], EMBEDDER, group="x")[0]
    assert decision.rule == "no_people"


def test_the_datum_of_a_face_is_changed_and_taken_away(people):
    guid = people.create(*X, "Anna")
    face = people.add_face(*X, guid, record("any"))
    for given, then in (("a", "a"), (None, "a"), ("", None)):
        people.update_face(*X, guid, face, user_data=given)
        assert people.face(*X, guid, face).user_data == then


def test_what_is_another_ones_is_unknown(people, gallery):
    containers = ContainerStore(gallery.database)
    containers.create(LARGE, "x", "X")
    anna, bert = people.create(*X, "Anna"), people.create(*X, "Bert")
    face = people.add_face(*X, anna, record("any"))
    for wrong in ((LARGE, "x", anna), (*X, face), (*X, "no guid"), (*X, "")):
        with pytest.raises(PersonUnknown):
            people.find(*wrong)
        with pytest.raises(PersonUnknown):
            people.add_face(*wrong, record("any"))
        with pytest.raises(PersonUnknown):
            people.require(*wrong)
    for call in (people.face, people.delete_face):
        with pytest.raises(FaceUnknown):
            call(*X, bert, face)
    with pytest.raises(FaceUnknown):
        people.update_face(*X, bert, face, user_data="x")
    for call in (people.find, people.delete, people.update):
        with pytest.raises(GroupUnknown):
            call(SMALL, "y", anna)
    with pytest.raises(GroupUnknown):
        people.create(SMALL, "y", "Anna")
    with pytest.raises(GroupUnknown):
        people.page(SMALL, "y", Page())


def test_a_deleted_person_is_gone_with_all_faces(people, gallery):
    guid = people.create(*X, "Anna")
    people.add_face(*X, guid, record("any"))
    people.delete(*X, guid)
    with pytest.raises(PersonUnknown):
        people.find(*X, guid)
    assert native(gallery) == {}
    with gallery.database.read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM faces")).scalar() == 0


def test_every_change_is_in_the_audit_without_names(people, gallery):
    guid = people.create(*X, "Secret")
    people.update(*X, guid, title="Secreta")
    face = people.add_face(*X, guid, record("Secret"), user_data="Secretum")
    people.update_face(*X, guid, face, user_data="Secretus")
    people.delete_face(*X, guid, face)
    people.delete(*X, guid)
    with gallery.database.read() as connection:
        rows = connection.execute(sa.select(audit).order_by(audit.c.id)).all()[1:]
    assert [(row.action, row.subject) for row in rows] == [
        ("person.create", guid),
        ("person.update", guid),
        ("face.enrol", face),
        ("face.update", face),
        ("face.remove", face),
        ("person.remove", guid),
    ]
    assert "Secret" not in str(rows)
