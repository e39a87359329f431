"""Keys over the native API."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.server.api.quick import headers_of, problem_of

KEYS = "/api/v1/keys"
GROUPS = "/api/v1/groups"


def asked(live, key, path=GROUPS):
    return live.client.get(path, headers={"X-Api-Key": key}).status_code


def test_a_key_is_good_at_once_and_shown_once(quick):
    answer = quick.client.post(KEYS, json={"name": "door bell", "role": "operator"})
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    assert (made["name"], made["role"]) == ("door bell", "operator")
    assert len(made["key"]) > 40
    with ThreadPoolExecutor(8) as pool:  # all at once: each waits until the keys were read
        assert set(pool.map(lambda _: asked(quick, made["key"]), range(8))) == {200}
    assert asked(quick, made["key"], KEYS) == 403
    listed = quick.client.get(KEYS)
    (mine,) = (key for key in listed.json()["keys"] if key["name"] == "door bell")
    assert (mine["role"], set(mine)) == ("operator", {"name", "role", "created_at"})
    assert made["key"] not in listed.text
    (change,) = quick.services.gallery.audit.find(limit=1)
    assert (change.actor, change.action, change.subject, change.detail) == (
        "settings", "key.create", "door bell", "operator",
    )  # fmt: skip


def test_a_revoked_key_is_worth_nothing_at_once(quick):
    key = quick.client.post(KEYS, json={"name": "lost", "role": "admin"}).json()["key"]
    assert asked(quick, key) == 200
    assert quick.client.delete(f"{KEYS}/lost").status_code == 204
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: asked(quick, key), range(8))) == {401}
    (mine,) = (k for k in quick.client.get(KEYS).json()["keys"] if k["name"] == "lost")
    assert mine["revoked_at"] >= mine["created_at"]
    assert problem_of(quick.client.delete(f"{KEYS}/lost")) == (404, "key_unknown")
    again = quick.client.post(KEYS, json={"name": "lost", "role": "viewer"})
    assert problem_of(again) == (409, "key_exists")  # the audit would mean two


def test_a_key_cannot_revoke_itself(quick):
    headers = headers_of(quick, "admin")
    name = quick.services.keys.records()[0].name
    answer = quick.client.delete(f"{KEYS}/{name}", headers=headers)
    assert problem_of(answer) == (400, "usage")
    assert "cannot revoke itself" in answer.json()["error"]["message"]
    assert quick.client.delete(f"{KEYS}/{name}").status_code == 204
    # the key of the settings is in no table
    assert problem_of(quick.client.delete(f"{KEYS}/settings")) == (400, "usage")


BAD = [
    {"name": "", "role": "admin"}, {"name": "x" * 65, "role": "admin"},
    {"name": "a/b", "role": "admin"}, {"name": " a", "role": "admin"},
    {"name": "a\n", "role": "admin"}, {"name": "settings", "role": "viewer"},
    {"name": "a", "role": "boss"}, {"name": "a", "role": None}, {"name": 1, "role": "admin"},
    {"name": "a"}, {"role": "admin"}, {"name": "a", "role": "admin", "key": "mine"}, [], "a",
]  # fmt: skip


@pytest.mark.parametrize("body", BAD, ids=repr)
def test_keys_that_are_not_made(quick, body):
    before = quick.client.get(KEYS).json()
    answer = quick.client.post(KEYS, json=body)
    assert problem_of(answer) in {(400, "usage"), (422, "request_invalid")}
    assert quick.client.get(KEYS).json() == before


@pytest.mark.parametrize("name", ["nobody", "%00", "a%2Fb", "..%2F"])
def test_a_key_that_is_not_there(quick, name):
    assert problem_of(quick.client.delete(f"{KEYS}/{name}")) == (404, "key_unknown")


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_keys_are_for_admins(quick, role):
    headers = headers_of(quick, role)
    for method, path, options in (
        ("GET", KEYS, {}), ("POST", KEYS, {"json": {"name": "mine", "role": "admin"}}),
        ("DELETE", f"{KEYS}/{role}-0", {}),
    ):  # fmt: skip
        answer = quick.client.request(method, path, headers=headers, **options)
        assert problem_of(answer) == (403, "role_missing")
    assert "mine" not in quick.client.get(KEYS).text
