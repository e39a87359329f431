"""A server that is killed in the middle of a visit, and started again."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx

from tests.events.sinks import wait_for
from tests.server.cameras.films import CAMERAS
from tests.server.live import KEY


@contextmanager
def process(folder):
    command = [sys.executable, "-m", "tests.server.cameras.film_process", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            with httpx.Client(base_url=url, headers={"X-Api-Key": KEY}, timeout=20) as client:
                wait_for(lambda: answers(client), 30)
                yield server, client
        finally:
            server.kill()


def answers(client):
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def events(client):
    return client.get("/api/v1/events").json()["events"]


def test_after_a_kill_the_camera_is_watched_again_and_the_visit_is_ended(film_settings, tmp_path):
    with process(tmp_path) as (server, client):
        door = {"name": "door", "source": "door", "group": "family"}
        assert client.post(CAMERAS, json=door).status_code == 201
        wait_for(lambda: [event["type"] for event in events(client)] == ["enter"], 20)
        (cut_off,) = events(client)
        server.send_signal(signal.SIGKILL)
        server.wait(10)
    with process(tmp_path) as (server, client):
        wait_for(lambda: len(events(client)) == 3, 20)
        told = {
            (event["visit"] == cut_off["visit"], event["type"]): event for event in events(client)
        }
        assert set(told) == {(True, "enter"), (True, "exit"), (False, "enter")}
        assert told[True, "exit"]["why"] == {"rule": "interrupted"}
        assert told[True, "exit"]["person"] == "ada"
        visit = client.get(f"/api/v1/visits/{cut_off['visit']}").json()
        assert (visit["open"], visit["person"]) == (False, "ada")
        assert client.get(f"{CAMERAS}/door").json()["status"]["state"] == "live"
        with client.stream("GET", "/api/v1/events/stream") as stream:
            server.send_signal(signal.SIGTERM)
            assert stream.read()
        assert server.wait(10) == 0
