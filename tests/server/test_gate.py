"""What stands before every request: keys, roles, rate, ids."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from tests.server.live import KEY, live_server, settings_in
from vultus.server.gate import Gate
from vultus.server.services import make_services

AZURE_KEY = "Ocp-Apim-Subscription-Key"


def test_health_and_readiness_need_no_key(live):
    for path in ("/health", "/api/v1/health"):
        answer = live.client.get(path, headers={"X-Api-Key": ""})
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")


@pytest.mark.parametrize("path", ["/metrics", "/nowhere", "/api/v1/nowhere", "/openapi.yaml"])
def test_without_a_key_nothing_is_told_not_even_what_is_there(live, path):
    for key in ("", "wrong"):
        answer = live.client.get(path, headers={"X-Api-Key": key})
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "access_denied"
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path", ["/face", "/face/v1.0", "//FACE/v1.0/", "/face/v1.0/a/b", "/face/v9"]
)
def test_azures_clients_hear_azures_404(live, path):
    answer = live.client.get(live.url + path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "ResourceNotFound"
    assert answer.headers["apim-request-id"] == answer.headers["x-request-id"]


def test_azures_routes_are_counted_by_their_whole_path(live):
    for path in ("/face/v1.0/facelists", "/face/v1.2/largefacelists/x/training"):
        live.client.get(path)
    text = live.client.get("/metrics").text
    for route in ("/face/facelists", "/face/largefacelists/{wire_id}/training"):
        assert f'route="{route}"' in text


@pytest.mark.parametrize("path", ["/face/v1.0/persongroups", "//face/v9/x", "/FACE/v1.0/detect"])
def test_azures_clients_hear_azures_401(live, path):
    answer = live.client.get(live.url + path, headers={"X-Api-Key": "wrong"})
    assert answer.status_code == 401
    error = answer.json()["error"]
    assert error["code"] == "401"
    assert error["message"].startswith("Access denied due to invalid subscription key")


def test_a_key_comes_in_any_of_three_ways(live):
    ways = ({"X-Api-Key": live.key}, {AZURE_KEY: live.key}, {"Authorization": f"bearer {live.key}"})
    for headers in ways:
        answer = live.client.get("/metrics", headers={"X-Api-Key": "", **headers})
        assert answer.status_code == 200


def test_each_answer_has_an_id_the_clients_own_where_it_makes_sense(live):
    own = live.client.get("/health", headers={"X-Ms-Client-Request-Id": "abc-1"})
    assert own.headers["x-request-id"] == "abc-1"
    for strange in ("", "x" * 200, "a b"):
        answer = live.client.get("/health", headers={"X-Request-Id": strange})
        assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])


def test_too_many_requests_are_told_to_wait(tmp_path):
    server = {"rate_per_s": 0.5, "rate_burst": 2}
    with live_server(settings_in(tmp_path, server=server)) as live:
        statuses = [live.client.get("/metrics").status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        refused = live.client.get("/face/v1.0/persongroups")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "429")
        assert 1 <= int(refused.headers["retry-after"]) <= 2
        assert live.client.get("/health").status_code == 200


def test_a_role_that_is_too_small_is_refused(live):
    key = live.services.keys.create("only-viewer", "viewer")
    live.services.ring.forget()
    assert live.client.get("/metrics", headers={"X-Api-Key": key}).status_code == 200
    answer = live.client.get("/face/v1.0/persongroups", headers={"X-Api-Key": key})
    assert answer.status_code in (403, 404)  # 404 while there is no such route


def test_a_revoked_key_is_worth_nothing(live):
    key = live.services.keys.create("soon-gone", "admin")
    live.services.ring.forget()
    assert live.client.get("/metrics", headers={"X-Api-Key": key}).status_code == 200
    live.services.keys.revoke("soon-gone")
    live.services.ring.forget()
    assert live.client.get("/metrics", headers={"X-Api-Key": key}).status_code == 401


def test_the_docs_page_needs_nothing_from_elsewhere(live):
    page = live.client.get("/docs").text
    assert not re.search(r"https?://(?!127)", page)
    for path in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert live.client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [("/api/v1/groups", "internal_error"), ("/face/v1.0/facelists", "InternalError")],
)
def test_what_nobody_thought_of_has_an_id_and_tells_nothing(live, monkeypatch, caplog, path, code):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("the secret at /srv/data")

    monkeypatch.setattr(live.services.gallery, "groups", broken)
    monkeypatch.setattr(live.services.face_lists, "page", broken)
    with caplog.at_level("ERROR", "vultus.server"):
        answer = live.client.get(live.url + path, headers={"X-Request-Id": "mine-1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, code)
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.headers.get("apim-request-id") == ("mine-1" if "face" in path else None)
    assert not {"secret", "ZeroDivision", "Traceback", "srv"} & set(re.split(r"\W+", answer.text))
    (record,) = (r for r in caplog.records if r.name == "vultus.server")
    assert "mine-1" in record.getMessage()
    assert record.exc_info[0] is ZeroDivisionError
    monkeypatch.undo()
    assert 'status="500"' in live.client.get("/metrics").text


def test_half_an_answer_is_broken_off(tmp_path):
    """There is no other way to say that it is not whole."""
    services = make_services(settings_in(tmp_path))
    sent = []

    async def broken(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    async def send(message):
        sent.append(message["type"])

    headers = [(b"x-api-key", KEY.encode())]
    scope = {"type": "http", "method": "GET", "path": "/api/v1/groups", "headers": headers}
    with pytest.raises(ZeroDivisionError):
        asyncio.run(Gate(broken, services)(scope, None, send))
    assert sent == ["http.response.start"]


@pytest.mark.parametrize("stopping", [True, False])
def test_whom_the_server_has_no_time_for_when_it_stops_is_told_to_come_again(tmp_path, stopping):
    """uvicorn cancels what has not ended in time."""
    services = make_services(settings_in(tmp_path))
    if stopping:
        services.stopping.set()

    async def cancelled(scope, receive, send):
        raise asyncio.CancelledError

    sent = []

    async def send(message):
        sent.append(message)

    headers = [(b"x-api-key", KEY.encode())]
    scope = {"type": "http", "method": "GET", "path": "/face/v1.0/detect", "headers": headers}
    answering = Gate(cancelled, services)(scope, None, send)
    if not stopping:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(answering)
        return
    asyncio.run(answering)
    assert sent[0]["status"] == 503
    assert dict(sent[0]["headers"])[b"retry-after"] == b"1"
    assert json.loads(sent[1]["body"])["error"]["code"] == "ServiceUnavailable"
