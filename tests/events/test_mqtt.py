"""MQTT against a real broker: events, states, last will, discovery, and restarts."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.events.servers import Mosquitto, Subscriber, discovery_places
from tests.events.sinks import wait_for
from tests.events.visits import delivery, visit
from vultus.errors import DeliveryFailed, DeliveryRefused, UsageError
from vultus.events.dispatcher import Dispatcher
from vultus.events.sinks.mqtt import open_mqtt, slug_of
from vultus.events.sinks.mqtt_address import read_address
from vultus.settings import EventSettings


@pytest.fixture
def sink(broker, quick):
    made = open_mqtt(f"mqtt://127.0.0.1:{broker.port}", quick)
    yield made
    made.close()


def deliver(sink, *events, attempt=1):
    sink.deliver([delivery(event, n, attempt) for n, event in enumerate(events)])


def test_an_event_arrives(sink, subscriber):
    deliver(sink, visit(), attempt=2)
    wait_for(lambda: subscriber.on("vultus/door/event"))
    message = subscriber.on("vultus/door/event")[0]
    assert message.json() == visit().to_dict()
    assert (message.qos, message.retain) == (1, False)
    assert message.properties["ContentType"] == "application/json"
    assert 0 < message.properties["MessageExpiryInterval"] <= 3600
    assert message.user == {"visit": "v0", "sequence": "0", "attempt": "2"}


def test_events_are_not_replayed_and_states_are(sink, broker, subscriber):
    deliver(sink, visit(), visit(1, person=None, stranger="unknown-0001"))
    deliver(sink, visit(2, person=None), visit(3, camera="yard"))
    wait_for(lambda: subscriber.last("vultus/yard/state"))
    with Subscriber(broker.port, name="late") as late:
        wait_for(lambda: late.last("vultus/door/state") and late.last(sink.status_topic))
        state = late.last("vultus/door/state")
        assert late.on("vultus/door/event") == []
        assert late.last(sink.status_topic).payload == b"online"
    assert state.retain
    assert state.properties["MessageExpiryInterval"] <= 300
    assert state.json().pop("time").endswith("Z")
    told = {name: state.json()[name] for name in ("people", "strangers", "unknown", "count")}
    assert told == {"people": ["Ada"], "strangers": ["unknown-0001"], "unknown": 1, "count": 3}


def test_who_leaves_is_not_there(sink, subscriber):
    deliver(sink, visit())
    deliver(sink, visit(sequence=1, person="Bob"))
    deliver(sink, visit(sequence=2, type="exit"))
    wait_for(lambda: len(subscriber.on("vultus/door/state")) == 3)
    people = [message.json()["people"] for message in subscriber.on("vultus/door/state")]
    assert people == [["Ada"], ["Bob"], []]


def test_a_state_is_sent_again_before_it_expires(broker, subscriber, monkeypatch):
    sink = open_mqtt(f"mqtt://127.0.0.1:{broker.port}", EventSettings(state_expiry_s=10))
    deliver(sink, visit())
    sink.idle()
    assert len(subscriber.on("vultus/door/state")) <= 1
    sink._sent_at["door"] -= 5.1
    sink.idle()
    wait_for(lambda: len(subscriber.on("vultus/door/state")) == 2)
    sink.close()


def test_the_last_will_says_offline(sink, subscriber):
    deliver(sink, visit())
    wait_for(lambda: subscriber.last(sink.status_topic))
    sink._drop()  # as by a cut cable
    wait_for(lambda: subscriber.last(sink.status_topic).payload == b"offline")
    sink.idle()
    wait_for(lambda: subscriber.last(sink.status_topic).payload == b"online")
    sink.close()
    sink.close()
    wait_for(lambda: subscriber.last(sink.status_topic).payload == b"offline")


def test_home_assistant_finds_the_camera(sink, subscriber):
    deliver(sink, visit(camera="Haustür 1"))
    prefix = "homeassistant"
    wait_for(lambda: subscriber.on("vultus/Haustur_1/state"))
    configs = {
        message.topic: message.json()
        for message in subscriber.messages
        if message.topic.endswith("/config")
    }
    assert set(configs) == {
        f"{prefix}/{place}/config"
        for place in (
            "sensor/vultus_Haustur_1/people",
            "sensor/vultus_Haustur_1/count",
            "binary_sensor/vultus_Haustur_1/occupancy",
            "event/vultus_Haustur_1/visit",
        )
    }
    assert len({config["unique_id"] for config in configs.values()}) == 4
    topics = {message.topic for message in subscriber.messages}
    for config in configs.values():
        assert config["state_topic"] in topics
        assert config["availability_topic"] == sink.status_topic
        assert config["device"]["name"] == "Haustür 1"
    event = configs[f"{prefix}/event/vultus_Haustur_1/visit/config"]
    assert event["event_types"] == ["enter", "update", "exit"]


def test_home_assistant_restarts_and_is_told_again(sink, subscriber):
    topic = "homeassistant/sensor/vultus_door/people/config"
    deliver(sink, visit())
    wait_for(lambda: subscriber.on(topic))
    subscriber.publish("homeassistant/status", b"offline")
    subscriber.publish("homeassistant/status", b"online")
    wait_for(lambda: sink.idle() or len(subscriber.on(topic)) == 2)


def test_templates_of_home_assistant_are_well_formed():
    jinja2 = pytest.importorskip("jinja2", reason="needs jinja2")
    from vultus.events.sinks.home_assistant import _EVENT, _PEOPLE

    environment = jinja2.Environment(autoescape=False)
    environment.filters["to_json"] = json.dumps
    state = {"people": ["Ada", "Bob"], "strangers": [], "count": 2}
    people = environment.from_string(_PEOPLE)
    assert people.render(value_json=state) == "Ada, Bob"
    assert people.render(value_json={"people": [], "strangers": []}) == "nobody"
    event = environment.from_string(_EVENT)
    moment = visit().time
    clock = {"now": lambda: moment, "as_datetime": lambda _: moment}
    told = json.loads(event.render(value_json=visit().to_dict(), **clock))
    assert told["event_type"] == "enter"


@pytest.mark.parametrize(("option", "prefix"), [("?discovery=0", None), ("?discovery=ha", "ha")])
def test_discovery_can_be_moved_or_left_out(broker, subscriber, quick, option, prefix):
    sink = open_mqtt(f"mqtt://127.0.0.1:{broker.port}/home/eyes{option}", quick)
    deliver(sink, visit())
    wait_for(lambda: subscriber.on("home/eyes/door/state"))
    sink.close()
    wait_for(lambda: subscriber.last(sink.status_topic).payload == b"offline")
    found = {message.topic for message in subscriber.messages if "config" in message.topic}
    assert found == (
        {f"ha/{kind}/config" for kind in discovery_places("home_eyes_door")} if prefix else set()
    )


def test_camera_names_become_topics(sink):
    assert slug_of("Front door/2 +#") == "Front_door_2"
    assert sink.topic("Haustür", "event") == "vultus/Haustur/event"
    names = ["a b", "a_b", "a/b", "門", "窓", "", "status"]
    topics = [sink.topic(name, "event") for name in names]
    assert len(set(topics)) == len(names)
    assert topics == [sink.topic(name, "event") for name in names]
    assert all(topic.isascii() and len(topic.split("/")) == 3 for topic in topics)


def test_a_wrong_password_is_told_and_tried_again(tmp_path, quick):
    with Mosquitto(tmp_path, user="ada", password="geheim1") as broker:  # noqa: S106
        wrong = open_mqtt(f"mqtt://ada:falsch@127.0.0.1:{broker.port}", quick)
        with pytest.raises(DeliveryFailed, match=r"refuses.*Check user and password") as caught:
            deliver(wrong, visit())
        assert "falsch" not in str(caught.value) + wrong.key + repr(wrong._address)
        wrong.close()
        right = open_mqtt(f"mqtt://ada:geheim1@127.0.0.1:{broker.port}", quick)
        deliver(right, visit())
        right.close()


def test_a_broker_that_is_down_is_no_error_at_start(tmp_path, quick):
    broker = Mosquitto(tmp_path)
    sink = open_mqtt(f"mqtt://127.0.0.1:{broker.port}", quick)
    with pytest.raises(DeliveryFailed, match="refused"):
        sink.idle()
    with broker:
        sink.idle()
        deliver(sink, visit())
        sink.close()


def test_a_broker_that_falls_silent(sink, broker, monkeypatch):
    deliver(sink, visit())
    sink._connection._timeout_s = 0.3
    broker.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(DeliveryFailed, match="silent"):
            deliver(sink, visit(1))
    finally:
        broker.send_signal(signal.SIGCONT)
    deliver(sink, visit(1), attempt=2)


def test_what_is_too_large_is_refused(tmp_path, quick):
    with Mosquitto(tmp_path, extra="max_packet_size 5000") as broker:
        sink = open_mqtt(f"mqtt://127.0.0.1:{broker.port}?discovery=0", quick)
        with pytest.raises(DeliveryRefused, match="5000 bytes"):
            deliver(sink, visit(why={"text": "x" * 5000}))
        deliver(sink, visit())
        sink.close()


def test_messages_that_the_broker_finds_too_large_are_left_out(tmp_path, quick, caplog):
    with Mosquitto(tmp_path, extra="max_packet_size 2100") as broker:
        sink = open_mqtt(f"mqtt://127.0.0.1:{broker.port}", quick)
        sink.idle()
        with pytest.raises(DeliveryRefused, match="2100 bytes"):
            deliver(sink, visit())
        sink.idle()
        sink.close()
    assert "config is left out" in caplog.text


def test_a_broker_that_has_forgotten_everything_is_told_again(sink, broker, tmp_path):
    deliver(sink, visit())
    broker.stop(kill=True)
    (tmp_path / "mosquitto.db").unlink(missing_ok=True)
    broker.start()
    wait_for(lambda: sink._connection.lost)
    sink.idle()
    topics = {sink.status_topic, "vultus/door/state"}
    topics |= {f"homeassistant/{kind}/config" for kind in discovery_places("vultus_door")}
    with Subscriber(broker.port) as late:
        wait_for(lambda: topics <= {message.topic for message in late.messages})
        count = len(late.messages)
        late.publish("homeassistant/status", b"online")  # it has subscribed again
        wait_for(lambda: sink.idle() or len(late.messages) > count + 5)
    assert late.last("vultus/door/state").json()["people"] == ["Ada"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=broker"
        " -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem"
    )
    try:
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl")
    return folder / "cert.pem", folder / "key.pem"


def test_tls(tmp_path, quick, certificate):
    with Mosquitto(tmp_path, tls=certificate) as broker:
        address = f"mqtts://127.0.0.1:{broker.port}"
        untrusted = open_mqtt(address, quick)
        with pytest.raises(DeliveryFailed, match="cannot be reached"):
            deliver(untrusted, visit())
        untrusted.close()
        for option in (f"?ca={certificate[0]}", "?insecure=1"):
            sink = open_mqtt(address + option, quick)
            deliver(sink, visit())
            sink.close()


def test_tls_for_another_name(tmp_path, quick, certificate):
    with Mosquitto(tmp_path, tls=certificate) as broker:
        address = f"mqtts://localhost:{broker.port}?ca={certificate[0]}"
        sink = open_mqtt(address, quick)
        with pytest.raises(DeliveryFailed, match="cannot be reached"):
            deliver(sink, visit())
        insecure = open_mqtt(f"{address}&insecure=1", quick)
        deliver(insecure, visit())
        insecure.close()


def test_what_tells_no_broker():
    for address in (
        "mqtt://",
        "mqtt://host:port",
        "mqtt://host/a/#",
        "mqtt://host/$SYS",
        "mqtt://host?colour=red",
        "mqtt://host?ca=x.pem",
        "mqtts://host?ca=/no/such/file.pem",
        f"mqtts://host?key={Path(__file__)}",
        f"mqtts://host?cert={Path(__file__)}",
        "mqtt://host?discovery=a%23",
    ):
        with pytest.raises(UsageError):
            read_address(address)


def test_an_address_is_taken_apart():
    found = read_address("mqtt://ada:p%40ss@broker.local/home/cams/?discovery=ha")
    assert (found.host, found.port, found.base) == ("broker.local", 1883, "home/cams")
    assert (found.user, found.password, found.discovery) == ("ada", "p@ss", "ha")
    assert found.key == "mqtt://broker.local:1883/home/cams"
    assert read_address("mqtts://host").port == 8883


def check_restarts(broker, outbox, settings, rounds, events):
    """Events flow while the broker dies and comes back; a consumer sees all of them."""
    expected = []
    sink = open_mqtt(f"mqtt://127.0.0.1:{broker.port}", settings)
    with Subscriber(broker.port, "vultus/#") as subscriber:
        with Dispatcher(outbox, [sink], settings) as dispatcher:
            for round_ in range(rounds):
                for number in range(events):
                    dispatcher.put(visit(round_, number))
                    expected.append((f"v{round_}", number))
                    if number == events // 3:
                        broker.stop()
                    if number == 2 * events // 3:
                        broker.start()
                for _ in range(300):
                    if dispatcher.flush(0.1):
                        break
            assert dispatcher.flush(5)
        wait_for(lambda: len(seen(subscriber)) == len(expected))
        messages = subscriber.on("vultus/door/event")
    assert sorted(seen(subscriber)) == sorted(expected)
    new = [tuple(m.user.items()) for m in messages if m.user["attempt"] == "1" and not m.dup]
    assert len(new) == len(set(new))
    assert all(not message.retain for message in messages)


def seen(subscriber):
    events = [message.user for message in subscriber.on("vultus/door/event")]
    return {(event["visit"], int(event["sequence"])) for event in events}


def test_nothing_is_lost_while_the_broker_dies_and_comes_back(broker, outbox, quick):
    check_restarts(broker, outbox, quick, rounds=3, events=30)


@pytest.mark.long
def test_twenty_restarts(broker, outbox, quick):
    check_restarts(broker, outbox, quick, rounds=20, events=90)
