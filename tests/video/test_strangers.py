"""Strangers of a session, and of a gallery: what both must do, and what only the gallery does."""

from __future__ import annotations

import pytest

from tests.gallery.workers import record
from tests.video.builders import (
    CALIBRATOR,
    at,
    between,
    every,
    look,
    make_book,
    play,
    play_all,
    seen,
    told,
    vector,
)
from vultus.gallery.gallery import Gallery
from vultus.gallery.store import Store
from vultus.gallery.strangers import StrangerStore
from vultus.settings import VideoSettings
from vultus.video.book import VisitBook
from vultus.video.publisher import Publisher
from vultus.video.session import judge_of
from vultus.video.strangers import GalleryStrangers, SessionStrangers

GROUP = "team"
FIRST, SECOND, THIRD = "unknown-0001", "unknown-0002", "unknown-0003"


def of_gallery(gallery: Gallery) -> GalleryStrangers:
    return GalleryStrangers(gallery.strangers, GROUP, CALIBRATOR)


@pytest.fixture(params=["session", "gallery"])
def strangers(request, gallery):
    return SessionStrangers(CALIBRATOR) if request.param == "session" else of_gallery(gallery)


def test_nobody_is_known_at_first(strangers):
    assert strangers.find(vector("xen"), set()) is None
    assert not strangers.is_ignored(FIRST)


def test_labels_count_up(strangers):
    assert [strangers.add([look(who)]) for who in ("xen", "yan", "zoe")] == [FIRST, SECOND, THIRD]


def test_a_stranger_is_found_again(strangers):
    strangers.add([look("xen")])
    strangers.add([look("yan")])
    assert strangers.find(vector("yan", 0.3), set()) == SECOND
    assert strangers.find(vector("zoe"), set()) is None


def test_strangers_must_be_nearer_than_enrolled_people(strangers):
    """0.8 of the threshold of 0.53 is 0.424."""
    strangers.add([look("xen")])
    assert strangers.find(vector("xen", 0.41), set()) == FIRST
    assert strangers.find(vector("xen", 0.44), set()) is None


def test_who_is_there_already_is_nobody_else(strangers):
    strangers.add([look("xen")])
    strangers.add([look(between("xen", "yan", 0.2))])
    assert strangers.find(vector("xen"), set()) == FIRST
    assert strangers.find(vector("xen"), {FIRST}) == SECOND
    assert strangers.find(vector("xen"), {FIRST, SECOND}) is None


def test_better_looks_are_learned(strangers):
    strangers.add([look("xen", 0.3, quality=0.3)])
    assert strangers.find(vector("xen", 0.3, aside=1), set()) is None
    strangers.learn(FIRST, [look("xen", 0.3, quality=0.9, aside=1)] * 3)
    assert strangers.find(vector("xen", 0.3, aside=1), set()) == FIRST


def test_only_the_best_looks_are_kept(strangers):
    strangers.add([look("xen", 0.02 * k, quality=0.2) for k in range(5)])
    strangers.learn(FIRST, [look("yan", 0.02 * k, quality=0.9) for k in range(5)])
    assert strangers.find(vector("yan"), set()) == FIRST
    assert strangers.find(vector("xen"), set()) is None


def test_the_same_look_is_not_kept_twice(strangers):
    again = look("xen", quality=0.9)
    strangers.add([again, look("xen", 0.4, quality=0.5)])
    for _ in range(6):
        strangers.learn(FIRST, [again])
    assert strangers.find(vector("xen", 0.4), set()) == FIRST  # the other one is still there


def test_what_is_learned_of_somebody_who_is_gone_is_left_out(strangers):
    strangers.add([look("xen")])
    strangers.learn("unknown-0042", [look("yan")])
    assert strangers.find(vector("yan"), set()) is None


def test_who_turns_out_to_be_known_is_no_stranger_any_more(strangers, gallery):
    Store(gallery.database).add_face(GROUP, record("ada"))
    strangers.add([look("xen")])
    strangers.was_known(FIRST, "ada")
    assert strangers.find(vector("xen"), set()) is None
    assert strangers.add([look("yan")]) == SECOND  # a label is never given to somebody else


def test_two_sessions_share_nothing():
    one, other = SessionStrangers(CALIBRATOR), SessionStrangers(CALIBRATOR)
    one.add([look("xen")])
    assert other.find(vector("xen"), set()) is None
    assert other.add([look("yan")]) == FIRST


