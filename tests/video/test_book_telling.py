"""What the book tells, and what not: cooldown, zones, pictures, counters, and nothing at random."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.video.builders import (
    LEFT,
    MIDDLE,
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
from vultus.video.stay import Identity
from vultus.video.zones import Zones

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
    assert [e.zone for e in play_all(make_book("ada"), walk(LEFT, RIGHT, RIGHT, RIGHT))] == [
        None
    ] * 2


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
    moments = [*every(0.2, 0, 1, seen(1, "ada", quality=0.9)), at(1.2, ended=[1])]
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
