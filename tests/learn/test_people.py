from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from tests.fakes import picture
from tests.learn.people import clusters, known_analyzer, write_people
from vultus.errors import UsageError
from vultus.learn.embeddings import embed_pictures
from vultus.learn.folders import read_classes
from vultus.learn.people import gather, split_people


def gathered(folder):
    pictures = read_classes(folder)
    found = list(embed_pictures(known_analyzer(), pictures.paths))
    return pictures, gather(folder, pictures, found, 128)


def test_one_face_a_picture_with_its_name(tmp_path):
    folder = write_people(tmp_path / "people", {"Ada": "ada", "Bob": "bob"}, 3)
    _, found = gathered(folder)
    assert found.faces.labels == ("Ada", "Bob")
    assert found.faces.counts.tolist() == [3, 3]
    assert found.faces.sources[0] == "Ada/00.png"
    assert found.faces.digests.shape == (6, 16)
    assert not (found.errors or found.faceless or found.twice or found.contradicting)


def test_what_cannot_be_learnt_from_is_told(tmp_path):
    folder = write_people(tmp_path / "people", {"Ada": "ada", "Bob": "bob"}, 3)
    (folder / "Ada" / "broken.jpg").write_bytes(b"no picture")
    (folder / "Cyd").mkdir()
    Image.new("RGB", (60, 60)).save(folder / "Cyd" / "nobody.png")
    pictures, found = gathered(folder)
    assert [pictures.paths[row].name for row in found.errors] == ["broken.jpg"]
    assert [pictures.paths[row].name for row in found.faceless] == ["nobody.png"]
    assert found.without == ["Cyd"]
    assert found.faces.labels == ("Ada", "Bob")


def test_the_same_picture_twice_and_of_two_people(tmp_path):
    folder = write_people(tmp_path / "people", {"Ada": "ada", "Bob": "bob"}, 3)
    shutil.copy(folder / "Ada" / "00.png", folder / "Ada" / "copy.png")
    # the same pixels in another file
    Image.fromarray(picture("bob", shade=4)).save(folder / "Ada" / "wrong.bmp")
    pictures, found = gathered(folder)
    names = [str(path.relative_to(folder)) for path in pictures.paths]
    assert {names[row]: names[other] for row, other in found.twice.items()} == {
        "Ada/copy.png": "Ada/00.png"
    }
    assert [{names[one], names[other]} for one, other in found.contradicting] == [
        {"Ada/wrong.bmp", "Bob/02.png"}
    ]
    assert found.faces.counts.tolist() == [3, 2]  # neither of the two is believed


def test_splitting_as_the_recipe_does():
    faces = clusters([10, 6, 8, 2])
    split = split_people(faces, at_least=6, train=5)
    assert split.learnt.labels == ("person 0", "person 1", "person 2")
    assert split.learnt.counts.tolist() == [5, 5, 5]
    assert split.tested.counts.tolist() == [5, 1, 3]
    assert split.dropped.labels == ("person 3",)
    assert split.learnt.sources[:5] == faces.sources[:5]  # the first by name
    drawn = split_people(faces, at_least=6, train=5, seed=3)
    assert drawn.learnt.counts.tolist() == [5, 5, 5]
    assert drawn.learnt.sources != split.learnt.sources
    again = split_people(faces, at_least=6, train=5, seed=3)
    assert again.learnt.sources == drawn.learnt.sources
    assert not set(drawn.learnt.sources) & set(drawn.tested.sources)


def test_without_splitting_all_is_learnt_from():
    split = split_people(clusters([4, 5]), at_least=4)
    assert (len(split.learnt), len(split.tested), len(split.dropped)) == (9, 0, 0)
    assert split.tested.labels == ()


@pytest.mark.parametrize(
    ("counts", "said", "advice"),
    [
        ([9, 5, 3], "0 of 3 people have 40 usable", "--min-images-per-class 5 or less"),
        ([50, 1], "1 of 2 people has 40 usable", "two pictures"),
        ([50], "1 of 1 people has 40", "more people"),
        ([1], "0 of 1 people have 40", "more people"),
    ],
)
def test_too_few_pictures_are_refused_with_what_would_do(counts, said, advice):
    with pytest.raises(UsageError) as caught:
        split_people(clusters(counts), at_least=40)
    assert said in str(caught.value)
    assert advice in caught.value.hint


def test_nobody_at_all():
    faces = clusters([2]).select(np.zeros(2, bool))
    with pytest.raises(UsageError, match="Nobody has"):
        split_people(faces, at_least=2)