# of the gallery only


def test_strangers_are_known_over_cameras_and_restarts(gallery, address):
    of_gallery(gallery).add([look("xen")])
    assert of_gallery(gallery).find(vector("xen"), set()) == FIRST
    with Gallery(address, analyzer=gallery.analyzer) as later:
        assert of_gallery(later).find(vector("xen"), set()) == FIRST


def test_a_stranger_of_another_process_is_found_at_once(gallery):
    door, yard = of_gallery(gallery), of_gallery(gallery)
    assert yard.find(vector("xen"), set()) is None
    door.add([look("xen")])
    assert yard.find(vector("xen"), set()) == FIRST
    gallery.strangers.forget(GROUP, FIRST)
    assert yard.find(vector("xen"), set()) is None


def test_one_who_takes_the_place_of_another_is_not_mistaken_for_him(gallery):
    """The rows of the database have the same ids as those of the one who was forgotten."""
    door, yard = of_gallery(gallery), of_gallery(gallery)
    door.add([look("xen")])
    assert yard.find(vector("xen"), set()) == FIRST
    gallery.strangers.forget(GROUP, FIRST)
    door.add([look("yan")])
    assert yard.find(vector("xen"), set()) is None
    assert yard.find(vector("yan"), set()) == SECOND


def test_groups_have_strangers_of_their_own(gallery):
    of_gallery(gallery).add([look("xen")])
    others = GalleryStrangers(gallery.strangers, "others", CALIBRATOR)
    assert others.find(vector("xen"), set()) is None
    assert others.add([look("yan")]) == FIRST


def test_strangers_of_another_model_are_not_compared(gallery):
    StrangerStore(gallery.database).add(GROUP, "another-model", [])
    of_gallery(gallery).add([look("xen")])
    assert of_gallery(gallery).find(vector("xen"), set()) == SECOND


def test_a_stranger_of_an_earlier_day_who_turns_out_to_be_known_is_kept(gallery):
    """He has a past of his own, for people to judge."""
    Store(gallery.database).add_face(GROUP, record("ada"))
    of_gallery(gallery).add([look("xen")])
    today = of_gallery(gallery)
    assert today.find(vector("xen"), set()) == FIRST
    today.was_known(FIRST, "ada")
    assert [stranger.label for stranger in gallery.strangers.strangers(GROUP)] == [FIRST]


def watched(gallery: Gallery, **video: object):
    """A book and a publisher that work on this gallery, as a camera's do."""
    judge = judge_of(gallery, GROUP, needed=False)
    book = VisitBook("door", GROUP, judge, of_gallery(gallery), VideoSettings(**video))
    return book, Publisher(gallery.visits, None, None)


def live(book, publisher, moments) -> list:
    return [publisher.publish(event) for moment in moments for event in play(book, [moment])]


def test_visits_of_an_ignored_stranger_are_not_announced(gallery):
    of_gallery(gallery).add([look("xen")])
    gallery.strangers.ignore(GROUP, FIRST, ignored=True)
    book, publisher = watched(gallery)
    assert live(book, publisher, every(0.2, 0, 2, seen(1, "xen"))) == []
    assert book.open_visits == []
    assert book.finish() == []
    assert gallery.visits.find() == []


def test_an_ignored_stranger_may_be_announced_again(gallery):
    of_gallery(gallery).add([look("xen")])
    gallery.strangers.ignore(GROUP, FIRST, ignored=True)
    book, publisher = watched(gallery)
    live(book, publisher, every(0.2, 0, 2, seen(1, "xen")))
    gallery.strangers.ignore(GROUP, FIRST, ignored=False)
    assert told(live(book, publisher, [at(2.2, seen(1))])) == [("enter", FIRST)]


def enrol(gallery: Gallery, person: str, who: str) -> None:
    Store(gallery.database).add_face(GROUP, record(person, embedding=vector(who)))


def test_a_stranger_who_becomes_known_hands_over_the_visits(gallery):
    enrol(gallery, "ada", "ada")
    book, publisher = watched(gallery)
    half = between("ada", "xen", 0.48)
    moments = every(0.2, 0, 1.8, seen(1, half, quality=0.3))
    moments += every(0.2, 2, 4, seen(1, "ada", quality=0.95))
    events = live(book, publisher, moments)
    assert told(events) == [("enter", FIRST), ("update", "ada")]
    (visit,) = gallery.visits.find()
    assert (visit.id, visit.person, visit.stranger) == (events[0].id, "ada", None)
    assert gallery.strangers.strangers(GROUP) == []


