"""Reading the table of events."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.events.visits import START, delivery, visit
from vultus.events import log as module
from vultus.events.log import EventFilter, EventLog
from vultus.events.sinks.sql import open_sql
from vultus.gallery.database import Database
from vultus.gallery.schema import events


@pytest.fixture
def log(tmp_path):
    address = str(tmp_path / "people.db")
    sink = open_sql("", address)
    told = [
        visit(1, 0, camera="door", person="ada", time=START + timedelta(seconds=9)),
        visit(2, 0, camera="yard", person="bob", time=START + timedelta(seconds=5)),
        visit(1, 1, camera="door", person="ada", type="exit", time=START + timedelta(seconds=10)),
        visit(3, 0, camera="yard", person=None, stranger="unknown-0001", group="work",
              time=START + timedelta(seconds=10)),
    ]  # fmt: skip
    sink.deliver([delivery(event) for event in told])
    sink.close()
    database = Database(address)
    yield EventLog(database)
    database.close()


def names(found):
    return [f"{event['visit']}:{event['sequence']}" for event in found]


def test_events_come_as_they_were_written(log):
    assert names(log.find()) == ["v1:0", "v2:0", "v1:1", "v3:0"]
    assert names(log.find(newest_first=True, limit=3)) == ["v3:0", "v1:1", "v2:0"]
    assert log.find()[0] == visit(1, 0, camera="door", person="ada",
                                  time=START + timedelta(seconds=9)).to_dict()  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (EventFilter(camera="door"), ["v1:0", "v1:1"]),
        (EventFilter(person="bob"), ["v2:0"]),
        (EventFilter(person="unknown-0001"), ["v3:0"]),
        (EventFilter(group="work"), ["v3:0"]),
        (EventFilter("family", "ada", "yard"), []),
    ],
)
def test_who_and_where(log, wanted, expected):
    found = log.find(wanted)
    assert names(found) == expected
    assert all(wanted.fits(event) for event in found)
    assert [event for event in log.find() if wanted.fits(event)] == found


def test_when(log):
    assert names(log.find(since=START + timedelta(seconds=9))) == ["v1:0", "v1:1", "v3:0"]
    assert names(log.find(until=START + timedelta(seconds=9))) == ["v2:0"]


def test_pages_end_where_the_next_begins(log):
    assert names(log.find(after=("v2", 0), limit=1)) == ["v1:1"]
    assert names(log.find(after=("v1", 1))) == ["v3:0"]
    assert names(log.find(after=("v3", 0))) == []
    assert names(log.find(after=("v2", 0), newest_first=True)) == ["v1:0"]
    with pytest.raises(LookupError):
        log.find(after=("v9", 0))


def test_which_are_known(log):
    assert log.has(("v1", 1))
    assert not log.has(("v1", 2))
    asked = [("v1", 0), ("v1", 7), ("v2", 0), ("v9", 0)]
    assert log.known(asked) == {("v1", 0), ("v2", 0)}
    assert log.known([]) == set()


def test_elsewhere_the_order_is_that_of_time(log, monkeypatch):
    """As on PostgreSQL, whose tables do not number their rows."""
    columns = [events.c.time, events.c.visit, events.c.sequence]
    monkeypatch.setattr(module, "_order", lambda _: columns)
    assert names(log.find()) == ["v2:0", "v1:0", "v1:1", "v3:0"]
    assert names(log.find(after=("v1", 0))) == ["v1:1", "v3:0"]
    assert names(log.find(after=("v1", 1))) == ["v3:0"]
    assert names(log.find(after=("v1", 1), newest_first=True)) == ["v1:0", "v2:0"]
