"""Runs an example of the original as it is: `python example_process.py EXAMPLE VIDEO FRAMES`.

A camera is VIDEO, again and again; a film that is not there is its first FRAMES frames. When a
window has shown FRAMES pictures, or keys were asked for very often, the keys are space and q.
What Pillow shows is saved in `shown`.
"""

from __future__ import annotations

import itertools
import runpy
import sys
from pathlib import Path

import cv2
from PIL import Image, ImageDraw

SPACE = 32
PATIENCE = 100  # times FRAMES: of an example that asks more often than it shows
RealCapture = cv2.VideoCapture


class Capture:
    """VIDEO in the place of a camera or of a film that is not there."""

    def __init__(self, source: object, video: str, frames: int) -> None:
        self._camera = not isinstance(source, str)
        self._path = video
        self._left = frames
        self._video = RealCapture(video)

    def read(self, *_: object) -> tuple[bool, object]:
        self._left -= 1
        if not self._camera and self._left < 0:
            return False, None
        found, frame = self._video.read()
        if not found and self._camera:
            self._video = RealCapture(self._path)
            found, frame = self._video.read()
        return found, frame

    def __getattr__(self, name: str) -> object:
        return getattr(self._video, name)


def use_video(video: str, frames: int) -> None:
    def capture(source: object) -> object:
        if isinstance(source, str) and Path(source).exists():
            return RealCapture(source)
        return Capture(source, video, frames)

    cv2.VideoCapture = capture


def use_no_window(frames: int) -> None:
    shown, asked = itertools.count(1), itertools.count(1)
    pressed = itertools.cycle((SPACE, ord("q")))
    enough = False

    def show(title: str, picture: object) -> None:
        nonlocal enough
        assert picture.size, title
        number = next(shown)
        print(f"window: {number}")
        enough = enough or number >= frames

    def wait_key(_: int) -> int:
        return next(pressed) if next(asked) >= PATIENCE * frames or enough else -1

    cv2.imshow = show
    cv2.waitKey = wait_key
    cv2.destroyAllWindows = lambda: None


def save_what_is_shown() -> None:
    shown = itertools.count(1)
    Path("shown").mkdir(exist_ok=True)
    Image.Image.show = lambda image, *_: image.save(f"shown/{next(shown)}.png")


def put_back_what_pillow_removed() -> None:
    """`textsize`, gone since Pillow 10: two examples fail without it, whatever library they use."""

    def textsize(draw: ImageDraw.ImageDraw, text: str) -> tuple[int, int]:
        left, top, right, bottom = draw.textbbox((0, 0), text)
        return right - left, bottom - top

    ImageDraw.ImageDraw.textsize = textsize


def main(example: str, video: str, frames: str) -> None:
    use_video(video, int(frames))
    use_no_window(int(frames))
    save_what_is_shown()
    put_back_what_pillow_removed()
    runpy.run_path(example, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
