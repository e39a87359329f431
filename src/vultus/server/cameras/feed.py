"""New events for whoever listens now: a bounded queue each, filled by the thread that wrote."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from threading import Lock
from typing import Any

import anyio
from starlette.concurrency import run_in_threadpool

from vultus.errors import ServerBusy
from vultus.events.log import EventFilter, EventLog, Name

Event = dict[str, Any]

MOST_LISTENERS = 100
QUEUE = 256
_PAGE = 200
# Of the events that were read from the table, so many may come through the queue, too.
_REMEMBERED = 4 * QUEUE


class TooSlow(Exception):
    """A listener's queue is full; it may go on from the last event that it has."""


class Gap(Exception):
    """The event after which a listener wants to go on is not there any more."""


class Feed:
    """Hands each new event to everybody who listens. Thread-safe."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._listeners: set[Listener] = set()
        self._lock = Lock()

    def listen(self, wanted: EventFilter, after: Name | None = None) -> Listener:
        """From now on, or behind a certain event. To be closed; call it where asyncio runs.

        Raises:
            ServerBusy: too many listen already.
        """
        listener = Listener(wanted, self._log, after)
        with self._lock:
            if len(self._listeners) >= MOST_LISTENERS:
                raise ServerBusy(f"{MOST_LISTENERS} listen already.", "Close another stream.")
            self._listeners.add(listener)
        return listener

    def publish(self, events: Sequence[Event]) -> None:
        """Events that are in the table now, in its order; from any thread."""
        with self._lock:
            for listener in self._listeners:
                listener.offer(events)

    def leave(self, listener: Listener) -> None:
        """Told no more; may be called twice."""
        with self._lock:
            self._listeners.discard(listener)

    def __len__(self) -> int:
        return len(self._listeners)


class Listener:
    """One who listens; made by `Feed.listen`. None of its events is left out or comes twice."""

    def __init__(self, wanted: EventFilter, log: EventLog, after: Name | None) -> None:
        self._wanted = wanted
        self._log = log
        self._after = after  # while the past is read from the table
        self._past: deque[Event] = deque()
        self._read: deque[Name] = deque(maxlen=_REMEMBERED)
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._queue: deque[Event] = deque()
        self._full = False

    def offer(self, events: Sequence[Event]) -> None:
        """New events, from any thread."""
        mine = [event for event in events if self._wanted.fits(event)]
        if mine and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take, mine)

    def _take(self, events: Sequence[Event]) -> None:
        self._full = self._full or len(self._queue) + len(events) > QUEUE
        if not self._full:
            self._queue.extend(events)
        self._news.set()

    async def next(self, timeout_s: float) -> Event | None:
        """The next event; None where none comes in time.

        Raises:
            TooSlow: more wait than are kept.
            Gap: the event to go on behind is not there; what comes from now on follows.
        """
        if self._after is not None and not self._past:
            await self._read_on(self._after)
        if self._past:
            return self._past.popleft()
        deadline = self._loop.time() + timeout_s
        while True:
            while self._queue:
                event = self._queue.popleft()
                if name_of(event) not in self._read:
                    return event
            if self._full:
                raise TooSlow
            self._news.clear()
            with anyio.move_on_after(deadline - self._loop.time()) as waited:
                await self._news.wait()
            if waited.cancelled_caught:
                return None

    async def _read_on(self, after: Name) -> None:
        try:
            page = await run_in_threadpool(self._log.find, self._wanted, after=after, limit=_PAGE)
        except LookupError:
            self._after = None
            raise Gap from None
        self._past.extend(page)
        self._read.extend(name_of(event) for event in page)
        self._after = name_of(page[-1]) if len(page) == _PAGE else None


def name_of(event: Event) -> Name:
    """What names an event for ever."""
    return event["visit"], event["sequence"]
