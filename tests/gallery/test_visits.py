from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from tests.gallery.workers import record
from vultus.errors import GalleryMissing, GroupUnknown, VisitUnknown
from vultus.gallery.schema import events
from vultus.gallery.store import Store
from vultus.gallery.strangers import StrangerFace
from vultus.gallery.visits import VisitRecord
from vultus.imaging.pictures import annotated_path
from vultus.models.catalogue import EMBEDDER

TEAM = "team"
NOON = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)


def visit(
    name: str,
    person: str | None = None,
    *,
    stranger: str | None = None,
    sequence: int = 0,
    start: float = 0,
    seconds: float = 10,
    group: str = TEAM,
    camera: str = "door",
    **more: object,
) -> VisitRecord:
    fields: dict[str, object] = {"type": "enter", "probability": 0.9, "zone": None, **more}
    begin = NOON + timedelta(seconds=start)
    return VisitRecord(
        id=name, group=group, person=person, stranger=stranger, camera=camera, sequence=sequence,
        start=begin, end=begin + timedelta(seconds=seconds), **fields,
    )  # fmt: skip


def picture_files(folder: Path, name: str) -> list[Path]:
    """A clean picture and its annotated copy, on disk."""
    clean = folder / f"{name}.jpg"
    both = [clean, annotated_path(clean)]
    for path in both:
        path.write_bytes(b"picture")
    return both


@pytest.fixture
def people(gallery) -> Store:
    """ada and bob, and a gallery that remembers their visits."""
    store = Store(gallery.database)
    for person in ("ada", "bob"):
        store.add_face(TEAM, record(person))
    return store


def found(gallery, **which: object) -> list[str]:
    return [each.id for each in gallery.visits.find(**which)]


def add_event(gallery, name: str, sequence: int = 0) -> None:
    """As the sink `sql` writes it."""
    moment = NOON.replace(tzinfo=None)
    with gallery.database.write() as connection:
        connection.execute(
            events.insert().values(
                visit=name, sequence=sequence, type="enter", time=moment, started_at=moment,
                ended_at=moment, camera="door", probability=1, media_time=0, box_x=0, box_y=0,
                box_width=1, box_height=1, body={},
            )
        )  # fmt: skip


def events_of(gallery) -> list[str]:
    with gallery.database.read() as connection:
        return sorted(connection.execute(sa.select(events.c.visit)).scalars())


# writing


@pytest.mark.usefixtures("people")
def test_a_visit_is_read_as_it_was_written(gallery):
    written = visit("v1", "ada", sequence=2, type="exit", zone="door", pictures=("/a.jpg",))
    gallery.visits.record(written)
    assert gallery.visits.find() == [written]


def test_a_visit_of_nobody_yet(gallery):
    gallery.create_group(TEAM)
    assert gallery.visits.record(visit("v1"))
    (only,) = gallery.visits.find()
    assert (only.person, only.stranger, only.group) == (None, None, TEAM)


@pytest.mark.usefixtures("people")
def test_times_are_utc_whatever_zone_they_came_in(gallery):
    there = timezone(timedelta(hours=-7))
    written = visit("v1", "ada")
    gallery.visits.record(
        VisitRecord(**{**vars(written), "start": written.start.astimezone(there)})
    )
    (only,) = gallery.visits.find()
    assert only.start == written.start
    assert only.start.utcoffset() == timedelta(0)


@pytest.mark.usefixtures("people")
def test_later_news_replace_older_ones(gallery):
    gallery.visits.record(visit("v1", "ada", seconds=1))
    gallery.visits.record(visit("v1", "ada", sequence=3, seconds=9, type="exit", zone="door"))
    (only,) = gallery.visits.find()
    assert (only.sequence, only.type, only.zone) == (3, "exit", "door")
    assert only.end - only.start == timedelta(seconds=9)


@pytest.mark.usefixtures("people")
def test_older_news_are_left_out(gallery):
    gallery.visits.record(visit("v1", "ada", sequence=3, type="exit"))
    gallery.visits.record(visit("v1", "bob", sequence=1))
    (only,) = gallery.visits.find()
    assert (only.sequence, only.person, only.type) == (3, "ada", "exit")


