"""What sees every frame with its labels: the recorder and the window."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from vultus.errors import StorageError
from vultus.imaging.draw import save_picture
from vultus.video.frame import Frame
from vultus.video.overlay import Label, annotate
from vultus.video.recorder import Recorder
from vultus.video.snapshots import safe_name
from vultus.video.window import Window

log = logging.getLogger("vultus.video")


class Onlooker(Protocol):
    """Sees every frame; closed when the watching ends."""

    def show(self, frame: Frame, labels: Sequence[Label]) -> bool:
        """False when the watching shall end."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Occasional(Protocol):
    """What an onlooker has besides if it does not always look: frames cost time to convert."""

    @property
    def is_looking(self) -> bool:
        """Whether it wants the next frame."""
        ...


def those_looking(onlookers: Sequence[Onlooker]) -> list[Onlooker]:
    """The onlookers that want the next frame."""
    return [each for each in onlookers if not isinstance(each, Occasional) or each.is_looking]


class Recording:
    """Records everything; a write error ends the recording and not the watching."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def show(self, frame: Frame, labels: Sequence[Label]) -> bool:
        self._recorder.write(frame, labels)
        return True

    def close(self) -> None:
        self._recorder.close()


class WindowView:
    """Shows everything in a window; Esc or q ends, space saves the picture without the boxes.

    Args:
        folder: where pictures are saved.
    """

    def __init__(self, title: str, folder: Path) -> None:
        self._title = title
        self._folder = folder
        self._window: Window | None = None

    def show(self, frame: Frame, labels: Sequence[Label]) -> bool:
        if self._window is None:
            self._window = Window(self._title, frame.size_wh)
        self._window.show(annotate(frame.image, labels))
        keys = self._window.keys()
        if "picture" in keys:
            name = f"{self._title}-{frame.taken_at:%Y%m%d-%H%M%S-%f}.jpg"
            path = self._folder / safe_name(name)
            try:
                save_picture(frame.image, path)
                log.info("%s is saved", path)
            except StorageError as error:  # the watching goes on
                log.error("%s", error)
        return "quit" not in keys

    def close(self) -> None:
        if self._window is not None:
            self._window.close()
