"""From a decoder's frame to upright RGB pixels of the wanted size, in one step of swscale."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vultus.imaging.load import Image
from vultus.video.frame import Convert

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

_KEPT = 4
# libswscale's SWS_BILINEAR, and with SWS_ACCURATE_RND and SWS_FULL_CHR_H_INT, for which PyAV before
# 18 has no names. Scaled without these, white comes out as 253; unscaled it is right and faster.
_BILINEAR = 0x2
_BILINEAR_EXACT = _BILINEAR | 0x40000 | 0x2000


@dataclass(frozen=True)
class Picture:
    """What a feed hands on: the upright size in pixels, and a way to the pixels."""

    size_wh: tuple[int, int]
    convert: Convert
    corrupt: bool = False


@dataclass(frozen=True)
class Turn:
    """What makes a stored picture upright: swap rows and columns, then mirror."""

    swapped: bool = False
    mirrored_x: bool = False
    mirrored_y: bool = False

    def size_wh(self, stored_wh: tuple[int, int]) -> tuple[int, int]:
        """The size after turning, or before it: turning twice gives the same size."""
        return (stored_wh[1], stored_wh[0]) if self.swapped else stored_wh

    def apply(self, stored: Image) -> Image:
        """The upright picture, contiguous."""
        upright = stored.transpose(1, 0, 2) if self.swapped else stored
        if self.mirrored_x:
            upright = upright[:, ::-1]
        if self.mirrored_y:
            upright = upright[::-1]
        return np.ascontiguousarray(upright)


_UPRIGHT = Turn()


def turn_of(matrix: bytes) -> Turn:
    """The turn that a display matrix asks for: nine int32, x' = a x + c y, y' = b x + d y.

    Angles between the quarters are taken as the nearest quarter.
    """
    a, b, _, c, d = (int(value) for value in np.frombuffer(matrix, np.int32)[:5])
    if abs(b) > abs(a):
        return Turn(swapped=True, mirrored_x=c < 0, mirrored_y=b < 0)
    return Turn(mirrored_x=a < 0, mirrored_y=d < 0)


class Converter:
    """Makes pictures of one source's frames; several threads may ask at once.

    A scaler is kept for each size in use: setting one up costs more than using it.
    """

    def __init__(self) -> None:
        self._scalers: dict[tuple[int, int, str, int, int], VideoReformatter] = {}
        self._lock = threading.Lock()

    def picture(self, frame: VideoFrame) -> Picture:
        """The frame as a picture whose pixels are made when somebody asks for them."""
        turn = _turn_of_frame(frame)

        def convert(size_wh: tuple[int, int]) -> Image:
            return turn.apply(self._scale(frame, turn.size_wh(size_wh)))

        size_wh = turn.size_wh((frame.width, frame.height))
        return Picture(size_wh, convert, bool(frame.is_corrupt))

    def _scale(self, frame: VideoFrame, size_wh: tuple[int, int]) -> Image:
        stored_wh = (frame.width, frame.height)
        how = _BILINEAR if size_wh == stored_wh else _BILINEAR_EXACT
        with self._lock:
            scaler = self._scaler((*stored_wh, frame.format.name, *size_wh))
            scaled = scaler.reformat(
                frame, *size_wh, "rgb24", interpolation=how, dst_color_range="JPEG", threads=1
            )
        return np.asarray(scaled.to_ndarray(), np.uint8)

    def _scaler(self, key: tuple[int, int, str, int, int]) -> VideoReformatter:
        from av.video.reformatter import VideoReformatter

        if key not in self._scalers:
            if len(self._scalers) >= _KEPT:
                self._scalers.clear()
            self._scalers[key] = VideoReformatter()
        return self._scalers[key]


def _turn_of_frame(frame: VideoFrame) -> Turn:
    from av.sidedata.sidedata import SideDataContainer, Type

    # Not `frame.side_data`: a frame keeps that, and that the frame. Each frame and its decoder's
    # buffers would then wait for the garbage collector, and memory would grow for minutes.
    container: Any = SideDataContainer
    matrix = container(frame).get(Type.DISPLAYMATRIX)
    return _UPRIGHT if matrix is None else turn_of(bytes(matrix))
