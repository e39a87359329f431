"""What goes wrong with real servers, and that no message tells a secret."""

from __future__ import annotations

import logging
import socket
import threading
import time
import traceback
from fractions import Fraction

import pytest

from tests.video.clips import number_of
from tests.video.rtsp import RtspServer, free_port
from tests.video.sources.web import WebServer
from vultus.errors import (
    SourceDenied,
    SourceError,
    SourceLost,
    SourceMissing,
    SourceNotVideo,
    SourceTimeout,
    SourceUnknown,
)
from vultus.settings import Settings
from vultus.video.sources import live
from vultus.video.sources.address import Kind, parse_address
from vultus.video.sources.container import open_container
from vultus.video.sources.failures import FeedFailed, opening_failed
from vultus.video.sources.feed import Pacer
from vultus.video.sources.opening import open_source

HANG_S = 15


@pytest.fixture(autouse=True)
def _short_news(monkeypatch):
    """None comes sooner, so that states are looked at more often."""
    monkeypatch.setattr(live, "_NEWS_S", 0.05)


def all_text(error: BaseException) -> str:
    """Everything that a log or a traceback could show of an error."""
    chain = [str(error), repr(error)]
    chain += traceback.format_exception(error)
    seen = error.__context__
    while seen is not None:
        chain += [str(seen), repr(seen)]
        seen = seen.__context__
    return "\n".join(chain)


def failing(address, settings) -> SourceError:
    with pytest.raises(SourceError) as raised:
        open_source(address, settings)
    assert raised.value.hint
    assert "hush" not in all_text(raised.value).replace("test_failures", "")
    return raised.value


def state_of(address, settings, condition):
    """The first state that meets the condition, of a source that is tried again and again."""
    source = open_source(address, settings, patient=True)
    until = time.monotonic() + HANG_S
    while not condition(source.state):
        assert time.monotonic() < until
        time.sleep(0.01)
    state = source.state
    source.close()
    assert "hush" not in repr(state)
    assert "hush" not in all_text(state.error)
    return state


@pytest.fixture
def silent():
    """A server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def accept() -> None:
            try:
                while True:
                    held.append(server.accept()[0])
            except OSError:
                return

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in held:
            connection.close()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("secret/clip.mp4", SourceDenied),
        ("forbidden", SourceDenied),
        ("nothing", SourceMissing),
        ("nothing.mp4", SourceMissing),
        ("page", SourceNotVideo),
        ("still", SourceNotVideo),
    ],
)
def test_http_that_does_not_pass(web, settings, path, kind):
    error = failing(web.address(f"{path}?password=hush", "viewer:hush@"), settings)
    assert type(error) is kind
    assert f"127.0.0.1:{web.port}/{path}?password=***" in error.message


def test_the_right_password_opens(web, settings):
    source = open_source(web.address("secret/clip.mp4", "u:geheim@"), settings)
    source.close()
    assert "geheim" not in source.info.name


@pytest.mark.parametrize("patient", [True, False])
def test_http_that_may_pass_is_tried_again(web, hasty, patient):
    source = open_source(web.address("broken?token=hush"), hasty, patient=patient)
    until = time.monotonic() + HANG_S
    while web.asked.count("/broken?token=hush") < 3:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert isinstance(source.state.error, SourceLost)
    source.close()
    web.asked.clear()


def test_patience_tries_what_does_not_pass_too(web, hasty):
    state = state_of(web.address("page?hush"), hasty, lambda state: state.phase == "waiting")
    assert isinstance(state.error, SourceNotVideo)
    state = state_of(web.address("whole.m3u8"), hasty, lambda state: state.phase == "waiting")
    assert isinstance(state.error, SourceUnknown)
    assert "recording" in state.error.message


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_nobody_listens(hasty, scheme):
    address = f"{scheme}://u:hush@127.0.0.1:{free_port()}/x?token=hush"
    state = state_of(address, hasty, lambda state: state.phase == "waiting")
    assert isinstance(state.error, SourceMissing)
    with pytest.raises(FeedFailed) as raised:
        open_container(parse_address(address), hasty)
    assert raised.value.passing
    assert "hush" not in all_text(raised.value)


def test_nobody_listens_where_a_recording_should_be(hasty):
    assert isinstance(failing(f"http://u:hush@127.0.0.1:{free_port()}/a.mp4", hasty), SourceMissing)


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_server_that_accepts_and_says_nothing(silent, hasty, scheme):
    address = f"{scheme}://u:hush@127.0.0.1:{silent}/x"
    state = state_of(address, hasty, lambda state: state.phase == "waiting")
    assert isinstance(state.error, SourceTimeout)
    began = time.monotonic()
    open_source(address, hasty).close()  # waits for the first answer only
    assert time.monotonic() - began < HANG_S


def test_a_recording_behind_a_server_that_says_nothing(silent, hasty):
    error = failing(f"http://u:hush@127.0.0.1:{silent}/a.mp4", hasty)
    assert isinstance(error, SourceTimeout)


def test_a_remote_recording_that_breaks_off_says_so(web, folder, settings):
    from tests.video.clips import write_clip

    if not (folder / "long.mp4").exists():
        fast = {"movflags": "faststart"}
        write_clip(folder / "long.mp4", 400, container=fast, size_wh=(320, 240))
    source = open_source(web.address("cut/long.mp4?token=hush"), settings)
    with pytest.raises(SourceError) as raised:
        list(source.frames())
    assert isinstance(raised.value, SourceLost)
    assert "hush" not in all_text(raised.value)
    source.close()


def test_rtsp_wrong_password_and_missing_path(rtsp, settings):
    wrong = rtsp.address("door", password="hush-hush")  # noqa: S106
    assert isinstance(failing(wrong, settings), SourceDenied)
    assert isinstance(failing(rtsp.address("door", user=""), settings), SourceDenied)
    assert isinstance(failing(rtsp.address("nowhere"), settings), SourceMissing)


def frames_until(source, condition) -> list:
    """The states' conditions are looked at after each frame or None."""
    until = time.monotonic() + HANG_S
    found = []
    for frame in source.frames():
        assert time.monotonic() < until
        if frame is not None:
            found.append(frame)
        if condition(found):
            return found
    return found


