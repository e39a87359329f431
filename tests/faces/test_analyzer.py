from __future__ import annotations

from threading import Thread

import numpy as np
import pytest

from tests.fakes import COLOURS, ColourEmbedder, SquareDetector, fake_analyzer, picture, png
from tests.shared import shared
from vultus.errors import ImageNotFound, ImageTooLarge, ModelError
from vultus.faces.analyzer import Analyzer
from vultus.models.catalogue import EMBEDDER
from vultus.settings import Settings

PARTY = picture("ada", "bob", "cyd")


def test_all_that_is_known_of_each_face():
    faces = fake_analyzer().analyze(PARTY, chips=True)
    assert len(faces) == 3
    assert faces.image_wh == (PARTY.shape[1], PARTY.shape[0])
    assert faces.embedder == EMBEDDER
    assert faces.boxes.tolist() == [[20, 20, 60, 60], [100, 20, 60, 60], [180, 20, 60, 60]]
    assert faces.embeddings.shape == (3, 128)
    assert faces.chips.shape == (3, 150, 150, 3)
    assert faces.alignment.shape == (3, 5, 2)
    assert faces.quality.face_px.tolist() == [60, 60, 60]
    for face, name in zip(faces, COLOURS, strict=False):
        np.testing.assert_allclose(face.embedding[:3] * 255, COLOURS[name], atol=1)


def test_only_what_was_asked_for():
    analyzer = fake_analyzer()
    faces = analyzer.analyze(PARTY, embed=False, quality=False)
    assert (faces.embeddings, faces.embedder, faces.quality) == (None, None, None)
    assert (faces.alignment, faces.chips) == (None, None)
    assert analyzer.analyze(PARTY, embed=False).quality is not None
    assert analyzer.analyze(PARTY, embed=False).embeddings is None
    assert analyzer.analyze(PARTY, quality=False).embeddings is not None
    assert analyzer.analyze(PARTY).chips is None


def test_nobody():
    faces = fake_analyzer().analyze(np.zeros((50, 60, 3), np.uint8), chips=True)
    assert len(faces) == 0
    assert faces.embeddings.shape[0] == faces.chips.shape[0] == faces.quality.score.shape[0] == 0


def test_a_batch_comes_in_order_and_one_picture_at_a_time():
    taken = []

    def sources():
        for people in (("ada",), ("bob", "cyd"), ()):
            taken.append(people)
            yield png(picture(*people))

    batch = fake_analyzer().analyze_batch(sources())
    assert taken == []
    assert len(next(batch)) == 1
    assert len(taken) == 1
    assert [len(faces) for faces in batch] == [2, 0]


def test_the_limits_are_those_of_the_settings():
    analyzer = fake_analyzer(Settings(limits={"max_image_pixels": 100}))
    with pytest.raises(ImageTooLarge):
        analyzer.analyze(PARTY)


def test_a_missing_picture_is_told_before_any_model_is_loaded(tmp_path):
    cache = tmp_path / "file"
    cache.write_bytes(b"")
    analyzer = Analyzer(Settings(runtime={"cache_dir": cache}))
    with pytest.raises(ImageNotFound):
        analyzer.analyze(tmp_path / "nowhere.jpg")


def test_an_error_of_a_model_reaches_the_caller():
    class Broken(ColourEmbedder):
        def embed(self, chips):
            raise ModelError("It broke.")

    analyzer = fake_analyzer()
    broken = Analyzer(analyzer.settings, detector=SquareDetector(), embedder=Broken())
    broken.predictor = analyzer.predictor
    with pytest.raises(ModelError, match="It broke"):
        broken.analyze(PARTY)


def test_the_embedder_is_known_without_being_loaded(tmp_path):
    cache = tmp_path / "file"
    cache.write_bytes(b"")
    assert Analyzer(Settings(runtime={"cache_dir": cache})).embedder_id == EMBEDDER
    assert fake_analyzer().embedder_id == EMBEDDER


def test_mirroring_averages_both_sides():
    class LeftSide(ColourEmbedder):
        def embed(self, chips):
            return chips[:, :, :75].mean(axis=(1, 2)).astype(np.float32)

    half_lit = picture("ada")
    half_lit[:, 50:] //= 5
    fake = fake_analyzer()
    found = {}
    for mirror in (False, True):
        analyzer = Analyzer(
            fake.settings, mirror=mirror, detector=SquareDetector(), embedder=LeftSide()
        )
        analyzer.predictor = fake.predictor
        found[mirror] = analyzer.analyze(half_lit, chips=True)
    mean = found[True].chips.mean(axis=(1, 2))
    np.testing.assert_allclose(found[True].embeddings, mean, rtol=1e-3)
    assert (found[False].embeddings[:, 0] > 1.3 * found[True].embeddings[:, 0]).all()


# with the real networks


def test_a_photo_gives_one_embedded_face(analyzer, astronaut):
    faces = analyzer.analyze(astronaut, chips=True)
    assert len(faces) == 1
    assert faces.scores[0] > 0.99
    assert faces.embeddings.shape == (1, 128)
    assert faces.quality.score[0] > 0.8
    assert faces.chips[0].std() > 20
    np.testing.assert_array_equal(faces.embeddings, analyzer.analyze(astronaut).embeddings)


def test_a_photo_is_the_same_as_path_bytes_and_array(analyzer, astronaut, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(astronaut))
    expected = analyzer.analyze(astronaut).embeddings
    for source in (path, str(path), path.read_bytes()):
        np.testing.assert_array_equal(analyzer.analyze(source).embeddings, expected)


def test_small_changes_to_a_photo_keep_the_person(analyzer, astronaut):
    first = analyzer.analyze(astronaut).embeddings[0]
    changed = [
        np.ascontiguousarray(astronaut[:, ::-1]),
        np.ascontiguousarray(astronaut[20:400, 60:420]),
        (astronaut * 0.7).astype(np.uint8),
    ]
    for image in changed:
        (second,) = analyzer.analyze(image).embeddings
        assert np.linalg.norm(first - second) < 0.4


@pytest.mark.parametrize("person", ["obama", "kit_harington", "rose_leslie", "biden"])
def test_photos_of_a_person_are_nearer_than_the_threshold(analyzer, person):
    folder = shared(f"photos/people/{person}")
    one, two = (analyzer.analyze(folder / name).embeddings[0] for name in ("1.jpg", "2.jpg"))
    other = analyzer.analyze(shared("photos/people/lin_manuel_miranda/1.png")).embeddings[0]
    assert np.linalg.norm(one - two) < 0.6
    assert np.linalg.norm(one - other) > 0.6


def test_threads_share_an_analyzer_that_nobody_warmed_up(astronaut):
    shared_one, found = Analyzer(Settings(runtime={"threads": 1})), []
    threads = [
        Thread(target=lambda: found.append(shared_one.analyze(astronaut).embeddings))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(found) == 4
    for embeddings in found[1:]:
        np.testing.assert_allclose(embeddings, found[0], atol=1e-5)
