"""The rules of visits, on moments made by hand; the real clips are in test_real_clips.py."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.video.builders import (
    LEFT,
    MIDDLE,
    NOON,
    RIGHT,
    at,
    between,
    every,
    make_book,
    play,
    play_all,
    seen,
    told,
)
from vultus.video.book import VisitBook
from vultus.video.stay import Identity
from vultus.video.zones import Zones

UNKNOWN = "unknown-0001"


def who(book: VisitBook, track: int = 1) -> str | None:
    identity = book.who(track)[0]
    return identity and identity.name


# confirmation and hysteresis


def test_one_look_names_nobody():
    book = make_book("ada", "bob")
    assert play(book, [at(0, seen(1, "ada")), at(0.1, seen(1)), at(0.2, seen(1))]) == []
    assert who(book) is None
    assert not book.is_sure(1)


@pytest.mark.parametrize("looks", [1, 2, 4])
def test_a_name_needs_so_many_looks_that_agree(looks):
    book = make_book("ada", "bob", confirm_looks=looks)
    for k in range(looks - 1):
        assert book.update(at(k / 5, seen(1, "ada"))) == []
    last = (looks - 1) / 5
    (enter,) = book.update(at(last, seen(1, "ada")))
    assert (enter.type, enter.person, enter.sequence) == ("enter", "ada", 0)
    assert (enter.start, enter.time) == (NOON, NOON + timedelta(seconds=last))
    assert enter.why["rule"] == "named"
    assert enter.probability > 0.99
    assert book.is_sure(1)


def test_sightings_without_a_look_confirm_nothing():
    book = make_book("ada")
    assert play(book, [at(0, seen(1, "ada")), *every(0.1, 0.1, 3, seen(1))]) == []


def test_looks_must_agree_in_a_row():
    book = make_book("ada")
    like, unlike = seen(1, "ada", quality=0.2), seen(1, between("ada", "xen", 0.5), quality=0.9)
    sharp = seen(1, "ada", quality=0.9)
    assert play(book, [at(0, like), at(0.2, unlike), at(0.4, sharp)]) == []
    assert told(play(book, [at(0.6, sharp)])) == [("enter", "ada")]


def test_weak_evidence_needs_twice_as_many_looks():
    book = make_book("ada", confirm_looks=2)
    weak = [at(k / 5, seen(1, "ada", 0.52)) for k in range(4)]
    assert play(book, weak[:3]) == []
    (enter,) = play(book, weak[3:])
    assert 0.5 < enter.probability < 0.7


def test_between_two_people_nobody_is_named():
    events = play_all(make_book("ada", "twin"), every(0.2, 0, 4, seen(1, between("ada", "twin", 0.5))))
    assert events == []


def test_the_margin_decides_between_two_people():
    nearer = [at(k / 5, seen(1, between("ada", "twin", 0.4))) for k in range(8)]
    assert told(play(make_book("ada", "twin", margin=0.02), nearer)) == [("enter", "ada")]
    assert play(make_book("ada", "twin", margin=0.2), nearer) == []


def test_a_confirmed_name_never_reverts():
    book = make_book("ada", "bob")
    play(book, every(0.2, 0, 1, seen(1, "ada")))
    others = [between("ada", "bob", 0.45), between("ada", "xen", 0.45), between("ada", "yan", 0.4)]
    events = play(book, [at(2 + k / 5, seen(1, other)) for k, other in enumerate(others * 4)])
    assert events == []
    assert who(book) == "ada"
    assert told(book.finish()) == [("exit", "ada")]


def test_one_unknown_look_never_ends_a_visit():
    moments = every(0.2, 0, 1, seen(1, "ada")) + [at(1.2, seen(1, "xen"))]
    moments += every(0.2, 1.4, 3, seen(1, "ada"))
    assert told(play_all(make_book("ada"), moments)) == [("enter", "ada"), ("exit", "ada")]


def test_what_is_told_of_a_name_is_the_evidence_for_it():
    book = make_book("ada", "bob")
    play(book, every(0.2, 0, 1, seen(1, "ada")))
    play(book, [at(2, seen(1, between("ada", "xen", 0.45)))])
    (left,) = book.finish()
    assert left.why["rule"] == "named"
    assert left.probability > 0.99


def test_another_face_that_slips_into_a_track_is_another_visit():
    book = make_book("ada", "bob")
    moments = every(0.2, 0, 1, seen(1, "ada")) + every(0.2, 1.2, 3, seen(1, "bob"))
    events = play(book, moments)
    assert told(events) == [("enter", "ada"), ("enter", "bob")]
    assert events[1].start >= NOON + timedelta(seconds=1)
    later = play(book, every(0.2, 3.2, 8, seen(1)))
    assert told(later) == [("exit", "ada")]
    assert told(book.finish()) == [("exit", "bob")]


# visits


def test_a_visit_begins_with_the_first_sight_and_ends_with_the_last():
    book = make_book("ada", absence_s=5)
    events = play(book, every(0.1, 0, 1, seen(1)) + every(0.2, 1.2, 2, seen(1, "ada")))
    events += play(book, [at(2.5, seen(1, box=RIGHT)), *every(0.5, 3, 7.5)])
    assert told(events) == [("enter", "ada")]
    (left,) = book.update(at(7.6))
    assert (left.start, left.end) == (NOON, NOON + timedelta(seconds=2.5))
    assert (left.seconds, left.box, left.sequence) == (2.5, RIGHT, 1)


def test_tracks_of_one_person_within_the_absence_are_one_visit():
    moments = every(0.2, 0, 1, seen(1, "ada")) + [at(2, ended=[1])]
    moments += every(0.2, 5.8, 7, seen(2, "ada")) + [at(8, ended=[2])]
    assert told(play_all(make_book("ada", absence_s=5), moments)) == [
        ("enter", "ada"),
        ("exit", "ada"),
    ]


def test_after_the_absence_it_is_another_visit():
    moments = every(0.2, 0, 1, seen(1, "ada")) + every(0.5, 1.5, 9, ) + [at(9.2, ended=[1])]
    moments += every(0.2, 9.4, 11, seen(2, "ada"))
    events = play_all(make_book("ada", absence_s=5), moments)
    assert told(events) == [("enter", "ada"), ("exit", "ada")] * 2
    assert events[0].id == events[1].id != events[2].id == events[3].id
    assert events[2].start == NOON + timedelta(seconds=9.4)


def test_a_gap_in_the_video_is_an_absence():
    """One moment follows the other although a minute lies between them."""
    moments = [*every(0.2, 0, 1, seen(1, "ada")), *every(0.2, 61, 62, seen(2, "ada"))]
    events = play_all(make_book("ada", confirm_looks=1), moments)
    assert told(events) == [("enter", "ada"), ("exit", "ada")] * 2
    assert events[1].end == NOON + timedelta(seconds=1)


def test_visits_of_one_person_do_not_overlap():
    """The absence is shorter than a track may be lost: the same track is another visit."""
    moments = every(0.2, 0, 1, seen(1, "ada")) + every(0.1, 1.1, 1.9) + every(0.2, 2, 3, seen(1))
    events = play_all(make_book("ada", absence_s=0.5), moments)
    assert told(events) == [("enter", "ada"), ("exit", "ada")] * 2
    first, second = events[1], events[3]
    assert first.end < second.start


def test_time_that_passes_without_frames_ends_visits():
    book = make_book("ada", absence_s=5)
    play(book, every(0.2, 0, 1, seen(1, "ada")))
    assert book.tick(Fraction(5), NOON + timedelta(seconds=5)) == []
    (left,) = book.tick(Fraction(7), NOON + timedelta(seconds=7))
    assert (left.type, left.end, left.time) == (
        "exit",
        NOON + timedelta(seconds=1),
        NOON + timedelta(seconds=7),
    )
    assert book.finish() == []


def test_at_the_end_everybody_leaves_once():
    book = make_book("ada", "bob")
    play(book, every(0.2, 0, 1, seen(1, "ada", box=LEFT), seen(2, "bob", box=RIGHT)))
    assert told(book.finish()) == [("exit", "ada"), ("exit", "bob")]
    assert book.finish() == []
    assert book.open_visits == []


def test_who_is_there_now():
    book = make_book("ada", "bob", absence_s=1)
    play(book, every(0.2, 0, 1, seen(1, "ada", box=LEFT), seen(2, "bob", box=RIGHT)))
    assert sorted(stay.identity.name for stay in book.open_visits) == ["ada", "bob"]
    play(book, every(0.2, 1.2, 3, seen(1)))
    assert [stay.identity.name for stay in book.open_visits] == ["ada"]


# a late name


def late(name_at: float) -> list:
    """Nobody knows the face at first; from `name_at` on it is ada."""
    nobody = every(0.2, 0, name_at - 0.2, seen(1, between("ada", "xen", 0.48), quality=0.3))
    return nobody + every(0.2, name_at, name_at + 2, seen(1, "ada", quality=0.95))


def test_a_late_name_is_an_update_of_the_same_visit():
    events = play_all(make_book("ada"), late(2))
    assert told(events) == [("enter", UNKNOWN), ("update", "ada"), ("exit", "ada")]
    assert len({event.id for event in events}) == 1
    assert [event.sequence for event in events] == [0, 1, 2]
    assert (events[1].person, events[1].stranger) == ("ada", None)
    assert events[2].start == NOON


def test_a_late_name_joins_the_visit_that_is_open():
    """Ada went; she comes back, is a stranger at first, and then is ada: one visit goes on."""
    moments = every(0.2, 0, 1, seen(1, "ada")) + [at(1.2, ended=[1])]
    half = between("ada", "xen", 0.48)
    moments += every(0.2, 2, 4, seen(2, half, quality=0.3))
    moments += every(0.2, 4.2, 6, seen(2, "ada", quality=0.95))
    events = play_all(make_book("ada", absence_s=5), moments)
    assert told(events) == [
        ("enter", "ada"),
        ("enter", UNKNOWN),
        ("exit", "ada"),
        ("exit", "ada"),
    ]
    enter, stranger, joined, left = events
    assert (joined.id, joined.sequence, joined.why["rule"]) == (stranger.id, 1, "joined")
    assert joined.why["visit"] == enter.id == left.id
    assert "rule" in left.why
    assert left.why["rule"] == "named"
    assert left.end == NOON + timedelta(seconds=6)


def test_all_tracks_of_a_stranger_get_the_name():
    half = between("ada", "xen", 0.48)
    book = make_book("ada")
    play(book, every(0.2, 0, 1, seen(1, half, quality=0.3)))
    play(book, [at(1.2, ended=[]), *every(0.2, 1.4, 2.4, seen(2, half, quality=0.3))])
    assert (who(book, 1), who(book, 2)) == (UNKNOWN, UNKNOWN)
    events = play(book, every(0.2, 2.6, 4, seen(2, "ada", quality=0.95)))
    assert told(events) == [("update", "ada")]
    assert (who(book, 1), who(book, 2)) == ("ada", "ada")


# everybody in the frame


def test_everyone_in_the_frame_has_a_visit():
    both = every(0.2, 0, 1, seen(1, "ada", box=LEFT), seen(2, "bob", box=RIGHT))
    events = play_all(make_book("ada", "bob"), both)
    assert sorted(told(events)) == [
        ("enter", "ada"),
        ("enter", "bob"),
        ("exit", "ada"),
        ("exit", "bob"),
    ]


def test_a_person_is_named_at_most_once_a_frame():
    """The face that is more like her is ada."""
    book = make_book("ada")
    both = seen(1, "ada", 0.3, box=LEFT), seen(2, "ada", 0.1, box=RIGHT)
    events = play(book, every(0.2, 0, 4, *both))
    assert told(events) == [("enter", "ada")]
    assert (who(book, 1), who(book, 2)) == (None, "ada")


def test_a_name_that_is_there_is_given_to_no_other_face():
    book = make_book("ada")
    play(book, every(0.2, 0, 1, seen(1, "ada", 0.4, box=LEFT)))
    play(book, every(0.2, 1.2, 4, seen(1, box=LEFT), seen(2, "ada", 0.0, box=RIGHT)))
    assert (who(book, 1), who(book, 2)) == ("ada", None)


def test_two_faces_of_one_frame_never_keep_one_name():
    """The face that is ada was hidden while another one got her name."""
    book = make_book("ada")
    events = play(book, every(0.2, 0, 1, seen(1, "ada", box=LEFT)))
    events += play(book, every(0.2, 1.2, 2, seen(2, "ada", 0.4, box=RIGHT)))
    assert who(book, 2) == "ada"
    for moment in every(0.2, 2.2, 4, seen(1, box=LEFT), seen(2, box=RIGHT)):
        events += book.update(moment)
        assert (who(book, 1), who(book, 2)) == ("ada", None)
    assert told(events) == [("enter", "ada")]


# strangers


def test_a_stranger_needs_several_looks():
    book = make_book("ada", stranger_looks=3)
    assert play(book, every(0.2, 0, 0.2, seen(1, "xen"))) == []
    (enter,) = play(book, every(0.2, 0.4, 1, seen(1, "xen")))
    assert (enter.type, enter.person, enter.stranger) == ("enter", None, UNKNOWN)
    assert enter.why["rule"] == "threshold"
    assert not book.is_sure(1)  # a better look may still tell who it is


def test_where_nobody_is_enrolled_everybody_is_a_stranger():
    both = every(0.2, 0, 1, seen(1, "xen", box=LEFT), seen(2, "yan", box=RIGHT))
    assert told(play(make_book(), both)) == [("enter", UNKNOWN), ("enter", "unknown-0002")]


def test_a_stranger_who_comes_back_has_the_same_label():
    moments = every(0.2, 0, 1, seen(1, "xen")) + [*every(0.5, 1.5, 9), at(9.5, ended=[1])]
    moments += every(0.2, 10, 11, seen(2, "xen", 0.3))
    events = play_all(make_book("ada"), moments)
    assert told(events) == [("enter", UNKNOWN), ("exit", UNKNOWN)] * 2


def test_tracks_of_a_stranger_within_the_absence_are_one_visit():
    moments = every(0.2, 0, 1, seen(1, "xen")) + [at(2, ended=[1])]
    moments += every(0.2, 3, 4, seen(2, "xen", 0.3))
    assert told(play_all(make_book("ada"), moments)) == [("enter", UNKNOWN), ("exit", UNKNOWN)]


def test_strangers_that_were_there_at_the_same_time_are_never_merged():
    """Two who look alike: the second is there before the first one goes."""
    moments = every(0.2, 0, 1, seen(1, "xen", box=LEFT))
    moments += [at(1.2, seen(1, box=LEFT), seen(2, box=RIGHT)), at(1.4, seen(2, box=RIGHT))]
    moments += every(0.2, 1.6, 4, seen(2, "xen", 0.1, box=RIGHT))
    assert told(play(make_book("ada"), moments)) == [("enter", UNKNOWN), ("enter", "unknown-0002")]


def test_two_strangers_in_a_frame_are_two_however_alike():
    both = every(0.2, 0, 3, seen(1, "xen", box=LEFT), seen(2, "xen", 0.05, box=RIGHT))
    book = make_book("ada")
    play(book, both)
    assert {who(book, 1), who(book, 2)} == {UNKNOWN, "unknown-0002"}


def test_a_stranger_is_told_apart_from_one_who_is_as_far_as_an_enrolled_photo_may_be():
    moments = every(0.2, 0, 1, seen(1, "xen")) + [at(2, ended=[1])]
    moments += every(0.2, 8, 9, seen(2, "xen", 0.48))
    labels = [who for kind, who in told(play(make_book("ada"), moments)) if kind == "enter"]
    assert labels == [UNKNOWN, "unknown-0002"]


# cooldown


def visits_of_ada(*starts: float) -> list:
    moments = []
    for number, start in enumerate(starts, 1):
        moments += every(0.2, start, start + 1, seen(number, "ada"))
        moments += [*every(0.5, start + 1.5, start + 7), at(start + 7.2, ended=[number])]
    return moments


def test_in_the_cooldown_nobody_is_announced_again():
    events = play_all(make_book("ada", cooldown_s=60), visits_of_ada(0, 20, 40, 70))
    assert told(events) == [("enter", "ada"), ("exit", "ada")] * 2
    assert [e.media_time for e in events if e.type == "enter"] == pytest.approx([0.2, 70.2])


def test_the_cooldown_is_each_persons_own():
    moments = visits_of_ada(0) + every(0.2, 20, 21, seen(9, "bob"))
    assert ("enter", "bob") in told(play(make_book("ada", "bob", cooldown_s=60), moments))


def test_who_is_there_when_the_cooldown_ends_enters_then():
    moments = visits_of_ada(0) + every(0.2, 20, 70, seen(5, "ada"))
    enters = [e for e in play(make_book("ada", cooldown_s=60), moments) if e.type == "enter"]
    assert [round(e.media_time) for e in enters] == [0, 61]
    assert enters[1].sequence == 0


def test_without_a_cooldown_every_visit_is_announced():
    assert len(play_all(make_book("ada"), visits_of_ada(0, 20, 40))) == 6


# zones and pictures

LEFT_HALF = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]


def walk(*boxes) -> list:
    looks = [seen(1, "ada", box=boxes[0])] * 2 + [seen(1, box=box) for box in boxes]
    return [at(k / 5, sighting) for k, sighting in enumerate(looks)]


def test_no_zone_is_none():
    assert [e.zone for e in play_all(make_book("ada"), walk(LEFT, RIGHT, RIGHT, RIGHT))] == [None] * 2


def test_a_walk_from_zone_to_zone():
    zones = Zones({"door": LEFT_HALF})
    events = play_all(make_book("ada", zones=zones), walk(LEFT, LEFT, RIGHT, RIGHT, RIGHT, RIGHT))
    assert [(e.type, e.zone, e.sequence) for e in events] == [
        ("enter", "door", 0),
        ("update", "outside", 1),
        ("exit", "outside", 2),
    ]
    assert len({e.id for e in events}) == 1


def test_the_best_shot_is_chosen_by_quality():
    moments = [
        at(0, seen(1, "ada", 0.0, quality=0.5)),
        at(0.2, seen(1, "ada", 0.4, quality=0.9, box=LEFT)),
        at(0.4, seen(1, "ada", 0.0, quality=0.6)),
        at(0.6, seen(1, quality=0.99, poor="turned")),
    ]
    events = play_all(make_book("ada"), moments)
    for event in events:
        shot = event.best_shot
        assert (shot.media_time, shot.quality, shot.box) == (0.2, 0.9, LEFT)


def test_the_best_shot_of_all_tracks_of_a_visit():
    moments = every(0.2, 0, 1, seen(1, "ada", quality=0.9)) + [at(1.2, ended=[1])]
    moments += every(0.2, 2, 3, seen(2, "ada", quality=0.6))
    left = play_all(make_book("ada"), moments)[-1]
    assert left.best_shot.quality == 0.9


def test_frames_that_hold_somebodys_best_picture():
    book = make_book("ada", absence_s=1)
    play(book, [at(0, seen(1, "ada", quality=0.5)), at(0.2, seen(1, "ada", quality=0.9))])
    assert book.shot_times() == {0.2}
    play(book, [at(0.4, seen(1), seen(2, "bob", quality=0.3, box=RIGHT))])
    assert book.shot_times() == {0.2, 0.4}
    play(book, [at(3, ended=[1, 2])])
    assert book.shot_times() == set()


# why nothing happened


@pytest.mark.parametrize("reason", ["small", "blurred", "turned", "doubtful"])
def test_a_track_that_a_gate_stopped_says_which(reason):
    book = make_book("ada")
    play_all(book, [*every(0.1, 0, 1, seen(1, poor=reason)), at(1.1, seen(1, poor="small"))])
    assert book.counts[reason] == 1


@pytest.mark.parametrize(
    ("looks", "count"),
    [
        ([seen(1, "ada")] * 3, "named"),
        ([seen(1, "xen")] * 4, "strangers"),
        ([seen(1, "xen")], "below_threshold"),
        ([seen(1, "ada")], "too_short"),
        ([seen(1)], "too_short"),
        ([seen(1, between("ada", "twin", 0.5))] * 4, "margin"),
        ([seen(1, "ada", box=LEFT, aside=1), seen(1, box=LEFT)], "too_short"),
    ],
)
def test_what_became_of_a_track(looks, count):
    book = make_book("ada", "twin")
    play_all(book, [at(k / 5, each) for k, each in enumerate(looks)])
    tracks = {name: number for name, number in book.counts.items() if name != "frames"}
    assert tracks == {count: 1}


def test_a_face_like_somebody_who_is_there_is_taken():
    book = make_book("ada")
    both = seen(1, "ada", 0.1, box=LEFT), seen(2, "ada", 0.3, box=RIGHT)
    play_all(book, every(0.2, 0, 3, *both))
    assert (book.counts["named"], book.counts["taken"]) == (1, 1)


def test_a_face_more_like_somebody_than_the_one_who_is_there_is_taken_too():
    book = make_book("ada")
    play(book, every(0.2, 0, 1, seen(1, "ada", 0.4, box=LEFT)))
    play_all(book, every(0.2, 1.2, 4, seen(1, box=LEFT), seen(2, "ada", 0.0, box=RIGHT)))
    assert (book.counts["named"], book.counts["taken"]) == (1, 1)


def test_frames_and_frames_without_a_face_are_counted():
    book = make_book("ada")
    play(book, [*every(0.1, 0, 0.9), *every(0.1, 1, 1.4, seen(1))])
    assert (book.counts["frames"], book.counts["no_face"]) == (15, 10)


# the same on every run, and each book for itself

SCRIPT = [
    *every(0.2, 0, 2, seen(1, "ada", box=LEFT), seen(2, "xen", box=RIGHT)),
    at(2.2, ended=[1]),
    *every(0.2, 2.4, 4, seen(2, between("bob", "xen", 0.2), box=RIGHT, quality=0.95)),
    *every(0.2, 4.2, 6, seen(3, "yan", box=MIDDLE), seen(2, box=LEFT)),
]


def test_all_events_are_the_same_on_every_run():
    first, second = (
        [event.to_dict() for event in play_all(make_book("ada", "bob"), SCRIPT)] for _ in range(2)
    )
    assert first == second
    assert len(first) > 5


def test_two_books_share_nothing():
    one, other = make_book("ada", camera="door"), make_book("ada", camera="yard")
    for moment in SCRIPT[:8]:
        one.update(moment)
    assert who(other) is None
    assert other.counts == {}
    play(other, every(0.2, 0, 1, seen(1, "ada")))
    one.reset()
    assert who(one) is None
    assert one.open_visits == []
    assert who(other) == "ada"
    assert told(other.finish()) == [("exit", "ada")]
    assert one.finish() == []


def test_a_reset_forgets_and_announces_nothing():
    book = make_book("ada", cooldown_s=60)
    before = play_all(book, every(0.2, 0, 1, seen(1, "ada")))
    book.reset()
    assert book.counts == {}
    after = play_all(book, every(0.2, 0, 1, seen(1, "ada")))
    assert [e.to_dict() for e in after] == [e.to_dict() for e in before]  # no cooldown any more


def test_nobody_asks_of_tracks_that_are_not_there():
    book = make_book("ada")
    assert book.who(7) == (None, 0.0)
    assert not book.is_sure(7)
    assert book.update(at(0, ended=[7])) == []


FACES = st.sampled_from(["ada", "bob", "xen", "yan", None])
FRAMES = st.lists(
    st.tuples(st.dictionaries(st.integers(1, 4), FACES, max_size=3), st.sampled_from([2, 5, 40])),
    min_size=1,
    max_size=40,
)


@given(FRAMES)
def test_whatever_comes_visits_are_whole(frames):
    book, tenths, events = make_book("ada", "bob", absence_s=2), 0, []
    for faces, passed in frames:
        tenths += passed
        sightings = [seen(track, name) for track, name in faces.items()]
        events += book.update(at(tenths / 10, *sightings))
        names = [book.who(track)[0] for track in faces]
        known = [name for name in names if isinstance(name, Identity)]
        assert len(set(known)) == len(known)  # nobody is there twice
    events += book.finish()
    by_visit: dict[str, list] = {}
    for event in events:
        by_visit.setdefault(event.id, []).append(event)
        assert event.start <= event.end <= event.time
        assert (event.person is None) != (event.stranger is None)
    for visit in by_visit.values():
        assert [event.sequence for event in visit] == list(range(len(visit)))
        kinds = [event.type for event in visit]
        assert (kinds[0], kinds[-1]) == ("enter", "exit")
        assert set(kinds[1:-1]) <= {"update"}
        people = [event.person for event in visit if event.person]
        assert len(set(people)) <= 1  # a name never becomes another one
