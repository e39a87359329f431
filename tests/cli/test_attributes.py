"""`--attributes`: off unless asked for, in JSON, in words and on pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.cli.watch_helpers import events_of
from tests.fake_attributes import with_fake_networks
from tests.shared import shared
from tests.video.clips import short_clip
from tests.video.scenes import scene_analyzer
from vultus.faces.attributes.describing import OFFERED
from vultus.video import watching


def test_detect_tells_what_is_asked_for(run, photo):
    ran = run("detect", photo, "--attributes", "expression,age,gender", "--format", "json")
    assert ran.code == 0
    told = ran.records[0]["faces"][0]["attributes"]
    assert list(told) == ["age", "gender", "expression"]
    assert 15 < told["age"]["value"] < 70
    assert told["age"]["low"] <= told["age"]["value"] <= told["age"]["high"]
    assert len(told["expression"]["probabilities"]) == 7
    human = run("detect", photo, "--attributes", "age").stdout.splitlines()
    assert len(human) == 3
    assert human[2].strip().startswith(f"about {told['age']['value']:.0f} (")


def test_they_are_off_unless_asked_for(run, photo):
    assert "attributes" not in run("detect", photo, "-f", "json").records[0]["faces"][0]


def test_all_of_a_real_photo(run):
    ran = run("detect", shared("photos/people/obama/1.jpg"), "--attributes", "all", "-f", "json")
    (face,) = ran.records[0]["faces"]
    assert set(face["attributes"]) == set(OFFERED)
    assert abs(face["attributes"]["head_pose"]["roll_deg"]) < 8


def test_an_unknown_one_is_refused_before_the_work(run, photo):
    for command in ("detect", "identify", "watch"):
        ran = run(command, photo, "--attributes", "beauty")
        assert ran.code == 2
        assert "beauty" in ran.stderr
        assert "expression" in ran.stderr  # what there is


def test_identify_tells_and_draws_them(run, photo, other_photo, tmp_path):
    run("enroll", "--name", "eileen", photo)
    ran = run("identify", other_photo, "--attributes", "age", "-f", "json")
    (face,) = ran.records[0]["faces"]
    assert (face["person"], list(face["attributes"])) == ("eileen", ["age"])
    human = run("identify", other_photo, "--attributes", "age", "--annotate", tmp_path / "with")
    assert "about " in human.stdout.splitlines()[2]
    run("identify", other_photo, "--annotate", tmp_path / "without")
    noted, plain = (
        np.asarray(Image.open(tmp_path / name / "mirrored.jpg")).astype(int)
        for name in ("with", "without")
    )
    assert (np.abs(noted - plain) > 60).any(axis=2).sum() > 500


def test_detect_draws_them_below_the_score(run, photo, tmp_path):
    drawn = []
    for name, more in (("with", ("--attributes", "age,gender,expression")), ("without", ())):
        run("detect", photo, "--annotate", tmp_path / name, *more)
        drawn.append(np.asarray(Image.open(tmp_path / name / "astronaut.jpg")).astype(int))
    assert (np.abs(drawn[0] - drawn[1]) > 60).any(axis=2).sum() > 500


# watching


@pytest.fixture
def fake_networks(monkeypatch):
    """Let the analyzer of `watch` have networks of attributes that cost nothing."""

    def make(cameras, settings):
        analyzer = scene_analyzer(settings)
        with_fake_networks(analyzer)
        return analyzer

    monkeypatch.setattr(watching, "analyzer_for", make)


def test_watch_tells_them_in_events_and_lines(watch, clip, fake_networks):
    wish = ("--attributes", "age,expression")
    ran = watch("watch", clip, "-g", "family", "-f", "json", *wish)
    events = events_of(ran)
    assert len(events) == 4
    assert {tuple(event["attributes"]) for event in events} == {("age", "expression")}
    assert events[0]["attributes"]["expression"]["label"] == "happy"  # red is
    lines = watch("watch", clip, "-g", "family", "--no-remember", *wish).stdout.splitlines()
    assert all("about " in line for line in lines)
    assert "happy 0." in lines[0]


def test_watch_tells_none_unless_asked_for(watch, clip):
    ran = watch("watch", clip, "-g", "family", "-f", "json")
    assert {str(event["attributes"]) for event in events_of(ran)} == {"{}"}


def test_tracks_carry_them_to_the_replay(watch, clip, fake_networks, tmp_path):
    watch("watch", clip, "-g", "family", "--attributes", "age", "--tracks", "tracks.jsonl")
    ran = watch("replay", tmp_path / "tracks.jsonl", "-f", "json")
    assert ran.code == 0
    assert all(list(each["after"]["attributes"]) == ["age"] for each in ran.records)
    assert ran.records


def test_a_file_of_cameras_names_them_itself(watch, tmp_path):
    (tmp_path / "cameras.toml").write_text('[[camera]]\nname = "a"\nsource = "0"\n')
    ran = watch("watch", "--config", "cameras.toml", "--attributes", "age")
    assert ran.code == 2
    assert "--attributes" in ran.stderr


def test_csv_has_them_as_json(watch, clip, fake_networks, tmp_path):
    import csv
    import json

    watch("watch", clip, "-g", "family", "--attributes", "age", "--to", "events.csv")
    with (tmp_path / "events.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert all(json.loads(row["attributes"])["age"]["value"] for row in rows)


def test_a_real_clip(run, tmp_path):
    wish = ("--attributes", "age,gender,expression")
    clip = short_clip(tmp_path / "clip.mp4")
    events = events_of(run("watch", clip, "--no-remember", "-f", "json", *wish))
    assert events
    for event in events:
        assert list(event["attributes"]) == ["age", "gender", "expression"]
