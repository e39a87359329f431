"""Microsoft's own clients, as their users make them, and requests without any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from azure.ai.vision.face import FaceAdministrationClient
from azure.cognitiveservices.vision.face import FaceClient
from azure.core.credentials import AzureKeyCredential
from msrest.authentication import CognitiveServicesCredentials

from tests.server.live import KEY, Live
from tests.shared import shared

BASE = "/face/v1.0"
OCTETS = {"Content-Type": "application/octet-stream"}


@contextmanager
def old_client(live: Live) -> Iterator[FaceClient]:
    """azure-cognitiveservices-vision-face 0.6.1."""
    with FaceClient(live.url, CognitiveServicesCredentials(KEY)) as client:
        yield client


@contextmanager
def new_admin(live: Live) -> Iterator[FaceAdministrationClient]:
    """azure-ai-vision-face 1.0.0b2; its endpoint ends in a slash, as the portal shows it."""
    with FaceAdministrationClient(live.url + "/", AzureKeyCredential(KEY)) as client:
        yield client


def send(live: Live, method: str, path: str, **options: Any) -> httpx.Response:
    """A request to a path below the base."""
    return live.client.request(method, BASE + path, **options)


def done(answer: httpx.Response, status: int = 200) -> None:
    """Success with nothing to say."""
    assert (answer.status_code, answer.content) == (status, b"")


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error, which has Azure's form."""
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["message"]
    return answer.status_code, body["error"]["code"]


def person_photo(person: str, number: int = 1) -> Path:
    return shared(f"photos/people/{person}/{number}.jpg")


def group_photo(name: str) -> Path:
    return shared(f"photos/groups/{name}")
