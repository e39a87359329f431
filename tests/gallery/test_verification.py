from __future__ import annotations

import numpy as np
import pytest

import vultus
from tests.fakes import fake_analyzer, picture, png
from tests.shared import shared
from vultus import shortcuts
from vultus.errors import NoFace, SeveralFaces, UsageError
from vultus.gallery.verification import verify
from vultus.models.catalogue import EMBEDDER, card
from vultus.settings import Settings

ADA, OTHER_ADA, BOB = picture("ada"), picture("ada", shade=20), picture("bob")


def test_the_same_person():
    found = verify(ADA, OTHER_ADA, analyzer=fake_analyzer())
    assert found.same is True
    assert found.distance == pytest.approx(20 / 255 * 3**0.5, abs=0.01)
    assert found.probability > 0.9
    assert found.threshold == card(EMBEDDER).calibration.threshold


def test_two_people():
    found = verify(ADA, BOB, analyzer=fake_analyzer())
    assert found.same is False
    assert found.distance > found.threshold
    assert found.probability < 0.1


def test_a_picture_is_itself():
    found = verify(png(ADA), ADA, analyzer=fake_analyzer())
    assert (found.same, found.distance) == (True, 0)


def test_a_wished_rate_changes_the_threshold():
    plain = verify(ADA, BOB, analyzer=fake_analyzer())
    strict = verify(ADA, BOB, analyzer=fake_analyzer(), far=0.0001)
    assert strict.threshold < plain.threshold
    by_setting = fake_analyzer(Settings(matching={"far": 0.0001}))
    assert verify(ADA, BOB, analyzer=by_setting) == strict
    with pytest.raises(UsageError, match="was not measured"):
        verify(ADA, BOB, analyzer=fake_analyzer(), far=1e-12)


def test_each_picture_has_to_show_one_face():
    party, nobody = picture("ada", "bob"), np.zeros((40, 40, 3), np.uint8)
    for pair in ((ADA, party), (party, ADA)):
        with pytest.raises(SeveralFaces, match="2 faces"):
            verify(*pair, analyzer=fake_analyzer())
    with pytest.raises(NoFace):
        verify(ADA, nobody, analyzer=fake_analyzer(), largest=True)
    larger_ada = np.zeros((200, 300, 3), np.uint8)
    larger_ada[20:120, 20:120], larger_ada[20:80, 200:260] = ADA[50, 50], BOB[50, 50]
    assert verify(ADA, larger_ada, analyzer=fake_analyzer(), largest=True).same


def test_the_short_calls_share_an_analyzer(analyzer, astronaut, monkeypatch):
    monkeypatch.setattr(shortcuts, "default_analyzer", lambda: analyzer)
    found = vultus.detect(astronaut)
    assert (len(found), found.embeddings) == (1, None)
    assert found.quality is not None
    np.testing.assert_array_equal(
        vultus.embed(astronaut).embeddings, analyzer.analyze(astronaut).embeddings
    )
    assert vultus.verify(astronaut, np.ascontiguousarray(astronaut[:, ::-1])).same


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("obama/1.jpg", "obama/2.jpg", True),
        ("biden/1.jpg", "biden/2.jpg", True),
        ("kit_harington/1.jpg", "kit_harington/2.jpg", True),
        ("obama/1.jpg", "biden/1.jpg", False),
        ("kit_harington/1.jpg", "rose_leslie/1.jpg", False),
        ("obama/3.jpg", "lin_manuel_miranda/1.png", False),
    ],
)
def test_photos_of_real_people(analyzer, first, second, same):
    folder = shared("photos/people")
    assert verify(folder / first, folder / second, analyzer=analyzer).same is same
