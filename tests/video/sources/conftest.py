"""Every kind of source with the same numbered frames in it."""

from __future__ import annotations

import sys
import time
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.video.clips import numbered, write_clip, write_pictures
from tests.video.rtsp import RtspServer
from tests.video.sources.web import WebServer
from vultus.settings import Settings

COUNT = 40
RECORDED = ("file", "folder", "http_mp4", "http_hls")
LIVE = ("http_mjpeg", "http_hls_live", "rtsp", "picamera")


@dataclass(frozen=True)
class Case:
    """A source to open: `size_wh` of its frames, and a secret that must never show."""

    kind: str
    address: str
    size_wh: tuple[int, int] = (160, 96)
    secret: str = "hush"  # noqa: S105

    @property
    def live(self) -> bool:
        return self.kind in LIVE


@pytest.fixture
def settings() -> Settings:
    return Settings(video={"open_timeout_s": 5, "read_timeout_s": 5, "retry_max_s": 0.2})


@pytest.fixture
def hasty() -> Settings:
    """For sources that will not answer."""
    return Settings(video={"open_timeout_s": 0.3, "read_timeout_s": 0.3, "retry_max_s": 0.1})


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Clips and pictures of `COUNT` numbered frames."""
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "clip.mp4", COUNT)
    write_clip(
        folder / "whole.m3u8",
        COUNT,
        format_name="hls",
        options={"hls_time": "1", "hls_list_size": "0"},
        gop=25,
    )
    pieces = {"hls_time": "1", "hls_list_size": "0", "hls_segment_filename": "piece%02d.ts"}
    pieces["hls_segment_filename"] = str(folder / "piece%02d.ts")
    write_clip(folder / "pieces.m3u8", 375, format_name="hls", options=pieces, gop=25)
    write_pictures(folder / "pictures", COUNT)
    return folder


@pytest.fixture(scope="session")
def _web(folder) -> Iterator[WebServer]:
    with WebServer(folder) as server:
        yield server


@pytest.fixture
def web(_web) -> WebServer:
    _web.mute.clear()
    _web.began = time.monotonic()
    return _web


@pytest.fixture(scope="session")
def rtsp(tmp_path_factory) -> Iterator[RtspServer]:
    """`door`: numbered frames in a loop of four seconds; asks for a password."""
    folder = tmp_path_factory.mktemp("rtsp")
    clip = write_clip(folder / "door.mp4", 60, rate=15, size_wh=(640, 360))
    login = {"user": "viewer", "password": "hush"}
    with RtspServer({"door": clip}, folder, **login) as server:
        yield server


class FakePicamera:
    """As much of picamera2 as is used: 25 numbered frames a second."""

    cameras = 1
    held = False
    opened: list[FakePicamera] = []  # noqa: RUF012

    @classmethod
    def global_camera_info(cls) -> list[dict[str, int]]:
        return [{"Num": number} for number in range(cls.cameras)]

    def __init__(self, number: int) -> None:
        if self.held:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self.number, self.closed, self._began = number, False, time.monotonic()
        self._shown = -1
        self.opened.append(self)

    def create_video_configuration(self, main: dict[str, str]) -> dict[str, object]:
        assert main == {"format": "BGR888"}, "the format whose arrays are RGB"
        return {"main": {"size": (160, 96), **main}}

    def configure(self, configuration: dict[str, object]) -> None:
        self._configuration = configuration

    def camera_configuration(self) -> dict[str, object]:
        return self._configuration

    def start(self) -> None:
        self._began = time.monotonic()

    def capture_array(self, stream: str) -> np.ndarray:
        assert stream == "main"
        assert not self.closed
        self._shown += 1
        time.sleep(max(0.0, self._began + self._shown / 25 - time.monotonic()))
        return numbered(self._shown)

    def stop(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def picamera(monkeypatch) -> type[FakePicamera]:
    """picamera2 as if it were installed."""
    module = types.ModuleType("picamera2")
    fake = type("Picamera2", (FakePicamera,), {"opened": []})
    module.Picamera2 = fake
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return fake


def _address(kind: str, request) -> Case:
    if kind == "rtsp":
        return Case(kind, request.getfixturevalue("rtsp").address("door"), (640, 360))
    if kind == "picamera":
        request.getfixturevalue("picamera")
        return Case(kind, "picamera:")
    if kind in ("file", "folder"):
        folder = request.getfixturevalue("folder")
        return Case(kind, str(folder / {"file": "clip.mp4", "folder": "pictures"}[kind]))
    web = request.getfixturevalue("web")
    path = {"http_mp4": "clip.mp4", "http_hls": "whole.m3u8", "http_mjpeg": "mjpeg"}
    return Case(kind, web.address(f"{path.get(kind, 'live.m3u8')}?token=hush", "u:hush@"))


@pytest.fixture(params=RECORDED)
def recorded(request) -> Case:
    return _address(request.param, request)


@pytest.fixture(params=LIVE)
def live(request) -> Case:
    return _address(request.param, request)


@pytest.fixture(params=RECORDED + LIVE)
def case(request) -> Case:
    return _address(request.param, request)
