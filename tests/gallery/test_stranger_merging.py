"""Strangers who are one person: found, and made one."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from vultus.errors import GroupUnknown, StrangerUnknown, UsageError
from vultus.gallery.calibration import Calibrator
from vultus.gallery.strangers import StrangerFace, same_strangers
from vultus.gallery.visits import VisitRecord
from vultus.models.catalogue import EMBEDDER

CALIBRATOR = Calibrator.of(EMBEDDER)
ONE, TWO, THREE = "unknown-0001", "unknown-0002", "unknown-0003"


def face(place: float, quality: float = 0.5) -> StrangerFace:
    vector = np.zeros(128, np.float32)
    vector[0] = place
    return StrangerFace(vector, quality, 64.0)


@pytest.fixture
def strangers(gallery):
    for places in ((0, 0.1), (0.2,), (3,)):
        gallery.strangers.add("yard", EMBEDDER, [face(place) for place in places])
    return gallery.strangers


def visit(gallery, label: str) -> None:
    now = datetime.now(timezone.utc)
    gallery.visits.record(
        VisitRecord(
            id=f"of-{label}", group="yard", person=None, stranger=label, camera="door", sequence=1,
            type="exit", probability=0.1, start=now, end=now, zone=None, pictures=(),
        )
    )  # fmt: skip


def test_those_who_look_alike_are_told(strangers):
    found, _ = strangers.read("yard", EMBEDDER)
    assert same_strangers(found, CALIBRATOR) == [[ONE, TWO]]
    assert same_strangers([], CALIBRATOR) == []
    assert same_strangers(found[-1:], CALIBRATOR) == []


def test_what_one_stranger_has_stays_together():
    # two very different looks of one, and somebody beside the second
    found = [
        (ONE, face(0)),
        (ONE, face(0.9)),
        (TWO, face(0.85)),
        (TWO, face(0.05)),
        (THREE, face(9)),
    ]
    assert same_strangers(found, CALIBRATOR) == [[ONE, TWO]]
    assert same_strangers(found[:2] + found[-1:], CALIBRATOR) == []


def test_faces_and_visits_follow(gallery, strangers):
    for label in (ONE, TWO, THREE):
        visit(gallery, label)
    assert strangers.merge("yard", TWO, ONE) == 1
    left = {each.label: (each.faces, each.visits) for each in strangers.strangers("yard")}
    assert left == {ONE: (3, 2), THREE: (1, 1)}
    assert "stranger.merge" in {row.action for row in gallery.audit.find()}


def test_seen_is_when_either_was(gallery, strangers):
    late, early = strangers.stranger("yard", TWO), strangers.stranger("yard", ONE)
    assert late.seen_at > early.seen_at
    strangers.merge("yard", TWO, ONE)
    assert strangers.stranger("yard", ONE).seen_at == late.seen_at
    third = strangers.stranger("yard", THREE)
    strangers.merge("yard", ONE, THREE)
    assert strangers.stranger("yard", THREE).seen_at == third.seen_at


def test_a_face_that_both_have_is_kept_once(strangers):
    label = strangers.add("yard", EMBEDDER, [face(0), face(0.3)])
    strangers.merge("yard", label, ONE)
    assert strangers.stranger("yard", ONE).faces == 3


@pytest.mark.parametrize("ignored", [ONE, TWO])
def test_who_is_ignored_stays_so(strangers, ignored):
    strangers.ignore("yard", ignored, ignored=True)
    strangers.merge("yard", TWO, ONE)
    assert strangers.stranger("yard", ONE).ignored


def test_what_cannot_be_merged(strangers):
    with pytest.raises(UsageError):
        strangers.merge("yard", ONE, ONE)
    with pytest.raises(StrangerUnknown):
        strangers.merge("yard", "unknown-0009", ONE)
    with pytest.raises(StrangerUnknown):
        strangers.merge("yard", ONE, "unknown-0009")
    with pytest.raises(GroupUnknown):
        strangers.merge("nowhere", ONE, TWO)
    assert len(strangers.strangers("yard")) == 3
