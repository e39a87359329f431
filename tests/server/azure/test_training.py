"""Training by hand: codes, headers, and what a running one blocks."""

from __future__ import annotations

import re
import socket
from threading import Event

import pytest

from tests.server.azure.clients import BASE, done, refused, send

KINDS = [
    ("persongroups", "PersonGroup"),
    ("largepersongroups", "LargePersonGroup"),
    ("largefacelists", "LargeFaceList"),
]
every = pytest.mark.parametrize(("kind", "noun"), KINDS)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def make(live, kind: str, wire_id: str) -> str:
    path = f"/{kind}/{wire_id}"
    done(send(live, "PUT", path, json={"name": "X"}))
    return path


def ended(live, path: str) -> dict[str, str]:
    for _ in range(3000):
        answer = send(live, "GET", f"{path}/training")
        if answer.json()["status"] != "running":
            return answer.json()
        Event().wait(0.01)
    raise AssertionError("the training does not end")


@pytest.fixture
def held(live):
    """Trainings begin, and wait until this is set."""
    go = Event()
    live.services.trainer.before = lambda: go.wait(30)
    yield go
    go.set()
    live.services.trainer.before = None


@every
def test_a_training_runs_and_ends(live, kind, noun, held):
    path = make(live, kind, "runs")
    assert refused(send(live, "GET", f"{path}/training")) == (404, f"{noun}NotTrained")
    done(send(live, "POST", f"{path}/train"), 202)
    running = send(live, "GET", f"{path}/training")
    assert running.json()["status"] == "running"
    assert set(running.json()) == {"status", "createdDateTime", "lastActionDateTime"}
    assert running.headers["retry-after"] == "1"
    answer = send(live, "POST", f"{path}/train")
    assert refused(answer) == (409, f"{noun}TrainingNotFinished")
    held.set()
    state = ended(live, path)
    assert state["status"] == "succeeded"
    moments = [state[f"{name}DateTime"] for name in ("created", "lastSuccessfulTraining")]
    assert all(MOMENT.fullmatch(moment) for moment in moments)
    assert moments[0] <= moments[1] == state["lastActionDateTime"]
    done(send(live, "POST", f"{path}/train"), 202)


@every
def test_what_is_not_there(live, kind, noun):
    for wire_id in ("nowhere", "A.B"):
        for method, call in (("POST", "train"), ("GET", "training")):
            answer = send(live, method, f"/{kind}/{wire_id}/{call}")
            assert refused(answer) == (404, f"{noun}NotFound")


@every
@pytest.mark.parametrize("version", ["v1.0", "v1.2-preview.1", "v1.3-preview"])
def test_where_the_training_can_be_asked_for(live, kind, noun, version):
    wire_id = f"where-{version.replace('.', '_')}"
    make(live, kind, wire_id)
    headers = {"Host": "faces.example:8443"}
    path = f"/face/{version}/{kind}/{wire_id}"
    answer = live.client.post(f"{live.url}/{path}/Train", headers=headers)
    done(answer, 202)
    assert answer.headers["operation-location"] == f"http://faces.example:8443{path}/training"
    assert answer.headers["retry-after"] == "1"
    assert "location" not in answer.headers
    assert live.client.get(f"{path}/training").status_code == 200


def test_a_client_that_names_no_host(live):
    make(live, "persongroups", "hostless")
    host, port = live.url.removeprefix("http://").split(":")
    request = (
        f"POST {BASE}/persongroups/hostless/train HTTP/1.0\r\n"
        f"X-Api-Key: {live.key}\r\nHost: a b\r\nContent-Length: 0\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request.encode())
        answer = b""
        while part := connection.recv(4096):
            answer += part
    assert b" 202 " in answer
    assert b"operation-location: /persongroups/hostless/training\r\n" in answer.lower()


def test_a_failed_training_says_so(live):
    path = make(live, "persongroups", "fails")

    def fail() -> None:
        raise RuntimeError("of the test")

    live.services.trainer.before = fail
    done(send(live, "POST", f"{path}/train"), 202)
    state = ended(live, path)
    live.services.trainer.before = None
    assert state["status"] == "failed"
    assert state["message"]
    assert "of the test" not in state["message"]


def test_a_container_may_be_deleted_while_it_is_trained(live, held):
    path = make(live, "persongroups", "deleted")
    done(send(live, "POST", f"{path}/train"), 202)
    done(send(live, "DELETE", path))
    make(live, "persongroups", "deleted")
    held.set()
    assert refused(send(live, "GET", f"{path}/training")) == (404, "PersonGroupNotTrained")
