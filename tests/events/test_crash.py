"""A process that is killed in the middle: the next one delivers the rest, and nothing twice."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.events.servers import WebhookServer
from vultus.events.dispatcher import Dispatcher
from vultus.events.outbox import Outbox
from vultus.events.sinks.opening import open_sink
from vultus.settings import Settings

ROOT = Path(__file__).parents[2]


def run_and_kill(outbox, run, addresses, seconds):
    """Returns the events that were put, as the program saw it before it was killed."""
    command = [sys.executable, "-m", "tests.events.crashing", str(outbox), str(run), *addresses]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        first = process.stdout.readline()
        time.sleep(seconds)
        process.kill()
        rest = process.stdout.read()
    lines = (first + rest).decode().split("\n")[:-1]  # what has no end was not said
    assert lines
    return lines


def check_kills(tmp_path, kills):
    dice = random.Random(3)
    path = tmp_path / "outbox.db"
    with WebhookServer() as server:
        addresses = [
            f"jsonl:{tmp_path}/events.jsonl",
            f"csv:{tmp_path}/events.csv",
            f"sql:{tmp_path}/events.db",
            server.address,
        ]
        put = []
        for run in range(kills):
            put += run_and_kill(path, run, addresses, dice.uniform(0.05, 0.4))
        settings = Settings(events={"timeout_s": 3.0})
        sinks = [open_sink(address, settings, None) for address in addresses]
        with Outbox(path) as outbox, Dispatcher(outbox, sinks, settings.events) as dispatcher:
            assert dispatcher.flush(60)
            open_visits = outbox.open_visits("door")
        posted = [request.headers["Idempotency-Key"] for request in server.requests]
        new = [
            request.headers["Idempotency-Key"]
            for request in server.requests
            if request.headers["X-Vultus-Attempt"] == "1"
        ]
    assert len(open_visits) == kills
    assert set(put) <= set(posted)
    assert len(new) == len(set(new))
    check_once(written_json(tmp_path), put, posted)
    check_once(written_csv(tmp_path), put, posted)
    check_once(written_sql(tmp_path), put, posted)


def check_once(written, put, posted):
    assert len(written) == len(set(written))  # nothing twice
    assert set(put) <= set(written)  # nothing lost
    assert set(written) == set(posted)  # every sink has the same
    assert written == sorted(written, key=lambda name: [int(n) for n in name[1:].split(":")])


def written_json(folder):
    lines = (folder / "events.jsonl").read_text("utf-8").splitlines()
    return [f"{event['visit']}:{event['sequence']}" for event in map(json.loads, lines)]


def written_csv(folder):
    with (folder / "events.csv").open(encoding="utf-8", newline="") as file:
        return [f"{row['visit']}:{row['sequence']}" for row in csv.DictReader(file)]


def written_sql(folder):
    engine = sa.create_engine(f"sqlite:///{folder}/events.db")
    with engine.connect() as connection:
        found = connection.execute(
            sa.text("SELECT visit, sequence FROM events ORDER BY substr(visit, 2) + 0, sequence")
        )
        names = [f"{visit}:{sequence}" for visit, sequence in found]
    engine.dispose()
    return names


def test_three_kills(tmp_path):
    check_kills(tmp_path, 3)


@pytest.mark.long
def test_twenty_kills(tmp_path):
    check_kills(tmp_path, 20)