def test_a_stranger_who_is_named_while_there_has_the_name_from_now_on(gallery):
    book, publisher = watched(gallery)
    (enter,) = live(book, publisher, every(0.2, 0, 1, seen(1, "xen")))
    assert gallery.name_stranger(FIRST, "Mrs Novak", group=GROUP) == 1
    (update,) = live(book, publisher, every(0.2, 1.2, 2.4, seen(1)))
    assert (update.type, update.person, update.stranger) == ("update", "Mrs Novak", None)
    assert (update.id, update.sequence) == (enter.id, enter.sequence + 1)
    assert (update.why["rule"], update.probability) == ("given", 1.0)
    for event in book.finish():
        publisher.publish(event)
    (visit,) = gallery.visits.find()
    assert (visit.person, visit.stranger, visit.type) == ("Mrs Novak", None, "exit")


def test_a_stranger_who_is_named_as_one_who_is_there_joins_her_visit(gallery):
    enrol(gallery, "ada", "ada")
    book, publisher = watched(gallery)
    live(book, publisher, every(0.2, 0, 1, seen(1, "ada")))
    live(book, publisher, [at(1.2, ended=[1]), *every(0.2, 1.4, 2.4, seen(2, "xen"))])
    gallery.name_stranger(FIRST, "ada", group=GROUP)
    (joined,) = live(book, publisher, every(0.2, 2.6, 4, seen(2, "xen")))
    assert (joined.type, joined.person, joined.why["rule"]) == ("exit", "ada", "joined")
    assert told(book.finish()) == [("exit", "ada")]


def test_a_new_stranger_is_not_taken_for_one_who_was_named_meanwhile(gallery):
    book, publisher = watched(gallery)
    live(book, publisher, every(0.2, 0, 1, seen(1, "xen")))
    gallery.name_stranger(FIRST, "Mrs Novak", group=GROUP)
    events = live(book, publisher, [at(1.2, ended=[1]), *every(0.2, 1.4, 3, seen(2, "yan"))])
    assert sorted(told(events)) == [("enter", SECOND), ("update", "Mrs Novak")]


def test_a_forgotten_stranger_is_not_taken_for_one_who_was_named_long_ago(gallery):
    of_gallery(gallery).add([look("zoe")])
    gallery.name_stranger(FIRST, "Mrs Novak", group=GROUP)
    book, publisher = watched(gallery)
    (enter,) = live(book, publisher, every(0.2, 0, 1, seen(1, "xen")))
    gallery.forget_stranger(enter.stranger, group=GROUP)
    events = live(book, publisher, every(0.2, 1.2, 4, seen(1)))
    assert told(events + book.finish()) == [("exit", SECOND)]


def test_a_stranger_who_is_forgotten_while_there_leaves_nothing(gallery):
    book, publisher = watched(gallery)
    live(book, publisher, every(0.2, 0, 1, seen(1, "xen")))
    gallery.forget_stranger(FIRST, group=GROUP)
    for event in book.finish():
        publisher.publish(event)
    assert gallery.visits.find() == []
    assert gallery.strangers.strangers(GROUP) == []


def test_the_same_stranger_at_two_cameras(gallery):
    door, door_publisher = watched(gallery)
    yard = VisitBook(
        "yard", GROUP, judge_of(gallery, GROUP, needed=False), of_gallery(gallery), VideoSettings()
    )
    at_the_door = live(door, door_publisher, every(0.2, 0, 1, seen(1, "xen")))
    in_the_yard = live(yard, door_publisher, every(0.2, 30, 31, seen(1, "xen", 0.3)))
    assert told(at_the_door) == told(in_the_yard) == [("enter", FIRST)]
    assert at_the_door[0].id != in_the_yard[0].id


def test_a_session_gives_the_same_labels_on_every_run():
    def run() -> list:
        moments = [*every(0.2, 0, 2, seen(1, "xen"), seen(2, "yan")), at(3, ended=[1, 2])]
        moments += every(0.2, 9, 12, seen(3, "yan", 0.2))
        return [event.to_dict() for event in play_all(make_book("ada"), moments)]

    assert run() == run()
