from __future__ import annotations

import pytest

import vultus
from tests.learn.people import known_analyzer, write_people
from vultus.errors import ImageUnreadable, ModelMismatch, NothingToDo, UsageError
from vultus.settings import Settings


@pytest.fixture
def analyzer(tmp_path):
    """Of coloured squares, with a cache of the test's own."""
    settings = Settings()
    runtime = settings.runtime.model_copy(update={"cache_dir": tmp_path / "cache"})
    return known_analyzer(settings.model_copy(update={"runtime": runtime}))


@pytest.fixture
def people(tmp_path):
    folder = write_people(tmp_path / "people", {"Ada": "ada", "Bob": "bob", "Cyd": "cyd"}, 6)
    return write_people(folder, {"Eve": "eve"}, 2)


def test_all_steps(people, analyzer, tmp_path):
    done = vultus.align(people, tmp_path / "faces", analyzer=analyzer)
    assert [one.row.status for one in done] == ["aligned"] * 20
    trained = vultus.train_classifier(
        people, min_images_per_class=6, train_images_per_class=4, split=True, analyzer=analyzer
    )
    assert trained.classifier.labels == ("Ada", "Bob", "Cyd")
    assert (trained.tested.known, trained.tested.strangers) == (6, 2)
    assert trained.tested.accuracy == 1
    assert trained.tested.strangers_named == 0
    vultus.save_classifier(trained.classifier, tmp_path / "m.skops")
    asked = analyzer.detector.asked
    (people / "Ada" / "broken.png").write_bytes(b"no picture")
    found = {
        f"{one.path.parent.name}/{one.path.name}": one
        for one in vultus.classify(people, str(tmp_path / "m.skops"), analyzer=analyzer)
    }
    assert analyzer.detector.asked == asked  # all of it came from the cache
    assert found["Bob/03.png"].decision.person == "Bob" and found["Bob/03.png"].learnt
    assert not found["Bob/04.png"].learnt
    assert found["Eve/00.png"].decision.person is None
    assert isinstance(found["Ada/broken.png"].error, ImageUnreadable)


def test_strangers_that_are_given(people, analyzer, tmp_path):
    strangers = sorted((write_people(tmp_path / "more", {"Dan": "dan"}, 5) / "Dan").iterdir())
    made = vultus.train_classifier(
        people, min_images_per_class=6, strangers=strangers, cache=False, analyzer=analyzer
    )
    assert made.measured.strangers == 18 + 5
    assert made.tested is None
    assert not (tmp_path / "cache").exists()


def test_a_split_keeps_pictures_back_whatever_there_is(people, analyzer):
    trained = vultus.train_classifier(people, min_images_per_class=6, split=True, analyzer=analyzer)
    assert (trained.tested.known, trained.tested.strangers) == (3, 2)  # five of six learnt from
    with pytest.raises(UsageError, match="takes three"):
        vultus.train_classifier(people, min_images_per_class=2, split=True, analyzer=analyzer)


def test_aligned_faces_are_those_of_the_command(people, analyzer, tmp_path):
    vultus.align(people, tmp_path / "faces", how="aligned", analyzer=analyzer)
    assert '"margin": 0' in (tmp_path / "faces" / "alignment.json").read_text()


@pytest.mark.parametrize(
    ("out", "options", "said"),
    [
        ("people/faces", {}, "lies in"),
        ("faces", {"size": 20}, "leaves nothing"),
        ("faces", {"size": 9000}, "size: "),
        ("faces", {"how": "askew"}, "how: "),
        ("faces", {"how": "aligned", "margin": 3}, "says nothing"),
    ],
)
def test_faces_that_cannot_be_cut(people, analyzer, tmp_path, out, options, said):
    with pytest.raises(UsageError, match=said):
        vultus.align(people, tmp_path / out, analyzer=analyzer, **options)
    assert not (tmp_path / out).exists()


def test_what_cannot_be_done_is_said(people, analyzer, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToDo):
        vultus.align(tmp_path / "empty", tmp_path / "faces", analyzer=analyzer)
    with pytest.raises(UsageError, match="40 usable"):
        vultus.train_classifier(people, analyzer=analyzer)
    made = vultus.train_classifier(people, min_images_per_class=6, analyzer=analyzer).classifier
    with pytest.raises(ModelMismatch):
        list(vultus.classify(people, made, analyzer=known_analyzer(mirror=False)))
