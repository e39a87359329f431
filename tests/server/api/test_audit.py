"""The audit over the native API."""

from __future__ import annotations

import datetime

import pytest

from tests.fakes import picture, png
from tests.server.api.quick import PNG, enrol, headers_of, path_of, problem_of

AUDIT = "/api/v1/audit"


@pytest.fixture
def history(quick):
    """Somebody else than the admin enrols, renames and removes; returns the key's name."""
    headers = headers_of(quick, "operator")
    (record,) = (r for r in quick.services.keys.records()[-1:])
    client = quick.client
    client.post(
        path_of("team", "ada", "faces"), content=png(picture("ada")), headers={**headers, **PNG}
    )
    client.patch(path_of("team", "ada"), json={"name": "Ada Lovelace"}, headers=headers)
    client.delete(path_of("team", "Ada Lovelace"), headers=headers)
    return record.name


def changes(live, **options):
    return live.client.get(AUDIT, params=options).json()["changes"]


def test_every_change_says_who_what_and_when_but_no_name(quick, history):
    began = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
    told = changes(quick, actor=history)
    assert [change["action"] for change in told] == [
        "person.remove", "person.rename", "face.enrol",
    ]  # fmt: skip
    assert {change["actor"] for change in told} == {history}
    person = told[0]["subject"]
    assert person == told[1]["subject"]
    assert told[2]["detail"] == f"person {person}"
    for change in told:
        assert datetime.datetime.fromisoformat(change["at"].replace("Z", "+00:00")) > began
    everything = str(changes(quick, limit=1000)).lower()
    assert "lovelace" not in everything
    assert "'ada'" not in everything


def test_by_subject_actor_and_time(quick, history):
    enrol(quick, "team", "bob")
    bob = quick.client.get(path_of("team", "bob")).json()
    (face,) = bob["faces"]
    (change,) = changes(quick, subject=face["id"])
    assert (change["actor"], change["action"]) == ("settings", "face.enrol")
    assert changes(quick, subject=face["id"], actor=history) == []
    assert changes(quick, subject=bob["id"]) == []
    assert changes(quick, actor="nobody") == []
    assert changes(quick, since="9999-01-01T00:00:00Z") == []
    moment = change["at"]
    assert changes(quick, since=moment)[-1] == change
    shifted = datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).astimezone(
        datetime.timezone(datetime.timedelta(hours=5))
    )
    for written in (shifted.isoformat(), moment.removesuffix("Z")):
        assert changes(quick, since=written)[-1] == change


def test_older_changes_in_pages(quick, history):
    everything = changes(quick, limit=1000)
    seen, options = [], {"limit": 2}
    while True:
        page = quick.client.get(AUDIT, params=options).json()
        seen += page["changes"]
        if "next" not in page:
            break
        options["before"] = page["next"]
    assert seen == everything
    assert [change["id"] for change in seen] == sorted({c["id"] for c in seen}, reverse=True)
    assert changes(quick, before=1) == []


BAD = {
    "no time": ({"since": "yesterday"}, 422),
    "before all time": ({"since": "0001-01-01T00:00:00+14:00"}, 422),
    "before what": ({"before": "0"}, 422),
    "before a number beyond all": ({"before": str(2**63)}, 422),
    "none": ({"limit": "0"}, 422),
    "too long": ({"actor": "x" * 201}, 422),
}


@pytest.mark.parametrize(("options", "status"), BAD.values(), ids=BAD)
def test_questions_that_make_no_sense(quick, options, status):
    assert problem_of(quick.client.get(AUDIT, params=options))[0] == status


def test_the_audit_is_for_admins(quick):
    for role in ("viewer", "operator"):
        answer = quick.client.get(AUDIT, headers=headers_of(quick, role))
        assert problem_of(answer) == (403, "role_missing")
