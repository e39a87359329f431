from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from fractions import Fraction

import numpy as np
import pytest

from tests.shared import shared
from vultus.errors import StorageError, UsageError
from vultus.faces.analyzer import Analyzer
from vultus.gallery.gallery import Gallery
from vultus.imaging.draw import KNOWN, STRANGER
from vultus.imaging.load import load
from vultus.settings import Settings
from vultus.video.capture import Capture
from vultus.video.frame import Frame
from vultus.video.sources.opening import open_source


def frame(image: np.ndarray, seconds: float = 0.0, *, corrupt: bool = False) -> Frame:
    size_wh = (image.shape[1], image.shape[0])

    def convert(wanted: tuple[int, int]) -> np.ndarray:
        assert wanted == size_wh  # all are small
        return image.copy()

    now = datetime.now(timezone.utc)
    return Frame(0, Fraction(seconds), now, size_wh, convert, corrupt=corrupt)


@pytest.fixture
def people(address, analyzer) -> Iterator[Gallery]:
    with Gallery(address, analyzer=analyzer) as opened:
        yield opened


@pytest.fixture
def capture(tmp_path, analyzer) -> Capture:
    return Capture("Ada", tmp_path, analyzer)


BLANK = np.full((240, 320, 3), 120, np.uint8)


class Keys:
    """A screen at which these are pressed, one list a frame."""

    def __init__(self, *pressed: list[str]) -> None:
        self.pressed = list(pressed)
        self.shown: list[np.ndarray] = []

    def show(self, image: np.ndarray) -> None:
        self.shown.append(image)

    def keys(self) -> list[str]:
        return self.pressed.pop(0) if self.pressed else []


# one candidate


def test_a_good_picture_is_kept_at_full_quality(capture, astronaut, tmp_path):
    taken = capture.consider(frame(astronaut, 1.5))
    assert taken.picture == tmp_path / "Ada" / "0001.jpg"
    assert (taken.media_time, taken.refused, taken.enrolled) == (1.5, [], None)
    assert taken.quality > 0.7
    assert 80 < taken.face_px < 160
    kept = load(taken.picture)
    assert kept.shape == astronaut.shape
    assert np.abs(kept.astype(int) - astronaut).mean() < 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda image: BLANK, "there is no face"),
        (lambda image: np.hstack([image, image]), "there are 2 faces, one is wanted"),
        (lambda image: image // 8, "the face is too dark"),
    ],
)
def test_poor_pictures_are_refused_in_plain_words(capture, astronaut, tmp_path, change, words):
    taken = capture.consider(frame(np.ascontiguousarray(change(astronaut))))
    assert taken.picture is None
    assert words in taken.refused
    assert not list(tmp_path.iterdir())


def test_numbers_continue_and_nothing_is_overwritten(capture, astronaut, tmp_path):
    (tmp_path / "Ada").mkdir()
    for name in ("0007.png", "me.jpg", "0009.txt"):
        (tmp_path / "Ada" / name).write_bytes(b"mine")
    names = [capture.consider(frame(astronaut)).picture.name for _ in range(2)]
    assert names == ["0008.jpg", "0009.jpg"]
    assert (tmp_path / "Ada" / "0007.png").read_bytes() == b"mine"


def test_two_at_once_share_no_number(capture, astronaut, tmp_path, analyzer, monkeypatch):
    """A file that appeared after the folder was looked through is not written over."""
    path = capture.consider(frame(astronaut)).picture
    before = path.read_bytes()
    monkeypatch.setattr("vultus.video.capture._NUMBERED", __import__("re").compile("never"))
    assert capture.consider(frame(astronaut)).picture.name == "0002.jpg"
    assert path.read_bytes() == before


def test_pictures_are_enrolled_and_known_again(tmp_path, people, astronaut):
    capture = Capture("Ada", tmp_path, people.analyzer, gallery=people, group="crew")
    taken = capture.consider(frame(astronaut))
    assert taken.enrolled.new
    assert people.identify(astronaut, group="crew")[0].person == "Ada"
    (again,) = people.enroll_folder(tmp_path, group="crew")
    assert (again.person, again.new) == ("Ada", False)


def test_a_picture_that_is_somebody_else_is_refused(tmp_path, people, astronaut):
    Capture("Ada", tmp_path, people.analyzer, gallery=people).consider(frame(astronaut))
    other = Capture("Bob", tmp_path, people.analyzer, gallery=people)
    taken = other.consider(frame(astronaut))
    assert taken.picture is None
    assert "Ada" in taken.refused[0]
    assert not list((tmp_path / "Bob").iterdir())


