"""One thread that brings the events of one sink from the outbox to it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Condition, Thread
from typing import Literal

from vultus.errors import DeliveryError, DeliveryFailed, DeliveryRefused, StorageError, VultusError
from vultus.events.outbox import Outbox
from vultus.events.sinks.sink import Delivery, PresenceSink, Sink
from vultus.redaction import redact

State = Literal["starting", "good", "lost", "elsewhere", "broken", "closed"]

FIRST_RETRY_S = 0.5
IDLE_S = 2.0  # between two calls of Sink.idle
LOOK_S = 0.3  # between two looks for events that other processes have put
TAKEOVER_S = 2.0  # between two tries to take a sink over from another process
HANDOVER_S = 2.0  # at the end: how long whoever delivers may take to do so, or to let go
_HANDOVER_LOOK_S = 0.02

_log = logging.getLogger("vultus.events")


@dataclass
class Orders:
    """What the workers of a dispatcher are told; changed only with `changed` held."""

    changed: Condition
    closing: bool = False
    abandoned: bool = False  # time to close is up: stop after what is on its way, say nothing
    hurry: int = 0  # raised by flush: wait neither for a full batch nor for the next attempt
    puts: int = 0  # raised by every put: an idle worker looks again


class Worker:
    """Delivers in order, tries again for ever, and keeps what happened in `state`.

    state: `elsewhere` while another process delivers to this sink, `lost` while attempts
    fail, `broken` after an error that only a mended program can avoid; that is in `fatal`.

    Args:
        cameras: of this process. took_over: called when another process has let the sink go,
            perhaps because it was killed.
    """

    def __init__(
        self,
        outbox: Outbox,
        sink: Sink,
        retry_max_s: float,
        orders: Orders,
        cameras: Sequence[str],
        took_over: Callable[[], None],
    ) -> None:
        self.key = sink.key
        self.state: State = "starting"
        self.fatal: BaseException | None = None
        self._outbox = outbox
        self._sink = sink
        self._orders = orders
        self._cameras = list(cameras)
        self._took_over = took_over
        self._retry_max_s = retry_max_s
        self._retry_s = FIRST_RETRY_S
        self._seen_puts = 0
        self._seen_hurry = 0
        self._idle_at = 0.0  # when Sink.idle is due, monotonic
        self._waiting_since: float | None = None  # first sight of a batch that is not full
        self._closing_since: float | None = None  # first sight of the end without the sink
        self._thread = Thread(target=self._run, name=f"vultus-events-{sink.key}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """False: the thread is still at work, with a sink that does not answer."""
        self._thread.join(max(timeout_s, 0.0))
        return not self._thread.is_alive()

    def _run(self) -> None:
        claimed = False
        try:
            claimed = self._claim()
            going_on = claimed and self._begin()
            while going_on:
                going_on = self._step()
        except BaseException as error:  # the thread's border: it travels to whoever waits
            self._break(error)
        finally:
            self._end(claimed)

    def _claim(self) -> bool:
        while True:
            try:
                if self._outbox.claim(self.key, self._sink.batch):
                    return True
                self.state = "elsewhere"
                wait_s = TAKEOVER_S
            except StorageError as error:
                self._lose(error)
                wait_s = self._next_retry_s()
            if self._outbox.closed or (self._orders.closing and not self._waits_for_handover()):
                return False
            if not self._orders.closing:
                self._wait(wait_s)

    def _waits_for_handover(self) -> bool:
        """Whether to try once more at the end: events wait, and another one has the sink.

        It may be at its own end, past its last look at what waits, and not have let go so far.
        """
        now = time.monotonic()
        if self._closing_since is None:
            self._closing_since = now
        late = now - self._closing_since > HANDOVER_S
        if late or self.state != "elsewhere" or self._is_left():
            return False
        try:
            waiting = self._outbox.waiting([self.key]) > 0
        except StorageError:
            return False
        time.sleep(_HANDOVER_LOOK_S)
        return waiting

    def _begin(self) -> bool:
        """Tell the sink how things stand; False: it is too late for that."""
        while True:
            try:
                if self.state == "elsewhere":
                    self._took_over()
                if isinstance(self._sink, PresenceSink):
                    client = self._outbox.client_id(self.key)
                    self._sink.begin(client, self._cameras, self._outbox.open_visits())
                return True
            except StorageError as error:
                if not self._try_again(error):
                    return False

    def _step(self) -> bool:
        """Deliver one batch, or wait; False when there is nothing more to do for ever."""
        if self._is_left():
            return False
        self._seen_puts = self._orders.puts
        closing, hurry = self._orders.closing, self._orders.hurry
        try:
            batch = self._outbox.pending(self.key, self._sink.batch)
            if not batch:
                return self._rest(closing, hurry)
            linger_s = self._linger_s(batch, closing or hurry != self._seen_hurry)
            if linger_s > 0:
                self._wait(linger_s, for_puts=True)
                return True
            self._deliver(batch, hurry)
            self._waiting_since = None
            self._recover()
        except (DeliveryError, StorageError) as error:
            return self._try_again(error)
        return True

    def _try_again(self, error: VultusError) -> bool:
        """Wait for the next attempt; False when there is none, as the end is near."""
        self._lose(error)
        if self._orders.closing or self._outbox.closed:
            return False
        self._wait(self._next_retry_s())
        return True

    def _is_left(self) -> bool:
        """Whether nobody waits for us any more, and the outbox may be closed at any time."""
        return self._orders.abandoned or self._outbox.closed

    def _rest(self, closing: bool, hurry: int) -> bool:
        self._seen_hurry = hurry
        if closing:
            return False
        if time.monotonic() >= self._idle_at:
            self._sink.idle()
            self._idle_at = time.monotonic() + IDLE_S
            self._recover()
        self._wait(LOOK_S, for_puts=True)
        return True

    def _linger_s(self, batch: Sequence[Delivery], at_once: bool) -> float:
        """How long to wait for a fuller batch; 0: not at all."""
        if at_once or len(batch) >= self._sink.batch or self._sink.linger_s <= 0:
            return 0.0
        now = time.monotonic()
        if self._waiting_since is None:
            self._waiting_since = now
        return max(self._waiting_since + self._sink.linger_s - now, 0.0)

    def _deliver(self, batch: Sequence[Delivery], hurry: int) -> None:
        ids = [delivery.id for delivery in batch]
        try:
            self._sink.deliver(batch)
        except DeliveryFailed as error:
            self._outbox.failed(self.key, ids, str(error))
            raise
        except DeliveryRefused as error:
            if len(batch) == 1:
                return self._set_aside(batch[0], error)
            # one by one, to find what is refused; the others go, perhaps for the second time
            self._outbox.failed(self.key, ids, str(error))
            for delivery in batch:
                self._deliver([replace(delivery, attempt=delivery.attempt + 1)], hurry)
            return None
        if len(batch) < self._sink.batch:  # it was all there was: whoever hurries us has it
            self._seen_hurry = hurry
        return self._acknowledge(lambda: self._outbox.delivered(self.key, ids))

    def _set_aside(self, delivery: Delivery, error: DeliveryRefused) -> None:
        event = delivery.event
        _log.error(
            "%s refuses event %s:%s, which is set aside: %s",
            self.key,
            event.get("visit"),
            event.get("sequence"),
            error,
        )
        self._acknowledge(lambda: self._outbox.set_aside(self.key, [delivery.id], str(error)))

    def _acknowledge(self, write: Callable[[], None]) -> None:
        """Note what has arrived; while the disk is full nothing is delivered a second time."""
        while True:
            try:
                return write()
            except StorageError as error:
                if not self._try_again(error):
                    raise

    def _wait(self, seconds: float, *, for_puts: bool = False) -> None:
        """Until time is up, or there is a reason to go on earlier."""
        orders = self._orders
        with orders.changed:
            hurry = orders.hurry
            orders.changed.wait_for(
                lambda: (
                    orders.closing
                    or orders.hurry != hurry
                    or (for_puts and orders.puts != self._seen_puts)
                    or (for_puts and orders.hurry != self._seen_hurry)
                ),
                timeout=seconds,
            )
            if orders.hurry != hurry:
                self._retry_s = FIRST_RETRY_S

    def _next_retry_s(self) -> float:
        wait_s = min(self._retry_s, self._retry_max_s)
        self._retry_s = min(self._retry_s * 2, self._retry_max_s)
        return wait_s

    def _lose(self, error: VultusError) -> None:
        self._idle_at = 0.0
        if self.state != "lost" and not self._is_left():
            self.state = "lost"
            _log.warning("%s takes no events, trying again: %s", self.key, error)

    def _recover(self) -> None:
        if self.state == "lost":
            _log.warning("%s takes events again", self.key)
        self._retry_s = FIRST_RETRY_S
        self.state = "good"

    def _break(self, error: BaseException) -> None:
        shown = redact(repr(error))
        _log.error("%s is broken and gets no more events: %s", self.key, shown)
        self.fatal = error
        self.state = "broken"

    def _end(self, claimed: bool) -> None:
        try:
            self._sink.close()
            if claimed and not self._outbox.closed:
                self._outbox.release(self.key)
        except (DeliveryError, StorageError) as error:
            if not self._is_left():
                _log.warning("%s was not closed in order: %s", self.key, error)
        except BaseException as error:  # the thread's border, as above
            if self.fatal is None:
                self._break(error)
        finally:
            if self.fatal is None:
                self.state = "closed"
            with self._orders.changed:
                self._orders.changed.notify_all()
