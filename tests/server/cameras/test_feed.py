"""Who listens hears everything, once, in order, also what was before."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.events.visits import delivery, visit
from vultus.errors import ServerBusy
from vultus.events.log import ALL, EventFilter, EventLog
from vultus.events.sinks.sql import open_sql
from vultus.gallery.database import Database
from vultus.server.cameras import feed as module
from vultus.server.cameras.feed import MOST_LISTENERS, QUEUE, Feed, Gap, TooSlow, name_of
from vultus.server.cameras.ledger import TableSink


class World:
    """A table of events, its feed, and what writes into both."""

    def __init__(self, folder):
        self.database = Database(str(folder / "people.db"))
        self.log = EventLog(self.database)
        self.feed = Feed(self.log)
        self.sink = TableSink(open_sql("", str(folder / "people.db")), self.log, self.feed)

    def tell(self, *events):
        self.sink.deliver([delivery(event) for event in events])

    def close(self):
        self.sink.close()
        self.database.close()


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


async def heard(listener, timeout_s=0.1):
    """All that comes until nothing does."""
    found = []
    while (event := await listener.next(timeout_s)) is not None:
        found.append(name_of(event))
    return found


def test_only_what_is_new_is_heard(world):
    async def main():
        world.tell(visit(1))
        listener = world.feed.listen(ALL)
        world.tell(visit(2), visit(3))
        world.tell(visit(2, 1, type="exit"))
        return await heard(listener)

    assert asyncio.run(main()) == [("v2", 0), ("v3", 0), ("v2", 1)]


def test_it_goes_on_behind_an_event_without_loss_or_repetition(world, monkeypatch):
    monkeypatch.setattr(module, "_PAGE", 3)

    async def main():
        world.tell(*(visit(number) for number in range(8)))
        listener = world.feed.listen(ALL, ("v1", 0))
        world.tell(visit(8))  # in the table and in the queue
        found = [name_of(await listener.next(1)) for _ in range(2)]
        world.tell(visit(9))
        return found + await heard(listener)

    assert asyncio.run(main()) == [(f"v{number}", 0) for number in range(2, 10)]


def test_while_others_write_nothing_is_lost(world, monkeypatch):
    monkeypatch.setattr(module, "_PAGE", 5)
    total = 120

    def write():
        for number in range(1, total):
            world.tell(visit(number))

    async def main():
        world.tell(visit(0))
        writer = threading.Thread(target=write)
        writer.start()
        found, after = [], ("v0", 0)
        while len(found) < total - 1:
            listener = world.feed.listen(ALL, after)
            for _ in range(7):  # then the connection breaks, and it goes on
                event = await listener.next(5)
                if event is None or len(found) == total - 1:
                    break
                found.append(name_of(event))
            after = found[-1]
            world.feed.leave(listener)
        writer.join()
        return found

    assert asyncio.run(main()) == [(f"v{number}", 0) for number in range(1, total)]


def test_what_is_told_again_is_not_heard_again(world):
    async def main():
        listener = world.feed.listen(ALL)
        world.tell(visit(1))
        world.tell(visit(1), visit(2))
        return await heard(listener)

    assert asyncio.run(main()) == [("v1", 0), ("v2", 0)]


def test_everybody_hears_what_was_asked_for(world):
    events = [
        visit(1, camera="door", person="ada", group="family"),
        visit(2, camera="yard", person="bob", group="family"),
        visit(3, camera="door", person=None, stranger="unknown-0001", group="work"),
    ]

    async def main(wanted):
        listener = world.feed.listen(wanted)
        late = world.feed.listen(wanted, ("v0", 0))
        world.tell(*events)
        return await heard(listener), await heard(late)

    world.tell(visit(0))
    for wanted, expected in (
        (EventFilter(camera="door"), ["v1", "v3"]),
        (EventFilter(person="bob"), ["v2"]),
        (EventFilter(person="unknown-0001"), ["v3"]),
        (EventFilter(group="family", camera="yard"), ["v2"]),
        (EventFilter(person="nobody"), []),
    ):
        with world.database.write(create=True) as connection:
            connection.exec_driver_sql("DELETE FROM events WHERE visit != 'v0'")
        live, late = asyncio.run(main(wanted))
        assert [name for name, _ in live] == [name for name, _ in late] == expected


def test_an_event_that_is_gone_leaves_a_gap(world):
    async def main():
        world.tell(visit(1))
        listener = world.feed.listen(ALL, ("forgotten", 3))
        with pytest.raises(Gap):
            await listener.next(1)
        world.tell(visit(2))
        return await heard(listener)

    assert asyncio.run(main()) == [("v2", 0)]


def test_who_does_not_listen_is_dropped_and_can_go_on(world):
    async def main():
        listener = world.feed.listen(ALL)
        world.tell(*(visit(number) for number in range(QUEUE)))
        world.tell(visit(QUEUE))
        found = [name_of(await listener.next(1)) for _ in range(QUEUE)]
        with pytest.raises(TooSlow):
            await listener.next(1)
        world.feed.leave(listener)
        again = world.feed.listen(ALL, found[-1])
        return found + await heard(again)

    assert asyncio.run(main()) == [(f"v{number}", 0) for number in range(QUEUE + 1)]


def test_too_many_listeners(world):
    async def main():
        listeners = [world.feed.listen(ALL) for _ in range(MOST_LISTENERS)]
        with pytest.raises(ServerBusy):
            world.feed.listen(ALL)
        for listener in listeners:
            world.feed.leave(listener)
            world.feed.leave(listener)
        assert len(world.feed) == 0
        world.feed.listen(ALL)

    asyncio.run(main())


def test_a_listener_whose_loop_has_ended_hurts_nobody(world):
    async def main():
        world.feed.listen(ALL)

    asyncio.run(main())
    world.tell(visit(1))
    assert world.log.has(("v1", 0))
