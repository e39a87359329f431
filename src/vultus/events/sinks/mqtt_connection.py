"""One connection to a broker, from connect to loss; after a loss a new one is made."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Condition
from typing import Any, cast

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from vultus.errors import DeliveryFailed, DeliveryRefused
from vultus.events.sinks.mqtt_address import MqttAddress

_KEEPALIVE_S = 30
_ROOM = 2048  # bytes for a message's topic and properties
_FAREWELL_S = 2.0
# Topic name invalid, packet too large, payload format invalid: the same on every attempt.
_NEVER = {0x90, 0x95, 0x99}
_CREDENTIALS = {0x86, 0x87, 0x8C}  # bad user name or password, not authorized, bad method


class Connection:
    """Connected when made. Used by one thread; paho has its own for the network.

    paho's own reconnecting is off: it would send what was not acknowledged again by itself,
    out of order and without the number of the attempt.

    client: names us to the broker. Where an earlier connection of the same name hangs, the
    broker ends it, and publishes its last will before it lets us in.

    Raises:
        DeliveryFailed: the broker does not answer, or refuses user and password.
    """

    def __init__(
        self,
        address: MqttAddress,
        client: str,
        status_topic: str,
        timeout_s: float,
        on_message: Callable[[str, bytes], None],
    ) -> None:
        self._address = address
        self._status_topic = status_topic
        self._timeout_s = timeout_s
        self._on_message = on_message
        self._changed = Condition()
        self._connack: ReasonCode | None = None
        self._lost = False
        self._acks: dict[int, ReasonCode] = {}
        self._max_packet = 2**28 - 1
        self._client = self._make_client(client)
        try:
            self._connect()
        except BaseException:
            self.drop()
            raise

    @property
    def lost(self) -> bool:
        return self._lost

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        expiry_s: int | None = None,
        user: Mapping[str, str] | None = None,
        json: bool = True,
    ) -> int:
        """Send with QoS 1; returns the number to give to `wait`.

        Raises:
            DeliveryRefused: the message is larger than the broker allows.
        """
        if len(payload) + _ROOM > self._max_packet:  # it would cut the connection
            raise DeliveryRefused(
                f"{self._address.key} takes at most {self._max_packet} bytes a message."
            )
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if json:
            properties.ContentType = "application/json"
            properties.PayloadFormatIndicator = 1
        if expiry_s is not None:
            properties.MessageExpiryInterval = expiry_s
        if user:
            properties.UserProperty = list(user.items())
        return self._client.publish(topic, payload, 1, retain, properties).mid

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, 1)

    def wait(self, numbers: Sequence[int], timeout_s: float | None = None) -> None:
        """Until the broker has acknowledged all of these, or the connection's time is up.

        Raises:
            DeliveryFailed: no answer in time, the connection is lost, or not allowed.
            DeliveryRefused: the broker will never take one of these.
        """
        with self._changed:
            done = self._changed.wait_for(
                lambda: self._lost or all(number in self._acks for number in numbers),
                self._timeout_s if timeout_s is None else timeout_s,
            )
            codes = [self._acks.pop(number, None) for number in numbers]
        if self._lost or not done:
            trouble = "was lost" if self._lost else f"is silent for {self._timeout_s:g} s"
            raise DeliveryFailed(f"The connection to {self._address.key} {trouble}.")
        for code in codes:
            if code is not None and code.is_failure:
                kind = DeliveryRefused if code.value in _NEVER else DeliveryFailed
                raise kind(f"{self._address.key} does not take an event: {code}.")

    def close(self, farewell: bytes) -> None:
        """Publish the farewell as status, disconnect in order, and release everything."""
        if not self._lost:
            with suppress(DeliveryFailed, DeliveryRefused):  # the last will says it then
                number = self.publish(self._status_topic, farewell, retain=True, json=False)
                self.wait([number], min(self._timeout_s, _FAREWELL_S))
            self._client.disconnect()
            with self._changed:
                self._changed.wait_for(lambda: self._lost, 1.0)
        self.drop()

    def drop(self) -> None:
        """Let go at once, without a word; the broker then publishes the last will."""
        connection = self._client.socket()
        if connection is not None:
            with suppress(OSError):
                # not SSLSocket.shutdown, which pulls TLS away from under paho's thread
                socket.socket.shutdown(cast(socket.socket, connection), socket.SHUT_RDWR)
        self._client.loop_stop()
        self._lost = True

    def _make_client(self, name: str) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"vultus-{name}",
            protocol=mqtt.MQTTv5,
            reconnect_on_failure=False,
        )
        client.connect_timeout = self._timeout_s
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_publish = self._acknowledged
        client.on_message = self._received
        client.will_set(self._status_topic, b"offline", 1, True)
        if self._address.user is not None:
            client.username_pw_set(self._address.user, self._address.password)
        if self._address.tls is not None:
            client.tls_set_context(self._address.tls)
            # else paho compares the host's name itself, with what Python no longer has
            client.tls_insecure_set(not self._address.tls.check_hostname)
        return client

    def _connect(self) -> None:
        deadline = time.monotonic() + self._timeout_s
        try:
            self._client.connect(
                self._address.host, self._address.port, _KEEPALIVE_S, clean_start=True
            )
        except OSError as error:  # TLS errors are among them
            raise DeliveryFailed(
                f"{self._address.key} cannot be reached: {error.strerror or error}."
            ) from error
        self._client.loop_start()
        with self._changed:
            self._changed.wait_for(
                lambda: self._connack is not None or self._lost, deadline - time.monotonic()
            )
            code = self._connack
        if code is None:
            raise DeliveryFailed(f"{self._address.key} does not answer like an MQTT 5 broker.")
        if code.is_failure:
            hint = "Check user and password in the address." if code.value in _CREDENTIALS else ""
            raise DeliveryFailed(f"{self._address.key} refuses the connection: {code}.", hint)

    def _connected(
        self, _client: object, _data: object, _flags: object, code: ReasonCode, properties: Any
    ) -> None:
        with self._changed:
            self._max_packet = getattr(properties, "MaximumPacketSize", self._max_packet)
            self._connack = code
            self._changed.notify_all()

    def _disconnected(
        self, _client: object, _data: object, _flags: object, _code: object, _properties: object
    ) -> None:
        with self._changed:
            self._lost = True
            self._changed.notify_all()

    def _acknowledged(
        self, _client: object, _data: object, number: int, code: ReasonCode, _properties: object
    ) -> None:
        with self._changed:
            self._acks[number] = code
            self._changed.notify_all()

    def _received(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        self._on_message(message.topic, bytes(message.payload))
