"""A program that puts events until it is killed: `crashing.py OUTBOX RUN SINK...`."""

from __future__ import annotations

import itertools
import sys

from tests.events.visits import visit
from vultus.events.dispatcher import Dispatcher
from vultus.events.outbox import Outbox
from vultus.events.sinks.opening import open_sink
from vultus.settings import EventSettings, Settings


def main() -> None:
    path, run, *addresses = sys.argv[1:]
    events = EventSettings(retry_max_s=0.5, timeout_s=3.0)
    sinks = [open_sink(address, Settings(events=events), None) for address in addresses]
    dispatcher = Dispatcher(Outbox(path), sinks, events)
    for number in itertools.count():
        dispatcher.put(visit(run, number))
        # only now is it promised to arrive
        sys.stdout.write(f"v{run}:{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
