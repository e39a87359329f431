"""The rules of visits, on moments made by hand; see test_book_telling.py, test_real_clips.py."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest

from tests.video.builders import (
    CALIBRATOR,
    LEFT,
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
    who,
)
from vultus.errors import GalleryBusy, StorageError
from vultus.video.strangers import SessionStrangers

UNKNOWN = "unknown-0001"


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
    events = play_all(
        make_book("ada", "twin"), every(0.2, 0, 4, seen(1, between("ada", "twin", 0.5)))
    )
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
    moments = [*every(0.2, 0, 1, seen(1, "ada")), at(1.2, seen(1, "xen"))]
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
    moments = [*every(0.2, 0, 1, seen(1, "ada")), at(2, ended=[1])]
    moments += [*every(0.2, 5.8, 7, seen(2, "ada")), at(8, ended=[2])]
    assert told(play_all(make_book("ada", absence_s=5), moments)) == [
        ("enter", "ada"),
        ("exit", "ada"),
    ]


def test_after_the_absence_it_is_another_visit():
    moments = (
        every(0.2, 0, 1, seen(1, "ada"))
        + every(
            0.5,
            1.5,
            9,
        )
        + [at(9.2, ended=[1])]
    )
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
    moments = [*every(0.2, 0, 1, seen(1, "ada")), at(1.2, ended=[1])]
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
    moments = [*every(0.2, 0, 1, seen(1, "xen")), *every(0.5, 1.5, 9), at(9.5, ended=[1])]
    moments += every(0.2, 10, 11, seen(2, "xen", 0.3))
    events = play_all(make_book("ada"), moments)
    assert told(events) == [("enter", UNKNOWN), ("exit", UNKNOWN)] * 2


def test_tracks_of_a_stranger_within_the_absence_are_one_visit():
    moments = [*every(0.2, 0, 1, seen(1, "xen")), at(2, ended=[1])]
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
    moments = [*every(0.2, 0, 1, seen(1, "xen")), at(2, ended=[1])]
    moments += every(0.2, 8, 9, seen(2, "xen", 0.48))
    labels = [who for kind, who in told(play(make_book("ada"), moments)) if kind == "enter"]
    assert labels == [UNKNOWN, "unknown-0002"]


# what goes wrong in the middle


class Fails:
    """A judge, or strangers, that raise when they are told to."""

    def __init__(self, made):
        self.made, self.error = made, None

    def __call__(self, probes):
        if self.error is not None:
            raise self.error
        return self.made(probes)


def failing_book(*people):
    book = make_book(*people, absence_s=1.0)
    book._judge = judge_ = Fails(book._judge)
    return book, judge_


def test_events_made_before_a_failure_are_not_lost():
    """Bob has left when the gallery breaks: his exit comes with the next frame."""
    book, judge_ = failing_book("ada", "bob")
    play(book, every(0.2, 0, 1, seen(1, "bob", box=LEFT)))
    judge_.error = StorageError("The disk is gone.")
    with pytest.raises(StorageError):
        book.update(at(4, seen(2, "ada", box=RIGHT)))
    judge_.error = None
    events = book.update(at(4.2, seen(2, "ada", box=RIGHT)))
    assert told(events) == [("exit", "bob")]
    assert told(book.finish()) == []


def test_events_made_before_a_failure_come_with_the_end():
    book, judge_ = failing_book("ada", "bob")
    play(book, every(0.2, 0, 1, seen(1, "bob", box=LEFT), seen(2, "ada", box=RIGHT)))
    play(book, every(0.2, 1.2, 3, seen(2, box=RIGHT)))
    judge_.error = StorageError("The disk is gone.")
    with pytest.raises(StorageError):
        book.update(at(4.5, seen(3, "bob", box=LEFT)))
    assert told(book.finish()) == [("exit", "ada")]
    assert book.finish() == []


def test_a_gallery_that_is_held_up_costs_a_look():
    book, judge_ = failing_book("ada")
    judge_.error = GalleryBusy("It is locked.")
    assert play(book, every(0.2, 0, 1, seen(1, "ada"))) == []
    assert book.counts["gallery_busy"] == 6
    judge_.error = None
    assert told(play(book, every(0.2, 1.2, 1.6, seen(1, "ada")))) == [("enter", "ada")]


def test_an_ignored_stranger_is_not_announced_while_nobody_can_say():
    strangers = SessionStrangers(CALIBRATOR)
    busy = [True]

    def is_ignored(label):
        if busy[0]:
            raise GalleryBusy("It is locked.")
        return True

    strangers.is_ignored = is_ignored
    book = make_book("ada", strangers=strangers)
    assert play(book, every(0.2, 0, 2, seen(1, "zoe"))) == []
    assert book.counts["gallery_busy"] > 0
    busy[0] = False
    assert play_all(book, every(0.2, 2.2, 3, seen(1, "zoe"))) == []
