from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.learn.found import looked_at
from vultus.errors import ImageUnreadable
from vultus.gallery.calibration import Calibrator
from vultus.learn.clustering import MIN_FACE_PX, Clusters, cluster_faces, distinct, faces_of
from vultus.learn.embeddings import FolderFaces
from vultus.models.catalogue import EMBEDDER

CALIBRATOR = Calibrator.of(EMBEDDER)


def told(found: Clusters) -> tuple[list[list[str]], list[str]]:
    return (
        [[f"{face.digest}{face.index}" for face in group] for group in found.groups],
        [f"{face.digest}{face.index}" for face in found.alone],
    )


def test_faces_are_grouped_over_pictures():
    pictures = [
        looked_at("a", "ada", "bob"),
        looked_at("b", "bob", look=0.1),
        looked_at("c"),
        looked_at("d", "cyd"),
        looked_at("e", "bob", "ada", look=0.2),
    ]
    found = cluster_faces(faces_of(pictures), CALIBRATOR)
    assert told(found) == ([["a1", "b0", "e0"], ["a0", "e1"]], ["d0"])


def test_a_cluster_needs_so_many_pictures():
    pictures = [looked_at(name, "ada") for name in "abc"] + [looked_at(n, "bob") for n in "de"]
    found = cluster_faces(faces_of(pictures), CALIBRATOR, min_pictures=3)
    assert told(found) == ([["a0", "b0", "c0"]], ["d0", "e0"])


def test_twins_in_one_picture_are_two_people():
    # two faces that nobody could tell apart, had they not been seen together
    pictures = [looked_at("a", "ada", "ada"), looked_at("b", "ada", "ada", look=0.05)]
    for picture in pictures:
        picture.faces.embeddings[1, 1] += 0.2
    found = cluster_faces(faces_of(pictures), CALIBRATOR)
    assert told(found) == ([["a0", "b0"], ["a1", "b1"]], [])


def test_one_face_twice_in_a_picture_is_no_cluster():
    assert told(cluster_faces(faces_of([looked_at("a", "ada", "ada")]), CALIBRATOR)) == (
        [],
        ["a0", "a1"],
    )


def test_small_faces_join_nobody():
    pictures = [looked_at("a", "ada"), looked_at("b", "ada"), looked_at("c", "ada", side=20)]
    assert MIN_FACE_PX > 20
    assert told(cluster_faces(faces_of(pictures), CALIBRATOR)) == ([["a0", "b0"]], ["c0"])


def test_nobody_at_all():
    assert cluster_faces([], CALIBRATOR) == Clusters([], [])
    assert cluster_faces(faces_of([looked_at("a")]), CALIBRATOR) == Clusters([], [])


def test_the_same_bytes_count_once():
    broken = FolderFaces(Path("broken"), error=ImageUnreadable("broken"))
    again = FolderFaces(Path("again"), looked_at("a", "ada").faces, digest="a")
    pictures, copies = distinct([looked_at("a", "ada"), broken, again, looked_at("b", "ada")])
    assert [str(picture.path) for picture in pictures] == ["photos/a", "photos/b"]
    assert copies == 1


def test_thousands_of_pictures_of_one_moment():
    pictures = [looked_at(f"{number}", "ada", "bob") for number in range(3000)]
    found = cluster_faces(faces_of(pictures), CALIBRATOR)
    assert [len(group) for group in found.groups] == [3000, 3000]


def test_the_middle_tells_a_face_again():
    (face,) = faces_of([looked_at("a", "ada")])
    assert face.middle == (40, 40)
    assert np.isclose(face.face.box[2], 60)