@pytest.mark.usefixtures("people")
def test_the_same_news_twice_are_one_visit(gallery):
    for _ in range(2):
        gallery.visits.record(visit("v1", "ada"))
    assert found(gallery) == ["v1"]


@pytest.mark.usefixtures("people")
def test_pictures_of_a_visit_are_collected(gallery):
    for sequence, pictures in enumerate([("/a.jpg",), (), ("/b.jpg",), ("/a.jpg", "/c.jpg")]):
        gallery.visits.record(visit("v1", "ada", sequence=sequence, pictures=pictures))
    assert gallery.visits.find()[0].pictures == ("/a.jpg", "/b.jpg", "/c.jpg")


def stranger_of(gallery) -> str:
    face = StrangerFace(np.ones(128, np.float32), 0.5, 50.0)
    return gallery.strangers.add(TEAM, EMBEDDER, [face])


@pytest.mark.usefixtures("people")
def test_a_late_name_is_an_update_of_the_same_visit(gallery):
    label = stranger_of(gallery)
    gallery.visits.record(visit("v1", stranger=label))
    assert gallery.visits.find()[0].stranger == label
    gallery.visits.record(visit("v1", "ada", sequence=1))
    (only,) = gallery.visits.find()
    assert (only.person, only.stranger) == ("ada", None)


@pytest.mark.usefixtures("people")
def test_news_of_somebody_who_was_renamed_keep_the_new_name(gallery):
    gallery.visits.record(visit("v1", "ada"))
    gallery.rename("ada", "eve", group=TEAM)
    gallery.visits.record(visit("v1", "ada", sequence=1, type="exit"))
    (only,) = gallery.visits.find()
    assert (only.person, only.type) == ("eve", "exit")


@pytest.mark.usefixtures("people")
def test_news_of_somebody_who_was_removed_are_not_written(gallery):
    gallery.visits.record(visit("v1", "ada"))
    gallery.remove("ada", group=TEAM)
    gallery.visits.record(visit("v1", "ada", sequence=1, type="exit"))
    assert not gallery.visits.record(visit("v2", stranger="unknown-0042"))
    assert not gallery.visits.record(visit("v3", group="of a removed group"))
    assert gallery.visits.find() == []


# finding


@pytest.fixture
def history(gallery, people):
    label = stranger_of(gallery)
    gallery.visits.record(visit("v1", "ada", start=0))
    gallery.visits.record(visit("v2", "bob", start=100, camera="yard"))
    gallery.visits.record(visit("v3", stranger=label, start=200))
    gallery.visits.record(visit("v4", "ada", start=300, camera="yard"))
    gallery.create_group("others")
    gallery.visits.record(visit("v5", group="others", start=400))
    return gallery


def test_the_newest_visits_come_first(history):
    assert found(history) == ["v5", "v4", "v3", "v2", "v1"]
    assert found(history, limit=2) == ["v5", "v4"]


def test_visits_of_a_person_a_stranger_a_group_and_a_camera(history):
    assert found(history, person="ada") == ["v4", "v1"]
    assert found(history, person="unknown-0001") == ["v3"]
    assert found(history, person="nobody") == []
    assert found(history, group="others") == ["v5"]
    assert found(history, camera="yard") == ["v4", "v2"]
    assert found(history, camera="yard", person="ada", group=TEAM) == ["v4"]


def test_visits_between_two_times(history):
    def at(seconds: float) -> datetime:
        return (NOON + timedelta(seconds=seconds)).astimezone(timezone(timedelta(hours=3)))

    assert found(history, since=at(105)) == ["v5", "v4", "v3", "v2"]  # it was still going on
    assert found(history, since=at(111)) == ["v5", "v4", "v3"]
    assert found(history, until=at(200)) == ["v2", "v1"]
    assert found(history, since=at(150), until=at(350)) == ["v4", "v3"]


def test_a_group_that_is_not_there(history):
    with pytest.raises(GroupUnknown):
        history.visits.find(group="nobody")


