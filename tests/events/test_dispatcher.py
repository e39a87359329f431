"""The dispatcher: every sink gets everything, in order, however the others behave."""

from __future__ import annotations

import logging
import random
import socket
import threading
import time

import pytest

from tests.events.servers import WebhookServer
from tests.events.sinks import RecordingSink, wait_for
from tests.events.visits import visit
from vultus.errors import DeliveryFailed, DeliveryRefused, StorageError, UsageError
from vultus.events.dispatcher import Dispatcher
from vultus.events.outbox import Outbox
from vultus.events.sinks.mqtt import open_mqtt
from vultus.events.sinks.sink import TRANSIENT
from vultus.events.sinks.webhook import WebhookSink


def raiser(error):
    def before(_):
        raise error

    return before


def status(dispatcher, key):
    return next(found for found in dispatcher.status() if found.key == key)


def test_every_sink_gets_everything_in_order(outbox, quick):
    sinks = [RecordingSink("a"), RecordingSink("b", batch=1)]
    with Dispatcher(outbox, sinks, quick) as dispatcher:
        for number in range(30):
            dispatcher.put(visit(number))
        assert dispatcher.flush(10)
        assert [(s.key, s.state, s.pending, s.delivered) for s in dispatcher.status()] == [
            ("a", "good", 0, 30),
            ("b", "good", 0, 30),
        ]
    for sink in sinks:
        assert sink.names == [(f"v{number}", 0) for number in range(30)]
        assert sink.closed == 1


def test_events_of_earlier_runs_go_first(tmp_path, quick):
    with Outbox(tmp_path / "outbox.db") as outbox:
        for number in range(3):
            outbox.put(visit(number), ["a"])
    sink = RecordingSink("a", batch=2)
    with Outbox(tmp_path / "outbox.db") as outbox, Dispatcher(outbox, [sink], quick) as dispatcher:
        dispatcher.put(visit(3))
        assert dispatcher.flush(10)
    assert sink.names == [(f"v{number}", 0) for number in range(4)]


def test_a_sink_that_is_down_holds_up_nobody(outbox, quick, caplog):
    down = threading.Event()
    down.set()

    def before(_):
        if down.is_set():
            raise DeliveryFailed("no route to the broker")

    lost, good = RecordingSink("lost", before), RecordingSink("good")
    with caplog.at_level(logging.INFO), Dispatcher(outbox, [lost, good], quick) as dispatcher:
        for number in range(5):
            dispatcher.put(visit(number))
        wait_for(lambda: len(good.arrived) == 5)
        wait_for(lambda: status(dispatcher, "lost").last_error)
        assert not dispatcher.flush(0.2)
        assert status(dispatcher, "lost").state == "lost"
        assert status(dispatcher, "lost").pending == 5
        down.clear()
        assert dispatcher.flush(10)
        wait_for(lambda: status(dispatcher, "lost").state == "good")
    assert lost.names == good.names
    assert max(item.attempt for item in lost.arrived) > 1
    texts = [record.getMessage() for record in caplog.records]
    assert sum("takes no events" in text for text in texts) == 1
    assert sum("takes events again" in text for text in texts) == 1


def test_only_what_is_refused_is_set_aside(outbox, quick, caplog):
    def before(deliveries):
        if any(item.event["visit"] == "v2" for item in deliveries):
            raise DeliveryRefused("v2 is too large")

    for number in range(5):
        outbox.put(visit(number), ["a"])
    sink = RecordingSink("a", before)
    with Dispatcher(outbox, [sink], quick) as dispatcher:
        assert dispatcher.flush(10)
        assert status(dispatcher, "a").set_aside == 1
        assert status(dispatcher, "a").delivered == 4
    assert sink.names == [("v0", 0), ("v1", 0), ("v3", 0), ("v4", 0)]
    assert {item.attempt for item in sink.arrived} == {2}  # the batch may have arrived in part
    assert "refuses event v2:0, which is set aside: v2 is too large" in caplog.text


def test_a_broken_sink_is_told_within_two_seconds_and_the_others_go_on(outbox, quick):
    broken, good = RecordingSink("broken", raiser(KeyError("oops"))), RecordingSink("good")
    dispatcher = Dispatcher(outbox, [broken, good], quick)
    started = time.monotonic()
    with pytest.raises(KeyError, match="oops"):
        while True:
            dispatcher.put(visit(sequence=int((time.monotonic() - started) * 1e6)))
    assert time.monotonic() - started < 2
    with pytest.raises(KeyError):
        dispatcher.check()
    with pytest.raises(KeyError):
        dispatcher.put(visit("last"))
    wait_for(lambda: good.names and good.names[-1] == ("vlast", 0))
    assert status(dispatcher, "broken").state == "broken"
    assert "oops" in (status(dispatcher, "broken").last_error or "")
    assert status(dispatcher, "broken").pending > 0  # kept for a mended program
    dispatcher.close()  # told already
    assert (broken.closed, good.closed) == (1, 1)


