"""Webhooks: a real server that says yes, no, later, and that dies and comes back."""

from __future__ import annotations

import random
import time

import pytest

from tests.events.servers import WebhookServer
from tests.events.visits import delivery, visit
from vultus.errors import DeliveryFailed, DeliveryRefused, UsageError
from vultus.events.dispatcher import Dispatcher
from vultus.events.sinks.webhook import WebhookSink
from vultus.events.verify import sign, verify_signature
from vultus.settings import EventSettings

SECRET = "geheim"  # noqa: S105  of the tests


@pytest.fixture
def server():
    with WebhookServer() as running:
        yield running


@pytest.fixture
def post(quick):
    """Deliver one event to an address."""

    def deliver(address, settings=quick, **options):
        sink = WebhookSink(address, settings)
        try:
            sink.deliver([delivery(visit(), **options)])
        finally:
            sink.close()
            sink.close()

    return deliver


def test_an_event_arrives_as_json(server, post):
    post(server.address, attempt=3)
    (request,) = server.requests
    assert request.path == "/hook"
    assert request.json() == visit().to_dict()
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Idempotency-Key"] == "v0:0"
    assert request.headers["X-Vultus-Attempt"] == "3"
    assert "X-Vultus-Signature" not in request.headers


def test_the_signature_is_the_receivers_proof(server, post):
    post(server.address, EventSettings(webhook_secret=SECRET))
    (request,) = server.requests
    header = request.headers["X-Vultus-Signature"]
    assert verify_signature(request.body, header, SECRET)
    assert not verify_signature(request.body + b" ", header, SECRET)
    assert not verify_signature(request.body, header, "another")


def test_signatures_of_long_ago_and_of_nobody():
    now = int(time.time())
    assert verify_signature(b"x", sign(b"x", SECRET, now - 200), SECRET)
    assert not verify_signature(b"x", sign(b"x", SECRET, now - 400), SECRET)
    assert not verify_signature(b"x", sign(b"x", SECRET, now + 400), SECRET)
    assert verify_signature(b"x", sign(b"x", SECRET, now - 400), SECRET, tolerance_s=500)
    for header in ("", "t=1", "v1=ab", "t=x,v1=ab", f"t={now},v1=ü", "t=-1,v1=", ",,=", "t=٣,v1=a"):
        assert not verify_signature(b"x", header, SECRET)
    moved = sign(b"x", SECRET, now).replace(f"t={now}", f"t={now + 1}")
    assert not verify_signature(b"x", moved, SECRET)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_arrived(server, post, status):
    server.answer = lambda _: status
    post(server.address)


@pytest.mark.parametrize("status", [401, 403, 404, 408, 425, 429, 500, 502, 503, 301, 307, 308])
def test_not_now(server, post, status):
    server.answer = lambda _: (status, {"Location": "/elsewhere"}, b"go\x00 away\n")
    with pytest.raises(DeliveryFailed, match=f"answers {status}: go away"):
        post(server.address)
    assert len(server.requests) == 1  # redirects are not followed


@pytest.mark.parametrize("status", [400, 405, 409, 410, 413, 415, 422])
def test_never(server, post, status):
    server.answer = lambda _: status
    with pytest.raises(DeliveryRefused, match=str(status)):
        post(server.address)


def test_nobody_there(post):
    with pytest.raises(DeliveryFailed, match="cannot be reached"):
        post(WebhookServer().address)


def test_a_receiver_that_never_answers(server, post):
    server.answer = lambda _: time.sleep(1) or 204
    with pytest.raises(DeliveryFailed, match="cannot be reached"):
        post(server.address, EventSettings(timeout_s=0.2))


def test_an_endless_answer_is_not_read(server, post):
    server.answer = lambda _: (500, {}, b"x" * 30_000_000)
    with pytest.raises(DeliveryFailed) as caught:
        post(server.address)
    assert len(str(caught.value)) < 400


def test_secrets_are_not_told(server, post, caplog):
    caplog.set_level("DEBUG")
    server.answer = lambda request: (400, {}, b"no such user ada:geheim1 " + request.path.encode())
    address = server.address.replace("//", "//ada:geheim1@")
    address += "/abcdef0123456789abcdef?token=geheim2&n=1"
    with pytest.raises(DeliveryRefused) as caught:
        post(address)
    (request,) = server.requests
    assert request.headers["Authorization"].startswith("Basic ")
    assert "token=geheim2" in request.path
    told = str(caught.value) + WebhookSink(address, EventSettings()).key + caplog.text
    for secret in ("geheim1", "geheim2", "abcdef0123456789abcdef"):
        assert secret not in told
    assert "/hook" not in told


@pytest.mark.parametrize("address", ["http://", "https:///path", "http://host:port/"])
def test_no_address(address, quick):
    with pytest.raises(UsageError):
        WebhookSink(address, quick)


def test_names_that_are_no_ascii_fit_into_the_headers(server, quick):
    sink = WebhookSink(server.address, quick)
    sink.deliver([delivery(visit("ä\r\nX: y"))])
    sink.close()
    assert server.requests[0].headers["Idempotency-Key"] == "v\\xe4X: y:0"


def test_https_needs_a_certificate_that_is_trusted(server, post):
    with pytest.raises(DeliveryFailed, match="cannot be reached"):
        post(server.address.replace("http:", "https:"))


def first_arrivals(server):
    """What a receiver takes for new: it looks at the key, and then trusts the attempt."""
    return [
        request.headers["Idempotency-Key"]
        for request in server.requests
        if request.headers["X-Vultus-Attempt"] == "1"
    ]


def check_restarts(server, outbox, settings, rounds, events):
    """Events flow while the server dies and comes back; it sees all of them, in order."""
    dice = random.Random(1)
    server.answer = lambda _: dice.choice([204, 204, 204, 503])
    expected = []
    with Dispatcher(outbox, [WebhookSink(server.address, settings)], settings) as dispatcher:
        for round_ in range(rounds):
            for number in range(events):
                dispatcher.put(visit(round_, number))
                expected.append(f"v{round_}:{number}")
                if number == events // 3:
                    server.stop()
                if number == 2 * events // 3:
                    server.start()
        for _ in range(1000):
            if dispatcher.flush(0.1):
                break
        assert dispatcher.flush(5)
    arrived = [request.headers["Idempotency-Key"] for request in server.requests]
    assert list(dict.fromkeys(arrived)) == expected
    assert len(first_arrivals(server)) == len(set(first_arrivals(server)))


def test_nothing_is_lost_while_the_server_dies_and_comes_back(server, outbox, quick):
    check_restarts(server, outbox, quick, rounds=3, events=30)


@pytest.mark.long
def test_twenty_restarts(server, outbox, quick):
    check_restarts(server, outbox, quick, rounds=20, events=60)
