"""The recorder and the window, as the watching sees them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.events.visits import START
from vultus.errors import StorageError, UsageError
from vultus.imaging.load import load
from vultus.video import onlookers
from vultus.video.frame import Frame
from vultus.video.onlookers import Recording, WindowView, those_looking
from vultus.video.overlay import Label


def frame(index=0, size_wh=(64, 48)):
    image = np.full((size_wh[1], size_wh[0], 3), 40, np.uint8)
    return Frame(index, Fraction(index, 10), START, size_wh, lambda wanted: image.copy())


class FakeRecorder:
    def __init__(self):
        self.written, self.closed = [], 0

    def write(self, frame, labels):
        self.written.append((frame.index, len(labels)))

    def close(self):
        self.closed += 1


def test_a_recording_has_every_frame_and_never_ends_the_watching():
    recorder = FakeRecorder()
    recording = Recording(recorder)
    label = Label((1.0, 2.0, 3.0, 4.0))
    assert recording.show(frame(0), []) and recording.show(frame(1), [label])
    recording.close()
    assert recorder.written == [(0, 0), (1, 1)]
    assert recorder.closed == 1


class FakeWindow:
    made = 0
    pressed: list = []  # noqa: RUF012

    def __init__(self, title, size_wh):
        FakeWindow.made += 1
        self.title, self.size_wh = title, size_wh
        self.shown, self.closed = [], 0
        FakeWindow.last = self

    def show(self, image):
        self.shown.append(image.copy())

    def keys(self):
        keys, FakeWindow.pressed = FakeWindow.pressed, []
        return keys

    def close(self):
        self.closed += 1


@pytest.fixture
def window(monkeypatch):
    monkeypatch.setattr(onlookers, "Window", FakeWindow)
    FakeWindow.made, FakeWindow.pressed = 0, []
    return FakeWindow


def test_the_window_opens_with_the_first_frame(window, tmp_path):
    view = WindowView("door", tmp_path)
    assert window.made == 0
    assert view.show(frame(0), [Label((10.0, 10.0, 20.0, 20.0), "ada")])
    assert view.show(frame(1), [])
    assert window.made == 1
    assert (window.last.title, window.last.size_wh) == ("door", (64, 48))
    assert window.last.shown[0].max() > 100  # the box
    assert window.last.shown[1].max() < 60
    view.close()
    assert window.last.closed == 1


def test_quitting_ends_the_watching(window, tmp_path):
    view = WindowView("door", tmp_path)
    window.pressed = ["quit"]
    assert not view.show(frame(), [])


def test_space_saves_the_picture_without_boxes(window, tmp_path):
    view = WindowView("Hof/Tor", tmp_path / "pictures")
    window.pressed = ["picture"]
    assert view.show(frame(), [Label((10.0, 10.0, 20.0, 20.0), "ada")])
    (path,) = (tmp_path / "pictures").iterdir()
    assert path.suffix == ".jpg"
    assert load(path).max() < 60


def test_a_picture_that_cannot_be_saved_ends_nothing(window, tmp_path, caplog, monkeypatch):
    def fail(image, path):
        raise StorageError("The disk is full.")

    monkeypatch.setattr(onlookers, "save_picture", fail)
    view = WindowView("door", tmp_path)
    window.pressed = ["picture"]
    assert view.show(frame(), [])
    assert "The disk is full." in caplog.text


def test_closed_before_the_first_frame(tmp_path):
    WindowView("door", tmp_path).close()


def test_no_display(monkeypatch, tmp_path):
    def refuse(title, size_wh):
        raise UsageError("There is no display for a window.")

    monkeypatch.setattr(onlookers, "Window", refuse)
    view = WindowView("door", tmp_path)
    with pytest.raises(UsageError):
        view.show(frame(), [])
    view.close()


class Sometimes:
    is_looking = False

    def show(self, frame, labels):
        return True

    def close(self):
        pass


def test_who_does_not_look_is_shown_nothing():
    recording, sometimes = Recording(FakeRecorder()), Sometimes()
    assert those_looking([recording, sometimes]) == [recording]
    sometimes.is_looking = True
    assert those_looking([recording, sometimes]) == [recording, sometimes]
