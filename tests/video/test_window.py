"""The window on a private X server, with real keys; read back through SDL."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vultus.errors import ExtraMissing, UsageError
from vultus.video.window import Window

ROOT = Path(__file__).resolve().parents[2]
RED, BLUE, BLACK = (255, 0, 0), (0, 0, 255), (0, 0, 0)


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A private X server on a free display."""
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb, a display without a screen (apt install xvfb)")
    read, write = os.pipe()
    server = subprocess.Popen(
        # -noreset: else it is away for a moment whenever its last window closes
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1000x700x24", "-noreset"],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        number = pipe.readline().strip()  # comes when the server is ready
    if not number:
        server.kill()
        pytest.skip("Xvfb does not start here")
    yield f":{number}"
    server.terminate()
    server.wait(10)


@pytest.fixture
def on_display(display, monkeypatch):
    pytest.importorskip("sdl2.dll", reason="needs the extra: pip install 'vultus[window]'")
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")


@pytest.fixture
def window(on_display) -> Iterator[Window]:
    with Window("Vultus test", (320, 240)) as opened:
        opened.show(halves())
        settle(opened)
        yield opened


def halves(width: int = 320, height: int = 240) -> np.ndarray:
    """Red on the left, blue on the right."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2], image[:, width // 2 :] = RED, BLUE
    return image


def settle(window: Window) -> list[str]:
    """What was pressed until a moment passes without anything."""
    pressed: list[str] = []
    for _ in range(10):
        pressed += window.keys()
        time.sleep(0.01)
    return pressed


def xdotool(window: Window, *arguments: str) -> None:
    """Act on the window as a person would."""
    if shutil.which("xdotool") is None:
        pytest.skip("needs xdotool, which presses keys (apt install xdotool)")
    from sdl2 import syswm

    about = syswm.SDL_SysWMinfo()
    window._sdl.SDL_VERSION(about.version)
    assert syswm.SDL_GetWindowWMInfo(window._window, ctypes.byref(about))
    number = str(about.info.x11.window)
    command = ["xdotool", *(number if word == "WINDOW" else word for word in arguments)]
    subprocess.run(command, check=True, timeout=20, capture_output=True)


def shown_after(window: Window, size_wh: tuple[int, int]) -> np.ndarray:
    """The window's pixels once it has this size."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        window.keys()
        pixels = window.read()
        if pixels.shape[:2] == size_wh[::-1]:
            return pixels
        time.sleep(0.01)
    raise AssertionError(f"the window is {pixels.shape}")


def test_it_shows_the_picture_as_it_is(window):
    np.testing.assert_array_equal(window.read(), halves())
    window.show(halves()[:, ::-1])  # not contiguous
    np.testing.assert_array_equal(window.read(), halves()[:, ::-1])


def test_a_picture_that_may_not_be_written_on(window):
    image = halves() // 2
    image.setflags(write=False)
    window.show(image)
    np.testing.assert_array_equal(window.read(), image)


@pytest.mark.parametrize(
    ("key", "asked"),
    [
        ("space", ["picture"]),
        ("q", ["quit"]),
        ("Escape", ["quit"]),
        ("x", []),
        ("Return", []),
    ],
)
def test_keys(window, key, asked):
    xdotool(window, "windowfocus", "--sync", "WINDOW", "key", key)
    assert settle(window) == asked
    assert window.keys() == []


def test_closing_the_window_asks_to_quit(window):
    event = window._sdl.SDL_Event()  # no desk is here whose cross could be pressed
    event.type = window._sdl.SDL_QUIT
    window._sdl.SDL_PushEvent(event)
    assert settle(window) == ["quit"]


def test_resized_it_keeps_the_proportions(window):
    xdotool(window, "windowsize", "WINDOW", "320", "480")
    pixels = shown_after(window, (320, 480))
    assert tuple(pixels[240, 80]) == RED
    assert tuple(pixels[240, 240]) == BLUE
    assert tuple(pixels[60, 80]) == BLACK
    assert tuple(pixels[420, 240]) == BLACK


def test_pictures_of_another_size_are_fitted(window):
    window.show(halves(640, 240))
    pixels = window.read()
    assert pixels.shape == (240, 320, 3)
    assert tuple(pixels[120, 80]) == RED
    assert tuple(pixels[20, 80]) == BLACK


def test_larger_than_the_display_it_opens_smaller(on_display):
    with Window("large", (4000, 2000)) as window:
        window.show(halves(4000, 2000))
        high, wide, _ = window.read().shape
        assert wide <= 1000
        assert abs(wide / high - 2) < 0.02


def test_closed_it_shows_nothing_and_may_be_closed_again(on_display):
    window = Window("closed", (64, 48))
    window.close()
    window.close()
    window.show(halves())
    assert window.keys() == []
    with Window("another", (64, 48)) as other:
        other.show(halves(64, 48))
        assert tuple(other.read()[10, 10]) == RED


PROGRAM = """
import os, signal
import numpy as np
from vultus.video.window import Window

with Window("t", (64, 48)) as window:
    window.show(np.zeros((48, 64, 3), np.uint8))
    try:
        os.kill(os.getpid(), signal.SIGINT)
        window.keys()
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_ctrl_c_stays_ctrl_c_and_no_warning_is_told(on_display):
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (ran.returncode, ran.stdout) == (0, "interrupted\n"), ran.stderr
    assert "Warning" not in ran.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
@pytest.mark.parametrize("driver", [None, "dummy", "offscreen", "x11"])
def test_without_a_display_it_is_refused(monkeypatch, driver):
    pytest.importorskip("sdl2.dll", reason="needs the extra: pip install 'vultus[window]'")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    if driver is not None:
        monkeypatch.setenv("SDL_VIDEODRIVER", driver)
    with pytest.raises(UsageError, match="no display"):
        Window("nowhere", (64, 48))


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sdl2", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'vultus\[window\]'"):
        Window("nowhere", (64, 48))
