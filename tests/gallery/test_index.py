"""Templates of a group: faces that a named stranger brought along count as farther away."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gallery.workers import record
from vultus.gallery.calibration import Calibrator
from vultus.gallery.gallery import Gallery
from vultus.gallery.index import build_templates
from vultus.gallery.matcher import decide, person_distances
from vultus.gallery.store import FaceRecord
from vultus.models.catalogue import EMBEDDER


def face(person: str, place: float, *, source: str, quality: float = 0.3) -> FaceRecord:
    embedding = np.zeros(128, np.float32)
    embedding[0] = place
    return FaceRecord(person, EMBEDDER, embedding, source, "", (0, 0, 40, 40), quality)


def probe(place: float) -> np.ndarray:
    return face("", place, source="").embedding[None]


def distance(*records: FaceRecord, place: float = 0.5) -> float:
    return float(person_distances(probe(place), build_templates(list(records)))[0][0, 0])


def test_a_photo_counts_as_it_is():
    assert distance(face("ada", 0, source="ada/1.jpg")) == pytest.approx(0.5)
    assert distance(record("ada"), place=0) == pytest.approx(
        float(np.linalg.norm(record("ada").embedding)), abs=1e-4
    )


def test_a_poor_look_of_a_stranger_counts_as_farther_away():
    assert distance(face("ada", 0, source="unknown-0004")) == pytest.approx(0.606)


def test_a_good_look_counts_as_a_photo_does():
    assert distance(face("ada", 0, source="unknown-0004", quality=0.7)) == pytest.approx(0.5)


def test_a_photo_beside_it_halves_the_handicap_of_the_mean():
    both = [face("ada", 0, source="ada/1.jpg"), face("ada", 0, source="unknown-0004")]
    assert distance(*both) == pytest.approx(0.5 + 0.106 / 4)


def test_who_was_named_after_poor_looks_is_not_everybody_who_is_a_little_like_that():
    calibrator = Calibrator.of(EMBEDDER)
    for source, person in (("photo.jpg", "bob"), ("unknown-0004", None)):
        templates = build_templates([face("bob", 0, source=source, quality=0.27)])
        (decision,) = decide(probe(0.503), templates, calibrator, margin=0.02)
        assert decision.person == person
    (again,) = decide(probe(0.3), templates, calibrator, margin=0.02)
    assert again.person == "bob"  # the same person after a gap lay at 0.23 and 0.37


def test_nobody_has_no_handicaps():
    assert build_templates([]).handicaps.shape == (0,)


def test_nobody_who_is_gone_stays_in_memory(address):
    with Gallery(address) as gallery, Gallery(address) as other:
        for group in ("family", "friends"):
            for name in ("ada", "bob"):
                gallery._store.add_face(group, record(name))
            gallery._index.templates(group, EMBEDDER)
        gallery.forget_stale()
        assert set(gallery._index._cached) == {("family", EMBEDDER), ("friends", EMBEDDER)}
        other.remove("ada", group="family")
        gallery.forget_stale()
        assert set(gallery._index._cached) == {("friends", EMBEDDER)}
        other.remove_group("friends")
        gallery.forget_stale()
        assert gallery._index._cached == {}
        assert gallery._index.templates("family", EMBEDDER).persons == ["bob"]
