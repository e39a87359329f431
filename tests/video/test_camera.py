from __future__ import annotations

from pathlib import Path

import pytest

from vultus.errors import UsageError
from vultus.settings import VideoSettings
from vultus.video.camera import Camera, check_names, read_cameras

SECRET = "hush-Zq7"  # noqa: S105
DEFAULTS = VideoSettings()


@pytest.fixture
def read(tmp_path):
    def reader(text: str, defaults: VideoSettings = DEFAULTS):
        path = tmp_path / "cameras.toml"
        path.write_text(text, "utf-8")
        return read_cameras(path, defaults)

    return reader


WHOLE = """
to = ["events.jsonl", "mqtt://broker/home"]
group = "family"
snapshots = "pictures"
snapshots_days = 14
snapshots_mb = 2000

[video]
analysis_fps = 5
absence_s = 20

[[camera]]
name = "door"
source = "rtsp://192.168.1.20/stream1"
zones = { steps = [[0.0, 0.4], [0.6, 0.4], [0.6, 1.0]] }
masks = [[[0.8, 0.0], [1.0, 0.0], [1.0, 0.25]]]

[[camera]]
name = "yard"
source = "0"
group = "neighbours"
snapshots = "/srv/yard"
snapshots_days = 2
record = "yard.mp4"
tracks = "yard.jsonl"
video = { absence_s = 30, processor_share = 0.25 }
"""


def test_a_whole_file(read):
    found = read(WHOLE)
    assert found.to == ["events.jsonl", "mqtt://broker/home"]
    door, yard = found.camera
    assert (door.name, door.source, door.group) == ("door", "rtsp://192.168.1.20/stream1", "family")
    assert door.zones == {"steps": [(0.0, 0.4), (0.6, 0.4), (0.6, 1.0)]}
    assert len(door.masks) == 1
    assert (door.snapshots, door.snapshots_days, door.snapshots_mb) == (Path("pictures"), 14, 2000)
    assert (door.record, door.tracks) == (None, None)
    assert (yard.record, yard.tracks) == (Path("yard.mp4"), Path("yard.jsonl"))


def test_a_cameras_value_goes_before_the_top_and_that_before_the_settings(read):
    door, yard = read(WHOLE, VideoSettings(analysis_fps=9, cooldown_s=60, absence_s=1)).camera
    assert (door.video.analysis_fps, door.video.absence_s, door.video.cooldown_s) == (5, 20, 60)
    assert (yard.video.analysis_fps, yard.video.absence_s, yard.video.cooldown_s) == (5, 30, 60)
    assert (door.video.processor_share, yard.video.processor_share) == (1, 0.25)
    assert (yard.group, yard.snapshots, yard.snapshots_days) == ("neighbours", Path("/srv/yard"), 2)
    assert yard.snapshots_mb == 2000


def test_the_least_that_is_needed(read):
    (camera,) = read('[[camera]]\nname = "door"\nsource = "0"\n').camera
    assert camera == Camera(name="door", source="0")
    assert camera.video == DEFAULTS


def test_a_gate_of_one_camera_is_its_own(read):
    one, other = read(
        '[[camera]]\nname = "a"\nsource = "0"\nvideo = { gate_face_px = 60 }\n'
        '[[camera]]\nname = "b"\nsource = "1"\n'
    ).camera
    assert (one.video.gate_face_px, other.video.gate_face_px) == (60, 32)


# the environment


def test_passwords_may_stand_in_the_environment(read, monkeypatch):
    monkeypatch.setenv("DOOR_PASSWORD", SECRET)
    found = read(
        'to = ["mqtt://me:${DOOR_PASSWORD}@broker"]\n[[camera]]\nname = "door"\n'
        'source = "rtsp://me:${DOOR_PASSWORD}@host/${DOOR_PASSWORD}"\n'
    )
    assert found.camera[0].source == f"rtsp://me:{SECRET}@host/{SECRET}"
    assert found.to == [f"mqtt://me:{SECRET}@broker"]


def test_what_is_taken_from_the_environment_is_not_looked_through_again(read, monkeypatch):
    monkeypatch.setenv("ONE", "${TWO}")
    (camera,) = read('[[camera]]\nname = "door"\nsource = "x${ONE}y$z"\n').camera
    assert camera.source == "x${TWO}y$z"


