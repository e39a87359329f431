"""`vultus.watch`: what comes out, and of which gallery."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path

import pytest

import vultus
from tests.video.scenes import FilmSource, Part, film, scene_analyzer
from tests.video.told import ZONES, told
from vultus.events.visit import Visit
from vultus.gallery.gallery import Gallery
from vultus.video import watching as watching_module

# what comes out


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("enter", [("enter", "ada"), ("enter", "unknown-0001")]),
        ("exit", [("exit", "ada"), ("exit", "unknown-0001")]),
        (
            "all",
            [
                ("enter", "ada"),
                ("enter", "unknown-0001"),
                ("exit", "ada"),
                ("exit", "unknown-0001"),
            ],
        ),
    ],
)
def test_each_visit_once_or_every_event(family, clip, on, expected):
    with vultus.watch(clip, group="family", gallery=family, on=on) as watching:
        assert told(watching) == expected


def test_an_event_says_who_where_and_when(family, clip):
    start = datetime(2026, 11, 21, 9, 30, tzinfo=timezone(timedelta(hours=1)))
    found = list(vultus.watch(clip, group="family", gallery=family, started_at=start))
    ada, stranger = found
    assert all(isinstance(visit, Visit) for visit in found)
    assert (ada.person, ada.stranger, ada.camera, ada.group) == ("ada", None, "yard", "family")
    assert (stranger.person, stranger.stranger) == (None, "unknown-0001")
    assert ada.probability > 0.9
    assert ada.start == start + timedelta(seconds=0.5)
    assert ada.end == start + timedelta(seconds=1.9)
    assert ada.seconds == pytest.approx(1.4)
    assert ada.zone is None
    assert ada.why["rule"] == "named"
    assert ada.best_shot.quality > 0.2
    assert ada.best_shot.picture is None  # nobody asked for pictures


def test_the_camera_may_have_another_name(family, clip):
    found = list(vultus.watch(clip, group="family", gallery=family, camera="Hof ü"))
    assert {visit.camera for visit in found} == {"Hof ü"}


def test_without_a_group_everybody_may_be_a_stranger(tmp_path, film_settings, clip):
    with Gallery(settings=film_settings, analyzer=scene_analyzer(film_settings)) as empty:
        found = list(vultus.watch(clip, gallery=empty))
        assert sorted(visit.who for visit in found) == ["unknown-0001", "unknown-0002"]
        assert {visit.group for visit in found} == {"default"}


def test_two_runs_say_the_same(family, clip):
    runs = [
        list(
            vultus.watch(
                clip, group="family", gallery=family, on="all", remember=False, zones=ZONES
            )
        )
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len({visit.id for visit in runs[0]}) == 2


def test_zones(family, play):
    play(yard=FilmSource([Part("ada", 0, 5, x=0, speed=40)], 5.0))
    found = list(vultus.watch("yard", group="family", gallery=family, zones=ZONES, on="all"))
    assert [(visit.type, visit.zone) for visit in found] == [
        ("enter", "left"),
        ("update", "right"),
        ("exit", "right"),
    ]


def test_outside_of_all_zones(family, play):
    play(yard=FilmSource([Part("ada", 0, 2, x=200, speed=0)], 2.0))
    (found,) = vultus.watch("yard", group="family", gallery=family, zones={"left": ZONES["left"]})
    assert found.zone == "outside"


def test_nobody_in_a_mask_is_seen(family, play):
    parts = [Part("ada", 0, 3, x=20, speed=0), Part("bob", 0, 3, x=220, speed=0)]
    play(yard=FilmSource(parts, 3.0))
    found = vultus.watch("yard", group="family", gallery=family, masks=[ZONES["left"]])
    assert told(found) == [("exit", "bob")]


def test_times_of_2997_frames_a_second_are_exact(family, tmp_path):
    clip = film(tmp_path / "ntsc.mp4", [Part("ada")], 2, rate=Fraction(30000, 1001))
    with vultus.watch(clip, group="family", gallery=family) as watching:
        (visit,) = watching
    assert watching.status[0].frames == 60
    assert visit.media_time == float(Fraction(57 * 1001, 30000))  # the last one that was due


def test_onlookers_see_every_frame_with_its_labels(family, clip):
    seen = []

    class Onlooker:
        closed = 0

        def show(self, frame, labels):
            seen.append((frame.index, [label.text.split(" ")[0] for label in labels]))
            return True

        def close(self):
            self.closed += 1

    onlooker = Onlooker()
    list(vultus.watch(clip, group="family", gallery=family, onlookers=[onlooker]))
    assert [index for index, _ in seen] == list(range(80))
    assert seen[5][1] == []
    assert seen[24][1] == ["ada", ""]
    assert seen[36][1] == ["ada", "unknown-0001"]
    assert onlooker.closed == 1


def test_frames_are_not_converted_for_an_onlooker_that_does_not_look(family, play):
    converted, seen = set(), []

    class Source(FilmSource):
        def _frame(self, index):
            made = super()._frame(index)
            convert = made._convert
            made._convert = lambda wanted: (converted.add(index), convert(wanted))[1]
            return made

    class Onlooker:
        is_looking = False

        def show(self, frame, labels):
            seen.append(frame.index)
            return True

        def close(self):
            pass

    play(yard=Source([Part("ada")], 2.0))
    onlooker = Onlooker()
    with vultus.watch("yard", gallery=family, group="family", onlookers=[onlooker]) as watching:
        list(watching)
    assert seen == []
    assert len(converted) == watching.status[0].analysed == 20  # of 40
    play(yard=Source([Part("ada")], 2.0))
    onlooker.is_looking = True
    list(vultus.watch("yard", gallery=family, group="family", onlookers=[onlooker]))
    assert seen == list(range(40))


def test_an_onlooker_may_end_it(family, play):
    source = FilmSource([Part("ada")], 60.0)
    play(yard=source)

    class Onlooker:
        def show(self, frame, labels):
            return frame.index < 40

        def close(self):
            pass

    found = vultus.watch("yard", group="family", gallery=family, onlookers=[Onlooker()], on="all")
    assert told(found) == [("enter", "ada"), ("exit", "ada")]
    assert source.closed
    assert source.handed_out < 60


# galleries


def test_a_gallery_by_its_address(family, clip, film_settings, monkeypatch):
    """Opened for the call, and closed after it."""
    monkeypatch.setattr(
        watching_module, "analyzer_for", lambda cameras, settings: scene_analyzer(settings)
    )
    closed = []
    monkeypatch.setattr(Gallery, "close", lambda self: closed.append(self))  # noqa: PLW0108
    watching = vultus.watch(
        clip, group="family", gallery=film_settings.gallery, settings=film_settings
    )
    assert told(watching) == [("exit", "ada"), ("exit", "unknown-0001")]
    assert len(closed) == 1
    closed[0].database.close()


def test_a_gallery_of_the_caller_stays_open(family, clip):
    list(vultus.watch(clip, group="family", gallery=family))
    assert [person.name for person in family.people("family")] == ["ada", "bob"]


def test_remembered_visits_and_strangers(family, clip):
    found = list(vultus.watch(clip, group="family", gallery=family))
    kept = family.visits.find(group="family")
    assert [visit.id for visit in reversed(kept)] == [visit.id for visit in found]
    for record, visit in zip(reversed(kept), found, strict=True):
        assert (record.person, record.stranger) == (visit.person, visit.stranger)
        assert (record.start, record.end) == (visit.start, visit.end)
        assert (record.type, record.sequence) == ("exit", visit.sequence)
        assert record.camera == "yard"
    (stranger,) = family.strangers.strangers("family")
    assert (stranger.label, stranger.visits) == ("unknown-0001", 1)
    assert stranger.faces >= 1


def test_who_was_seen_before_keeps_the_label(family, play):
    for day in ("monday", "tuesday"):
        play(yard=FilmSource([Part("cyd"), Part("eve", x=150, speed=0)], 2.0))
        started = datetime(2026, 11, 23 if day == "monday" else 24, tzinfo=timezone.utc)
        found = list(
            vultus.watch("yard", group="family", gallery=family, camera=day, started_at=started)
        )
        labels = {visit.stranger for visit in found}
        assert labels == {"unknown-0001", "unknown-0002"}
    assert len(family.strangers.strangers("family")) == 2
    assert [each.visits for each in family.strangers.strangers("family")] == [2, 2]


def test_the_same_recording_again_is_in_the_history_once(family, clip):
    for _ in range(2):
        list(vultus.watch(clip, group="family", gallery=family))
    assert len(family.visits.find(group="family")) == 2


def test_nothing_is_remembered_when_not_wanted(family, clip):
    found = list(vultus.watch(clip, group="family", gallery=family, remember=False))
    assert told(found) == [("exit", "ada"), ("exit", "unknown-0001")]
    assert family.visits.find(group="family") == []
    assert family.strangers.strangers("family") == []


def test_nothing_is_written_where_no_gallery_was(tmp_path, film_settings, clip):
    with Gallery(settings=film_settings, analyzer=scene_analyzer(film_settings)) as empty:
        list(vultus.watch(clip, gallery=empty, remember=False))
    assert not Path(film_settings.gallery).exists()


def test_a_stranger_is_named_later_and_the_past_follows(family, clip, play):
    list(vultus.watch(clip, group="family", gallery=family))
    assert family.name_stranger("unknown-0001", "cyd", group="family") == 1
    assert {visit.person for visit in family.visits.find(group="family")} == {"ada", "cyd"}
    play(yard=FilmSource([Part("cyd")], 2.0))
    assert told(vultus.watch("yard", group="family", gallery=family)) == [("exit", "cyd")]


def test_a_stranger_who_is_ignored_is_not_announced(family, clip):
    list(vultus.watch(clip, group="family", gallery=family))
    family.strangers.ignore("family", "unknown-0001", ignored=True)
    found = vultus.watch(clip, group="family", gallery=family, on="all")
    assert told(found) == [("enter", "ada"), ("exit", "ada")]
