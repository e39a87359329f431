"""Opening a source so that somebody who has enough need not wait for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Thread

from vultus.video.sources.source import Source


class Opening:
    """Opens a source in a thread of its own; a driver or a network may take its time.

    Args:
        open_source: called once, when somebody waits.
    """

    def __init__(self, open_source: Callable[[], Source]) -> None:
        self._open_source = open_source
        self._changed = Condition()
        self._given_up = self._done = False
        self._source: Source | None = None
        self._error: BaseException | None = None

    def wait(self) -> Source | None:
        """The open source; None once it was given up.

        Raises:
            Exception: whatever opening raises.
        """
        if self._given_up:
            return None
        Thread(target=self._run, name="vultus-opening", daemon=True).start()
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._done or self._given_up)
        except BaseException:  # Ctrl-C
            self.give_up()
            self._close(self._taken())
            raise
        if self._given_up:
            self._close(self._taken())
            return None
        if self._error is not None:
            raise self._error
        return self._taken()

    def give_up(self) -> None:
        """Nobody wants it any more: it is closed as soon as it is open. From any thread."""
        with self._changed:
            self._given_up = True
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            source = self._open_source()
        except BaseException as error:  # the border of the thread: raised where somebody waits
            with self._changed:
                self._error, self._done = error, True
                self._changed.notify_all()
            return
        with self._changed:
            self._source, self._done = source, True
            self._changed.notify_all()
            unwanted = self._given_up
        if unwanted:
            self._close(self._taken())

    def _taken(self) -> Source | None:
        """The source, for one taker only."""
        with self._changed:
            source, self._source = self._source, None
            return source

    @staticmethod
    def _close(source: Source | None) -> None:
        if source is not None:
            with suppress(Exception):  # nobody is there to hear of it
                source.close()