def test_a_variable_that_is_not_set_is_named(read, monkeypatch):
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(UsageError, match="NOT_SET") as caught:
        read(f'[[camera]]\nname = "door"\nsource = "rtsp://me:{SECRET}@${{NOT_SET}}"\n')
    assert SECRET not in str(caught.value)


# what is refused

CAMERA = f'[[camera]]\nname = "door"\nsource = "rtsp://me:{SECRET}@host"\n'
REFUSED = {
    "no camera": ("", "camera"),
    "an empty list": ("camera = []", "camera"),
    "one camera that is no list": (f'[camera]\nname = "door"\nsource = "{SECRET}"\n', "camera"),
    "a list of numbers": ("camera = [1]", "camera"),
    "no source": ('[[camera]]\nname = "door"\n', "source"),
    "no name": (f'[[camera]]\nsource = "{SECRET}"\n', "name"),
    "an empty name": ('[[camera]]\nname = ""\nsource = "0"\n', "name"),
    "an unknown key at the top": (f'pasword = "{SECRET}"\n{CAMERA}', "pasword"),
    "an unknown key of a camera": (f'{CAMERA}pasword = "{SECRET}"\n', "pasword"),
    "an unknown setting": (f"{CAMERA}video = {{ fps = 5 }}\n", "fps"),
    "an unknown setting at the top": (f"[video]\nfps = 5\n{CAMERA}", "fps"),
    "a setting out of range": (f"{CAMERA}video = {{ analysis_fps = -1 }}\n", "analysis_fps"),
    "video that is no table": (f'video = "{SECRET}"\n{CAMERA}', "video"),
    "a camera's video that is no table": (f"{CAMERA}video = 5\n", "video"),
    "a source that is a number": ('[[camera]]\nname = "door"\nsource = 0\n', "source"),
    "days that make no sense": (f"{CAMERA}snapshots_days = 0\n", "snapshots_days"),
    "sinks that are no list": (f'to = "mqtt://me:{SECRET}@host"\n{CAMERA}', "to"),
    "a zone of two corners": (f"{CAMERA}zones = {{ steps = [[0, 0], [1, 1]] }}\n", "steps"),
    "a zone in pixels": (f"{CAMERA}zones = {{ steps = [[0, 0], [99, 0], [9, 9]] }}\n", "steps"),
    "a zone of words": (f'{CAMERA}zones = {{ steps = "{SECRET}" }}\n', "steps"),
    "a mask out of the frame": (f"{CAMERA}masks = [[[0, 0], [2, 0], [1, 1]]]\n", "mask"),
    "not TOML": (f'source = "rtsp://me:{SECRET}@host\n', "TOML"),
    "a key twice": (f'{CAMERA}name = "yard"\n', "TOML"),
}


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_what_makes_no_sense_is_refused_and_no_secret_shown(read, text, words):
    with pytest.raises(UsageError, match=words) as caught:
        read(text)
    assert SECRET not in str(caught.value)
    chain = caught.value.__cause__ or (
        None if caught.value.__suppress_context__ else caught.value.__context__
    )
    assert SECRET not in repr(chain)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00a", b"#" * (2**20 + 1), b"\x89PNG\r\n"])
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "cameras.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"cameras\.toml"):
        read_cameras(path, DEFAULTS)


@pytest.mark.parametrize("place", ["missing.toml", "."])
def test_a_file_that_cannot_be_read(tmp_path, place):
    with pytest.raises(UsageError, match="cannot be read"):
        read_cameras(tmp_path / place, DEFAULTS)


# names


def camera(name: str, **more: object) -> Camera:
    return Camera(name=name, source="0", **more)


def test_two_cameras_with_one_name(read):
    with pytest.raises(UsageError, match="Two cameras have the name 'door'"):
        read(CAMERA + CAMERA)


@pytest.mark.parametrize("what", ["record", "tracks"])
def test_two_cameras_that_write_into_one_file(what):
    with pytest.raises(UsageError, match=f"Two cameras have the {what}"):
        check_names([camera("a", **{what: "x.mp4"}), camera("b", **{what: "x.mp4"})])
    check_names([camera("a", **{what: "x.mp4"}), camera("b", **{what: "y.mp4"}), camera("c")])


def test_two_cameras_may_share_a_source_and_a_folder():
    check_names([camera("a", snapshots="shots"), camera("b", snapshots="shots")])
