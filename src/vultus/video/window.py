"""A native window for live pictures, through SDL (extra `vultus[window]`)."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any, Literal

import numpy as np

from vultus.errors import ExtraMissing, UsageError
from vultus.imaging.load import Image

Key = Literal["quit", "picture"]
_NOT_SHOWN = (b"dummy", b"offscreen")  # drivers that work and show nothing
_SPARE = 0.9  # of the display, so that the title and the desk's bars have room


class Window:
    """A window that shows one picture after another, as large as it is, keeping its proportions.

    Escape, Q or closing it asks to quit, space asks for a picture: `keys` tells. Use it from one
    thread, on macOS from the main one.

    Args:
        title: in the bar. size_wh: of the pictures in pixels; larger than the display is made
            smaller. Pictures of other sizes may be shown too.

    Raises:
        ExtraMissing: the extra is not installed.
        UsageError: there is no display.
    """

    def __init__(self, title: str, size_wh: tuple[int, int]) -> None:
        self._sdl = _load_sdl()
        self._closed = False
        self._window = self._renderer = self._texture = None
        self._size_wh = (0, 0)
        try:
            self._open(title, size_wh)
        except UsageError:
            self.close()
            raise

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, title: str, size_wh: tuple[int, int]) -> None:
        sdl = self._sdl
        # Ctrl-C stays ours, and watching needs the screen no more awake than it is
        sdl.SDL_SetHint(sdl.SDL_HINT_NO_SIGNAL_HANDLERS, b"1")
        sdl.SDL_SetHint(sdl.SDL_HINT_VIDEO_ALLOW_SCREENSAVER, b"1")
        sdl.SDL_SetHint(sdl.SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, b"0")
        sdl.SDL_SetHint(sdl.SDL_HINT_RENDER_SCALE_QUALITY, b"linear")
        failed = sdl.SDL_InitSubSystem(sdl.SDL_INIT_VIDEO) != 0
        if failed or sdl.SDL_GetCurrentVideoDriver() in _NOT_SHOWN:
            sdl.SDL_ClearError()  # of the last of many drivers that were tried
            raise self._no_window("There is no display for a window")
        where = sdl.SDL_WINDOWPOS_CENTERED
        flags = sdl.SDL_WINDOW_RESIZABLE | sdl.SDL_WINDOW_ALLOW_HIGHDPI
        wide, high = self._fitting(size_wh)
        self._window = sdl.SDL_CreateWindow(title.encode(), where, where, wide, high, flags)
        if not self._window:
            raise self._no_window("A window cannot be opened")
        # no waiting for the display: it would be taken from recognition
        self._renderer = sdl.SDL_CreateRenderer(self._window, -1, 0)
        if not self._renderer:
            raise self._no_window("A window cannot be drawn in")

    def _no_window(self, what: str) -> UsageError:
        reason = self._sdl.SDL_GetError().decode("utf-8", "replace")
        return UsageError(
            f"{what}{': ' + reason if reason else ''}.",
            "Leave the window out, or run it where there is a desktop (DISPLAY is set).",
        )

    def _fitting(self, size_wh: tuple[int, int]) -> tuple[int, int]:
        """The size, or a smaller one of the same proportions that the display has room for."""
        bounds = self._sdl.SDL_Rect()
        scale = 1.0
        if self._sdl.SDL_GetDisplayUsableBounds(0, bounds) == 0:
            scale = min(1.0, bounds.w * _SPARE / size_wh[0], bounds.h * _SPARE / size_wh[1])
        return max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale))

    def show(self, image: Image) -> None:
        """Show an RGB image, uint8 (height, width, 3); copied once, into the display's memory."""
        if self._closed:
            return
        image = np.ascontiguousarray(image)
        size_wh = (image.shape[1], image.shape[0])
        if size_wh != self._size_wh:
            self._make_texture(size_wh)
        sdl = self._sdl
        sdl.SDL_UpdateTexture(self._texture, None, image.ctypes.data, image.strides[0])
        self._paint()

    def _make_texture(self, size_wh: tuple[int, int]) -> None:
        sdl = self._sdl
        if self._texture:
            sdl.SDL_DestroyTexture(self._texture)
        self._texture = sdl.SDL_CreateTexture(
            self._renderer,
            sdl.SDL_PIXELFORMAT_RGB24,
            sdl.SDL_TEXTUREACCESS_STREAMING,
            *size_wh,
        )
        if not self._texture:
            raise self._no_window(f"A picture of {size_wh[0]} x {size_wh[1]} cannot be shown")
        sdl.SDL_RenderSetLogicalSize(self._renderer, *size_wh)
        self._size_wh = size_wh

    def _paint(self) -> None:
        sdl = self._sdl
        if self._texture:
            sdl.SDL_RenderClear(self._renderer)
            sdl.SDL_RenderCopy(self._renderer, self._texture, None, None)
            sdl.SDL_RenderPresent(self._renderer)

    def keys(self) -> list[Key]:
        """What was asked for since the last call; call it often, the window lives by it."""
        asked: list[Key] = []
        if self._closed:
            return asked
        event = self._sdl.SDL_Event()
        while self._sdl.SDL_PollEvent(event):
            key = self._key_of(event)
            if key is not None:
                asked.append(key)
        return asked

    def _key_of(self, event: Any) -> Key | None:
        sdl = self._sdl
        if event.type == sdl.SDL_QUIT:
            return "quit"
        if event.type == sdl.SDL_WINDOWEVENT:
            if event.window.event in (
                sdl.SDL_WINDOWEVENT_SIZE_CHANGED,
                sdl.SDL_WINDOWEVENT_EXPOSED,
            ):
                self._paint()  # the picture it has already
            return None
        if event.type != sdl.SDL_KEYDOWN or event.key.repeat:
            return None
        keys: dict[int, Key] = {
            sdl.SDLK_ESCAPE: "quit",
            sdl.SDLK_q: "quit",
            sdl.SDLK_SPACE: "picture",
        }
        return keys.get(event.key.keysym.sym)

    def read(self) -> Image:
        """What the window shows now, RGB uint8, in the pixels of the display."""
        import ctypes

        sdl = self._sdl
        wide, high = ctypes.c_int(), ctypes.c_int()
        sdl.SDL_GetRendererOutputSize(self._renderer, wide, high)
        pixels: Image = np.zeros((high.value, wide.value, 3), np.uint8)
        self._paint()
        sdl.SDL_RenderSetLogicalSize(self._renderer, 0, 0)  # with the borders
        sdl.SDL_RenderReadPixels(
            self._renderer, None, sdl.SDL_PIXELFORMAT_RGB24, pixels.ctypes.data, pixels.strides[0]
        )
        sdl.SDL_RenderSetLogicalSize(self._renderer, *self._size_wh)
        return pixels

    def close(self) -> None:
        """Close the window; may be called twice."""
        if self._closed:
            return
        self._closed = True
        sdl = self._sdl
        if self._texture:
            sdl.SDL_DestroyTexture(self._texture)
        if self._renderer:
            sdl.SDL_DestroyRenderer(self._renderer)
        if self._window:
            sdl.SDL_DestroyWindow(self._window)
        sdl.SDL_QuitSubSystem(sdl.SDL_INIT_VIDEO)


def _load_sdl() -> ModuleType:
    try:
        with warnings.catch_warnings():
            # PySDL2 announces which library it took
            warnings.filterwarnings("ignore", message="Using SDL2 binaries", category=UserWarning)
            import sdl2
    except ImportError as error:
        raise ExtraMissing(
            f"A window needs a package that is not installed: {error}.",
            "pip install 'vultus[window]'",
        ) from error
    module: ModuleType = sdl2
    return module
