"""Fixtures of the tests of events."""

from __future__ import annotations

import pytest

from tests.events.servers import Mosquitto, Subscriber
from vultus.events.outbox import Outbox
from vultus.settings import EventSettings


@pytest.fixture
def outbox(tmp_path):
    with Outbox(tmp_path / "outbox.db") as made:
        yield made


@pytest.fixture
def quick():
    """Settings with short waits."""
    return EventSettings(retry_max_s=0.5, timeout_s=3.0)


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path) as running:
        yield running


@pytest.fixture
def subscriber(broker):
    with Subscriber(broker.port) as listening:
        yield listening
