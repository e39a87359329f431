"""Sinks for tests: one that records, and says no when it is told to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from vultus.events.sinks.sink import Delivery


class RecordingSink:
    """Keeps what arrives in `arrived`. before: called with every batch, may raise."""

    def __init__(
        self,
        key: str = "recording",
        before: Callable[[Sequence[Delivery]], None] = lambda _: None,
        *,
        batch: int = 10,
        linger_s: float = 0.0,
    ) -> None:
        self.key = key
        self.batch = batch
        self.linger_s = linger_s
        self.arrived: list[Delivery] = []
        self.batches: list[int] = []
        self.closed = 0
        self.idled = 0
        self._before = before

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        self._before(deliveries)
        self.arrived += deliveries
        self.batches.append(len(deliveries))

    def idle(self) -> None:
        self.idled += 1

    def close(self) -> None:
        self.closed += 1

    @property
    def names(self) -> list[tuple[str, int]]:
        return [(item.event["visit"], item.event["sequence"]) for item in self.arrived]


def wait_for(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Until it is true; fails when it never is."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def raiser(error):
    """For `before`: raises this."""

    def before(_):
        raise error

    return before


def status(dispatcher, key):
    """How one sink stands."""
    return next(found for found in dispatcher.status() if found.key == key)
