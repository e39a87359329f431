"""A folder of pictures as a video of one frame a second."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from fractions import Fraction
from functools import partial
from pathlib import Path

from vultus.errors import ImageError, SourceDenied, SourceNotVideo
from vultus.imaging.folders import ENDINGS
from vultus.imaging.load import Image, load
from vultus.imaging.resample import resize
from vultus.settings import LimitSettings
from vultus.video.frame import Frame
from vultus.video.sources.clock import after, started
from vultus.video.sources.source import SourceInfo

_RATE = Fraction(1)
_HINT = f"Pictures end with {' '.join(sorted(ENDINGS))}."
log = logging.getLogger("vultus.video")


class FolderSource:
    """The pictures that lie in a folder, not in folders below, in natural order (2 before 10).

    Each is a frame, one a second. A file that is no picture after all is skipped, logged and
    counted as damaged; its second stays empty. `taken_at` begins at the first file's
    modification time.

    Raises:
        SourceNotVideo: there is no picture in it, or none that can be read.
        SourceDenied: the folder may not be read.
    """

    def __init__(
        self, folder: Path, limits: LimitSettings, *, started_at: datetime | None = None
    ) -> None:
        self._name, self._limits, self._closed = str(folder), limits, False
        self._paths = _pictures(folder)
        self._position, self._damaged = 0, 0
        first = next(self._images(), None)
        if first is None:
            raise SourceNotVideo(f"No picture in {folder} can be read.", _HINT)
        self._first: tuple[int, Image] | None = first
        made = datetime.fromtimestamp(self._paths[0].stat().st_mtime, timezone.utc)
        self._start = started(started_at, {}, made)
        size_wh = (first[1].shape[1], first[1].shape[0])
        self._info = SourceInfo(self._name, False, size_wh, _RATE, Fraction(len(self._paths)))

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def damaged(self) -> int:
        return self._damaged

    def frames(self) -> Iterator[Frame | None]:
        """Every picture from where the last iteration stopped."""
        if self._first is not None:
            (position, image), self._first = self._first, None
            yield self._frame(position, image)
        for position, image in self._images():
            yield self._frame(position, image)

    def close(self) -> None:
        self._closed, self._first = True, None

    def _images(self) -> Iterator[tuple[int, Image]]:
        while self._position < len(self._paths) and not self._closed:
            position, self._position = self._position, self._position + 1
            try:
                yield position, load(self._paths[position], self._limits)
            except ImageError as error:
                self._damaged += 1
                log.warning("Skipped in the folder: %s", error)

    def _frame(self, position: int, image: Image) -> Frame:
        time = position / _RATE
        size_wh = (image.shape[1], image.shape[0])
        return Frame(position, time, after(self._start, time), size_wh, partial(_scaled, image))


def _scaled(image: Image, size_wh: tuple[int, int]) -> Image:
    return image if size_wh == (image.shape[1], image.shape[0]) else resize(image, size_wh)


def _pictures(folder: Path) -> list[Path]:
    try:
        paths = [path for path in folder.iterdir() if _is_picture(path)]
    except OSError as error:
        raise SourceDenied(
            f"{folder} cannot be read: {error.strerror}.", "Check its permissions."
        ) from error
    if not paths:
        raise SourceNotVideo(f"There is no picture in {folder}.", _HINT)
    return sorted(paths, key=_natural)


def _is_picture(path: Path) -> bool:
    return not path.name.startswith(".") and path.suffix.lower() in ENDINGS and path.is_file()


def _natural(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Numbers by their value, letters without their case; the name itself where these agree."""
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name.lower())
    keys = [(0, int(part), "") if part[0].isdigit() else (1, 0, part) for part in parts]
    return keys, path.name