@pytest.mark.parametrize("name", ["", "a/b", "..", "a:b", "x" * 500, "a\nb", "dot."])
def test_a_name_that_cannot_be_a_folder_is_refused(tmp_path, analyzer, name):
    with pytest.raises(UsageError):
        Capture(name, tmp_path, analyzer)


@pytest.mark.parametrize("name", ["Ada Lovelace", "O'Brien", "李", "J. R. R. Tolkien"])
def test_people_have_all_kinds_of_names(tmp_path, analyzer, name):
    assert Capture(name, tmp_path, analyzer).folder == tmp_path / name


def test_a_full_disk_is_told(capture, astronaut, monkeypatch, tmp_path):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        capture.consider(frame(astronaut))
    assert not list((tmp_path / "Ada").iterdir())


# by time


def test_by_time_until_enough_are_kept(capture, astronaut):
    images = [BLANK, astronaut, astronaut, BLANK, astronaut, astronaut]
    frames = (frame(image, i * 0.5) for i, image in enumerate(images))
    taken = list(capture.timed(frames, 2, 1.0))
    assert [(one.media_time, one.picture is not None) for one in taken] == [
        (0.0, False),
        (1.0, True),
        (2.0, True),
    ]


def test_where_the_video_ends_there_are_fewer(capture, astronaut):
    assert len(list(capture.timed([frame(astronaut, 0)], 5, 1.0))) == 1
    assert not list(capture.timed([], 5, 1.0))


def test_silence_and_damaged_frames_are_passed_over(capture, astronaut):
    frames = [None, frame(astronaut, 0, corrupt=True), frame(astronaut, 0.1), None]
    assert [one.media_time for one in capture.timed(frames, 5, 0)] == [0.1]


def test_a_video_gives_the_same_pictures_on_every_run(tmp_path, analyzer):
    clip = str(shared("videos/hamilton_short.mp4"))
    runs = []
    for name in ("first", "second"):
        source = open_source(clip, Settings())
        taken = list(Capture(name, tmp_path, analyzer).timed(source.frames(), 3, 1.0))
        source.close()
        runs.append([(one.media_time, one.refused, one.quality) for one in taken])
    assert runs[0] == runs[1]
    assert len(runs[0]) >= 3
    pictures = [sorted((tmp_path / name).iterdir()) for name in ("first", "second")]
    assert len(pictures[0]) == 3
    for one, other in zip(*pictures, strict=True):
        assert one.read_bytes() == other.read_bytes()


# with a window


def test_space_takes_a_picture_and_escape_ends(capture, astronaut):
    screen = Keys([], ["picture"], [], ["quit"], ["picture"])
    frames = (frame(astronaut, i / 10) for i in range(20))
    taken = list(capture.watched(frames, screen))
    assert [(one.media_time, one.picture.name) for one in taken] == [(0.1, "0001.jpg")]
    assert len(screen.shown) == 4


def test_with_a_window_a_number_may_be_enough(capture, astronaut):
    frames = (frame(astronaut, i / 10) for i in range(20))
    taken = list(capture.watched(frames, Keys(*[["picture"]] * 20), count=2))
    assert len(taken) == 2


def test_keys_are_heard_while_the_camera_is_silent(capture):
    frames = iter([None, None, frame(BLANK), None])
    screen = Keys(["picture"], ["quit"])
    assert not list(capture.watched(frames, screen))
    assert next(frames) is not None  # ended at the second


def coloured(image: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((image == colour).all(axis=2).sum() > 100)


def test_the_window_shows_who_would_be_kept(capture, astronaut):
    screen = Keys()
    two = np.hstack([astronaut, astronaut])
    for image in (astronaut, BLANK, two):
        list(capture.watched([frame(image)], screen))
    good, nothing, several = screen.shown
    assert coloured(good, KNOWN)
    assert not coloured(good, STRANGER)
    np.testing.assert_array_equal(nothing, BLANK)
    assert coloured(several, STRANGER)
    assert not coloured(several, KNOWN)


def test_the_window_looks_a_few_times_a_second_only(tmp_path, astronaut):
    looks = []

    class Counting(Analyzer):
        def locate(self, image, detection=None):
            looks.append(1)
            return super().locate(image, detection)

    frames = (frame(astronaut, i / 30) for i in range(13))
    list(Capture("Ada", tmp_path, Counting(Settings())).watched(frames, Keys()))
    assert len(looks) == 3
