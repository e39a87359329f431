from __future__ import annotations

import json
from datetime import timedelta
from fractions import Fraction

import pytest

from tests.video.builders import LEFT, MIDDLE, NOON, judge, look, seen
from vultus.events.visit import Shot, Visit
from vultus.video.evidence import Evidence
from vultus.video.stay import Identity, Stay, StayMaker, Tick, better_shot, explain

ADA, BOB, UNKNOWN = (
    Identity(person="ada"),
    Identity(person="bob"),
    Identity(stranger="unknown-0001"),
)


def tick(seconds: float) -> Tick:
    return Tick(Fraction(seconds).limit_denominator(1000), NOON + timedelta(seconds=seconds))


def make(identity: Identity = ADA, start: float = 0.0) -> Stay:
    return StayMaker("door", "team").make(identity, tick(start))


def test_who_it_is():
    assert ADA.known
    assert not UNKNOWN.known
    assert (ADA.name, UNKNOWN.name, Identity().name) == ("ada", "unknown-0001", "")


def test_ids_are_the_same_on_every_run():
    def ids() -> list[str]:
        maker = StayMaker("door", "team")
        return [maker.make(who, tick(start)).id for who, start in [(ADA, 0), (BOB, 0), (ADA, 9)]]

    assert ids() == ids()
    assert len(set(ids())) == 3


def test_ids_of_two_cameras_and_of_two_times_differ():
    first = make().id
    assert StayMaker("yard", "team").make(ADA, tick(0)).id != first
    assert make(start=1).id != first


def test_a_stay_from_enter_to_exit():
    stay = make()
    stay.see(seen(1), tick(1), None)
    (enter,) = stay.announce(tick(1), quiet=False)
    stay.see(seen(1, box=LEFT), tick(4.5), None)
    assert stay.announce(tick(4.5), quiet=False) == []
    (left,) = stay.leave(tick(9.6))
    assert [(e.type, e.sequence, e.id) for e in (enter, left)] == [
        ("enter", 0, stay.id),
        ("exit", 1, stay.id),
    ]
    assert (enter.camera, enter.group, enter.person, enter.stranger) == (
        "door",
        "team",
        "ada",
        None,
    )
    assert (left.start, left.end) == (NOON, NOON + timedelta(seconds=4.5))
    assert (left.time, left.media_time) == (NOON + timedelta(seconds=9.6), pytest.approx(9.6))
    assert (enter.box, left.box) == (MIDDLE, LEFT)


def test_what_was_never_announced_says_nothing():
    stay = make()
    stay.see(seen(1), tick(0), None)
    assert stay.announce(tick(0), quiet=True) == []
    assert stay.rename(tick(1)) == []
    assert stay.leave(tick(2)) == []


def test_it_is_announced_when_the_quiet_is_over():
    stay = make()
    stay.see(seen(1), tick(0), "door")
    stay.announce(tick(0), quiet=True)
    stay.see(seen(1), tick(5), "path")
    (enter,) = stay.announce(tick(5), quiet=False)
    assert (enter.type, enter.sequence, enter.zone) == ("enter", 0, "path")


def test_a_late_name_is_an_update_of_the_same_visit():
    stay = make(UNKNOWN)
    stay.see(seen(1), tick(0), None)
    (enter,) = stay.announce(tick(0), quiet=False)
    stay.identity = ADA
    (update,) = stay.rename(tick(2))
    assert (update.id, update.type, update.sequence) == (enter.id, "update", 1)
    assert (update.person, update.stranger) == ("ada", None)


def test_a_visit_that_joins_another_says_so():
    first, second = make(ADA, start=5), make(UNKNOWN, start=1)
    second.see(seen(2), tick(6), None)
    second.announce(tick(6), quiet=False)
    (left,) = second.join(first, ADA, tick(8))
    assert (left.type, left.person, left.why["rule"]) == ("exit", "ada", "joined")
    assert left.why["visit"] == first.id
    assert first.start == tick(1)