def test_rtsp_comes_back_after_the_server_was_killed(tmp_path, folder, caplog):
    caplog.set_level(logging.INFO)
    settings = Settings(video={"open_timeout_s": 3, "read_timeout_s": 1, "retry_max_s": 0.2})
    login = {"user": "u", "password": "hush"}
    with RtspServer({"door": folder / "clip.mp4"}, tmp_path, **login) as server:
        source = open_source(server.address("door"), settings)
        before = frames_until(source, lambda found: len(found) >= 3)
        server.stop()
        frames_until(source, lambda _: source.state.phase == "waiting")
        assert isinstance(source.state.error, SourceError)
        server.start()
        after = frames_until(source, lambda found: found and source.state.reconnects)
        source.close()
    assert after[-1].media_time > before[-1].media_time
    assert after[-1].index > before[-1].index
    assert source.state.reconnects == 1
    lines = [record.getMessage() for record in caplog.records if record.name == "vultus.video"]
    assert len(lines) == 2, "one line for the loss, one for the recovery"
    assert "hush" not in caplog.text


def test_rtsp_that_stays_open_and_sends_nothing(tmp_path, folder):
    settings = Settings(video={"open_timeout_s": 1.5, "read_timeout_s": 0.5, "retry_max_s": 0.2})
    with RtspServer({"door": folder / "clip.mp4"}, tmp_path) as server:
        source = open_source(server.address("door"), settings)
        frames_until(source, lambda found: len(found) >= 3)
        server.freeze()
        frames_until(source, lambda _: source.state.phase == "waiting")
        assert isinstance(source.state.error, SourceTimeout)
        server.thaw()
        frames_until(source, lambda _: source.state.phase == "live")
        source.close()


def test_mjpeg_that_falls_silent_and_comes_back(folder):
    settings = Settings(video={"open_timeout_s": 1, "read_timeout_s": 0.3, "retry_max_s": 0.1})
    with WebServer(folder) as web:
        source = open_source(web.address("mjpeg"), settings)
        frames_until(source, lambda found: len(found) >= 3)
        web.mute.set()
        frames_until(source, lambda _: source.state.error is not None)
        web.mute.clear()
        frames_until(source, lambda _: source.state.phase == "live")
        source.close()


def test_hls_that_is_live_is_spread_over_its_own_times(web, settings):
    source = open_source(web.address("live.m3u8"), settings)
    frames = frames_until(source, lambda found: len(found) >= 20)
    source.close()
    numbers = [number_of(frame.image) for frame in frames]
    # 25 a second one by one, and not the last of each second
    assert numbers[-1] - numbers[0] < 40
    assert frames[-1].media_time - frames[0].media_time > Fraction(1, 2)


class FakeFrame:
    def __init__(self, pts):
        self.pts, self.time_base = pts, Fraction(1, 10)


def test_pacing_waits_for_the_early_and_never_for_the_late():
    now, slept = [100.0], []

    def sleep(seconds):
        slept.append(round(seconds, 3))
        now[0] += seconds

    pacer = Pacer(lambda: now[0], sleep)
    for pts in (50, 51, 53):
        pacer.wait(FakeFrame(pts))
    assert slept == [0.1, 0.2]
    now[0] += 5
    pacer.wait(FakeFrame(54))  # late: its time is the new measure
    pacer.wait(FakeFrame(55))
    assert slept == [0.1, 0.2, 0.1]
    pacer.wait(FakeFrame(100_000))  # another clock: not held back for hours
    pacer.wait(FakeFrame(None))
    assert slept == [0.1, 0.2, 0.1]


@pytest.mark.parametrize(
    ("address", "number", "code", "passing"),
    [
        ("/dev/video0", 16, "source_busy", False),
        ("/dev/video0", 13, "source_denied", False),
        ("/dev/video0", 19, "source_missing", False),
        ("/dev/video0", 25, "source_not_video", False),
        ("a.mp4", 13, "source_denied", False),
        ("rtsp://h/x", 113, "source_missing", True),
        ("rtsp://h/x", 104, "source_lost", True),
        ("rtsp://h/x", 110, "source_timeout", True),
        ("rtsp://h/x", 22, "source_not_video", False),
    ],
)
def test_the_systems_errors_have_a_meaning(address, number, code, passing):
    place = parse_address(address)
    failure = opening_failed(place, OSError(number, "secret text"))
    assert (failure.error.code, failure.passing) == (code, passing)
    assert "secret" not in str(failure.error)
    assert place.kind in Kind
