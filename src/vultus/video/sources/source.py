"""The contract of every source of video, and opening one by its address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from vultus.video.frame import Frame


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source once it is open.

    name: the address without secrets. rate: frames a second as the container says, exact; None
    where nobody knows. duration: seconds, exact, None where it has no end or nobody knows.
    """

    name: str
    live: bool
    size_wh: tuple[int, int]
    rate: Fraction | None = None
    duration: Fraction | None = None
    has_audio: bool = False


class Source(Protocol):
    """An open video. One thread iterates; `close` may come from any other and ends the iteration.

    A file hands out every frame, and the same ones on every run. A live source hands out the
    newest frame only, never a queue.
    """

    @property
    def info(self) -> SourceInfo: ...

    @property
    def damaged(self) -> int:
        """Packets that could not be decoded so far; they are skipped and counted."""
        ...

    def frames(self) -> Iterator[Frame | None]:
        """Frames in order, media time rising strictly; None when nothing new came for a second.

        Raises:
            SourceError: what is wrong with the source, in plain words, secrets left out.
        """
        ...

    def close(self) -> None:
        """Stop within two seconds and release everything; may be called twice."""
        ...
