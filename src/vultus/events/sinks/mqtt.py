"""MQTT 5: events, who is there now, and Home Assistant's discovery."""

from __future__ import annotations

import hashlib
import logging
import re
import time
import unicodedata
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from vultus.errors import DeliveryFailed, DeliveryRefused
from vultus.events.encoding import json_bytes
from vultus.events.sinks.home_assistant import discovery_messages
from vultus.events.sinks.mqtt_address import MqttAddress, read_address
from vultus.events.sinks.mqtt_connection import Connection
from vultus.events.sinks.sink import Delivery
from vultus.events.visit import Visit, utc_text
from vultus.settings import EventSettings

_EVENT_EXPIRY_S = 3600  # for consumers with a session at the broker: older is history, not news

_STATUS = "status"

_log = logging.getLogger("vultus.events")


class MqttSink:
    """Publishes to one broker.

    BASE/CAMERA/event: every event, not retained. BASE/CAMERA/state: who is there, retained,
    sent again before it expires. BASE/status/CLIENT: `online` or `offline`, retained, last will;
    one for each outbox, so that several can share a base.
    """

    batch = 20
    linger_s = 0.0

    def __init__(self, address: MqttAddress, settings: EventSettings) -> None:
        self.key = address.key
        self._address = address
        self._settings = settings
        self._client = uuid.uuid4().hex[:12]  # until `begin`
        self._connection: Connection | None = None
        self._present: dict[str, dict[str, dict[str, Any]]] = {}  # camera -> visit -> last event
        self._slugs: dict[str, str] = {}
        self._sent_at: dict[str, float] = {}  # camera -> when its state was sent, monotonic
        self._asked = False  # Home Assistant has started, and wants to be told again

    def begin(self, client: str, cameras: Sequence[str], present: Sequence[Visit]) -> None:
        self._client = client
        self._present = {camera: {} for camera in cameras}
        for visit in present:
            self._present.setdefault(visit.camera, {})[visit.id] = visit.to_dict()

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        connection = self._connected()
        try:
            for camera in {delivery.event["camera"]: None for delivery in deliveries}:
                if camera not in self._present:
                    self._present[camera] = {}
                    self._announce(connection, camera)
            connection.wait([self._send(connection, delivery) for delivery in deliveries])
        except DeliveryFailed:
            self._drop()  # what was not acknowledged is forgotten here and comes again as a whole
            raise
        for camera in self._note(deliveries):
            self._send_state(connection, camera)
        self._keep_fresh(connection)

    def idle(self) -> None:
        self._keep_fresh(self._connected())

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close(b"offline")

    @property
    def status_topic(self) -> str:
        return f"{self._address.base}/{_STATUS}/{self._client}"

    def topic(self, camera: str, leaf: str) -> str:
        return f"{self._address.base}/{self._slug(camera)}/{leaf}"

    def _connected(self) -> Connection:
        if self._connection is not None and self._connection.lost:
            self._drop()
        if self._connection is None:
            connection = Connection(
                self._address,
                self._client,
                self.status_topic,
                self._settings.timeout_s,
                self._received,
            )
            self._connection = connection
            connection.publish(self.status_topic, b"online", retain=True, json=False)
            if self._address.discovery:
                connection.subscribe(f"{self._address.discovery}/status")
            for camera in self._present:  # a broker that was restarted may have kept nothing
                self._announce(connection, camera)
                self._send_state(connection, camera)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.drop()
            self._connection = None

    def _send(self, connection: Connection, delivery: Delivery) -> int:
        event = delivery.event
        return connection.publish(
            self.topic(event["camera"], "event"),
            json_bytes(event),
            expiry_s=_EVENT_EXPIRY_S,
            user={
                "visit": event["visit"],
                "sequence": str(event["sequence"]),
                "attempt": str(delivery.attempt),
            },
        )

    def _note(self, deliveries: Sequence[Delivery]) -> list[str]:
        """Who is there after these events; returns the cameras they are about."""
        for delivery in deliveries:
            event = delivery.event
            visits = self._present[event["camera"]]
            if event["type"] == "exit":
                visits.pop(event["visit"], None)
            else:
                visits[event["visit"]] = event
        return list({delivery.event["camera"]: None for delivery in deliveries})

    def _send_state(self, connection: Connection, camera: str) -> None:
        """Not waited for: should it be lost, it is sent again with the next connection."""
        self._retain(
            connection,
            self.topic(camera, "state"),
            state_of(self._present[camera].values()),
            self._settings.state_expiry_s,
        )
        self._sent_at[camera] = time.monotonic()

    def _keep_fresh(self, connection: Connection) -> None:
        if self._asked:
            self._asked = False
            for camera in self._present:
                self._announce(connection, camera)
                self._send_state(connection, camera)
        oldest = time.monotonic() - self._settings.state_expiry_s / 2
        for camera, sent_at in self._sent_at.items():
            if sent_at < oldest:
                self._send_state(connection, camera)

    def _announce(self, connection: Connection, camera: str) -> None:
        if self._address.discovery is None:
            return
        messages = discovery_messages(
            self._address.discovery,
            self._address.base,
            camera,
            self._slug(camera),
            self.status_topic,
            self._settings.state_expiry_s,
        )
        for topic, payload in messages.items():
            self._retain(connection, topic, payload)

    def _retain(
        self,
        connection: Connection,
        topic: str,
        payload: Mapping[str, Any],
        expiry_s: int | None = None,
    ) -> None:
        try:
            connection.publish(topic, json_bytes(payload), retain=True, expiry_s=expiry_s)
        except DeliveryRefused as error:  # events may still be small enough
            _log.warning("%s is left out: %s", topic, error)

    def _received(self, _topic: str, payload: bytes) -> None:
        self._asked = self._asked or payload == b"online"

    def _slug(self, camera: str) -> str:
        if camera not in self._slugs:
            slug = slug_of(camera)
            if not slug or slug in (_STATUS, *self._slugs.values()):
                digest = hashlib.sha256(camera.encode()).hexdigest()[:6]
                slug = f"{slug or 'camera'}_{digest}"
            self._slugs[camera] = slug
        return self._slugs[camera]


def open_mqtt(address: str, settings: EventSettings) -> MqttSink:
    """Reads the address only; the broker is looked for by the first delivery.

    Raises:
        UsageError: the address makes no sense, or a certificate cannot be read.
    """
    return MqttSink(read_address(address), settings)


def slug_of(camera: str) -> str:
    """The camera's name as a level of a topic: letters without accents, digits, - and _."""
    ascii_only = unicodedata.normalize("NFKD", camera).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "_", ascii_only).strip("_")


def state_of(visits: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Who is there, from the last events of the open visits. time: of this state, UTC."""
    events = list(visits)
    people = {event["person"]: None for event in events if event["person"]}
    strangers = {
        event["stranger"]: None for event in events if event["stranger"] and not event["person"]
    }
    return {
        "people": list(people),
        "strangers": list(strangers),
        "unknown": sum(not event["person"] and not event["stranger"] for event in events),
        "count": len(events),
        "time": utc_text(datetime.now(timezone.utc)),
    }