def test_close_tells_what_nobody_was_told(outbox, quick):
    sink = RecordingSink("a", raiser(SystemExit("a sink must not end the program")))
    outbox.put(visit(), ["a"])
    dispatcher = Dispatcher(outbox, [sink], quick)
    with pytest.raises(SystemExit):
        dispatcher.close()
    assert sink.closed == 1


def test_a_sink_that_breaks_in_idle_or_close_is_told(outbox, quick):
    class Bad(RecordingSink):
        def idle(self):
            raise RuntimeError("idle")

    with pytest.raises(RuntimeError, match="idle"), Dispatcher(outbox, [Bad("a")], quick) as made:
        wait_for(made.check)


def test_an_idle_sink_that_is_lost_is_tried_again(outbox, quick):
    class Flaky(RecordingSink):
        def idle(self):
            super().idle()
            if self.idled < 2:
                raise DeliveryFailed("not yet")

    sink = Flaky("a")
    with Dispatcher(outbox, [sink], quick) as dispatcher:
        wait_for(lambda: status(dispatcher, "a").state == "lost")
        wait_for(lambda: status(dispatcher, "a").state == "good")


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


def test_events_of_other_processes_are_delivered_soon(tmp_path, quick):
    sink = RecordingSink("a")
    with Outbox(tmp_path / "o.db") as one, Outbox(tmp_path / "o.db") as two:
        with Dispatcher(one, [sink], quick) as dispatcher:
            wait_for(lambda: status(dispatcher, "a").state == "good")
            for number in range(3):
                two.put(visit(number), ["a"])
                wait_for(lambda: len(sink.arrived) == number + 1, 0.8)  # noqa: B023
        assert sink.idled <= 2  # looking is cheap, and not `idle`


class PresentSink(RecordingSink):
    """Keeps what it is told when it begins."""

    def begin(self, client, cameras, present):
        assert self.idled == len(self.arrived) == 0
        self.begun = client, list(cameras), [each.id for each in present]


def test_a_sink_is_told_who_is_there_when_it_begins(tmp_path, quick):
    sink = PresentSink("a")
    with Outbox(tmp_path / "o.db") as killed:
        killed.put(visit(1, camera="yard"), ["a"])
    with Outbox(tmp_path / "o.db") as outbox:
        with Dispatcher(outbox, [sink], quick, cameras=["door", "shed"]) as dispatcher:
            assert dispatcher.flush(10)
        assert sink.begun == (outbox.client_id("a"), ["door", "shed"], ["v1"])


@pytest.mark.parametrize("told", [False, True])
def test_who_takes_over_ends_what_was_interrupted(tmp_path, quick, monkeypatch, told):
    monkeypatch.setattr("vultus.events.worker.TAKEOVER_S", 0.05)
    heard, sink = [], PresentSink("a")

    def interrupted(end):
        heard.append(end.id)
        dispatcher.put(end)

    killed, alive = Outbox(tmp_path / "o.db"), Outbox(tmp_path / "o.db")
    killed.claim("a", 1)
    killed.put(visit(1, camera="yard"), ["a"])
    with Dispatcher(alive, [sink], quick, interrupted=interrupted if told else None) as dispatcher:
        dispatcher.put(visit(2))
        wait_for(lambda: status(dispatcher, "a").state == "elsewhere")
        killed.close()
        wait_for(lambda: len(sink.arrived) == 3)
        assert alive.open_visits("yard") == []
    assert sink.begun[2] == ["v2"]
    assert [(n, d.event["type"]) for (n, _), d in zip(sink.names, sink.arrived, strict=True)] == [
        ("v1", "enter"),
        ("v2", "enter"),
        ("v1", "exit"),
    ]
    assert heard == (["v1"] if told else [])
    alive.close()


def test_what_breaks_a_sink_is_told_without_secrets(outbox, quick, caplog):
    error = RuntimeError("cannot reach https://ada:geheim@host/x")
    dispatcher = Dispatcher(outbox, [RecordingSink("a", raiser(error))], quick)
    outbox.put(visit(), ["a"])
    wait_for(lambda: status(dispatcher, "a").state == "broken")
    assert "geheim" not in caplog.text + str(dispatcher.status())
    with pytest.raises(RuntimeError):
        dispatcher.close()


def test_close_delivers_what_waits_for_a_full_batch(outbox, quick):
    sink = RecordingSink("a", batch=100, linger_s=60)
    with Dispatcher(outbox, [sink], quick) as dispatcher:
        for number in range(3):
            dispatcher.put(visit(number))
        time.sleep(0.1)
        assert sink.arrived == []
    assert sink.batches == [3]


