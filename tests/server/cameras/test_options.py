"""A camera's options: refused, shown without secrets, made ready."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vultus.errors import GroupUnknown, SourceUnknown, UsageError
from vultus.gallery.gallery import Gallery
from vultus.server.cameras.options import (
    camera_of,
    check,
    options_of,
    shown,
    sinks_of,
    stored,
    with_known_secrets,
    without_folder,
)
from vultus.settings import Settings

DOOR = {"name": "door", "source": "rtsp://user:geheim@10.0.0.9/stream1"}
SQUARE = [[0, 0], [1, 0], [1, 1]]


@pytest.mark.parametrize("name", ["door", "Haustür 1", "a.b", "日本", "-", "x" * 100, "...x"])
def test_names(name):
    assert options_of({**DOOR, "name": name}).name == name


@pytest.mark.parametrize(
    "name",
    ["", " ", "a/b", "a\\b", "..", ".", "a\nb", "a\x00b", "\u202eab", " a", "a ", "x" * 101, 5,
     None, ["a"], "\ud800"],
)  # fmt: skip
def test_no_names(name):
    with pytest.raises(UsageError, match="name"):
        options_of({**DOOR, "name": name})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source", ""), ("source", "x" * 2049), ("source", 5), ("colour", "red"),
        ("zones", {"a": "b"}), ("zones", {str(n): SQUARE for n in range(101)}),
        ("masks", [SQUARE] * 101), ("snapshots_days", 0), ("snapshots_days", float("nan")),
        ("snapshots_mb", float("inf")), ("enabled", "perhaps"), ("to", "events.jsonl"),
        ("to", ["sql"] * 21), ("video", {"fps": 3}), ("video", {"analysis_fps": 0}),
        ("group", 5), ("record", 5), ("attributes", ["beauty"]), ("attributes", [5]),
        ("attributes", ["age"] * 101), ("attributes", None),
    ],
)  # fmt: skip
def test_the_field_that_makes_no_sense_is_named(field, value):
    with pytest.raises(UsageError, match=field) as told:
        options_of({**DOOR, field: value})
    assert "geheim" not in str(told.value)


@pytest.mark.parametrize("values", [None, [], "door", {}, {"name": "door"}])
def test_no_camera_at_all(values):
    with pytest.raises(UsageError):
        options_of(values)


def test_numbers_that_json_cannot_say():
    with pytest.raises(UsageError):
        options_of({**DOOR, "video": {"strangers_days": float("inf")}})


def test_attributes_are_named_in_any_way_and_kept():
    options = options_of({**DOOR, "attributes": ["gender", "AGE"]})
    assert stored(options)["attributes"] == ["age", "gender"]
    assert camera_of(options, Settings(), Path("/data")).attributes == ("age", "gender")
    assert "attributes" not in stored(options_of(DOOR))
    assert options_of({**DOOR, "attributes": "age,gender"}).attributes == ("age", "gender")


def test_what_was_not_said_follows_the_settings():
    options = options_of({**DOOR, "video": {"absence_s": 7}})
    assert stored(options) == {**DOOR, "video": {"absence_s": 7.0}}
    settings = Settings(video={"analysis_fps": 3, "absence_s": 9})
    camera = camera_of(options, settings, Path("/data"))
    assert (camera.video.analysis_fps, camera.video.absence_s) == (3, 7)


def test_what_is_stored_is_read_again():
    options = options_of({**DOOR, "zones": {"a": SQUARE}, "snapshots": None, "enabled": False})
    again = options_of(json.loads(json.dumps(stored(options))))
    assert again == options
    assert stored(again) == stored(options)


def test_secrets_are_not_shown():
    options = options_of(
        {
            **DOOR,
            "to": ["mqtt://u:geheim@broker/home", "https://host/hook/geheim", "events.jsonl",
                   "sql:postgresql+psycopg://u:geheim@host/db"],
        }
    )  # fmt: skip
    told = shown(options)
    assert "geheim" not in json.dumps(told)
    assert told["source"] == "rtsp://user:***@10.0.0.9/stream1"
    assert told["to"][0] == "mqtt://u:***@broker/home"
    assert told["to"][2] == "events.jsonl"


def test_what_was_shown_comes_back_as_it_was():
    options = options_of({**DOOR, "to": ["mqtt://u:geheim@broker", "https://host/hook/geheim"]})
    again = options_of(with_known_secrets({**shown(options), "enabled": False}, options))
    assert (again.source, again.to, again.enabled) == (options.source, options.to, False)
    other = {**shown(options), "source": "rtsp://user:***@10.0.0.10/stream1"}
    assert "geheim" not in with_known_secrets(other, options)["source"]


def test_nonsense_in_place_of_addresses_is_left_for_the_check():
    options = options_of(DOOR)
    strange = {"source": ["a"], "to": [{"a": 1}, None, "x.csv"]}
    assert with_known_secrets(strange, options) == strange


def test_recordings_have_the_time_in_their_names():
    options = options_of({**DOOR, "record": "films/door.mp4", "tracks": "door.jsonl"})
    camera = camera_of(options, Settings(), Path("/data/cameras"))
    assert camera.record is not None
    assert camera.record.parent == Path("/data/cameras/films")
    assert camera.record.name.startswith("door-20")
    assert camera.record.suffix == ".mp4"
    assert camera.tracks is not None
    assert camera.tracks.parent == Path("/data/cameras")


def test_snapshots_are_kept_unless_they_are_not_wanted():
    kept = camera_of(options_of(DOOR), Settings(), Path("/data"))
    assert (kept.snapshots, kept.snapshots_days) == (Path("/data/snapshots"), 30)
    none = camera_of(options_of({**DOOR, "snapshots": None}), Settings(), Path("/data"))
    assert none.snapshots is None


# what is found out before a camera is added


@pytest.fixture
def gallery(tmp_path):
    with Gallery(settings=Settings(data_dir=tmp_path)) as made:
        made.create_group("family")
        yield made


def test_a_camera_that_makes_sense(gallery, tmp_path):
    options = options_of({**DOOR, "group": "family", "to": ["a.jsonl", "sql", "mqtt://b"]})
    check(options, gallery, tmp_path / "cameras")
    assert sinks_of(options, tmp_path) == [f"jsonl:{tmp_path}/a.jsonl", "mqtt://b"]


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("source", "gopher://camera", SourceUnknown),
        ("source", "-3", SourceUnknown),
        ("group", "nobody", GroupUnknown),
        ("zones", {"a": [[0, 0], [1, 1]]}, UsageError),
        ("zones", {"outside": SQUARE}, UsageError),
        ("masks", [[[0, 0], [2, 0], [1, 1]]], UsageError),
        ("record", "door.exe", UsageError),
        ("record", "/srv/door.mp4", UsageError),
        ("tracks", "../door.jsonl", UsageError),
        ("snapshots", "~/shots", UsageError),
        ("to", ["a.jsonl", "jsonl:a.jsonl"], UsageError),
        ("to", ["mqtt://"], UsageError),
        ("to", ["-"], UsageError),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(gallery, tmp_path, field, value, error):
    folder = tmp_path / "cameras"
    with pytest.raises(error) as told:
        check(options_of({**DOOR, field: value}), gallery, folder)
    assert str(tmp_path) not in str(told.value)


def test_a_file_that_cannot_be_written_is_named_as_it_was_given(gallery, tmp_path):
    folder = tmp_path / "cameras"
    (folder / "a.jsonl").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"a\.jsonl") as told:
        check(options_of({**DOOR, "to": ["a.jsonl"]}), gallery, folder)
    assert str(tmp_path) not in str(told.value)
    assert without_folder(f"{folder}/a is full", folder) == "a is full"
