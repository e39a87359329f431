"""Every event of every camera: by way of the outbox into the gallery's table, then to the feed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from datetime import datetime, timezone
from threading import Lock

from vultus.errors import DeliveryFailed, GalleryError, StorageError
from vultus.events.dispatcher import Dispatcher
from vultus.events.log import EventLog
from vultus.events.outbox import Outbox
from vultus.events.sinks.opening import open_sinks
from vultus.events.sinks.sink import Delivery, Sink
from vultus.events.visit import Visit
from vultus.gallery.gallery import Gallery
from vultus.server.cameras.feed import Feed, name_of
from vultus.video.publisher import Publisher

_TABLE = "sql"


class TableSink:
    """A sink of the gallery's table that tells the feed what is new there.

    What was in the table before is told nobody again: a recording watched once more, or a
    delivery that was cut off after it had arrived.
    """

    def __init__(self, table: Sink, log: EventLog, feed: Feed) -> None:
        self.key, self.batch, self.linger_s = table.key, table.batch, table.linger_s
        self._table = table
        self._log = log
        self._feed = feed

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Raises as the sink `sql` does."""
        try:
            old = self._log.known([name_of(delivery.event) for delivery in deliveries])
        except (GalleryError, StorageError) as error:
            raise DeliveryFailed(error.message, error.hint) from error
        self._table.deliver(deliveries)
        fresh = {name_of(each.event): each.event for each in deliveries}
        self._feed.publish([event for name, event in fresh.items() if name not in old])

    def idle(self) -> None:
        self._table.idle()

    def close(self) -> None:
        self._table.close()


class Ledger:
    """Opened with the first camera, and open until the server ends."""

    def __init__(self, gallery: Gallery, log: EventLog, feed: Feed) -> None:
        self._gallery = gallery
        self._log = log
        self._feed = feed
        self._opening = Lock()
        self._dispatcher: Dispatcher | None = None

    def open(self) -> Dispatcher:
        """What takes the events of all cameras; the same for everybody.

        Raises:
            StorageError: the outbox cannot be used. UsageError: the table cannot be written.
        """
        with self._opening:
            if self._dispatcher is None:
                self._dispatcher = self._open()
            return self._dispatcher

    def _open(self) -> Dispatcher:
        settings = self._gallery.settings
        with ExitStack() as opened:
            (table,) = open_sinks([_TABLE], settings, self._gallery.database.address)
            opened.callback(table.close)
            outbox = Outbox(settings.events.outbox)
            opened.callback(outbox.close)
            sink = TableSink(table, self._log, self._feed)
            dispatcher = Dispatcher(outbox, [sink], settings.events, interrupted=self._tell)
            opened.pop_all()
            return dispatcher

    def end_interrupted(self, cameras: Collection[str], *, but: bool = False) -> None:
        """Tell the missing exits of these cameras' visits; with `but`, of all others.

        They were open when a process was killed, or when a camera broke without a word.
        """
        outbox, now = self.open().outbox, datetime.now(timezone.utc)
        there = {visit.camera for visit in outbox.open_visits()}
        for camera in sorted(there.difference(cameras) if but else there.intersection(cameras)):
            for visit in outbox.close_interrupted(camera, now):
                self._tell(visit)

    def _tell(self, visit: Visit) -> None:
        put = self._dispatcher.put if self._dispatcher is not None else None
        Publisher(self._gallery.visits, put, None).publish(visit)

    def close(self, timeout_s: float) -> None:
        """Deliver what can be delivered in time; the rest waits in the outbox."""
        with self._opening:
            dispatcher, self._dispatcher = self._dispatcher, None
        if dispatcher is not None:
            try:
                dispatcher.close(timeout_s)
            finally:
                dispatcher.outbox.close()
