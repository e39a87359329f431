"""Writing the annotated video, with the times of the source and its sound.

The file grows under its own name and not under a temporary one: what is there can be played at any
moment (see `film`), even after a power cut or on a full disk. A temporary name would hide it just
then.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from queue import Full, Queue
from threading import Thread

from vultus.errors import StorageError
from vultus.video.film import Film
from vultus.video.frame import Frame
from vultus.video.overlay import Label, annotate
from vultus.video.sound import reason_of
from vultus.video.sources.source import SourceInfo

_LOG = logging.getLogger("vultus.video")
_WAITING = 4  # frames; one of 1080p takes 9 MB

_Item = tuple[Frame, Sequence[Label]]


class Recorder:
    """Writes frames with their labels as H.264 in the background.

    Args:
        path: ends with .mp4, .m4v, .mov or .mkv; an older file of this name is replaced, a folder
            is made. MP4 has the very times of a source file, Matroska to the millisecond.
        source_info: of the open source; its size is the size of the video.
        audio_from: the source's address where it is a file: its sound is copied. None without.

    A file waits for the encoder, so that every frame is there; a live source does not, and what
    the encoder cannot keep up with is counted in `dropped`. A write error ends the recording and
    nothing else: `error` tells of it, and so does one line in the log.

    Raises:
        UsageError: the name's ending is not known, or it is the source itself.
        StorageError: the file cannot be written, or there is no encoder.
    """

    def __init__(self, path: Path | str, source_info: SourceInfo, audio_from: str | None) -> None:
        self.path = Path(path)
        self.error: StorageError | None = None
        self.dropped = 0
        self._live = source_info.live
        self._film = Film(self.path, source_info, audio_from)
        self._queue: Queue[_Item | None] = Queue(_WAITING)
        self._closed = False
        # a daemon: a second Ctrl-C need not wait, the file can be played in any case
        self._thread = Thread(target=self._run, name="vultus-recorder", daemon=True)
        self._thread.start()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def encoder(self) -> str:
        """The encoder that was found, such as `libx264`."""
        return self._film.encoder

    def write(self, frame: Frame, labels: Sequence[Label]) -> None:
        """Add a frame. Does nothing after an error and after `close`."""
        if self.error is not None or self._closed:
            return
        try:
            self._queue.put((frame, tuple(labels)), block=not self._live)
        except Full:
            self.dropped += 1

    def close(self) -> None:
        """Encode what waits, finish the file, release everything; may be called twice."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            if self.dropped:
                _LOG.warning(
                    "%s lacks %d frames: encoding could not keep up.", self.path, self.dropped
                )
        self._thread.join()

    def _run(self) -> None:
        """Takes every frame, even after an error, so that nobody waits for a full queue."""
        for item in iter(self._queue.get, None):
            if self.error is None:
                try:
                    frame, labels = item
                    self._film.add(annotate(frame.image, labels), frame.media_time)
                except Exception as error:  # the border of a thread: the answer is `error`
                    self._fail(error)
        try:
            self._film.finish()
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self.error is None:
            self.error = StorageError(
                f"{self.path} cannot be written any further: {reason_of(error)}.",
                "Recognition goes on without the recording; free some space or choose another "
                "place, and start again.",
            )
            self.error.__cause__ = error
            _LOG.error("%s", self.error)
