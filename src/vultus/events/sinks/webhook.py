"""Webhook: an event a POST request, signed when a secret is set."""

from __future__ import annotations

import base64
import contextlib
import ssl
import time
from collections.abc import Sequence

import certifi
import httpx

from vultus.errors import DeliveryFailed, DeliveryRefused, UsageError
from vultus.events.encoding import json_bytes
from vultus.events.sinks.sink import Delivery
from vultus.events.verify import SIGNATURE_HEADER, sign
from vultus.redaction import key_of, without_secrets
from vultus.settings import EventSettings

_BODY_BYTES = 4096  # of the answer; only its beginning is of use, in a message
_EXCERPT = 200

# Busy, or a configuration that somebody can mend: the event is worth keeping.
_LATER = {401, 403, 404, 408, 425, 429}


class WebhookSink:
    """POSTs each event as JSON. 2xx: it has arrived; redirects are not followed.

    Proxies of the environment are not used. Raises UsageError for an address without a host.
    """

    batch = 1
    linger_s = 0.0

    def __init__(self, address: str, settings: EventSettings) -> None:
        self.key = key_of(address, show_path=False)
        self._address = address
        self._secret = settings.webhook_secret
        self._timeout_s = settings.timeout_s
        try:
            self._url = httpx.URL(address)
        except (httpx.InvalidURL, ValueError):
            raise UsageError(f"{self.key} is no address of a webhook.", _HINT) from None
        if not self._url.host:
            raise UsageError(f"{self.key} names no host.", _HINT)
        # not httpx.Client, which writes whole addresses, passwords and all, into the log
        self._transport = httpx.HTTPTransport(
            verify=_trust() if self._url.scheme == "https" else True, trust_env=False
        )

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self._post(delivery)

    def idle(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        self._transport.close()

    def _post(self, delivery: Delivery) -> None:
        body = json_bytes(delivery.event)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "vultus",
            "Idempotency-Key": _header(f"{delivery.event['visit']}:{delivery.event['sequence']}"),
            "X-Vultus-Attempt": str(delivery.attempt),
        }
        if self._secret is not None:
            secret = self._secret.get_secret_value()
            headers[SIGNATURE_HEADER] = sign(body, secret, int(time.time()))
        if self._url.userinfo:
            headers["Authorization"] = f"Basic {_basic(self._url)}"
        request = httpx.Request(
            "POST",
            self._url,
            content=body,
            headers=headers,
            extensions={"timeout": httpx.Timeout(self._timeout_s).as_dict()},
        )
        try:
            response = self._transport.handle_request(request)
            with contextlib.closing(response):
                excerpt = self._excerpt(response)
        except httpx.TransportError as error:
            trouble = str(error) or type(error).__name__
            raise DeliveryFailed(
                f"{self.key} cannot be reached: {self._clean(trouble)}."
            ) from None  # the cause may name the whole address
        self._judge(response.status_code, excerpt)

    def _judge(self, status: int, excerpt: str) -> None:
        if 200 <= status < 300:
            return
        message = f"{self.key} answers {status}{excerpt}."
        if 300 <= status < 400:
            raise DeliveryFailed(message, "Redirects are not followed: give the final address.")
        if status in (401, 403, 404):
            raise DeliveryFailed(message, "Check the address and its credentials.")
        if status in _LATER or status >= 500:
            raise DeliveryFailed(message)
        raise DeliveryRefused(message)

    def _excerpt(self, response: httpx.Response) -> str:
        """The beginning of what the receiver says, as one printable line."""
        content = b""
        deadline = time.monotonic() + self._timeout_s
        with contextlib.suppress(httpx.HTTPError):  # the status says enough
            for part in response.iter_raw():
                content += part
                if len(content) >= _BODY_BYTES or time.monotonic() > deadline:
                    break
        text = " ".join(content[:_BODY_BYTES].decode(errors="replace").split())
        text = "".join(letter for letter in text if letter.isprintable())[:_EXCERPT]
        return f": {self._clean(text)}" if text else ""

    def _clean(self, text: str) -> str:
        """Who knows the path of a webhook may call it: it is as secret as a password."""
        return without_secrets(text, self._address, whole_path=True)


_HINT = "Give one like https://example.org/hooks/vultus."


def _basic(url: httpx.URL) -> str:
    return base64.b64encode(f"{url.username}:{url.password}".encode()).decode()


def _header(text: str) -> str:
    """Headers are ASCII."""
    return text.encode("ascii", "backslashreplace").decode().replace("\r", "").replace("\n", "")


def _trust() -> ssl.SSLContext:
    """The authorities of the web, and those of this machine, such as a company's own."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context
