"""How somebody looks, over a visit: told by the best looks, and the same again from a file."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import vultus
from tests.fake_attributes import with_fake_networks
from tests.video.builders import CALIBRATOR, at, every, judge, look, make_book, play, play_all, seen
from tests.video.scenes import FilmSource, Part
from tests.video.test_observer import ONE, Counting, Setup
from vultus.errors import ModelMissing, UsageError
from vultus.events.encoding import COLUMNS, flat
from vultus.faces.attributes.types import Ages, Attributes, Expressions
from vultus.settings import VideoSettings
from vultus.video.camera import Camera, read_cameras
from vultus.video.moment import Look, Moment, Sighting
from vultus.video.observer import Observer
from vultus.video.overlay import Label
from vultus.video.replay import replay
from vultus.video.strangers import SessionStrangers
from vultus.video.track_file import TrackHeader, TrackReader, TrackWriter
from vultus.video.zones import Zones

WISH = ("age", "gender", "expression")


def attributes(age: float = 30, female: float = 0.9, happy: float = 0.8) -> Attributes:
    def column(value: float) -> np.ndarray:
        return np.array([value], np.float32)

    return Attributes(
        age=Ages(column(age), column(age - 5), column(age + 5)),
        female=column(female),
        expression=Expressions(("happy", "sad"), np.array([[happy, 1 - happy]], np.float32)),
    )


def looking(track: int, who: str, told: Attributes | None, quality: float = 0.8) -> Sighting:
    found = seen(track, who, quality=quality)
    return replace(found, look=replace(found.look, attributes=told))


# the observer


def observed(setup: Setup, wish=WISH) -> list[Moment]:
    setup.observer = Observer(
        setup.observer._analyzer,
        setup.settings,
        Zones(),
        lambda number: number in setup.sure,
        attributes=wish,
    )
    return [setup.see(ONE, k / 10) for k in range(20)]


def test_only_faces_that_are_embedded_are_asked_about():
    setup = Setup()
    networks = with_fake_networks(setup.observer._analyzer)
    found = [s.look for moment in observed(setup) for s in moment.sightings if s.look]
    assert isinstance(setup.embedder, Counting)
    assert len(found) == setup.embedder.faces < 10
    # an expression is told from the mirror image, too
    once, twice = dict.fromkeys(("inner", "person"), 1), dict.fromkeys(("trunk", "expression"), 2)
    assert networks.ran == {name: n * len(found) for name, n in {**once, **twice}.items()}
    for each in found:
        assert each.attributes.row(0)["expression"]["label"] == "happy"


def test_without_a_wish_nothing_is_told():
    setup = Setup()
    networks = with_fake_networks(setup.observer._analyzer)
    looks = [s.look for moment in observed(setup, ()) for s in moment.sightings if s.look]
    assert networks.ran == {}
    assert {each.attributes for each in looks} == {None}


def test_only_what_is_wished_for_runs():
    setup = Setup()
    networks = with_fake_networks(setup.observer._analyzer)
    observed(setup, ("expression",))
    assert set(networks.ran) == {"trunk", "expression"}


# the book


def test_a_visit_tells_what_its_looks_say_by_their_quality():
    book = make_book("ada")
    moments = [
        at(0, looking(1, "ada", attributes(20, 0.9, 1.0), quality=0.9)),
        at(0.2, looking(1, "ada", attributes(40, 0.9, 0.0), quality=0.3)),
        at(0.4, looking(1, "ada", None, quality=0.8)),
    ]
    (left,) = [event for event in play_all(book, moments) if event.type == "exit"]
    assert left.attributes["age"] == {"value": 25.0, "low": 20.0, "high": 30.0}
    assert left.attributes["gender"] == {"label": "female", "probability": 0.9}
    assert left.attributes["expression"] == {
        "label": "happy",
        "probabilities": {"happy": 0.75, "sad": 0.25},
    }
    json.dumps(left.to_dict(), allow_nan=False)


def test_the_looks_before_the_name_have_a_vote():
    book = make_book("ada", confirm_looks=3)
    moments = [at(k / 5, looking(1, "ada", attributes(20 + 10 * k))) for k in range(3)]
    (enter,) = play(book, moments)
    assert (enter.type, enter.attributes["age"]["value"]) == ("enter", 30.0)


def test_a_visit_of_two_tracks_hears_both_and_counts_no_look_twice():
    book = make_book("ada")
    first = every(0.2, 0, 1, looking(1, "ada", attributes(20)))  # one look, seen again and again
    second = every(0.2, 2, 2.4, looking(2, "ada", attributes(40)))
    events = play_all(book, [*first, at(1.5, ended=[1]), *second])
    assert [event.attributes["age"]["value"] for event in events] == [20.0, 30.0]


def test_only_the_best_looks_of_a_long_visit_are_kept():
    book = make_book("ada", absence_s=10)
    moments = []
    for track in range(1, 40):
        poor = attributes(80) if track > 3 else attributes(20)
        quality = 0.3 if track > 3 else 0.9
        moments += [at(track + k / 5, looking(track, "ada", poor, quality)) for k in range(4)]
        moments.append(at(track + 0.9, ended=[track]))
    play(book, moments)
    (stay,) = book.open_visits
    assert len(stay._looks) == 10
    assert stay.now().attributes["age"]["value"] == 20.0


def test_a_visit_that_joins_another_brings_its_looks_along():
    book = make_book("ada", stranger_looks=1, confirm_looks=1)
    events = play(book, [at(0, looking(1, "xen", attributes(20)))])
    (stay,) = book.open_visits
    other = book._maker.make(stay.identity, stay.start)
    stay.join(other, stay.identity, stay.last)
    assert other.now().attributes == events[0].attributes
    assert other.now().attributes["age"]["value"] == 20.0


def test_where_nothing_was_asked_for_there_is_nothing():
    events = play_all(make_book("ada"), every(0.2, 0, 1, seen(1, "ada")))
    assert {json.dumps(event.attributes) for event in events} == {"{}"}


def test_what_is_shown_is_what_the_track_says_so_far():
    book = make_book("ada")
    assert book.attributes(1) == {}
    play(book, [at(0, looking(1, "ada", attributes(20)))])
    assert book.attributes(1)["age"]["value"] == 20.0
    play(book, [at(0.2, looking(1, "ada", attributes(30)))])
    assert book.attributes(1)["age"]["value"] == 25.0


# files of tracks


def recorded(path, moments) -> TrackReader:
    writer = TrackWriter(path, TrackHeader("door", "team", "model", {}, {}))
    for moment in moments:
        writer.write(moment)
    writer.close()
    return TrackReader(path)


def test_a_replay_tells_the_same(tmp_path):
    rng = np.random.default_rng(4)
    moments = [
        at(k / 5, looking(1, "ada", attributes(*(30 * rng.random(), *rng.random(2)))))
        for k in range(12)
    ]
    moments[3] = at(Fraction(3, 5), looking(1, "ada", replace(attributes(), female=None)))
    told = [e for e in play_all(make_book("ada"), moments) if e.type == "exit"]
    tracks = recorded(tmp_path / "tracks.jsonl", moments)
    again = replay(tracks, judge("ada"), SessionStrangers(CALIBRATOR), VideoSettings())
    assert [visit.attributes for visit in again] == [visit.attributes for visit in told]
    assert again == replay(tracks, judge("ada"), SessionStrangers(CALIBRATOR), VideoSettings())


def test_a_file_without_attributes_is_as_ever(tmp_path):
    path = tmp_path / "tracks.jsonl"
    tracks = recorded(path, every(0.2, 0, 1, seen(1, "ada")))
    assert "attributes" not in path.read_text()
    (visit,) = replay(tracks, judge("ada"), SessionStrangers(CALIBRATOR), VideoSettings())
    assert visit.attributes == {}


def test_damaged_attributes_are_told_with_their_line(tmp_path):
    path = tmp_path / "tracks.jsonl"
    recorded(path, [at(0, looking(1, "ada", attributes()))])
    for broken in ("7", '{"age": 7}', '{"female": "much"}', "[]"):
        lines = path.read_text().splitlines()
        record = json.loads(lines[1])
        record["sightings"][0]["look"]["attributes"] = json.loads(broken)
        other = tmp_path / "broken.jsonl"
        other.write_text(lines[0] + "\n" + json.dumps(record) + "\n")
        with pytest.raises(vultus.VultusError, match="line 2"):
            list(TrackReader(other).moments())


def test_a_look_has_none_unless_it_is_told():
    assert look().attributes is None
    assert Look(np.zeros(128, np.float32), 1, 1, 1, 0).attributes is None


# cameras


def test_a_camera_names_them_in_any_way():
    for names in ("gender,age", ["gender", "age"], ("age", "gender"), "AGE, gender"):
        camera = Camera(name="door", source="0", attributes=names)
        assert camera.attributes == ("age", "gender")
    assert Camera(name="door", source="0").attributes == ()
    assert set(WISH) <= set(Camera(name="door", source="0", attributes="all").attributes)


@pytest.mark.parametrize(
    "names", ["beauty", ["age", "beauty"], 5, [5], None, {"age": 1}, ["x"] * 101]
)
def test_what_is_no_attribute_is_refused(names):
    with pytest.raises(ValueError, match="attributes"):
        Camera(name="door", source="0", attributes=names)


def test_in_a_file_of_cameras_they_are_shared(tmp_path):
    path = tmp_path / "cameras.toml"
    path.write_text(
        'attributes = ["age"]\n[[camera]]\nname = "a"\nsource = "0"\n'
        '[[camera]]\nname = "b"\nsource = "1"\nattributes = "gender,expression"\n'
    )
    one, other = read_cameras(path, VideoSettings()).camera
    assert (one.attributes, other.attributes) == (("age",), ("gender", "expression"))
    path.write_text('attributes = ["beauty"]\n[[camera]]\nname = "a"\nsource = "0"\n')
    with pytest.raises(UsageError, match="beauty"):
        read_cameras(path, VideoSettings())


# watching


class Onlooker:
    def __init__(self) -> None:
        self.labels: list[Label] = []

    def show(self, frame, labels) -> bool:
        self.labels += labels
        return True

    def close(self) -> None:
        """Nothing to release."""


def test_watching_tells_them_in_events_and_on_the_picture(family, play):
    networks = with_fake_networks(family.analyzer)
    play(**{"0": FilmSource([Part("ada", 0, 1.5)], seconds=2)})
    onlooker = Onlooker()
    events = list(
        vultus.watch(
            0, group="family", gallery=family, on="all", attributes=WISH, onlookers=[onlooker]
        )
    )
    assert [event.type for event in events] == ["enter", "exit"]
    for event in events:
        assert set(event.attributes) == set(WISH)
        assert event.attributes["expression"]["label"] == "happy"
        told = dict(zip(COLUMNS, flat(event.to_dict()).values(), strict=True))
        assert json.loads(told["attributes"]) == event.attributes
    assert set(networks.ran) == {"trunk", "expression", "inner", "person"}
    notes = {label.notes for label in onlooker.labels}
    assert any("happy" in line for lines in notes for line in lines)


def test_without_a_wish_watching_runs_no_network_for_them(family, play):
    networks = with_fake_networks(family.analyzer)
    play(**{"0": FilmSource([Part("ada", 0, 1)], seconds=1.5)})
    events = list(vultus.watch(0, group="family", gallery=family))
    assert [event.attributes for event in events] == [{}]
    assert networks.ran == {}


def test_a_model_that_is_missing_is_told_before_the_source_is_opened(family, play, monkeypatch):
    def missing(**_):
        raise ModelMissing("It is not installed.")

    monkeypatch.setattr(family.analyzer, "warm_up", missing)
    play(**{"0": lambda: pytest.fail("it was opened")})
    with pytest.raises(ModelMissing):
        vultus.watch(0, group="family", gallery=family, attributes=WISH)
    with pytest.raises(UsageError, match="beauty"):
        vultus.watch(0, group="family", gallery=family, attributes="beauty")


def test_snapshots_show_them(family, play, tmp_path, monkeypatch):
    with_fake_networks(family.analyzer)
    drawn: list[Label] = []
    from vultus.video import snapshots

    annotate = snapshots.annotate
    monkeypatch.setattr(
        snapshots, "annotate", lambda image, labels: drawn.extend(labels) or annotate(image, labels)
    )
    play(**{"0": FilmSource([Part("ada", 0, 1)], seconds=1.5)})
    list(vultus.watch(0, group="family", gallery=family, attributes=WISH, snapshots=tmp_path / "s"))
    assert drawn
    assert all(label.notes for label in drawn)
