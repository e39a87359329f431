"""The contract of every sink."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from vultus.events.visit import Visit

# Keys that begin so belong to one run: what it leaves undelivered is dropped, not kept.
TRANSIENT = "stdout:"


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one sink.

    id: its number in the outbox, rising. attempt: 1, or more when it may have arrived before.
    event: see `Visit.to_dict`; (`visit`, `sequence`) names it for ever.
    """

    id: int
    attempt: int
    event: dict[str, Any]


class Sink(Protocol):
    """Takes events, in order. Used by one thread at a time.

    key: name under which the outbox keeps what this sink has not had yet; the same on every
    run with the same address, and without secrets.
    batch: how many events `deliver` takes at once. linger_s: how long the outbox may wait to
    fill a batch; 0: not at all.
    """

    key: str
    batch: int
    linger_s: float

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Hand events on; they have arrived when this returns.

        Raises:
            DeliveryFailed: not now; the same deliveries come again later.
            DeliveryRefused: never; the deliveries are set aside.
        """
        ...

    def idle(self) -> None:
        """Called every few seconds while there is nothing to deliver."""
        ...

    def close(self) -> None:
        """Release everything; may be called twice."""
        ...


@runtime_checkable
class PresenceSink(Protocol):
    """What a sink has besides if it tells not only events, but also who is there now."""

    def begin(self, client: str, cameras: Sequence[str], present: Sequence[Visit]) -> None:
        """Called once, before the first `deliver` or `idle`. Connects to nobody.

        client: names this sink of this outbox, the same on every run. cameras: all of this
        process. present: the open visits of all processes that share the outbox; events that
        were told before may still come.
        """
        ...
