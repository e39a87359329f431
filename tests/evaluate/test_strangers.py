from __future__ import annotations

import pytest
from PIL import Image

from tests.fakes import fake_analyzer, picture
from vultus.errors import NothingToDo, UsageError
from vultus.evaluate.strangers import gather_strangers, list_strangers
from vultus.learn.embeddings import embed_pictures
from vultus.models.catalogue import EMBEDDER


def show(path, *people, shade=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(*people, shade=shade)).save(path)


def gathered(folder):
    listed = list_strangers(folder)
    looked = list(embed_pictures(fake_analyzer(), listed.paths))
    return listed, gather_strangers(listed, looked, EMBEDDER)


def test_a_folder_is_a_person_and_other_pictures_are_grouped_by_their_faces(tmp_path):
    for name, people in {
        "Ada/1.png": ["ada"],
        "Ada/deep/2.png": ["ada"],
        "Nobody/1.png": [],
        "bob-1.png": ["bob"],
        "bob-2.png": ["bob"],
        "cyd.png": ["cyd"],
    }.items():
        show(tmp_path / name, *people, shade=len(name) % 5)
    listed, found = gathered(tmp_path)
    assert listed.most == 2 + 3
    assert found.names == ["Ada", "bob-1.png", "cyd.png"]
    shown = {
        source.split("/")[-1]: found.names[place]
        for source, place in zip(found.sources, found.people, strict=True)
    }
    assert shown == {
        "1.png": "Ada",
        "2.png": "Ada",
        "bob-1.png": "bob-1.png",
        "bob-2.png": "bob-1.png",
        "cyd.png": "cyd.png",
    }
    assert found.embeddings.shape == (5, 128)


def test_folders_alone(tmp_path):
    show(tmp_path / "ada" / "1.png", "ada")
    show(tmp_path / "bob" / "1.png", "bob")
    assert gathered(tmp_path)[1].names == ["ada", "bob"]


def test_no_face_no_picture_no_folder(tmp_path):
    with pytest.raises(NothingToDo, match="no picture"):
        list_strangers(tmp_path)
    show(tmp_path / "1.png")
    with pytest.raises(NothingToDo, match="face"):
        gathered(tmp_path)
    with pytest.raises(UsageError, match="no folder"):
        list_strangers(tmp_path / "1.png")
