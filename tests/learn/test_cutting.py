from __future__ import annotations

import numpy as np
from PIL import Image

from tests.fakes import fake_analyzer, picture
from vultus.errors import ImageNotFound, ImageUnreadable, NoFace
from vultus.learn.cutting import CROP_PX, cut_faces


def save(path, image):
    Image.fromarray(image).save(path)
    return path


def test_every_picture_gives_one_face_or_an_error(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    paths = [
        save(tmp_path / "ada.png", picture("ada")),
        tmp_path / "bad.jpg",
        save(tmp_path / "black.png", np.zeros((48, 48, 3), np.uint8)),
        tmp_path / "missing.png",
        save(tmp_path / "two.png", picture("bob", "cyd")),
    ]
    cut = cut_faces(fake_analyzer(), paths)
    assert cut.rows.tolist() == [0, 2, 4]
    assert cut.found.tolist() == [True, False, True]
    assert cut.chips.shape == (3, 150, 150, 3)
    assert cut.chips[0, 75, 75].tolist() == [255, 60, 60]
    assert cut.chips[1].max() == 0
    assert {row: type(error) for row, error in cut.errors.items()} == {
        1: ImageUnreadable,
        3: ImageNotFound,
    }


def test_a_large_picture_without_a_face_is_no_crop(tmp_path):
    paths = [
        save(tmp_path / f"{side}.png", np.zeros((side, 40, 3), np.uint8))
        for side in (CROP_PX, CROP_PX + 1)
    ]
    assert cut_faces(fake_analyzer(), paths).rows.tolist() == [0, 1]
    cut = cut_faces(fake_analyzer(), paths, CROP_PX)
    assert cut.rows.tolist() == [0]
    assert isinstance(cut.errors[1], NoFace)


def test_no_face_at_all(tmp_path):
    cut = cut_faces(fake_analyzer(), [tmp_path / "missing.png"])
    assert cut.chips.shape == (0, 150, 150, 3)
    assert cut.rows.shape == cut.found.shape == (0,)