def test_flush_does_not_wait_for_a_full_batch(outbox, quick):
    sink = RecordingSink("a", batch=100, linger_s=60)
    with Dispatcher(outbox, [sink], quick) as dispatcher:
        for round_ in range(3):
            dispatcher.put(visit(round_))
            assert dispatcher.flush(10)
        dispatcher.put(visit(9))
        time.sleep(0.1)
        assert len(sink.arrived) == 3  # flush was for once


def test_a_full_batch_does_not_linger(outbox, quick):
    sink = RecordingSink("a", batch=5, linger_s=60)
    with Dispatcher(outbox, [sink], quick) as dispatcher:
        for number in range(12):
            dispatcher.put(visit(number))
        wait_for(lambda: len(sink.arrived) == 10)
    assert sink.batches == [5, 5, 2]


def test_a_short_linger_ends(outbox, quick):
    sink = RecordingSink("a", batch=100, linger_s=0.2)
    with Dispatcher(outbox, [sink], quick) as dispatcher:
        dispatcher.put(visit())
        wait_for(lambda: sink.arrived)


def test_two_processes_do_not_deliver_twice(tmp_path, quick, monkeypatch):
    monkeypatch.setattr("vultus.events.worker.TAKEOVER_S", 0.05)
    sinks = [RecordingSink("a", batch=1), RecordingSink("a", batch=1)]
    with Outbox(tmp_path / "o.db") as one, Outbox(tmp_path / "o.db") as two:
        first = Dispatcher(one, [sinks[0]], quick)
        wait_for(lambda: status(first, "a").state == "good")
        second = Dispatcher(two, [sinks[1]], quick)
        wait_for(lambda: status(second, "a").state == "elsewhere")
        for number in range(10):
            (first if number % 2 else second).put(visit(number))
        assert second.flush(10)
        assert sinks[1].arrived == []
        first.close()
        wait_for(lambda: status(second, "a").state == "good")  # it takes over
        second.put(visit(10))
        assert second.flush(10)
        second.close()
    assert sinks[0].names + sinks[1].names == [(f"v{n}", 0) for n in range(11)]


def test_one_address_once(outbox, quick):
    with pytest.raises(UsageError, match="twice"):
        Dispatcher(outbox, [RecordingSink("a"), RecordingSink("a")], quick)


def test_what_waits_for_others_is_told(outbox, quick, caplog):
    outbox.put(visit(), ["mqtt://gone"])
    with Dispatcher(outbox, [RecordingSink("a")], quick):
        pass
    assert "1 events wait for mqtt://gone" in caplog.text


def test_no_sinks_is_fine(outbox, quick):
    with Dispatcher(outbox, [], quick) as dispatcher:
        dispatcher.put(visit())
        assert dispatcher.flush(1)
        assert dispatcher.status() == []


def test_the_standard_output_of_a_past_run_is_dropped(tmp_path, quick):
    with Outbox(tmp_path / "outbox.db") as outbox:
        outbox.put(visit(), [f"{TRANSIENT}gone"])
    with Outbox(tmp_path / "outbox.db") as outbox, Dispatcher(outbox, [], quick):
        assert outbox.counts() == []


def test_a_full_disk_while_noting_does_not_deliver_twice(outbox, quick, monkeypatch):
    fails = iter([True, True])
    real = outbox.delivered

    def delivered(key, ids):
        if next(fails, False):
            raise StorageError("The disk is full.")
        real(key, ids)

    monkeypatch.setattr(outbox, "delivered", delivered)
    sink = RecordingSink("a")
    with Dispatcher(outbox, [sink], quick) as dispatcher:
        dispatcher.put(visit())
        assert dispatcher.flush(10)
    assert sink.names == [("v0", 0)]


def test_sinks_that_fail_at_random_get_everything_in_order(outbox, quick):
    dice = random.Random(7)

    def before(_):
        if dice.random() < 0.3:
            raise DeliveryFailed("bad luck")

    sinks = [RecordingSink(f"s{number}", before, batch=number + 1) for number in range(4)]
    with Dispatcher(outbox, sinks, quick) as dispatcher:
        for number in range(40):
            dispatcher.put(visit(number))
        for _ in range(400):
            if dispatcher.flush(0.1):
                break
        assert dispatcher.flush(0)
    for sink in sinks:
        assert sink.names == [(f"v{number}", 0) for number in range(40)]


def test_many_threads_put(outbox, quick):
    sink = RecordingSink("a")
    with Dispatcher(outbox, [sink], quick) as dispatcher:
        threads = [
            threading.Thread(
                target=lambda name=name: [dispatcher.put(visit(name, n)) for n in range(20)]
            )
            for name in "wxyz"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert dispatcher.flush(10)
    for name in "wxyz":
        assert [n for v, n in sink.names if v == f"v{name}"] == list(range(20))
