"""What the server says that it can do."""

from __future__ import annotations

from tests.server.api.quick import headers_of
from vultus._version import __version__
from vultus.faces.attributes.describing import OFFERED
from vultus.models import catalogue
from vultus.server.azure.attributes import ANSWERED, KNOWN


def ask(live, **headers):
    answer = live.client.get("/api/v1/capabilities", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_models_come_with_their_licences(quick):
    told = ask(quick)
    assert told["version"] == __version__
    assert {model["id"] for model in told["models"]} == set(catalogue.cards())
    for model in told["models"]:
        assert model["license_weights"] == catalogue.card(model["id"]).license_weights
    assert told["embedding"] == {
        "model": catalogue.EMBEDDER,
        "size": 128,
        "mirror": True,
        "threshold": catalogue.card(catalogue.EMBEDDER).calibration.threshold,
    }


def test_attributes_and_quality_are_told(quick):
    told = ask(quick)
    assert told["attributes"] == list(OFFERED)
    assert {"face_px", "sharpness", "score"} <= set(told["quality"])


def test_azures_attributes_are_answered_or_said_to_be_left_out(quick):
    azure = ask(quick)["azure"]
    assert azure["attributes"] == list(ANSWERED)
    assert sorted(azure["attributes"] + azure["attributes_left_out"]) == sorted(KNOWN)
    assert "v1.0" in azure["versions"]


def test_limits_are_those_of_the_settings(quick):
    limits, settings = ask(quick)["limits"], quick.services.settings
    assert limits["image_bytes"] == settings.limits.max_image_bytes
    assert limits["upload_bytes"] == settings.server.max_upload_bytes
    assert limits["waiting_requests"] == settings.server.queue


def test_every_operation_is_listed(quick):
    told = {(each["method"], each["path"]) for each in ask(quick)["operations"]}
    document = quick.client.get("/openapi.json").json()
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }
    assert told == described
    assert ("POST", "/api/v1/identify") in told
    assert ("POST", "/api/v1/videos") in told


def test_formats_and_jobs_are_told(quick):
    told = ask(quick)
    assert {"JPEG", "PNG", "WEBP"} <= set(told["picture_formats"])
    assert told["jobs"] == ["enrolment", "video"]


def test_any_key_may_ask(quick):
    assert ask(quick, **headers_of(quick, "viewer"))["version"] == __version__
