"""Routes of Azure's API: who may, which methods there are, and what a handler gets."""

from __future__ import annotations

import pytest

from tests.server.api.quick import headers_of, quick_server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with quick_server(tmp_path_factory.mktemp("router")) as live:
        live.client.put("/face/v1.0/persongroups/g", json={"name": "G"})
        yield live


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "BREW"])
def test_a_method_that_is_not_there_is_told_and_which_are(server, method):
    answer = server.client.request(method, "/face/v1.0/persongroups/g")
    assert answer.status_code == 405
    assert answer.headers["allow"] in ("PUT", "GET", "PATCH", "DELETE")
    assert method == "HEAD" or answer.json()["error"]["code"] == "MethodNotAllowed"


@pytest.mark.parametrize("path", ["identify/x", "persongroups/g/x", "", "persongroups/"])
def test_a_path_that_is_not_there_is_not_found(server, path):
    answer = server.client.post(f"/face/v1.0/{path}", json={})
    assert answer.status_code in (404, 405)
    assert answer.json()["error"]["code"] in ("ResourceNotFound", "MethodNotAllowed")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "identify"), ("GET", "persongroups"), ("GET", "facelists/x"), ("PUT", "facelists/x")],
)
def test_viewers_may_nothing_here(server, method, path):
    viewer = headers_of(server, "viewer")
    answer = server.client.request(method, f"/face/v1.0/{path}", headers=viewer)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "Forbidden")


def test_what_is_not_there_is_counted_as_unknown(server):
    server.client.post("/face/v1.0/secret-name/x")
    server.client.get("/face/v1.0/persongroups/g")
    text = server.client.get("/metrics").text
    assert 'route="/face/persongroups/{wire_id}"' in text
    assert 'route="unknown"' in text
    assert "secret-name" not in text
