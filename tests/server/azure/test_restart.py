"""What was answered is there after a restart, and the command line sees the same people."""

from __future__ import annotations

import json
from threading import Event

from typer.testing import CliRunner

from tests.server.azure.clients import OCTETS, done, person_photo, send
from tests.server.live import live_server, settings_in
from vultus.cli.app import app
from vultus.models.catalogue import EMBEDDER

LISTS = ("facelists", "largefacelists")


def add(live, path: str, person: str, number: int) -> str:
    photo = person_photo(person, number).read_bytes()
    answer = send(live, "POST", f"{path}/persistedfaces", content=photo, headers=OCTETS)
    return answer.json()["persistedFaceId"]


def everything(live) -> list[object]:
    paths = ["/persongroups", "/persongroups/staff/persons", "/facelists/faces"]
    paths += ["/largefacelists/faces/persistedfaces", "/persongroups/staff/training"]
    found = [send(live, "GET", path).json() for path in paths]
    trained = live.services.trained
    people = trained.people("persongroups", "staff", EMBEDDER).templates
    return [
        *found,
        people.persons,
        *(trained.faces(kind, "faces", EMBEDDER).guids for kind in LISTS),
    ]


def train(live, path: str) -> None:
    """Train, and wait for the end."""
    done(send(live, "POST", f"{path}/train"), 202)
    wait(live, path)


def wait(live, path: str) -> None:
    for _ in range(3000):
        if send(live, "GET", f"{path}/training").json()["status"] == "succeeded":
            return
        Event().wait(0.01)
    raise AssertionError("the training does not end")


def test_all_is_there_after_a_restart(tmp_path):
    with live_server(settings_in(tmp_path)) as live:
        done(send(live, "PUT", "/persongroups/staff", json={"name": "Staff"}))
        for person in ("obama", "obama", "rose_leslie"):
            answer = send(live, "POST", "/persongroups/staff/persons", json={"name": person[:5]})
            guid = answer.json()["personId"]
            add(live, f"/persongroups/staff/persons/{guid}", person, 1)
        for kind in LISTS:
            done(send(live, "PUT", f"/{kind}/faces", json={"name": "Faces"}))
            add(live, f"/{kind}/faces", "obama", 5)
        train(live, "/persongroups/staff")
        train(live, "/largefacelists/faces")
        add(live, "/largefacelists/faces", "obama", 4)
        before = everything(live)
        data = str(live.services.settings.gallery)
    with live_server(settings_in(tmp_path)) as live:
        assert everything(live) == before
    result = CliRunner().invoke(
        app, ["people", "list", "--group", "staff", "--gallery", data, "--format", "json"]
    )
    assert result.exit_code == 0, result.output
    people = [json.loads(line) for line in result.stdout.splitlines()]
    assert {person["person"] for person in people} == {"obama", "obama (2)", "rose_"}


def test_a_training_that_was_cut_off_goes_on(tmp_path):
    with live_server(settings_in(tmp_path)) as live:
        done(send(live, "PUT", "/persongroups/staff", json={"name": "Staff"}))
        # as if the server were killed here: nobody works on what was asked for
        live.services.trainer._threads.shutdown()
        done(send(live, "POST", "/persongroups/staff/train"), 202)
    with live_server(settings_in(tmp_path)) as live:
        wait(live, "/persongroups/staff")
