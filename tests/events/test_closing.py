"""The end: in time, without a word too much, and nothing lost."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from tests.events.servers import WebhookServer
from tests.events.sinks import RecordingSink, raiser, status, wait_for
from tests.events.visits import visit
from vultus.errors import DeliveryFailed
from vultus.events.dispatcher import Dispatcher
from vultus.events.outbox import Outbox
from vultus.events.sinks.mqtt import open_mqtt
from vultus.events.sinks.sink import TRANSIENT
from vultus.events.sinks.webhook import WebhookSink


def test_close_tells_what_nobody_was_told(outbox, quick):
    sink = RecordingSink("a", raiser(SystemExit("a sink must not end the program")))
    outbox.put(visit(), ["a"])
    dispatcher = Dispatcher(outbox, [sink], quick)
    with pytest.raises(SystemExit):
        dispatcher.close()
    assert sink.closed == 1


def test_close_keeps_what_cannot_be_delivered_and_returns_in_time(tmp_path, quick):
    hang = threading.Event()
    sinks = [
        RecordingSink("hangs", lambda _: hang.wait(20) and None),
        RecordingSink("down", raiser(DeliveryFailed("down"))),
    ]
    with Outbox(tmp_path / "outbox.db") as outbox:
        dispatcher = Dispatcher(outbox, sinks, quick)
        dispatcher.put(visit())
        started = time.monotonic()
        dispatcher.close(timeout_s=0.5)
        assert time.monotonic() - started < 3
        assert outbox.waiting(["hangs", "down"]) == 2
        hang.set()
        wait_for(lambda: sinks[0].closed)
        dispatcher.close()
    with Outbox(tmp_path / "outbox.db") as outbox:
        again = RecordingSink("down")
        with Dispatcher(outbox, [again], quick) as dispatcher:
            assert dispatcher.flush(10)
        assert again.names == [("v0", 0)]
        assert again.arrived[0].attempt > 1


def test_who_is_left_behind_says_nothing_and_stops(tmp_path, quick, caplog):
    hang = threading.Event()
    sink = RecordingSink("a", lambda _: hang.wait(20) and None, batch=1)
    with Outbox(tmp_path / "outbox.db") as outbox:
        dispatcher = Dispatcher(outbox, [sink], quick)
        for number in range(3):
            dispatcher.put(visit(number))
        started = time.monotonic()
        dispatcher.close(timeout_s=0.3)
        assert time.monotonic() - started < 1
        before = status(dispatcher, "a")
    caplog.clear()
    hang.set()
    wait_for(lambda: sink.closed)
    wait_for(lambda: status(dispatcher, "a").state == "closed")
    assert caplog.text == ""
    assert len(sink.arrived) == 1  # what was on its way, and no more
    assert (status(dispatcher, "a").pending, before.pending) == (3, 3)
    with Outbox(tmp_path / "outbox.db") as outbox:
        again = RecordingSink("a")
        with Dispatcher(outbox, [again], quick) as dispatcher:
            assert dispatcher.flush(10)
    assert again.names == [("v0", 0), ("v1", 0), ("v2", 0)]
    assert again.arrived[0].attempt > 1


@pytest.mark.parametrize("kind", ["idle", "elsewhere", "down"])
def test_an_outbox_that_is_closed_first_ends_everything_quietly(
    tmp_path, quick, caplog, kind, monkeypatch
):
    monkeypatch.setattr("vultus.events.worker.TAKEOVER_S", 0.1)
    before = raiser(DeliveryFailed("down")) if kind == "down" else (lambda _: None)
    sink = RecordingSink("a", before)
    other = Outbox(tmp_path / "outbox.db")
    outbox = Outbox(tmp_path / "outbox.db")
    assert kind != "elsewhere" or other.claim("a", 1)
    dispatcher = Dispatcher(outbox, [sink], quick)
    dispatcher.put(visit())
    wanted = {"idle": "good", "elsewhere": "elsewhere", "down": "lost"}[kind]
    wait_for(lambda: status(dispatcher, "a").state == wanted)
    wait_for(lambda: kind != "down" or caplog.text)
    caplog.clear()
    outbox.close()
    wait_for(lambda: sink.closed)
    assert [found.key for found in dispatcher.status()] == ["a"]
    dispatcher.close()
    assert caplog.text == ""
    other.close()


def test_two_that_end_at_once_leave_nothing_behind(tmp_path, quick):
    """The one that has the sink is past its last look when the other's event comes."""
    sink = RecordingSink("a")
    with Outbox(tmp_path / "o.db") as one, Outbox(tmp_path / "o.db") as two:
        assert one.claim("a", 1)
        dispatcher = Dispatcher(two, [sink], quick)
        wait_for(lambda: status(dispatcher, "a").state == "elsewhere")
        dispatcher.put(visit())
        lets_go = threading.Timer(0.3, one.release, ["a"])
        lets_go.start()
        dispatcher.close()
        lets_go.join()
    assert sink.names == [("v0", 0)]


def test_who_holds_on_is_not_waited_for_long(tmp_path, quick, monkeypatch):
    monkeypatch.setattr("vultus.events.worker.HANDOVER_S", 0.2)
    with Outbox(tmp_path / "o.db") as one, Outbox(tmp_path / "o.db") as two:
        assert one.claim("a", 1)
        dispatcher = Dispatcher(two, [RecordingSink("a")], quick)
        wait_for(lambda: status(dispatcher, "a").state == "elsewhere")
        dispatcher.put(visit())
        dispatcher.close(timeout_s=20)
        (found,) = dispatcher.status()
        assert (found.state, found.pending) == ("closed", 1)
        one.release("a")


def test_the_status_is_remembered_after_the_end(outbox, quick):
    sink = RecordingSink(f"{TRANSIENT}now")
    with Dispatcher(outbox, [sink], quick) as dispatcher:
        dispatcher.put(visit())
        assert dispatcher.flush(10)
    outbox.close()
    dispatcher.close()
    (found,) = dispatcher.status()
    assert (found.state, found.delivered, found.pending) == ("closed", 1, 0)


def test_a_raise_travels_at_once_though_endpoints_hang(tmp_path, quick):
    with WebhookServer(lambda _: time.sleep(3) or 204) as server:
        settings = quick.model_copy(update={"timeout_s": 30.0})
        sink = WebhookSink(server.address, settings)
        with Outbox(tmp_path / "outbox.db") as outbox:
            dispatcher = Dispatcher(outbox, [sink], settings)
            dispatcher.put(visit())
            wait_for(lambda: server.requests)
            started = time.monotonic()
            dispatcher.close(timeout_s=0.5)
        assert time.monotonic() - started < 1.5
        wait_for(lambda: status(dispatcher, sink.key).state == "closed")


def test_a_broker_that_hangs_holds_up_nobody(tmp_path, quick):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = quick.model_copy(update={"timeout_s": 3.0})
        sink = open_mqtt(f"mqtt://127.0.0.1:{silent.getsockname()[1]}", settings)
        with Outbox(tmp_path / "outbox.db") as outbox:
            dispatcher = Dispatcher(outbox, [sink], settings)
            dispatcher.put(visit())
            time.sleep(0.2)
            started = time.monotonic()
            dispatcher.close(timeout_s=0.5)
        assert time.monotonic() - started < 1.5
        wait_for(lambda: status(dispatcher, sink.key).state == "closed")
