"""Real faces from real sources, seen by the real networks: once each way."""

from __future__ import annotations

import httpx
import pytest

from tests.events.sinks import wait_for
from tests.server.cameras.films import CAMERAS
from tests.shared import shared
from tests.video.rtsp import RtspServer
from vultus.imaging.load import load

PASSWORD = "geheim"  # noqa: S105


@pytest.fixture(scope="module")
def clip():
    return shared("videos/hamilton_short.mp4")


def status_of(live, name):
    return live.client.get(f"{CAMERAS}/{name}").json()["status"]


def test_a_clip_becomes_visits_with_pictures(live, clip):
    camera = {"name": "clip", "source": str(clip)}
    assert live.client.post(CAMERAS, json=camera).status_code == 201
    wait_for(lambda: status_of(live, "clip")["state"] == "ended", 60)
    found = live.client.get("/api/v1/visits", params={"camera": "clip"}).json()["visits"]
    assert len(found) >= 2
    assert all(visit["stranger"] and not visit["open"] for visit in found)
    for visit in found:
        clean = load(live.client.get(visit["picture"]).content)
        annotated = load(live.client.get(visit["picture"], params={"annotated": True}).content)
        assert clean.shape[1] > 300
        assert annotated.shape[1] > 300
    events = live.client.get("/api/v1/events", params={"camera": "clip"}).json()["events"]
    assert sorted(event["type"] for event in events) == ["enter"] * len(found) + ["exit"] * len(
        found
    )


def test_a_camera_in_the_network(live, clip, tmp_path):
    with RtspServer({"door": clip}, tmp_path, user="u", password=PASSWORD) as rtsp:
        camera = {"name": "door", "source": rtsp.address("door"), "video": {"analysis_fps": 5}}
        assert live.client.post(CAMERAS, json=camera).status_code == 201
        wait_for(lambda: status_of(live, "door")["visits"] >= 1, 30)
        answer = live.client.get(f"{CAMERAS}/door/snapshot.jpg", params={"width": 320})
        assert load(answer.content).shape[1] == 320
        told = live.client.get(f"{CAMERAS}/door")
        assert PASSWORD not in told.text
        rtsp.stop()
        wait_for(lambda: status_of(live, "door")["state"] == "waiting", 20)
        down = live.client.get(f"{CAMERAS}/door/snapshot.jpg")
        assert down.status_code == 503
        assert PASSWORD not in down.text
        rtsp.start()
        wait_for(lambda: status_of(live, "door")["state"] == "live", 20)
        assert status_of(live, "door")["reconnects"] >= 1
        with live.client.stream("GET", f"{CAMERAS}/door/preview.mjpeg") as preview:
            assert next(preview.iter_bytes())
        removed = httpx.delete(f"{live.url}{CAMERAS}/door", headers={"X-Api-Key": live.key})
        assert removed.status_code == 204
    found = live.client.get("/api/v1/visits", params={"camera": "door"}).json()["visits"]
    assert found
    assert not any(visit["open"] for visit in found)
