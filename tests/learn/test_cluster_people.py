from __future__ import annotations

import pytest
from PIL import Image

from tests.fakes import picture
from vultus.errors import ImageNotFound
from vultus.learn.cluster_people import enrol_clusters
from vultus.learn.clustering import FoundFace, cluster_faces, distinct, faces_of
from vultus.learn.embeddings import embed_pictures

SHOWN = {"1": ("ada",), "2": ("ada", "bob"), "3": ("ada",), "4": ("bob",), "5": ("cyd",)}


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, (name, people) in enumerate(SHOWN.items()):
        Image.fromarray(picture(*people, shade=3 * number)).save(folder / f"{name}.png")
    return folder


def clusters(gallery, photos) -> list[list[FoundFace]]:
    looked = embed_pictures(gallery.analyzer, sorted(photos.iterdir()))
    return cluster_faces(faces_of(distinct(looked)[0]), gallery.calibrator).groups


def test_each_cluster_becomes_a_person(gallery, photos):
    done = enrol_clusters(gallery, "found", clusters(gallery, photos))
    assert [(each.person, len(each.done), each.others) for each in done] == [
        ("person-001", 3, 0),
        ("person-002", 2, 0),
    ]
    assert all(one.new for each in done for one in each.done)
    named = gallery.identify(picture("bob", "ada", shade=20), group="found")
    assert [one.person for one in named] == ["person-002", "person-001"]


def test_again_nothing_is_enrolled_twice_whatever_they_are_called_now(gallery, photos):
    enrol_clusters(gallery, "found", clusters(gallery, photos))
    gallery.rename("person-001", "Ada", group="found")
    (photos / "6.png").write_bytes((photos / "5.png").read_bytes())
    Image.fromarray(picture("cyd", shade=20)).save(photos / "7.png")
    Image.fromarray(picture("ada", shade=25)).save(photos / "8.png")
    done = enrol_clusters(gallery, "found", clusters(gallery, photos))
    told = {each.person: [one.new for one in each.done] for each in done}
    assert told == {
        "Ada": [False, False, False, True],
        "person-001": [True, True],  # cyd: the name is free again
        "person-002": [False, False],
    }


def test_faces_of_somebody_else_stay_theirs(gallery, photos):
    gallery.enroll("Ada", [photos / "1.png", photos / "3.png"], group="found")
    gallery.enroll("Eve", photos / "4.png", group="found")
    found = clusters(gallery, photos)
    done = enrol_clusters(gallery, "found", [found[0] + found[1][1:], found[1][:1]])
    assert (done[0].person, done[0].others) == ("Ada", 1)
    assert [one.new for one in done[0].done] == [False, True, False]
    assert gallery.person("Eve", group="found").faces == 1


def test_a_picture_that_is_gone_meanwhile(gallery, photos):
    found = clusters(gallery, photos)
    (photos / "1.png").unlink()
    with pytest.raises(ImageNotFound):
        enrol_clusters(gallery, "found", found)
