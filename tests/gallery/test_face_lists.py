"""Faces without people, as Azure's clients keep them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.gallery.workers import record
from vultus.errors import FaceListExists, FaceListUnknown, FaceUnknown, UsageError
from vultus.gallery.database import Database
from vultus.gallery.face_lists import FaceListStore
from vultus.gallery.schema import audit
from vultus.gallery.wire_rows import LIST_KINDS, Page

SMALL, LARGE = LIST_KINDS
X = (SMALL, "x")


@pytest.fixture
def database(address):
    made = Database(str(address))
    yield made
    made.close()


@pytest.fixture
def lists(database) -> FaceListStore:
    """An empty face list x."""
    made = FaceListStore(database)
    made.create(*X, "X", user_data="data", recognition_model="r1")
    return made


def guids(lists, *args, **page) -> list[str]:
    return [face.guid for face in lists.faces(*args, Page(**page))]


def test_a_list_is_read_as_it_was_written(lists):
    found = lists.find(*X)
    assert (found.kind, found.wire_id, found.title) == (SMALL, "x", "X")
    assert (found.user_data, found.recognition_model) == ("data", "r1")


def test_the_two_kinds_are_two_name_spaces(lists):
    with pytest.raises(FaceListExists):
        lists.create(*X, "again")
    lists.create(LARGE, "x", "large")
    lists.delete(*X)
    assert lists.find(LARGE, "x").title == "large"
    lists.create(*X, "an id is free again")


@pytest.mark.parametrize("wire_id", ["", "A", "a.b", "x" * 65, "../x", "x\n", "a\0"])
def test_what_can_be_no_id_is_refused(lists, wire_id):
    with pytest.raises(UsageError):
        lists.create(SMALL, wire_id, "X")
    with pytest.raises(FaceListUnknown):
        lists.find(SMALL, wire_id)


def test_pages_go_by_id(lists):
    for wire_id in ("c", "a", "b"):
        lists.create(SMALL, wire_id, "X")
    lists.create(LARGE, "another", "X")

    def page(**asked) -> list[str]:
        return [each.wire_id for each in lists.page(SMALL, Page(**asked))]

    assert page() == page(top=None) == ["a", "b", "c", "x"]
    assert page(start="a", top=2) == ["b", "c"]
    assert page(start="x") == []


def test_what_is_not_given_stays(lists):
    lists.update(*X, title="Y")
    lists.update(*X)
    assert (lists.find(*X).title, lists.find(*X).user_data) == ("Y", "data")
    lists.update(*X, user_data="")
    assert (lists.find(*X).title, lists.find(*X).user_data) == ("Y", None)


def test_faces_come_and_go(lists):
    faces = sorted(lists.add_face(*X, record("any"), user_data="1") for _ in range(4))
    assert guids(lists, *X) == faces
    assert guids(lists, *X, start=faces[0].upper(), top=2) == faces[1:3]
    assert lists.face(*X, faces[0].upper()).user_data == "1"
    for given, then in (("a", "a"), (None, "a"), ("", None)):
        lists.update_face(*X, faces[0], user_data=given)
        assert lists.face(*X, faces[0]).user_data == then
    lists.delete_face(*X, faces[0])
    assert guids(lists, *X) == faces[1:]
    with pytest.raises(FaceUnknown):
        lists.face(*X, faces[0])


def test_what_is_another_ones_is_unknown(lists):
    lists.create(LARGE, "x", "X")
    face = lists.add_face(*X, record("any"))
    for call in (lists.face, lists.delete_face):
        with pytest.raises(FaceUnknown):
            call(LARGE, "x", face)
        with pytest.raises(FaceListUnknown):
            call(SMALL, "y", face)
    with pytest.raises(FaceUnknown):
        lists.update_face(LARGE, "x", face, user_data="1")
    for call in (lists.find, lists.update, lists.delete):
        with pytest.raises(FaceListUnknown):
            call(SMALL, "y")
    with pytest.raises(FaceListUnknown):
        lists.add_face(SMALL, "y", record("any"))


def test_deleting_takes_the_faces(lists, database):
    lists.add_face(*X, record("any"))
    lists.delete(*X)
    with database.read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM listed_faces")).scalar() == 0


def test_every_change_is_in_the_audit(lists, database):
    lists.update(*X, title="Secret")
    face = lists.add_face(*X, record("Secret"))
    lists.update_face(*X, face, user_data="Secret")
    lists.delete_face(*X, face)
    lists.delete(*X)
    with database.read() as connection:
        rows = connection.execute(sa.select(audit).order_by(audit.c.id)).all()
    assert [(row.action, row.subject) for row in rows] == [
        ("list.create", "x"),
        ("list.update", "x"),
        ("list_face.add", face),
        ("list_face.update", face),
        ("list_face.remove", face),
        ("list.remove", "x"),
    ]
    assert "Secret" not in str(rows)
