"""Groups, people and strangers one by one, in pages, and by their guids."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes import picture
from vultus.errors import FaceUnknown, GroupUnknown, PersonUnknown, StrangerUnknown
from vultus.gallery.gallery import Gallery
from vultus.gallery.strangers import StrangerFace
from vultus.models.catalogue import EMBEDDER


@pytest.fixture
def family(gallery) -> Gallery:
    """ada (two faces) and bob in `family`, cyd in `zoo`."""
    gallery.enroll("ada", [picture("ada"), picture("ada", shade=20)], group="family")
    gallery.enroll("bob", picture("bob"), group="family")
    gallery.enroll("cyd", picture("cyd"), group="zoo")
    return gallery


def test_one_group_is_told_as_in_the_list(family):
    assert [family.group(name) for name in ("family", "zoo")] == family.groups()
    assert (family.group("family").people, family.group("family").faces) == (2, 3)
    with pytest.raises(GroupUnknown):
        family.group("nowhere")


def test_one_person_is_told_as_in_the_list(family):
    people = family.people()
    assert [family.person(each.name, group=each.group) for each in people] == people
    assert [family.person_of_guid(each.guid) for each in people] == people
    assert [each.faces for each in people] == [2, 1, 1]
    with pytest.raises(PersonUnknown):
        family.person("cyd", group="family")
    with pytest.raises(GroupUnknown):
        family.person("cyd", group="nowhere")
    with pytest.raises(PersonUnknown):
        family.person_of_guid("cyd")


def test_pages_go_on_behind_a_name(family):
    assert [group.name for group in family.groups(limit=1)] == ["family"]
    assert [group.name for group in family.groups(after="family")] == ["zoo"]
    assert family.groups(after="zoo") == []
    assert [each.name for each in family.people("family", limit=1)] == ["ada"]
    assert [each.name for each in family.people("family", after="ada")] == ["bob"]
    assert [each.name for each in family.people("family", after="aa", limit=1)] == ["ada"]


def test_a_face_by_its_guid(family):
    first, second = family.faces_of("ada", group="family")
    found = family.face(second.guid.upper(), person="ada", group="family")
    assert (found.id, found.source) == (second.id, second.source)
    for person, group, problem in (
        ("bob", "family", FaceUnknown),
        ("zoe", "family", PersonUnknown),
        ("ada", "nowhere", GroupUnknown),
    ):
        with pytest.raises(problem):
            family.face(first.guid, person=person, group=group)


def test_a_face_is_removed_by_its_guid(family):
    first, second = family.faces_of("ada", group="family")
    for options in ({"group": "zoo"}, {"group": "family", "person": "bob"}):
        with pytest.raises(FaceUnknown):
            family.remove_face(first.guid, **options)
    with pytest.raises(FaceUnknown):
        family.remove_face(str(first.id), group="family")
    family.remove_face(first.guid, group="family", person="ada")
    assert [face.guid for face in family.faces_of("ada", group="family")] == [second.guid]
    change = family.audit.find(limit=1)[0]
    assert (change.action, change.subject) == ("face.remove", first.guid)


def test_strangers_in_pages_and_one_by_one(family):
    for number in range(3):
        vector = np.zeros(128, np.float32)
        vector[number] = 1.0
        family.strangers.add("family", EMBEDDER, [StrangerFace(vector, 0.8, 60.0)])
    everybody = family.strangers.strangers("family")
    assert family.strangers.strangers("family", limit=2) == everybody[:2]
    assert family.strangers.strangers("family", after="unknown-0002") == everybody[2:]
    assert [family.strangers.stranger("family", each.label) for each in everybody] == everybody
    for label in ("unknown-0009", "ada"):
        with pytest.raises(StrangerUnknown):
            family.strangers.stranger("family", label)
