"""Cameras of the machine: as much of them as can be had without one."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from vultus.errors import ExtraMissing, SourceBusy, SourceMissing, SourceNotVideo
from vultus.video.sources import container
from vultus.video.sources.container import camera_target
from vultus.video.sources.opening import open_source

NOBODY_HAS = "/dev/video73"


def test_what_ffmpeg_is_asked_for():
    assert camera_target("0", "linux") == ("/dev/video0", "v4l2")
    assert camera_target("/dev/v4l/by-id/usb-cam", "linux") == ("/dev/v4l/by-id/usb-cam", "v4l2")
    assert camera_target("1", "darwin") == ("1", "avfoundation")


def test_windows_takes_cameras_by_their_place_in_the_list(monkeypatch):
    import av.device

    names = ["Front", "Back"]
    devices = [
        av.device.DeviceInfo(name, name, False, kinds)
        for name, kinds in (("Sound", ["audio"]), (names[0], ["video"]), (names[1], ["video"]))
    ]
    monkeypatch.setattr(av.device, "enumerate_input_devices", lambda _: devices)
    assert camera_target("1", "win32") == ("video=Back", "dshow")
    assert camera_target("7", "win32") == ("video=7", "dshow")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="V4L2 is Linux")
def test_a_camera_that_is_not_there_is_missing_at_once(settings):
    for address in ("73", NOBODY_HAS):
        with pytest.raises(SourceMissing, match="no camera"):
            open_source(address, settings)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="V4L2 is Linux")
def test_patience_waits_for_a_camera_to_be_plugged_in(settings):
    source = open_source(NOBODY_HAS, settings, patient=True)
    until = time.monotonic() + 10
    while source.state.phase != "waiting":
        assert time.monotonic() < until
        time.sleep(0.01)
    assert isinstance(source.state.error, SourceMissing)
    source.close()


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs a device")
def test_a_device_that_is_no_camera(settings, monkeypatch):
    monkeypatch.setattr(container, "camera_target", lambda *_: ("/dev/null", "v4l2"))
    with pytest.raises(SourceNotVideo, match="no camera"):
        open_source("0", settings)


def test_a_camera_in_use_is_busy(settings, monkeypatch):
    import av

    def busy(*_, **__):
        raise av.error.OSError(16, "Device or resource busy", "/dev/video0")

    monkeypatch.setattr(av, "open", busy)
    with pytest.raises(SourceBusy, match="in use"):
        open_source("0", settings)


def test_picamera_has_to_be_installed(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(ExtraMissing, match="picamera2") as raised:
        open_source("picamera:", settings)
    assert "apt" in raised.value.hint


def test_picamera_missing_and_in_use(settings, picamera):
    with pytest.raises(SourceMissing, match="1 cameras"):
        open_source("picamera:3", settings)
    picamera.held = True
    with pytest.raises(SourceBusy, match="in use"):
        open_source("picamera:0", settings)


def test_picamera_is_released(settings, picamera):
    source = open_source("picamera:", settings)
    next(source.frames())
    source.close()
    assert [camera.closed for camera in picamera.opened] == [True]


def test_no_thread_stays_when_opening_fails(settings, picamera):
    before = threading.active_count()
    with pytest.raises(SourceMissing):
        open_source("picamera:9", settings)
    assert threading.active_count() <= before
