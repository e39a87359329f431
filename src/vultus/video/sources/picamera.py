"""A camera of a Raspberry Pi, through picamera2 where it is installed."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any

import numpy as np

from vultus.errors import ExtraMissing, SourceBusy, SourceMissing
from vultus.imaging.load import Image
from vultus.imaging.resample import resize
from vultus.video.sources.address import Address
from vultus.video.sources.failures import FeedFailed
from vultus.video.sources.pixels import Picture
from vultus.video.sources.source import SourceInfo

_INSTALL = (
    "On Raspberry Pi OS: sudo apt install python3-picamera2, and make the virtual environment "
    "with --system-site-packages."
)
# Named after the order of bits, not of bytes: the array of BGR888 is RGB.
_RGB = "BGR888"


class PicameraFeed:
    """An open camera, in its usual video mode."""

    damaged = 0

    def __init__(self, camera: Any, name: str) -> None:
        self._camera = camera
        try:
            camera.configure(camera.create_video_configuration(main={"format": _RGB}))
            camera.start()
            width, height = camera.camera_configuration()["main"]["size"]
        except BaseException:
            camera.close()
            raise
        self.info = SourceInfo(name, True, (int(width), int(height)))

    def pictures(self) -> Generator[Picture | None, None, None]:
        while True:
            image = np.asarray(self._camera.capture_array("main"), np.uint8)[:, :, :3]
            yield Picture((image.shape[1], image.shape[0]), partial(_scaled, image))

    def close(self) -> None:
        self._camera.stop()
        self._camera.close()


def connect_picamera(address: Address) -> PicameraFeed:
    """Open a camera by its number.

    Raises:
        FeedFailed: it is not there, or in use.
        ExtraMissing: picamera2 is not installed.
    """
    try:
        from picamera2 import Picamera2
    except ImportError:
        raise ExtraMissing(f"{address.name} needs picamera2.", _INSTALL) from None
    number, count = int(address.target), len(Picamera2.global_camera_info())
    if number >= count:
        raise FeedFailed(
            SourceMissing(
                f"{address.name} is not there: {count} cameras are connected.",
                "Check the cable; rpicam-hello --list-cameras shows what is found.",
            ),
            passing=False,
        )
    try:
        return PicameraFeed(Picamera2(number), address.name)
    except RuntimeError:  # what libcamera answers while another program holds the camera
        raise FeedFailed(
            SourceBusy(
                f"{address.name} is in use by another program.",
                "Close the other program that shows the camera, then try again.",
            ),
            passing=False,
        ) from None


def _scaled(image: Image, size_wh: tuple[int, int]) -> Image:
    if size_wh == (image.shape[1], image.shape[0]):
        return np.ascontiguousarray(image)
    return resize(image, size_wh)
