"""A folder of pictures as a video: every picture may name somebody at once."""

from __future__ import annotations

from PIL import Image

from tests.video.scenes import Part, scene
from vultus.video.watching import watch


def test_single_pictures_name_people(family, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, who in enumerate(["ada", "ada", "bob", "dan"]):
        picture = scene(0.0, [Part(who)], number=number)
        Image.fromarray(picture).save(folder / f"{number}.png")
    visits = list(watch(folder, group="family", gallery=family))
    assert sorted((visit.who or "") for visit in visits) == ["ada", "bob", "unknown-0001"]