def zone_events(*zones: str | None) -> list[Visit]:
    stay, events = make(), []
    for number, zone in enumerate(zones):
        now = tick(number / 10)
        stay.see(seen(1), now, zone)
        events += stay.announce(now, quiet=False)
    return events


def test_a_zone_that_lasts_is_an_update():
    events = zone_events("door", "door", "path", "path", "path", "path")
    assert [(e.type, e.zone, e.sequence) for e in events] == [
        ("enter", "door", 0),
        ("update", "path", 1),
    ]
    assert events[1].media_time == pytest.approx(0.4)


@pytest.mark.parametrize(
    "zones",
    [
        ("door", "path", "door", "path", "path", "door", "path", "path"),
        ("door", "path", "outside", "path", "outside", "path"),
        (None, None, None, None),
    ],
)
def test_a_face_on_the_line_between_zones_does_not_tell_of_every_step(zones):
    assert [event.type for event in zone_events(*zones)] == ["enter"]


def test_there_and_back():
    events = zone_events(*["door"] * 3, *["outside"] * 3, *["door"] * 3)
    assert [event.zone for event in events] == ["door", "outside", "door"]


def test_the_better_of_two_best_shots_is_kept():
    stay = make()
    good, poor = Shot(1.0, LEFT, 0.9), Shot(2.0, MIDDLE, 0.4)
    for shot in (poor, good, None, poor):
        stay.take(shot)
    assert stay.shot == good


def test_the_best_shot_is_the_one_of_the_best_quality():
    best = None
    for second, quality in enumerate([0.3, 0.8, 0.5, 0.8]):
        best = better_shot(best, seen(1, "ada", 0.5 - 0.1 * second, quality=quality), tick(second))
    assert (best.media_time, best.quality) == (1.0, 0.8)  # of two equal ones the first


def test_likeness_does_not_choose_the_best_shot():
    like = seen(1, "ada", 0.0, quality=0.4)
    unlike = seen(1, "ada", 0.6, quality=0.5)
    best = better_shot(better_shot(None, like, tick(0)), unlike, tick(1))
    assert best.media_time == 1.0


@pytest.mark.parametrize("poor", ["small", "blurred", "turned", "doubtful"])
def test_a_face_that_a_gate_stopped_is_no_best_shot(poor):
    assert better_shot(None, seen(1, quality=0.9, poor=poor), tick(0)) is None


def test_a_face_that_was_not_rated_is_no_best_shot():
    assert better_shot(None, seen(1), tick(0)) is None


def explained(who: str, off: float, *people: str) -> dict[str, object]:
    evidence = Evidence()
    evidence.add(look(who, off, quality=0.4))
    evidence.add(look(who, off, quality=0.8))
    (decision,) = judge(*people)(evidence.fused()[None])
    return explain(evidence, decision)


def test_why_somebody_was_named():
    why = explained("ada", 0.3, "ada", "bob")
    assert why["rule"] == "named"
    assert (why["nearest"], why["reference"], why["runner_up"]) == ("ada", "ada", "bob")
    assert why["distance"] == pytest.approx(0.3, abs=1e-3)
    assert why["margin"] > 1
    assert (why["looks"], why["quality"], why["face_px"], why["yaw_deg"]) == (2, 0.8, 80, 5)
    assert json.loads(json.dumps(why)) == why


def test_why_somebody_was_not_named():
    assert explained("ada", 0.6, "ada")["rule"] == "threshold"
    nobody = explained("ada", 0.0)
    assert (nobody["rule"], nobody["nearest"], nobody["distance"]) == ("no_people", None, None)


def test_the_probability_is_that_of_the_last_decision():
    stay, evidence = make(), Evidence()
    stay.weigh(evidence)
    assert (stay.probability, stay.why) == (0.0, {})
    evidence.add(look("ada", 0.5))
    (evidence.decision,) = judge("ada")(evidence.fused()[None])
    stay.weigh(evidence)
    assert 0.5 < stay.probability < 0.9
    assert stay.why["nearest"] == "ada"
