"""Enrolling over the native API."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from tests.fakes import picture, png
from tests.server.api.quick import PNG, enrol, path_of, problem_of
from tests.shared import shared
from vultus.errors import ServerBusy
from vultus.gallery.gallery import Gallery

FACES = path_of("team", "ada", "faces")


def nobody_is_enrolled(live):
    return live.services.gallery.groups() == []


def form(*pictures):
    return [("picture", (f"{number}.png", data, "image/png")) for number, data in pictures]


def test_a_real_picture_is_enrolled_as_in_process(live, analyzer):
    path = shared("photos/people/obama/1.jpg")
    answer = live.client.post(
        path_of("people", "obama", "faces"),
        content=path.read_bytes(),
        headers={"Content-Type": "image/jpeg"},
    )
    assert answer.status_code == 200
    (result,) = answer.json()["results"]
    assert set(result) == {"source", "new", "quality", "warnings"}
    assert result["new"] is True
    (face,) = analyzer.analyze(path)
    (kept,) = live.services.gallery.faces_of("obama", group="people")
    np.testing.assert_allclose(kept.embedding, face.embedding, atol=1e-4)
    assert result["quality"] == pytest.approx(face.quality["score"], abs=1e-3)
    (change,) = live.services.gallery.audit.find(limit=1)
    assert (change.actor, change.action, change.subject) == ("settings", "face.enrol", kept.guid)


def test_four_ways_to_send_a_picture(quick):
    data = [png(picture("ada", shade=shade)) for shade in (0, 10, 20, 30)]
    json = {"image": base64.b64encode(data[1]).decode()}
    answers = [
        quick.client.post(FACES, content=data[0], headers=PNG),
        quick.client.post(FACES, json=json),
        quick.client.post(FACES, files=form((1, data[2]))),
        quick.client.post(
            FACES, content=data[3], headers={"Content-Type": "application/octet-stream"}
        ),
    ]
    told = [answer.json() for answer in answers]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [(each["group"], each["person"]) for each in told] == [("team", "ada")] * 4
    assert [each["results"][0]["new"] for each in told] == [True] * 4
    assert [each["results"][0]["source"] for each in told] == [
        "picture", "picture", "1.png", "picture",
    ]  # fmt: skip
    assert len(quick.services.gallery.faces_of("ada", group="team")) == 4


def test_the_same_picture_is_no_second_face(quick):
    assert [enrol(quick, "team", "ada").json()["results"][0]["new"] for _ in range(2)] == [
        True, False,
    ]  # fmt: skip
    other = enrol(quick, "team", "bob", "ada")
    assert problem_of(other) == (409, "face_exists")
    assert [person.name for person in quick.services.gallery.people("team")] == ["ada"]


def test_each_of_several_pictures_has_its_result(quick):
    enrol(quick, "team", "bob")
    sent = [
        (0, png(picture("ada"))), (1, b"no picture"), (2, png(picture("ada", "cyd"))),
        (3, png(np.zeros((50, 50, 3), np.uint8))), (4, png(picture("bob"))),
        (5, png(picture("ada", shade=20))),
    ]  # fmt: skip
    answer = quick.client.post(FACES, files=form(*sent))
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [each["source"] for each in results] == [f"{number}.png" for number, _ in sent]
    assert [each.get("new") for each in results] == [True, None, None, None, None, True]
    assert [each["error"]["code"] for each in results if "error" in each] == [
        "image_unreadable", "several_faces", "no_face", "face_exists",
    ]  # fmt: skip
    assert len(quick.services.gallery.faces_of("ada", group="team")) == 2


def test_the_largest_of_several_faces_where_asked_for(quick):
    two = png(picture("ada", "bob"))
    assert problem_of(quick.client.post(FACES, content=two, headers=PNG)) == (422, "several_faces")
    assert nobody_is_enrolled(quick)
    answer = quick.client.post(FACES, content=two, headers=PNG, params={"largest": True})
    assert answer.json()["results"][0]["new"] is True


BAD = {
    "nothing": ({"content": b""}, 400, "usage"),
    "no picture": ({"content": b"x" * 5000, "headers": PNG}, 400, "image_unreadable"),
    "cut off": ({"content": png(picture("ada"))[:-40], "headers": PNG}, 400, "image_unreadable"),
    "no face": ({"content": png(np.zeros((90, 90, 3), np.uint8)), "headers": PNG}, 422, "no_face"),
    "a form without a file": ({"data": {"a": "b"}, "files": {"c": (None, b"d")}}, 400, "usage"),
    "a form with an empty file": ({"files": {"picture": ("a.png", b"")}}, 400, "image_unreadable"),
    "JSON without a picture": ({"json": {}}, 400, "usage"),
    "JSON with both": ({"json": {"image": "AA==", "url": "http://a/b"}}, 400, "usage"),
    "no base64": ({"json": {"image": "?"}}, 400, "usage"),
    "a private address": ({"json": {"url": "http://127.0.0.1/a.jpg"}}, 400, "url_refused"),
    "text": ({"content": b"a", "headers": {"Content-Type": "text/plain"}}, 415, "content_refused"),
}


@pytest.mark.parametrize(("body", "status", "code"), BAD.values(), ids=BAD)
def test_what_cannot_be_enrolled_makes_nobody(quick, body, status, code):
    assert problem_of(quick.client.post(FACES, **body)) == (status, code)
    assert nobody_is_enrolled(quick)


def test_names_that_are_none_are_refused(quick):
    content = png(picture("ada"))
    for path in ("/api/v1/groups/team/people/a%0Ab/faces", "/api/v1/groups/%20/people/ada/faces"):
        answer = quick.client.post(path, content=content, headers=PNG)
        assert problem_of(answer) == (400, "usage")
    assert nobody_is_enrolled(quick)


def test_a_picture_called_like_a_stranger_is_no_strangers(quick):
    """Faces from strangers are searched with a handicap, and tell whom a stranger was named."""
    files = [("picture", ("unknown-0001", png(picture("ada")), "image/png"))]
    (result,) = quick.client.post(FACES, files=files).json()["results"]
    assert result["source"] == "picture unknown-0001"
    assert quick.services.gallery.strangers.named("team", "unknown-0001") is None


def test_a_busy_server_says_so_for_each_picture(quick, monkeypatch):
    run = quick.services.inference.run
    turns = iter([True, False, True])

    async def sometimes(request, work):
        if next(turns, False):
            return await run(request, work)
        raise ServerBusy("64 requests wait already.")

    monkeypatch.setattr(quick.services.inference, "run", sometimes)
    sent = [(number, png(picture("ada", shade=10 * number))) for number in range(3)]
    results = quick.client.post(FACES, files=form(*sent)).json()["results"]
    assert [each.get("error", {}).get("code") for each in results] == [None, "server_busy", None]
    for files in (form(*sent), form(sent[0])):  # nothing could be done: come again
        refused = quick.client.post(FACES, files=files)
        assert problem_of(refused) == (503, "server_busy")
        assert int(refused.headers["retry-after"]) >= 1
    assert len(quick.services.gallery.faces_of("ada", group="team")) == 2


def test_who_is_enrolled_is_found_here_and_by_other_programs(quick):
    enrol(quick, "team", "ada")
    with Gallery(
        quick.services.gallery.database.path, analyzer=quick.services.gallery.analyzer
    ) as other:
        for gallery in (quick.services.gallery, other):
            (found,) = gallery.identify(picture("ada", shade=5), group="team")
            assert found.person == "ada"
