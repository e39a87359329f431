"""Every operation of the native API, asked as its own description allows, and as it does not."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.server.api.test_jobs import ended
from tests.server.live import live_server, settings_in
from tests.video.scenes import enroll, film, scene_analyzer
from tests.video.told import TWO
from vultus.server import services as services_module

# the server runs in a thread of this process, and may take a random number at any time
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
ENDLESS = "/events/stream|/preview"
PASSING = (501, 503, 507)  # documented where they may be: something is missing, busy or full


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """With people, a stranger, visits, a camera that is not watched, and a job that has ended."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services_module, "Analyzer", scene_analyzer)
        with live_server(settings_in(tmp_path_factory.mktemp("schemathesis"))) as live:
            enroll(live.services.gallery, "ada", "bob")
            camera = {"name": "door", "source": "rtsp://127.0.0.1/door", "enabled": False}
            assert live.client.post("/api/v1/cameras", json=camera).status_code < 300
            yield live


@pytest.fixture(scope="module")
def there(server, tmp_path_factory):
    """What path parameters may be so that there is something to tell."""
    clip = film(tmp_path_factory.mktemp("film") / "yard.mp4", TWO, 4)
    answer = server.client.post(
        "/api/v1/videos?group=family&remember=true", content=clip.read_bytes()
    )
    job = ended(server, answer.json())
    gallery = server.services.gallery
    person, visit = gallery.person("ada", group="family"), gallery.visits.find()[0]
    (face,) = gallery.faces_of("ada", group="family")
    return {
        "group": "family",
        "person": "ada",
        "person_id": person.guid,
        "face": face.guid,
        "label": "unknown-0001",
        "job": job["id"],
        "visit": visit.id,
        "camera": "door",
        "name": "nobody",
    }


@pytest.fixture(scope="module")
def operations(server):
    """All but those whose answers have no end."""
    found = schemathesis.openapi.from_url(
        f"{server.url}/openapi.json", headers={"X-Api-Key": server.key}
    )
    chosen = found.exclude(path_regex=ENDLESS)
    return [result.ok() for result in chosen.get_all_operations()]


def problems_of(operation, mode, key, known, examples=5) -> list[str]:
    """What is wrong with the answers of one operation; `known` replaces path parameters."""
    found: dict[str, str] = {}

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=examples,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        if case.path_parameters:
            case.path_parameters.update(
                {name: value for name, value in known.items() if name in case.path_parameters}
            )
        if isinstance(case.body, dict) and "source" in case.body:
            case.body["enabled"] = False  # a camera of whoever runs the tests stays closed
        answer = case.call(headers={"X-Api-Key": key})
        if answer.status_code >= 500 and answer.status_code not in PASSING:
            found[str(answer.status_code)] = case.as_curl_command()[:1000]
        try:
            case.validate_response(answer, checks=CHECKS)
        except (Exception, FailureGroup) as error:
            found[type(error).__name__] = f"{answer.status_code}: {error}"[:2000]

    try:
        ask()
    except Unsatisfiable:  # nothing can be wrong with a request that has no parameters
        assert mode is GenerationMode.NEGATIVE
    return [f"{operation.label}: {what}: {how}" for what, how in found.items()]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_operation_keeps_to_its_description(server, operations, mode):
    assert len(operations) > 50
    problems = [each for one in operations for each in problems_of(one, mode, server.key, {})]
    assert problems == [], "\n\n".join(problems)


def test_and_so_it_does_where_there_is_something_to_tell(server, operations, there):
    kept = [one for one in operations if one.method not in ("delete", "patch")]
    kept = [
        one
        for one in kept
        if not one.path.endswith(("/merge", "/move", "/name", "/forget", "/start"))
    ]
    with_parameters = [one for one in kept if "{" in one.path]
    assert len(with_parameters) > 10
    problems = [
        each
        for one in with_parameters
        for each in problems_of(one, GenerationMode.POSITIVE, server.key, there, 3)
    ]
    assert problems == [], "\n\n".join(problems)
    person = server.client.get("/api/v1/groups/family/people/ada")
    assert person.status_code == 200  # it was there for all of it