def test_a_gallery_that_is_not_there(gallery):
    with pytest.raises(GalleryMissing):
        gallery.visits.find()


# people come and go


def test_a_renamed_person_keeps_the_visits(history):
    history.rename("ada", "eve", group=TEAM)
    assert found(history, person="eve") == ["v4", "v1"]
    assert found(history, person="ada") == []


def test_merging_people_carries_visits_along(history):
    history.merge("bob", "ada", group=TEAM)
    assert found(history, person="ada") == ["v4", "v2", "v1"]


def test_moving_a_person_carries_visits_along(history):
    history.move("ada", "crew", group=TEAM)
    assert found(history, group="crew") == ["v4", "v1"]
    assert found(history, group=TEAM) == ["v3", "v2"]
    history.remove_group(TEAM)
    assert found(history, person="ada") == ["v4", "v1"]


def test_removing_a_person_deletes_visits_events_and_pictures(history, tmp_path):
    mine, others = picture_files(tmp_path, "ada"), picture_files(tmp_path, "bob")
    history.visits.record(visit("v1", "ada", sequence=1, pictures=(str(mine[0]),)))
    history.visits.record(visit("v2", "bob", sequence=1, pictures=(str(others[0]),), start=100))
    for name in ("v1", "v2"):
        add_event(history, name)
    history.remove("ada", group=TEAM)
    assert found(history) == ["v5", "v3", "v2"]
    assert events_of(history) == ["v2"]
    assert not any(path.exists() for path in mine)
    assert all(path.exists() for path in others)


def test_removing_a_person_whose_pictures_are_gone_already(history, tmp_path):
    history.visits.record(
        visit("v1", "ada", sequence=1, pictures=(str(tmp_path / "gone" / "a.jpg"),))
    )
    history.remove("ada", group=TEAM)
    assert found(history, person="ada") == []


def test_removing_a_group_deletes_its_visits_and_pictures(history, tmp_path):
    pictures = picture_files(tmp_path, "a")
    history.visits.record(visit("v3", sequence=1, pictures=(str(pictures[0]),), start=200))
    history.remove_group(TEAM)
    assert found(history) == ["v5"]
    assert not any(path.exists() for path in pictures)


def test_visits_that_ended_long_ago_are_forgotten(history, tmp_path):
    pictures = picture_files(tmp_path, "a")
    history.visits.record(visit("v1", "ada", sequence=1, pictures=(str(pictures[0]),)))
    for name in ("v1", "v4"):
        add_event(history, name)
    assert history.forget_visits(before=NOON + timedelta(seconds=111)) == 2
    assert found(history) == ["v5", "v4", "v3"]
    assert events_of(history) == ["v4"]
    assert not any(path.exists() for path in pictures)
    assert [person.name for person in history.people(TEAM)] == ["ada", "bob"]


def test_pages_of_visits_go_on_behind_the_last(gallery, people):
    store = gallery.visits
    for number in range(6):
        store.record(visit(f"v{number}", "ada", start=60 * (number // 2)))
    first = store.find(limit=3)
    assert [each.id for each in first] == ["v4", "v5", "v2"]
    store.record(visit("v9", "bob", start=600))  # a newer one shifts nothing
    rest = store.find(limit=9, after=(first[-1].start, first[-1].id))
    assert [each.id for each in rest] == ["v3", "v0", "v1"]
    assert store.find(after=(rest[-1].start, rest[-1].id)) == []


def test_one_visit(gallery, people):
    gallery.visits.record(visit("v1", "ada"))
    assert gallery.visits.get("v1").person == "ada"
    with pytest.raises(VisitUnknown):
        gallery.visits.get("v2")


def test_forgetting_visits_is_noted(gallery, people):
    gallery.visits.record(visit("v1", "ada"))
    assert gallery.forget_visits(before=NOON + timedelta(days=1)) == 1
    (change,) = gallery.audit.find(limit=1)
    assert change.action == "visits.forget"
    assert change.subject is None
    assert change.detail == "1 before 2026-11-22T12:00:00+00:00"
