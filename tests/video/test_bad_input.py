"""Sources, settings and disks that make no sense or give out."""

from __future__ import annotations

import time
from contextlib import contextmanager

import av
import pytest

import vultus
from tests.video.clips import write_sound
from tests.video.scenes import (
    SIZE_WH,
    FilmSource,
    Part,
    no_thread_left,
    scene_analyzer,
)
from vultus.errors import (
    SourceNotVideo,
    SourceUnknown,
    VultusError,
)
from vultus.gallery.gallery import Gallery

WHOLE_DAY = 86_400.0
LIMIT_S = 2.0


class Broken(Exception):
    """A mistake in a program."""


@contextmanager
def told_in_time(error, when=lambda: None):
    """The very error comes out, soon after it was raised; no thread is left."""
    with no_thread_left():
        with pytest.raises(type(error)) as caught:
            yield
        ended = time.monotonic()
    assert caught.value is error
    assert ended - (when() or ended) < LIMIT_S


def gallery_with(family, **before):
    """The same people; `before` see `scene_analyzer`."""
    return Gallery(settings=family.settings, analyzer=scene_analyzer(family.settings, **before))


class Looking:
    """An onlooker. before: called with every frame, may raise; ending: called at the end."""

    def __init__(self, before=lambda _: None, ending=lambda: None):
        self.closed = 0
        self._before, self._ending = before, ending

    def show(self, frame, labels):
        self._before(frame)
        return True

    def close(self):
        self.closed += 1
        self._ending()


def everything(tmp_path):
    """Options that open all there is to open."""
    return {
        "group": "family",
        "on": "all",
        "to": [str(tmp_path / "events.jsonl"), str(tmp_path / "events.csv")],
        "record": tmp_path / "record.mkv",
        "snapshots": tmp_path / "shots",
        "tracks": tmp_path / "tracks.jsonl",
    }


# bad input


def test_sound_only(family, tmp_path):
    with pytest.raises(SourceNotVideo, match="sound only"):
        list(vultus.watch(write_sound(tmp_path / "talk.m4a"), gallery=family))


def test_no_video_at_all(family, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"no video, whatever the name says" * 100)
    with pytest.raises(SourceNotVideo):
        list(vultus.watch(path, gallery=family))


def test_an_empty_file(family, tmp_path):
    path = tmp_path / "clip.mp4"
    path.touch()
    with pytest.raises(SourceNotVideo):
        list(vultus.watch(path, gallery=family))


def test_not_a_single_frame(family, tmp_path):
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as out:
        out.add_stream("libx264", rate=25)
        out.start_encoding()
    with pytest.raises(SourceNotVideo):
        list(vultus.watch(path, gallery=family))


def test_an_address_of_an_unknown_kind(family):
    with pytest.raises(SourceUnknown):
        list(vultus.watch("gopher://user:secret@host/video", gallery=family))


def test_a_camera_that_is_not_there(family):
    with no_thread_left(), pytest.raises(VultusError) as caught:
        list(vultus.watch(97, gallery=family))
    assert caught.value.hint


def test_the_size_changes_in_the_middle(family, play, tmp_path):
    """Faces are found in both sizes, the recording goes on in the first one."""
    parts = [Part("ada", 0, 2, x=20, speed=0), Part("bob", 2, 4, x=200, speed=0)]
    play(door=FilmSource(parts, 4.0, size_at=(40, (480, 270))))
    options = everything(tmp_path)
    found = list(vultus.watch("door", gallery=family, zones=LEFT, **options))
    assert [(v.type, v.who, v.zone) for v in found if v.type == "enter"] == [
        ("enter", "ada", "left"),
        ("enter", "bob", "left"),  # 200 of 480 pixels
    ]
    with av.open(str(options["record"])) as record:
        frames = list(record.decode(video=0))
    assert len(frames) == 80
    assert {(frame.width, frame.height) for frame in frames} == {SIZE_WH}


LEFT = {"left": [(0, 0), (0.5, 0), (0.5, 1), (0, 1)]}
