"""The dispatcher: every sink gets everything, in order, however the others behave."""

from __future__ import annotations

import logging
import random
import threading
import time

import pytest

from tests.events.sinks import RecordingSink, raiser, status, wait_for
from tests.events.visits import visit
from vultus.errors import DeliveryFailed, DeliveryRefused, StorageError, UsageError
from vultus.events.dispatcher import Dispatcher
from vultus.events.outbox import Outbox
from vultus.events.sinks.sink import TRANSIENT


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


def test_events_of_other_processes_are_delivered_soon(tmp_path, quick):
    sink = RecordingSink("a")
    with Outbox(tmp_path / "o.db") as one, Outbox(tmp_path / "o.db") as two:
        with Dispatcher(one, [sink], quick) as dispatcher:
            wait_for(lambda: status(dispatcher, "a").state == "good")
            for number in range(3):
                two.put(visit(number), ["a"])
                wait_for(lambda: len(sink.arrived) == number + 1, 0.8)  # noqa: B023
        assert sink.idled <= 2  # looking is cheap, and not `idle`


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


def test_two_dispatchers_over_one_outbox_have_every_event_of_the_second(outbox, quick):
    """As the cameras of a server do, which share a table and have sinks of their own."""
    table, own, other = RecordingSink("table"), RecordingSink("own"), RecordingSink("other")
    with (
        Dispatcher(outbox, [table], quick) as ledger,
        Dispatcher(outbox, [own], quick, along=ledger) as first,
        Dispatcher(outbox, [other], quick, along=ledger) as second,
        Dispatcher(outbox, [], quick, along=ledger) as third,
    ):
        first.put(visit(1))
        second.put(visit(2))
        third.put(visit(3))
        ledger.put(visit(4))
        assert all(each.flush(10) for each in (first, second, ledger))
    assert sorted(table.names) == [(f"v{number}", 0) for number in range(1, 5)]
    assert own.names == [("v1", 0)]
    assert other.names == [("v2", 0)]


def test_what_waits_for_a_dispatcher_along_is_not_warned_about(outbox, quick, caplog):
    lost = RecordingSink("table", raiser(DeliveryFailed("down")))
    with Dispatcher(outbox, [lost], quick) as ledger:
        ledger.put(visit(1))
        with Dispatcher(outbox, [], quick, along=ledger):
            pass
    assert "not among the sinks" not in caplog.text
