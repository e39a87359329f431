from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.video.builders import (
    CALIBRATOR,
    LEFT,
    NOON,
    RIGHT,
    at,
    between,
    every,
    judge,
    make_book,
    play_all,
    seen,
    told,
)
from vultus.events.visit import Visit
from vultus.settings import VideoSettings
from vultus.video.moment import Moment
from vultus.video.replay import compare, replay
from vultus.video.strangers import SessionStrangers
from vultus.video.track_file import TrackHeader, TrackReader, TrackWriter
from vultus.video.zones import Zones

DOOR = {"door": [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]}
# ada twice with four seconds in between; xen all the time; bob, not quite like his photo
VIDEO = [
    *every(0.2, 0, 2, seen(1, "ada", box=LEFT), seen(2, "xen", box=RIGHT)),
    *every(0.2, 2.2, 5.8, seen(2, box=RIGHT)),
    at(5.9, seen(2, box=RIGHT), ended=[1]),
    *every(0.2, 6, 8, seen(3, "ada", box=LEFT), seen(2, box=RIGHT)),
    at(8.1, ended=[2, 3]),
    *every(0.2, 20, 22, seen(4, between("bob", "xen", 0.3))),
]


@pytest.fixture
def tracks(tmp_path) -> TrackReader:
    return recorded(tmp_path / "tracks.jsonl", VIDEO)


def recorded(path, moments: list[Moment]) -> TrackReader:
    writer = TrackWriter(path, TrackHeader("door", "team", "model", {}, DOOR))
    for moment in moments:
        writer.write(moment)
    writer.close()
    return TrackReader(path)


def visits(tracks: TrackReader, *, threshold: float | None = None, **video: object) -> list[Visit]:
    asked = judge("ada", "bob", threshold=threshold)
    return replay(tracks, asked, SessionStrangers(CALIBRATOR), VideoSettings(**video))


def names(found: list[Visit]) -> list[str | None]:
    return [visit.who for visit in found]


def changes(before: list[Visit], after: list[Visit]) -> list[tuple[str, str | None, str | None]]:
    return [
        (each.change, each.before and each.before.who, each.after and each.after.who)
        for each in compare(before, after)
    ]


def test_a_replay_gives_the_visits_of_the_recording(tracks):
    book = make_book("ada", "bob", zones=Zones(DOOR))
    watched = [event for event in play_all(book, VIDEO) if event.type == "exit"]
    again = visits(tracks)
    assert [v.to_dict() for v in again] == [
        v.to_dict() for v in sorted(watched, key=lambda visit: (visit.start, visit.id))
    ]
    assert names(again) == names(visits(tracks))  # and again


def test_the_visits_of_these_tracks(tracks):
    found = visits(tracks)
    assert sorted(names(found)) == ["ada", "bob", "unknown-0001"]
    assert [visit.start for visit in found] == sorted(visit.start for visit in found)
    assert {visit.type for visit in found} == {"exit"}
    assert {visit.zone for visit in found} == {"door", "outside"}


def test_a_stricter_threshold_names_fewer(tracks):
    before, after = visits(tracks), visits(tracks, threshold=0.3)
    assert sorted(names(after)) == ["ada", "unknown-0001", "unknown-0002"]
    assert sorted(changes(before, after)) == [
        ("other", "bob", "unknown-0002"),
        ("same", "ada", "ada"),
        ("same", "unknown-0001", "unknown-0001"),
    ]


def test_a_shorter_absence_makes_more_visits(tracks):
    found = changes(visits(tracks), visits(tracks, absence_s=2))
    assert found.count(("new", None, "ada")) == 1
    assert [each for each in found if each[0] == "same"] == [
        ("same", who, who) for who in names(visits(tracks))
    ]


def test_more_confirmation_loses_a_visit(tracks):
    found = changes(visits(tracks), visits(tracks, confirm_looks=12))
    assert ("gone", "bob", None) in found
    assert ("gone", "ada", None) in found
    assert ("same", "unknown-0001", "unknown-0001") in found


def test_a_cooldown_silences_visits(tmp_path):
    moments = [
        moment
        for number, start in enumerate((0, 20, 40), 1)
        for moment in (*every(0.2, start, start + 1, seen(number, "ada")), at(start + 9))
    ]
    tracks = recorded(tmp_path / "more.jsonl", moments)
    found = changes(visits(tracks), visits(tracks, cooldown_s=30))
    assert [each[0] for each in found] == ["same", "gone", "same"]


def test_the_same_settings_change_nothing(tracks):
    assert {each.change for each in compare(visits(tracks), visits(tracks))} == {"same"}


def test_an_empty_recording_has_no_visits(tmp_path):
    tracks = recorded(tmp_path / "empty.jsonl", [])
    assert visits(tracks) == []
    assert compare([], []) == []


# comparing


def visit(
    who: str | None, start: float, end: float, box=LEFT, *, stranger: str | None = None
) -> Visit:
    times = [NOON + timedelta(seconds=s) for s in (start, end, end)]
    return Visit(
        f"{who or stranger}-{start}", "exit", 1, "door", "team", who, stranger, 0.9,
        *times, end, box,
    )  # fmt: skip


def test_every_visit_is_in_one_difference():
    before = [visit("ada", 0, 10), visit("bob", 5, 9, RIGHT), visit("cyd", 30, 40)]
    after = [visit("bob", 5, 9, RIGHT), visit(None, 0, 10, stranger="x"), visit("dan", 60, 70)]
    assert changes(before, after) == [
        ("other", "ada", "x"),
        ("same", "bob", "bob"),
        ("gone", "cyd", None),
        ("new", None, "dan"),
    ]


def test_another_label_of_a_stranger_is_the_same():
    before = [visit(None, 0, 10, stranger="unknown-0003")]
    assert compare(before, [visit(None, 0, 10, stranger="unknown-0001")])[0].change == "same"
    assert compare(before, [visit("ada", 0, 10)])[0].change == "other"


def test_a_visit_that_vanished_takes_nobody_elses_place():
    """Both were there at the same time; only bob is left."""
    before = [visit("ada", 0, 10, LEFT), visit("bob", 0, 10, RIGHT)]
    assert sorted(changes(before, [visit("bob", 0, 10, RIGHT)])) == [
        ("gone", "ada", None),
        ("same", "bob", "bob"),
    ]


def test_two_who_stood_side_by_side_are_not_exchanged():
    before = [visit("ada", 0, 10, LEFT), visit(None, 0, 10, RIGHT, stranger="unknown-0001")]
    after = [visit(None, 0, 10, LEFT, stranger="unknown-0001"), visit("ada", 0, 10, RIGHT)]
    assert [each[0] for each in changes(before, [*reversed(before)])] == ["same", "same"]
    assert len(changes(before, after)) == 2


def test_a_visit_of_one_moment_is_the_same_as_itself():
    once = visit("ada", 3, 3)
    assert [each.change for each in compare([once], [once])] == ["same"]
    assert [each.change for each in compare([once], [replace(once, person="bob")])] == ["other"]


def test_visits_one_after_the_other_are_not_the_same():
    assert [e.change for e in compare([visit("ada", 0, 5)], [visit("ada", 6, 9)])] == [
        "gone",
        "new",
    ]


def test_who_left_is_told():
    assert told(play_all(make_book("ada", "bob"), VIDEO))[-1] == ("exit", "bob")
