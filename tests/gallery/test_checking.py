from __future__ import annotations

import numpy as np
import pytest

from tests.gallery.crowds import crowd, face, numbered, place
from vultus.errors import GroupUnknown
from vultus.gallery.calibration import Calibrator
from vultus.gallery.checking import check_faces, check_group
from vultus.gallery.store import FaceRecord, Store
from vultus.models.catalogue import EMBEDDER

CALIBRATOR = Calibrator.of(EMBEDDER)


def check(records: list[FaceRecord], photos: int = 1):
    templates, ordered = numbered(records)
    return check_faces(templates, ordered, CALIBRATOR, photos=photos)


def test_nothing_is_found_among_people_who_are_right():
    assert check(crowd(60, 3), photos=3) == []
    assert check([]) == []


def test_a_face_under_a_wrong_name_is_found_with_its_evidence():
    wrong = face("p0002", 7, named="p0001")
    (found,) = check([*crowd(30), wrong])
    assert (found.kind, found.person, found.other) == ("mislabelled", "p0001", "p0002")
    assert found.source == wrong.source
    assert found.other_source.startswith("p0002-")
    assert found.distance < 0.35 < 0.6 < found.own_distance
    assert found.probability > 0.99


@pytest.mark.parametrize("faces", [1, 2, 3])
def test_one_person_under_two_names_is_one_finding_not_many(faces):
    double = [face("p0002", 10 + number, named="zoe") for number in range(faces)]
    (found,) = check([*crowd(30, 4), *double])
    assert (found.kind, found.person, found.other) == ("same_person", "zoe", "p0002")
    assert found.distance < 0.4
    assert found.probability > 0.99


def test_two_people_who_share_one_face_are_not_one_person():
    wrong = [face("p0002", 7, named="p0001"), face("p0001", 7, named="p0002")]
    assert {found.kind for found in check([*crowd(30, 4), *wrong])} == {"mislabelled"}


def test_of_copies_the_best_stays():
    photo = face("p0001", 5)
    copies = [
        FaceRecord(**{**vars(photo), "source": f"copy-{n}.jpg", "quality": quality})
        for n, quality in enumerate([0.5, 0.9, 0.4])
    ]
    found = check([*crowd(10), *copies])
    assert [one.kind for one in found] == ["duplicate"] * 2
    assert {one.source for one in found} == {"copy-0.jpg", "copy-2.jpg"}
    assert {one.other_source for one in found} == {"copy-1.jpg"}
    assert {round(one.distance, 3) for one in found} == {0}


def test_many_copies_of_one_person_over_several_blocks():
    photo = face("p0001", 5)
    copies = [FaceRecord(**{**vars(photo), "source": f"copy-{n}.jpg"}) for n in range(600)]
    found = check([*crowd(2), *copies])
    assert len(found) == 599
    assert {one.other_source for one in found} == {"copy-0.jpg"}


@pytest.mark.parametrize(
    ("more", "poor"),
    [
        ({"quality": 0.2}, True),
        ({"box": (0.0, 0.0, 30.0, 40.0)}, True),
        ({}, False),
        ({"quality": 0.0, "box": (0.0, 0.0, 0.0, 0.0)}, False),  # an encoding: nothing is known
    ],
)
def test_poor_photos(more, poor):
    found = check([*crowd(10), face("p0001", 5, **more)])
    assert [(one.kind, one.source) for one in found] == ([("poor", "p0001-5.jpg")] if poor else [])


def test_who_needs_more_photos():
    few = [face("zoe", 0), face("zoe", 1, quality=0.1)]
    found = check([*crowd(10), *few], photos=2)
    (told,) = [one for one in found if one.kind == "few"]
    assert (told.person, told.faces, told.recognised) == ("zoe", 1, 1)
    assert not [one for one in check([*crowd(10), *few], photos=1) if one.kind == "few"]


def test_photos_that_do_not_recognise_each_other():
    rng = np.random.default_rng(0)
    odd = [
        face("zoe", n, embedding=(place("zoe") + rng.normal(0, 0.05, 128)).astype(np.float32))
        for n in range(4)
    ]
    (told,) = check([*crowd(10), *odd])
    assert (told.kind, told.person, told.faces, told.recognised) == ("few", "zoe", 4, 0)


def test_a_group_of_a_gallery_with_somebody_without_a_face(gallery):
    store = Store(gallery.database)
    store.add_faces("team", [*crowd(5), face("p0002", 7, named="p0001"), face("zoe")])
    store.remove_face("team", store.faces("team", person="zoe")[0].id)
    found = check_group(gallery, "team", photos=3)
    assert [(one.kind, one.person) for one in found] == [("mislabelled", "p0001"), ("few", "zoe")]
    assert found[0].face == store.faces("team", person="p0001")[-1].id
    assert found[1].faces == 0
    with pytest.raises(GroupUnknown):
        check_group(gallery, "nobody")


def test_what_is_wrong_does_not_depend_on_the_threshold_of_the_group(gallery):
    from vultus.gallery.thresholds import GroupThreshold

    store = Store(gallery.database)
    store.add_faces("team", [*crowd(5), face("p0002", 7, named="p0001")])
    before = check_group(gallery, "team")
    gallery.set_threshold("team", GroupThreshold(EMBEDDER, 0.05, 0.01, 5))
    assert check_group(gallery, "team") == before != []
