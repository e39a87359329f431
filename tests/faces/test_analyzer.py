from __future__ import annotations

from threading import Barrier, Thread

import numpy as np
import pytest

from tests.fakes import COLOURS, ColourEmbedder, SquareDetector, fake_analyzer, picture, png
from tests.shared import shared
from vultus.errors import ImageNotFound, ImageTooLarge, ModelError
from vultus.faces import analyzer as analyzer_module
from vultus.faces.analyzer import Analyzer
from vultus.faces.shape_predictor import ShapePredictor
from vultus.faces.types import Faces
from vultus.models.catalogue import EMBEDDER
from vultus.settings import DetectionSettings, Settings

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


# the 68 points


def test_68_points_come_when_asked_for(analyzer, astronaut):
    faces = analyzer.analyze(astronaut, points68=True)
    assert faces.points68.shape == (1, 68, 2)
    assert faces.points68.dtype == np.float32
    assert faces.embeddings is not None
    assert analyzer.analyze(astronaut, embed=False).points68 is None
    eyes, nose, mouth = ([*range(36, 48)], 30, [48, 54])
    (landmarks,), (points,) = faces.landmarks, faces.points68
    between = np.linalg.norm(landmarks[1] - landmarks[0])
    pairs = [
        (points[eyes[:6]].mean(axis=0), landmarks[0]),
        (points[eyes[6:]].mean(axis=0), landmarks[1]),
        (points[nose], landmarks[2]),
        (points[mouth].mean(axis=0), landmarks[3:].mean(axis=0)),
    ]
    for ours, detectors in pairs:
        assert np.linalg.norm(ours - detectors) < 0.15 * between


def test_asked_for_68_points_alone_nothing_is_cut_out(analyzer, astronaut, monkeypatch):
    whole = analyzer.analyze(astronaut, points68=True)
    monkeypatch.setattr(analyzer_module, "cut_chips", None)
    faces = analyzer.analyze(astronaut, embed=False, quality=False, points68=True)
    np.testing.assert_array_equal(faces.points68, whole.points68)
    assert (faces.alignment, faces.chips, faces.quality, faces.embeddings) == (None,) * 4


def test_the_68_points_are_loaded_for_those_who_ask():
    analyzer = fake_analyzer()
    analyzer.warm_up()
    analyzer.analyze(PARTY)
    assert "predictor68" not in vars(analyzer)
    assert analyzer.analyze(PARTY, points68=True).points68.shape == (3, 68, 2)
    assert "predictor68" in vars(analyzer)


def test_68_points_of_nobody():
    nobody = fake_analyzer().analyze(np.zeros((50, 60, 3), np.uint8), points68=True)
    assert nobody.points68.shape == (0, 68, 2)


@pytest.mark.parametrize("through", ["analyze", "describe"])
def test_two_threads_that_ask_first_for_68_points_load_them_once(monkeypatch, through):
    loads, read = [], ShapePredictor.from_npz
    monkeypatch.setattr(
        ShapePredictor, "from_npz", lambda data: loads.append(len(data)) or read(data)
    )
    analyzer, start, found = fake_analyzer(), Barrier(2), []
    located = analyzer.locate(PARTY)

    def ask():
        start.wait(10)
        if through == "analyze":
            faces = analyzer.analyze(PARTY, embed=False, quality=False, points68=True)
        else:
            faces = analyzer.describe(PARTY, located, embed=False, points68=True)
        found.append(faces.points68)

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(loads) == 1
    np.testing.assert_array_equal(*found)


# in steps, as video does it


def test_locating_finds_and_nothing_more():
    analyzer = fake_analyzer()
    located = analyzer.locate(PARTY)
    assert located.boxes.tolist() == analyzer.analyze(PARTY).boxes.tolist()
    assert (located.embeddings, located.quality, located.alignment) == (None, None, None)
    assert located.image_wh == (PARTY.shape[1], PARTY.shape[0])


def test_locating_with_other_settings():
    analyzer = fake_analyzer()
    assert len(analyzer.locate(PARTY, DetectionSettings(max_faces=2))) == 2
    assert len(analyzer.locate(PARTY, DetectionSettings(min_face_px=61))) == 0
    assert len(analyzer.locate(PARTY)) == 3


def test_the_steps_together_are_an_analysis():
    analyzer = fake_analyzer()
    located = analyzer.locate(PARTY)
    described = analyzer.describe(PARTY, located, embed=False, chips=True)
    assert described.embeddings is None
    embedded = analyzer.embed(described, described.chips)
    whole = analyzer.analyze(PARTY, chips=True)
    for name in ("boxes", "scores", "landmarks", "alignment", "embeddings", "chips"):
        np.testing.assert_array_equal(getattr(embedded, name), getattr(whole, name))
    np.testing.assert_array_equal(embedded.quality.score, whole.quality.score)
    assert embedded.embedder == whole.embedder == EMBEDDER


def test_some_of_the_faces_may_be_embedded():
    analyzer = fake_analyzer()
    described = analyzer.describe(PARTY, analyzer.locate(PARTY), embed=False, chips=True)
    chosen = described.select(np.array([2, 0]))
    vectors = analyzer.embed(chosen, chosen.chips).embeddings
    np.testing.assert_array_equal(vectors, analyzer.analyze(PARTY).embeddings[[2, 0]])


def test_describing_nobody():
    analyzer = fake_analyzer()
    nobody = analyzer.locate(np.zeros((50, 60, 3), np.uint8))
    assert len(analyzer.describe(PARTY, nobody).embeddings) == 0


def test_faces_of_a_small_copy_are_described_in_the_full_picture():
    """As the copy's boxes, but twice as large."""
    analyzer = fake_analyzer()
    copy = analyzer.locate(np.ascontiguousarray(PARTY[::2, ::2]))
    size_wh = (PARTY.shape[1], PARTY.shape[0])
    full = Faces(copy.boxes * 2, copy.scores, copy.landmarks * 2, size_wh)
    described = analyzer.describe(PARTY, full)
    assert described.quality.face_px.tolist() == [60, 60, 60]
    np.testing.assert_allclose(described.embeddings, analyzer.analyze(PARTY).embeddings, atol=0.02)


def test_following_gives_boxes_as_locating_does(analyzer, astronaut):
    located = analyzer.locate(astronaut)
    followed = analyzer.follow(astronaut, located.boxes, 0.8)
    assert followed.image_wh == (512, 512)
    np.testing.assert_allclose(followed.boxes, located.boxes, atol=12)
    assert followed.embeddings is None
    assert len(analyzer.follow(astronaut, located.boxes[:0], 0.8)) == 0
    vectors = [analyzer.describe(astronaut, faces).embeddings[0] for faces in (located, followed)]
    assert np.linalg.norm(vectors[0] - vectors[1]) < 0.25
