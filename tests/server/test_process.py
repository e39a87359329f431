"""The server as a process: killed at any moment, or told to stop."""

from __future__ import annotations

import io
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from benchmarks.server_process import KEY, ServerProcess
from PIL import Image

from tests.shared import shared
from vultus.gallery.gallery import Gallery
from vultus.settings import Settings

GROUP = "team"


def encoded(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def portraits(lfw_names, lfw_photos) -> dict[str, bytes]:
    """Pictures of different people by name."""
    return {name: encoded(lfw_photos(name)) for name in lfw_names}


@pytest.fixture(scope="module")
def lfw_photos():
    from tests.shared import LfwArchive

    with LfwArchive() as archive:
        yield archive.photo


@pytest.fixture(scope="module")
def lfw_names() -> list[str]:
    import tarfile

    with tarfile.open(shared("lfw-grey.tar")) as archive:
        names = [name for name in archive.getnames() if name.endswith("_0001.jpg")]
    return sorted(names)[:150]


def client_of(server: ServerProcess) -> httpx.Client:
    return httpx.Client(
        base_url=f"http://127.0.0.1:{server.port}", headers={"X-Api-Key": KEY}, timeout=30
    )


def enrol_until_killed(server: ServerProcess, portraits: dict[str, bytes]) -> list[str]:
    """The names of those whose enrolment was answered."""
    answered = []
    with client_of(server) as client:
        for name, picture in portraits.items():
            person = Path(name).stem
            try:
                answer = client.post(
                    f"/api/v1/groups/{GROUP}/people/{person}/faces",
                    params={"largest": "true"},
                    content=picture,
                    headers={"Content-Type": "image/jpeg"},
                )
            except httpx.TransportError:
                break
            if answer.status_code in (200, 201):
                answered.append(person)
    return answered


def check_kills(folder: Path, portraits: dict[str, bytes], kills: int) -> None:
    dice = random.Random(5)
    enrolled: set[str] = set()
    for _ in range(kills):
        with ServerProcess(folder) as server:
            server.wait_until("/ready")
            left = {n: p for n, p in portraits.items() if Path(n).stem not in enrolled}
            killing = threading.Timer(dice.uniform(0.05, 1.0), server.kill)
            killing.start()
            enrolled.update(enrol_until_killed(server, left))
            killing.join()
    assert len(enrolled) >= kills
    settings = Settings(gallery=str(folder / "people.db"))
    with ServerProcess(folder) as server, Gallery(settings=settings) as gallery:
        server.wait_until("/ready")
        there = {person.name: person.faces for person in gallery.people(GROUP)}
        assert enrolled <= set(there)
        assert set(there.values()) == {1}  # nothing half-written, nothing twice
        with client_of(server) as client:
            for name in random.Random(6).sample(sorted(portraits), 12):
                picture = portraits[name]
                url = f"/api/v1/identify?group={GROUP}"
                told = client.post(url, content=picture, headers={"Content-Type": "image/jpeg"})
                found = gallery.identify(picture, group=GROUP)  # a fresh index
                assert [face["person"] for face in told.json()["faces"]] == [
                    face.person for face in found
                ]


def test_what_was_answered_is_there_after_a_kill(tmp_path, portraits):
    check_kills(tmp_path, portraits, 2)


@pytest.mark.long
def test_what_was_answered_is_there_after_fifty_kills(tmp_path, portraits):
    check_kills(tmp_path, portraits, 50)


def test_told_to_stop_it_finishes_what_it_accepted(tmp_path, portraits):
    pictures = list(portraits.values())[:10]
    with ServerProcess(tmp_path) as server:
        server.wait_until("/ready")
        with ThreadPoolExecutor(10) as pool, client_of(server) as client:

            def detect(picture: bytes) -> int:
                headers = {"Content-Type": "image/jpeg"}
                return client.post("/api/v1/detect", content=picture, headers=headers).status_code

            asked = [pool.submit(detect, picture) for picture in pictures]
            time.sleep(0.2)  # all have been accepted, few have been answered
            server.stop()
            assert [each.result() for each in asked] == [200] * 10
        assert server.status == 0
