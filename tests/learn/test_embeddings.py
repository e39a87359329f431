from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.fakes import picture
from tests.learn.people import known_analyzer
from vultus.errors import ImageNotFound, ImageTooLarge, ImageUnreadable
from vultus.faces.types import Faces
from vultus.learn.embedding_cache import FILE_NAME, EmbeddingCache
from vultus.learn.embeddings import embed_pictures, main_face


@pytest.fixture
def photos(tmp_path):
    """Three pictures of one, two and no people."""
    paths = [tmp_path / name for name in ("one.png", "two.png", "none.png")]
    images = [picture("ada"), picture("bob", "cyd"), np.zeros((80, 80, 3), np.uint8)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    return paths


@pytest.fixture
def cache(tmp_path):
    with EmbeddingCache(tmp_path / "cache", "recipe") as made:
        yield made


def faces_of(*boxes, image_wh=(400, 300)) -> Faces:
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    return Faces(
        corners,
        np.ones(len(corners), np.float32),
        np.zeros((len(corners), 5, 2), np.float32),
        image_wh,
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_all_faces_in_the_order_of_the_pictures(photos, jobs):
    analyzer = known_analyzer()
    found = list(embed_pictures(analyzer, photos, jobs=jobs))
    assert [one.path for one in found] == photos
    assert [len(one.faces) for one in found] == [1, 2, 0]
    direct = analyzer.analyze(photos[1])
    np.testing.assert_array_equal(found[1].faces.embeddings, direct.embeddings)
    assert found[1].faces.quality is not None
    assert found[2].main is None and found[2].error is None
    assert not any(one.cached for one in found)


def test_what_is_wrong_with_a_picture_is_its_answer(photos, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG not quite")
    paths = [tmp_path / "broken.png", tmp_path / "gone.png", photos[0]]
    found = list(embed_pictures(known_analyzer(), paths, jobs=2))
    assert [type(one.error) for one in found[:2]] == [ImageUnreadable, ImageNotFound]
    assert "broken.png" in found[0].error.message
    assert found[0].main is None and found[0].digest == ""
    assert found[2].error is None


def test_a_second_run_asks_no_network(photos, cache):
    analyzer = known_analyzer()
    first = list(embed_pictures(analyzer, photos, cache=cache))
    asked = analyzer.detector.asked
    again = list(embed_pictures(analyzer, photos, cache=cache, jobs=2))
    assert analyzer.detector.asked == asked
    assert all(one.cached for one in again)
    for one, other in zip(first, again, strict=True):
        assert one.faces.image_wh == other.faces.image_wh
        assert one.digest == other.digest
        for name in ("boxes", "scores", "landmarks", "embeddings"):
            np.testing.assert_array_equal(getattr(one.faces, name), getattr(other.faces, name))
        if len(one.faces):
            assert one.faces.quality.row(0) == other.faces.quality.row(0)


def test_a_copy_under_another_name_is_known_and_a_changed_picture_is_not(photos, cache, tmp_path):
    analyzer = known_analyzer()
    list(embed_pictures(analyzer, photos[:1], cache=cache))
    copy = tmp_path / "copy.png"
    copy.write_bytes(photos[0].read_bytes())
    Image.fromarray(picture("ada", shade=9)).save(photos[0])
    found = list(embed_pictures(analyzer, [copy, photos[0]], cache=cache))
    assert [one.cached for one in found] == [True, False]


def test_limits_hold_for_what_is_known_too(photos, cache):
    list(embed_pictures(known_analyzer(), photos[:1], cache=cache))
    settings = known_analyzer().settings
    limits = settings.limits.model_copy(update={"max_image_pixels": 100})
    strict = known_analyzer(settings.model_copy(update={"limits": limits}))
    (found,) = embed_pictures(strict, photos[:1], cache=cache)
    assert isinstance(found.error, ImageTooLarge)


def test_a_cache_that_cannot_be_used_is_done_without(photos, tmp_path, caplog):
    (tmp_path / "cache").write_text("a file where a folder should be")
    with EmbeddingCache(tmp_path / "cache", "recipe") as cache:
        found = list(embed_pictures(known_analyzer(), photos, cache=cache))
    assert [len(one.faces) for one in found] == [1, 2, 0]
    assert "cannot be used" in caplog.text
    assert not (tmp_path / FILE_NAME).exists()


def test_of_several_faces_the_large_one_in_the_middle():
    assert main_face(faces_of()) is None
    assert main_face(faces_of((0, 0, 50, 50), (160, 110, 40, 40))).index == 1  # small, central
    assert main_face(faces_of((20, 20, 250, 250), (180, 130, 40, 40))).index == 0  # much larger
