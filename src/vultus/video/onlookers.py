"""What sees every frame with its labels: the recorder and the window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vultus.video.frame import Frame
from vultus.video.overlay import Label
from vultus.video.recorder import Recorder


class Onlooker(Protocol):
    """Sees every frame; closed when the watching ends."""

    def show(self, frame: Frame, labels: Sequence[Label]) -> bool:
        """False when the watching shall end."""
        ...

    def close(self) -> None: ...


class Recording:
    """Records everything; a write error ends the recording and not the watching."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def show(self, frame: Frame, labels: Sequence[Label]) -> bool:
        self._recorder.write(frame, labels)
        return True

    def close(self) -> None:
        self._recorder.close()
