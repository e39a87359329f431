"""What each role may do, of one request and of every route there is."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from starlette.requests import Request

from tests.server.api.quick import headers_of, problem_of, quick_server
from vultus.errors import AccessDenied, RoleMissing
from vultus.server.security.roles import (
    ROLES,
    Principal,
    admin,
    operator,
    principal_of,
    viewer,
)

# What the others may not. All routes that are in neither list are for operators.
FOR_ANYBODY = {"/health", "/ready", "/api/v1/health", "/api/v1/ready"}
FOR_VIEWERS = re.compile(r"/api/v1/(visits|events|capabilities)\b")
FOR_ADMINS = {
    ("get", "/api/v1/audit"),
    ("get", "/api/v1/keys"),
    ("post", "/api/v1/keys"),
    ("delete", "/api/v1/keys/{name}"),
    ("post", "/api/v1/import"),
    ("get", "/api/v1/groups/{group}/export"),
    ("delete", "/api/v1/visits"),
    ("post", "/api/v1/cameras"),
    ("put", "/api/v1/cameras/{camera}"),
    ("delete", "/api/v1/cameras/{camera}"),
    ("post", "/api/v1/cameras/{camera}/start"),
    ("post", "/api/v1/cameras/{camera}/stop"),
}


def request_of(role):
    scope = {"type": "http", "headers": []}
    return Request(scope if role is None else {**scope, "principal": Principal("me", role)})


def test_a_role_may_what_the_smaller_ones_may():
    allowed = {
        role: [need for need in (viewer, operator, admin) if _lets_in(need, role)] for role in ROLES
    }
    assert allowed == {
        "viewer": [viewer], "operator": [viewer, operator], "admin": [viewer, operator, admin],
    }  # fmt: skip


def _lets_in(need, role):
    try:
        return asyncio.run(need(request_of(role))).role == role
    except RoleMissing as error:
        assert "'me'" in str(error)
        assert f"a {role};" in str(error)
        return False


@pytest.mark.parametrize("need", [viewer, operator, admin])
def test_nobody_may_nothing(need):
    for request in (request_of(None), Request({"type": "http", "headers": [], "principal": "me"})):
        with pytest.raises(AccessDenied):
            asyncio.run(need(request))
        with pytest.raises(AccessDenied):
            principal_of(request)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with quick_server(Path(tmp_path_factory.mktemp("roles"))) as live:
        yield live


@pytest.fixture(scope="module")
def operations(server):
    """Method and path of every operation that is documented."""
    paths = server.client.get("/openapi.json").json()["paths"]
    return [
        (method, path)
        for path, methods in paths.items()
        for method in methods
        if path not in FOR_ANYBODY
    ]


def asked(server, operation, headers):
    method, path = operation
    filled = re.sub(r"\{[^}]+\}", "some-name", path)
    return server.client.request(method, filled, headers=headers)


def test_every_operation_needs_a_key(server, operations):
    assert set(operations) >= FOR_ADMINS
    for operation in operations:
        answer = asked(server, operation, {"X-Api-Key": ""})
        assert problem_of(answer) == (401, "access_denied"), operation


def test_viewers_see_visits_and_events_only(server, operations):
    headers = headers_of(server, "viewer")
    for operation in operations:
        if operation[0] != "get" or not FOR_VIEWERS.match(operation[1]):
            answer = asked(server, operation, headers)
            assert problem_of(answer) == (403, "role_missing"), operation


def test_operators_do_not_rule(server, operations):
    headers = headers_of(server, "operator")
    for operation in operations:
        if operation in FOR_ADMINS:
            answer = asked(server, operation, headers)
            assert problem_of(answer) == (403, "role_missing"), operation


def test_operators_reach_all_people(server, operations):
    headers = headers_of(server, "operator")
    of_people = [o for o in operations if o[1].startswith(("/api/v1/groups", "/api/v1/people"))]
    assert len(of_people) > 20
    for operation in set(of_people) - FOR_ADMINS:
        assert asked(server, operation, headers).status_code not in (401, 403), operation
