"""`Dispatcher`: takes events, keeps them in the outbox, and hands them to every sink."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from threading import Condition
from types import TracebackType

from vultus.errors import StorageError
from vultus.events.outbox import Outbox, SinkCounts
from vultus.events.sinks.opening import require_different
from vultus.events.sinks.sink import TRANSIENT, Sink
from vultus.events.visit import Visit
from vultus.events.worker import Orders, State, Worker
from vultus.redaction import redact
from vultus.settings import EventSettings

_LOOK_S = 0.05  # between two looks at what is still pending in `flush`

_log = logging.getLogger("vultus.events")


@dataclass(frozen=True)
class SinkStatus:
    """How one sink stands. delivered: since the outbox was made; the rest: now.

    state: `starting`, `good`, `lost` (attempts fail and go on), `elsewhere` (another process
    delivers), `broken` (an error of the program; gets no more events) or `closed`.
    """

    key: str
    state: State
    pending: int
    delivered: int
    set_aside: int
    last_error: str | None


class Dispatcher:
    """Hands events to sinks, each in its own thread, in order, and until they have arrived.

    Events of earlier runs go first. A sink that is down never holds up another, nor `put`.
    The outbox stays the caller's to close, after the dispatcher.

    Args:
        cameras: all of this process, so that sinks can tell of them before anybody comes.
        interrupted: called with the missing `exit` of each visit of a process that was killed,
            when this one takes a sink over from it, in a thread of its own; has to `put` it.
            Without it, the dispatcher does so. See also `Outbox.close_all_interrupted`.
        along: another dispatcher over the same outbox that shall have every event, too.

    Raises:
        UsageError: two sinks have the same key.
    """

    def __init__(
        self,
        outbox: Outbox,
        sinks: Sequence[Sink],
        settings: EventSettings,
        *,
        cameras: Sequence[str] = (),
        interrupted: Callable[[Visit], object] | None = None,
        along: Dispatcher | None = None,
    ) -> None:
        self.keys = [sink.key for sink in sinks]
        require_different(self.keys)
        self.outbox = self._outbox = outbox
        self._along = along
        self._forget_transient()
        self._tell_of_others()
        self._reported = False
        self._closed = False
        self._counts: dict[str, SinkCounts] = {}  # as last seen
        self._interrupted = interrupted or self._put
        self._orders = Orders(Condition())
        self._workers = [
            Worker(
                outbox, sink, settings.retry_max_s, self._orders, cameras, self._close_interrupted
            )
            for sink in sinks
        ]
        for worker in self._workers:
            worker.start()

    def __enter__(self) -> Dispatcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def put(self, visit: Visit) -> None:
        """Take an event: it is on disk when this returns, and goes to every sink.

        Raises:
            StorageError: the outbox cannot be written; nobody gets the event.
            Exception: a sink is broken; see `check`. The event is kept all the same.
        """
        self._put(visit)
        self.check()

    def _put(self, visit: Visit) -> None:
        self._outbox.put(visit, self._all_keys())
        self._wake()
        if self._along is not None:
            self._along._wake()

    def _all_keys(self) -> list[str]:
        return [*self.keys, *(self._along.keys if self._along is not None else ())]

    def _wake(self) -> None:
        with self._orders.changed:
            self._orders.puts += 1
            self._orders.changed.notify_all()

    def _close_interrupted(self) -> None:
        for visit in self._outbox.close_all_interrupted(datetime.now(timezone.utc)):
            self._interrupted(visit)

    def check(self) -> None:
        """Raise what broke a sink: an error of the program, not of the network."""
        for worker in self._workers:
            if worker.fatal is not None:
                self._reported = True
                raise worker.fatal

    def flush(self, timeout_s: float) -> bool:
        """Deliver all that waits, without waiting for full batches; True when it is done.

        Raises:
            Exception: a sink is broken; see `check`.
        """
        deadline = time.monotonic() + timeout_s
        with self._orders.changed:
            self._orders.hurry += 1
            self._orders.changed.notify_all()
        while True:
            self.check()
            if self._outbox.waiting(self.keys) == 0:
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(_LOOK_S, left))

    def close(self, timeout_s: float = 5.0) -> None:
        """Deliver what can be delivered in time, close the sinks, keep the rest for next time.

        May be called twice. A sink that does not answer is left behind when time is up: what was
        on its way comes again in the next run, as another attempt.

        Raises:
            Exception: a sink is broken, and nobody was told so far; see `check`.
        """
        deadline = time.monotonic() + timeout_s
        with self._orders.changed:
            self._orders.closing = True
            self._orders.changed.notify_all()
        for worker in self._workers:
            if not worker.join(deadline - time.monotonic()):
                _log.warning("%s did not answer in time and was left behind", worker.key)
        with self._orders.changed:
            self._orders.abandoned = True
            self._orders.changed.notify_all()
        if not self._closed:
            self._look()
            self._closed = True
            if not self._outbox.closed:
                self._forget_transient()
        if not self._reported:
            self.check()

    def status(self) -> list[SinkStatus]:
        """One for each sink, in the order in which they were given.

        Once the dispatcher or its outbox is closed: how they stood at last.
        """
        self._look()
        found = []
        for worker in self._workers:
            count = self._counts.get(worker.key, SinkCounts(worker.key, 0, 0, 0, None))
            found.append(
                SinkStatus(
                    key=worker.key,
                    state=worker.state,
                    pending=count.pending,
                    delivered=count.delivered,
                    set_aside=count.set_aside,
                    last_error=redact(repr(worker.fatal)) if worker.fatal else count.last_error,
                )
            )
        return found

    def _look(self) -> None:
        """Bring the counts up to date, while there is an outbox to ask."""
        if self._closed or self._outbox.closed:
            return
        try:
            self._counts = {count.key: count for count in self._outbox.counts()}
        except StorageError:
            if not self._outbox.closed:  # closed by another thread meanwhile
                raise

    def _tell_of_others(self) -> None:
        for count in self._outbox.counts():
            known = count.key in self._all_keys()
            if count.pending and not known and TRANSIENT not in count.key:
                _log.warning(
                    "%d events wait for %s, which is not among the sinks now",
                    count.pending,
                    count.key,
                )

    def _forget_transient(self) -> None:
        """Drop what waits for the standard output of runs that are over; nobody reads it."""
        for count in self._outbox.counts():
            if count.key.startswith(TRANSIENT) and self._outbox.claim(count.key, 0):
                self._outbox.forget(count.key)
                self._outbox.release(count.key)
