"""A group's own threshold: kept, applied wherever people are named, and taken away."""

from __future__ import annotations

import pytest

from tests.fakes import fake_analyzer, picture
from tests.gallery.test_database import made_by_schema
from vultus.errors import GroupUnknown
from vultus.gallery.gallery import Gallery
from vultus.gallery.thresholds import GroupThreshold
from vultus.models.catalogue import EMBEDDER
from vultus.settings import Settings

STRICT = GroupThreshold(EMBEDDER, 0.1, 0.01, 1)
PROBE = picture("ada", shade=30)  # another shade: 0.2 away


@pytest.fixture
def team(gallery):
    gallery.enroll("ada", [picture("ada")], group="team")
    gallery.enroll("ada", [picture("ada")], group="other")
    return gallery


def who(gallery: Gallery, group: str = "team") -> str | None:
    (found,) = gallery.identify(PROBE, group=group)
    return found.person


def test_a_threshold_changes_who_is_named_in_its_group_alone(team):
    assert who(team) == "ada"
    team.set_threshold("team", STRICT)
    assert who(team) is None
    assert who(team, "other") == "ada"
    (found,) = team.identify(PROBE, group="team")
    assert found.why["threshold"] == 0.1
    assert found.why["rule"] == "threshold"
    assert found.probability < 0.5
    assert team.calibrator_for("team").threshold == 0.1


def test_at_the_threshold_the_probability_is_a_half(team):
    (before,) = team.identify(PROBE, group="team")
    distance = before.candidates[0].distance
    team.set_threshold("team", GroupThreshold(EMBEDDER, distance, 0.01, 1))
    (found,) = team.identify(PROBE, group="team")
    assert found.probability == pytest.approx(0.5, abs=1e-6)


def test_it_can_be_taken_away(team):
    team.set_threshold("team", STRICT)
    team.set_threshold("team", None)
    assert who(team) == "ada"
    assert team.group("team").threshold is None


def test_another_process_sees_it_at_once(team, address):
    with Gallery(address, analyzer=fake_analyzer()) as other:
        assert who(other) == "ada"
        team.set_threshold("team", STRICT)
        assert who(other) is None
        (found,) = [group for group in other.groups() if group.name == "team"]
    assert found.threshold is not None
    assert (found.threshold.distance, found.threshold.far, found.threshold.people) == (0.1, 0.01, 1)
    assert found.threshold.measured_at is not None


def test_a_rate_that_is_asked_for_comes_before_it_and_it_before_the_settings(team, address):
    team.set_threshold("team", STRICT)
    faces = team.analyzer.analyze(PROBE)
    assert team.identify_faces(faces, group="team", far=0.01)[0].person == "ada"
    assert team.decide(faces.embeddings, EMBEDDER, group="team", far=0.01)[0].person == "ada"
    assert team.decide(faces.embeddings, EMBEDDER, group="team")[0].person is None
    with Gallery(address, analyzer=fake_analyzer(), far=0.01) as insisting:
        assert who(insisting) == "ada"
    with Gallery(address, analyzer=fake_analyzer(Settings(matching={"far": 0.01}))) as other:
        assert who(other) is None


def test_a_distance_of_another_model_is_not_applied(team):
    team.set_threshold("team", GroupThreshold("another-model", 0.1, 0.01, 1))
    assert who(team) == "ada"


def test_it_stays_with_a_group_that_is_renamed_and_goes_with_one_that_is_removed(team):
    team.set_threshold("team", STRICT)
    team.rename_group("team", "crew")
    assert team.group("crew").threshold.distance == 0.1
    team.remove_group("crew")
    team.enroll("ada", [picture("ada")], group="crew")
    assert who(team, "crew") == "ada"


def test_both_changes_are_in_the_audit(team):
    team.set_threshold("team", STRICT)
    team.set_threshold("team", None)
    reset, made, *_ = team.audit.find(subject="team")
    assert (made.action, made.detail) == ("group.calibrate", "threshold 0.1000 for a rate of 0.01")
    assert (reset.action, reset.detail) == ("group.calibrate", "reset")


@pytest.mark.parametrize("measured", [STRICT, None])
def test_no_group_no_threshold(team, measured):
    with pytest.raises(GroupUnknown):
        team.set_threshold("nobody", measured)
    assert team.audit.find(subject="nobody") == []


def test_a_gallery_of_the_first_schema_can_have_one(address):
    made_by_schema("0001", address)
    with Gallery(address, analyzer=fake_analyzer()) as older:
        assert older.group("team").threshold is None
        older.set_threshold("team", STRICT)
        assert older.calibrator_for("team").threshold == 0.1
