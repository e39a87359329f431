"""`vultus replay`: other thresholds on recorded tracks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import vultus
from tests.video.scenes import Part, enroll, film, scene_analyzer, settings_in
from vultus.cli import options
from vultus.gallery.gallery import Gallery

PARTS = [
    Part("ada", 0.0, 2.0, x=10, speed=0),
    Part("ada", 5.0, 6.0, x=10, speed=0),
    Part("cyd", 1.0, 4.0, x=200, speed=0),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A gallery that knows ada, tracks of a film, and the visits that were told of it."""
    folder = tmp_path_factory.mktemp("replayed")
    settings = settings_in(folder)
    clip = film(folder / "yard.mp4", PARTS, 7)
    with Gallery(settings=settings, analyzer=scene_analyzer(settings)) as people:
        enroll(people, "ada", "bob")
        found = list(
            vultus.watch(
                clip, group="family", gallery=people, remember=False,
                tracks=folder / "tracks.jsonl", settings=settings,
            )
        )  # fmt: skip
    assert [visit.who for visit in found] == ["ada", "unknown-0001"]
    return folder, found


@pytest.fixture
def tracks(made, run, tmp_path, monkeypatch):
    folder, _ = made
    monkeypatch.setattr(
        options, "make_analyzer", lambda settings, mirror=None: scene_analyzer(settings)
    )
    (tmp_path / "gallery").mkdir()
    shutil.copy(folder / "people.db", tmp_path / "gallery" / "people.db")
    return shutil.copy(folder / "tracks.jsonl", tmp_path / "tracks.jsonl")


def test_nothing_changed(run, tracks, made):
    ran = run("replay", tracks)
    assert (ran.code, ran.stdout) == (0, "")
    assert "2 visits before, 2 after, 2 the same" in ran.stderr
    records = run("replay", tracks, "--format", "json").records
    assert [each["change"] for each in records] == ["same", "same"]
    _, found = made
    told = [visit.to_dict() for visit in found]
    assert [each["before"] for each in records] == told
    assert [each["after"] for each in records] == told


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        (["--confirm", "20"], {"gone": 1, "same": 1}),
        (["--stranger-looks", "50"], {"gone": 1, "same": 1}),
        (["--absence", "1"], {"same": 2, "new": 1}),
        (["--absence", "1", "--cooldown", "100"], {"same": 2}),
    ],
    ids=str,
)
def test_what_differs(run, tracks, given, changes):
    records = run("replay", tracks, *given, "-f", "json").records
    counted = {name: sum(each["change"] == name for each in records) for name in changes}
    assert counted == changes
    assert len(records) == sum(changes.values())
    for each in records:
        assert (each["before"] is None) == (each["change"] == "new")
        assert (each["after"] is None) == (each["change"] == "gone")


def test_for_people_only_differences(run, tracks):
    ran = run("replay", tracks, "--confirm", "20")
    (line,) = ran.stdout.splitlines()
    assert "gone" in line
    assert "ada" in line
    assert line.endswith("->  nobody")
    assert "2 visits before, 1 after, 1 the same" in ran.stderr


def test_quiet(run, tracks):
    ran = run("replay", tracks, "--confirm", "20", "-f", "quiet")
    assert (ran.code, ran.stdout, ran.stderr) == (0, "", "")


def test_another_group(run, tracks, tmp_path):
    with Gallery(tmp_path / "gallery" / "people.db", analyzer=scene_analyzer()) as people:
        enroll(people, "cyd", group="friends")
    records = run("replay", tracks, "--group", "friends", "-f", "json").records
    who = {each["after"]["person"] or each["after"]["stranger"] for each in records}
    assert who == {"cyd"}  # ada was sure when it was recorded: too few looks for a stranger
    assert run("replay", tracks, "--group", "nobody").code == 4


def test_a_person_enrolled_meanwhile_counts_on_both_sides(run, tracks, tmp_path):
    with Gallery(tmp_path / "gallery" / "people.db", analyzer=scene_analyzer()) as people:
        enroll(people, "cyd")
    records = run("replay", tracks, "-f", "json").records
    assert {(each["before"]["person"], each["after"]["person"]) for each in records} == {
        ("ada", "ada"),
        ("cyd", "cyd"),
    }


def test_nothing_is_written(run, tracks, tmp_path):
    run("replay", tracks, "--confirm", "20")
    assert run("visits", "list", "-f", "json").records == []
    assert run("strangers", "list", "-f", "json").records == []


def changed_header(tracks, **changes):
    path = Path(tracks)
    first, *rest = path.read_text("utf-8").splitlines()
    header = json.loads(first) | changes
    path.write_text("\n".join([json.dumps(header), *rest, ""]), "utf-8")


@pytest.mark.parametrize(
    "changes",
    [
        {"vultus_tracks": 99},
        {"video": {"analysis_fps": "fast"}},
        {"video": {"of_a_later_version": 1}},
        {"video": None},
        {"zones": [1, 2]},
        {"camera": 7},
        {"model": "another-model"},
    ],
    ids=str,
)
def test_a_header_that_makes_no_sense(run, tracks, changes):
    changed_header(tracks, **changes)
    ran = run("replay", tracks, "-f", "json")
    code = "model_mismatch" if "model" in changes else "tracks_invalid"
    assert ran.records[0]["error"]["code"] == code
    assert ran.code == (4 if "model" in changes else 1)


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n", b"\xff\xfe\x00", b"no json\n", b"[1]\n"])
def test_no_file_of_tracks(run, tracks, tmp_path, content):
    path = tmp_path / "other.jsonl"
    path.write_bytes(content)
    ran = run("replay", path)
    assert ran.code == 1
    assert "[tracks_invalid]" in ran.stderr
    assert run("replay", tmp_path / "none.jsonl").code == 1
    assert run("replay", tmp_path).code == 1


def test_a_torn_end_is_left_out(run, tracks):
    with Path(tracks).open("ab") as file:
        file.write(b'{"index": 99, "media_ti')
    ran = run("replay", tracks)
    assert ran.code == 0
    assert "2 the same" in ran.stderr


@pytest.mark.parametrize("given", [["--confirm", "0"], ["--margin", "2"], ["--absence", "0"]])
def test_senseless_options(run, tracks, given):
    assert run("replay", tracks, *given).code == 2
