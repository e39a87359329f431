"""Events over the native API: those that were, and those that come."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest

from tests.events.sinks import wait_for
from tests.events.visits import START, visit
from tests.server.api.quick import headers_of, problem_of
from tests.server.cameras.films import CAMERAS
from tests.video.scenes import FilmSource, LiveFilm, Part
from vultus.server.api import events as module
from vultus.server.cameras.feed import QUEUE, Listener

EVENTS = "/api/v1/events"
STREAM = f"{EVENTS}/stream"


@pytest.fixture
def live(films):
    return films


def tell(live, *events):
    """Events, as the cameras tell them."""
    dispatcher = live.services.cameras._ledger.open()
    for event in events:
        dispatcher.put(event)
    assert dispatcher.flush(10)


def names(answer):
    assert answer.status_code == 200, answer.text
    return [f"{event['visit']}:{event['sequence']}" for event in answer.json()["events"]]


class Stream:
    """A client of server-sent events, as a browser takes them apart."""

    def __init__(self, answer):
        self.headers = answer.headers
        self.comments, self.retry = [], None
        self._lines = answer.iter_lines()

    def next(self):
        """The next event: id, kind, data; None at the end."""
        fields = {}
        for line in self._lines:
            if not line and "data" in fields:
                return fields.get("id"), fields["event"], json.loads(fields["data"])
            name, _, value = line.partition(":")
            if name == "" and line:
                self.comments.append(value.strip())
            elif name == "retry":
                self.retry = int(value)
            elif name:
                fields[name] = value.strip()
        return None

    def ids(self, count):
        return [self.next()[0] for _ in range(count)]


@contextmanager
def follow(live, last=None, headers=None, **query):
    headers = {"X-Api-Key": live.key, **(headers or {})}
    if last:
        headers["Last-Event-ID"] = last
    with (
        httpx.Client(timeout=20) as client,
        client.stream("GET", live.url + STREAM, headers=headers, params=query) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        yield Stream(answer)


# those that were


def test_events_are_told_in_the_documented_form(live):
    tell(live, visit(1), visit(1, 1, type="exit", end=START + timedelta(seconds=9)))
    answer = live.client.get(EVENTS)
    first, last = answer.json()["events"]
    expected = visit(1).to_dict()
    expected["best_shot"]["picture"] = "/api/v1/visits/v1/picture"  # no path of this machine
    assert first == expected
    assert (last["type"], last["sequence"]) == ("exit", 1)
    assert answer.json()["next"] is None


def test_who_where_when_and_in_which_order(live):
    tell(
        live,
        visit(1, camera="door", person="ada"),
        visit(2, camera="yard", person="bob", time=START + timedelta(hours=1)),
        visit(3, camera="yard", person=None, stranger="unknown-0001", group="work"),
    )
    for query, expected in (
        ({}, ["v1:0", "v2:0", "v3:0"]),
        ({"order": "newest"}, ["v3:0", "v2:0", "v1:0"]),
        ({"camera": "yard"}, ["v2:0", "v3:0"]),
        ({"person": "ada"}, ["v1:0"]),
        ({"person": "unknown-0001"}, ["v3:0"]),
        ({"group": "work"}, ["v3:0"]),
        ({"since": "2026-11-21T09:00:00Z"}, ["v2:0"]),
        ({"until": "2026-11-21T09:00:00+00:00"}, ["v1:0", "v3:0"]),
        ({"group": "nobody"}, []),
    ):
        assert names(live.client.get(EVENTS, params=query)) == expected, query


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_pages(live, order):
    tell(live, *(visit(number) for number in range(7)))
    seen, after = [], None
    while len(seen) < 20:
        query = {"limit": 3, "order": order, **({"after": after} if after else {})}
        answer = live.client.get(EVENTS, params=query)
        seen += names(answer)
        after = answer.json()["next"]
        if after is None:
            break
    expected = [f"v{number}:0" for number in range(7)]
    assert seen == (expected if order == "oldest" else expected[::-1])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"since": "noon"}, (422, "request_invalid")),
        ({"since": "2026"}, (422, "request_invalid")),
        ({"until": "9999-12-31T23:59:59-14:00"}, (422, "request_invalid")),
        ({"limit": -1}, (422, "request_invalid")),
        ({"order": "best"}, (422, "request_invalid")),
        ({"camera": "x" * 201}, (422, "request_invalid")),
        ({"after": "v1"}, (422, "request_invalid")),
        ({"after": "v1:x"}, (422, "request_invalid")),
        ({"after": "v1:-1"}, (422, "request_invalid")),
        ({"after": "v1:99999999999999999999"}, (422, "request_invalid")),
        ({"after": ":1"}, (422, "request_invalid")),
        ({"after": "forgotten:1"}, (404, "visit_unknown")),
    ],
)
def test_questions_that_make_no_sense(shared_server, query, expected):
    assert problem_of(shared_server.client.get(EVENTS, params=query)) == expected


def test_a_viewer_reads_and_follows_events(live):
    tell(live, visit(1))
    viewer = headers_of(live, "viewer")
    assert names(live.client.get(EVENTS, headers=viewer)) == ["v1:0"]
    with follow(live, headers=viewer) as stream:
        tell(live, visit(2))
        assert stream.ids(1) == ["v2:0"]
    for path in (EVENTS, STREAM):
        answer = live.client.get(path, headers={"X-Api-Key": "wrong"})
        assert problem_of(answer) == (401, "access_denied")


# those that come


def test_what_a_camera_sees_is_followed(live, play):
    play(door=lambda: LiveFilm([Part("ada")]))
    with follow(live) as stream:
        live.client.post(CAMERAS, json={"name": "door", "source": "door", "group": "family"})
        name, kind, event = stream.next()
        assert (kind, event["person"], event["camera"]) == ("enter", "ada", "door")
        assert name == f"{event['visit']}:0"
        live.client.delete(f"{CAMERAS}/door")
        assert stream.next()[:2] == (f"{event['visit']}:1", "exit")
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.retry is not None


def test_it_goes_on_where_it_was_cut_off(live):
    tell(live, *(visit(number) for number in range(4)))
    with follow(live, last="v1:0") as stream:
        assert stream.ids(2) == ["v2:0", "v3:0"]
        tell(live, visit(4))
        assert stream.ids(1) == ["v4:0"]
    tell(live, visit(5))
    with follow(live, after="v4:0") as stream:  # a browser's first request has no header
        assert stream.ids(1) == ["v5:0"]
    with follow(live, last="v4:0", after="v0:0") as stream:
        assert stream.ids(1) == ["v5:0"]


def test_it_goes_on_after_a_restart(film_server, play):
    play(door=lambda: FilmSource([Part("ada")], 2.0))
    with film_server() as live, follow(live) as stream:
        live.client.post(CAMERAS, json={"name": "door", "source": "door", "group": "family"})
        first = stream.ids(1)[0]
        wait_for(lambda: len(live.services.cameras.events.find()) == 2)
    with film_server() as live, follow(live, last=first) as stream:
        name, kind, _ = stream.next()
        assert (name, kind) == (first.replace(":0", ":1"), "exit")


def test_filters(live):
    with follow(live, camera="yard", person="bob", group="family") as stream:
        tell(
            live,
            visit(1, camera="door", person="bob"),
            visit(2, camera="yard", person="ada"),
            visit(3, camera="yard", person="bob", group="work"),
            visit(4, camera="yard", person="bob"),
        )
        assert stream.ids(1) == ["v4:0"]


def test_what_was_forgotten_leaves_a_gap(live):
    with follow(live, last="forgotten:7") as stream:
        assert stream.next() == (None, "gap", {"after": "forgotten:7"})
        tell(live, visit(1))
        assert stream.ids(1) == ["v1:0"]


def test_a_comment_now_and_then(live, monkeypatch):
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.05)
    with follow(live) as stream:
        threading.Timer(0.5, tell, (live, visit(1))).start()
        assert stream.ids(1) == ["v1:0"]
        assert len(stream.comments) >= 2


def test_who_is_too_slow_is_told_and_goes_on(live, monkeypatch):
    """Nothing is taken while more is told than a queue holds."""
    taken, in_earnest = threading.Event(), Listener.next

    async def slow(self, timeout_s):
        while not taken.is_set():
            await asyncio.sleep(0.01)
        return await in_earnest(self, timeout_s)

    monkeypatch.setattr(Listener, "next", slow)
    total = QUEUE + 5
    with follow(live) as stream:
        tell(live, *(visit(number) for number in range(total)))
        taken.set()
        found = []
        while (event := stream.next()) is not None:
            found.append(event[0])
        assert "too slow" in stream.comments[-1]
    with follow(live, last=found[-1]) as stream:
        found += stream.ids(total - len(found))
    assert found == [f"v{number}:0" for number in range(total)]


@pytest.mark.parametrize("last", ["x", "a:b", "x:-1", "v" * 300, "v:1234567890"])
def test_no_such_place_to_go_on(shared_server, last):
    for options in ({"headers": {"Last-Event-ID": last}}, {"params": {"after": last}}):
        assert problem_of(shared_server.client.get(STREAM, **options))[0] == 422


def test_a_client_that_leaves_is_forgotten(live):
    with follow(live):
        wait_for(lambda: len(live.services.cameras.feed) == 1)
    wait_for(lambda: len(live.services.cameras.feed) == 0)


def test_a_stream_ends_with_the_server(film_server):
    with httpx.Client(timeout=20) as client:
        with film_server() as live:
            headers = {"X-Api-Key": live.key}
            request = client.build_request("GET", live.url + STREAM, headers=headers)
            answer = client.send(request, stream=True)
        assert b"retry" in answer.read()  # to a proper end
