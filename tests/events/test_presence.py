"""Who is there: right after kills and takeovers, and for several outboxes on one broker."""

from __future__ import annotations

import pytest

from tests.events.servers import discovery_places
from tests.events.sinks import RecordingSink, status, wait_for
from tests.events.visits import visit
from vultus.events.dispatcher import Dispatcher
from vultus.events.outbox import Outbox
from vultus.events.sinks.mqtt import open_mqtt


@pytest.fixture
def sink(broker, quick):
    made = open_mqtt(f"mqtt://127.0.0.1:{broker.port}", quick)
    yield made
    made.close()


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


def test_all_cameras_are_told_of_before_anybody_comes(sink, subscriber):
    sink.begin("abc", ["door", "yard"], [visit(camera="shed")])
    sink.idle()
    wait_for(lambda: subscriber.last("vultus/shed/state"))
    assert subscriber.last("vultus/status/abc").payload == b"online"
    counts = {c: subscriber.last(f"vultus/{c}/state").json()["count"] for c in ("door", "yard")}
    assert counts == {"door": 0, "yard": 0}
    assert subscriber.last("vultus/shed/state").json()["people"] == ["Ada"]
    for camera in ("door", "yard", "shed"):
        for kind in discovery_places(f"vultus_{camera}"):
            config = subscriber.last(f"homeassistant/{kind}/config").json()
            assert config["availability_topic"] == "vultus/status/abc"


def test_the_state_is_right_after_a_kill_and_a_start_with_another_camera(
    broker, subscriber, tmp_path, quick
):
    address = f"mqtt://127.0.0.1:{broker.port}"
    with Outbox(tmp_path / "o.db") as killed:
        sink = open_mqtt(address, quick)
        dispatcher = Dispatcher(killed, [sink], quick, cameras=["door"])
        dispatcher.put(visit(1))
        dispatcher.put(visit(2, person="Bob"))
        wait_for(lambda: told(subscriber, "door", "people") == ["Ada", "Bob"])
        dispatcher._orders.abandoned = True  # as by a kill: no exit, no farewell
    wait_for(lambda: dispatcher.status()[0].state == "closed")
    with Outbox(tmp_path / "o.db") as outbox:
        sink = open_mqtt(address, quick)
        with Dispatcher(outbox, [sink], quick, cameras=["yard"]) as dispatcher:
            for end in outbox.close_all_interrupted(visit().time):
                dispatcher.put(end)
            assert dispatcher.flush(10)
            wait_for(lambda: told(subscriber, "yard", "count") == 0)
            wait_for(lambda: told(subscriber, "door", "people") == [])


def told(subscriber, camera, name):
    state = subscriber.last(f"vultus/{camera}/state")
    return state.json()[name] if state else None


def test_two_outboxes_on_one_base_do_not_speak_for_each_other(broker, subscriber, tmp_path, quick):
    address = f"mqtt://127.0.0.1:{broker.port}"
    with Outbox(tmp_path / "a.db") as one, Outbox(tmp_path / "b.db") as two:
        key = open_mqtt(address, quick).key
        topics = [f"vultus/status/{each.client_id(key)}" for each in (one, two)]
        second = Dispatcher(two, [open_mqtt(address, quick)], quick, cameras=["yard"])
        with Dispatcher(one, [open_mqtt(address, quick)], quick, cameras=["door"]):
            wait_for(lambda: all(subscriber.last(topic) for topic in topics))
        wait_for(lambda: subscriber.last(topics[0]).payload == b"offline")
        assert subscriber.last(topics[1]).payload == b"online"
        second.close()
    topic = "homeassistant/binary_sensor/vultus_yard/occupancy/config"
    assert subscriber.last(topic).json()["availability_topic"] == topics[1]


def test_a_connection_that_hangs_does_not_say_offline_later(broker, subscriber, quick):
    old, new = (open_mqtt(f"mqtt://127.0.0.1:{broker.port}", quick) for _ in range(2))
    old.begin("abc", [], [])
    old.idle()
    wait_for(lambda: subscriber.last("vultus/status/abc"))
    new.begin("abc", [], [])
    new.idle()
    wait_for(lambda: old._connection.lost)
    wait_for(lambda: len(subscriber.on("vultus/status/abc")) >= 3)
    words = [message.payload for message in subscriber.on("vultus/status/abc")]
    assert words == [b"online", b"offline", b"online"]
    old._drop()
    new.close()
