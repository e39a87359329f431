"""Detect, embed, verify and identify over the native API, with real pictures."""

from __future__ import annotations

import base64
import json
import socket
import time
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.server.api.quick import headers_of, problem_of, quick_server
from tests.server.live import live_server, settings_in
from tests.shared import shared
from vultus.faces.attributes.describing import OFFERED
from vultus.faces.attributes.names import ATTRIBUTES
from vultus.faces.types import Face
from vultus.gallery.verification import verify

JPEG = {"Content-Type": "image/jpeg"}
DETECT, EMBED = "/api/v1/detect", "/api/v1/embed"
VERIFY, IDENTIFY = "/api/v1/verify", "/api/v1/identify"
ALL = [DETECT, EMBED, VERIFY, IDENTIFY]


@pytest.fixture(scope="module")
def people(live):
    """A group with two people, enrolled from files as on the command line."""
    for name in ("obama", "biden"):
        path = shared(f"photos/people/{name}/1.jpg")
        live.services.gallery.enroll(name, path, group="presidents")
    return live


def photo(name: str) -> bytes:
    return shared(f"photos/{name}").read_bytes()


def ask(live, path, data, **options):
    answer = live.client.post(path, content=data, headers=JPEG, params=options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_detect_answers_as_the_library_does(live, analyzer):
    data = photo("people/obama/1.jpg")
    answer = ask(live, DETECT, data)
    faces = analyzer.analyze(data, embed=False)
    assert (answer["width"], answer["height"]) == faces.image_wh
    assert len(answer["faces"]) == len(faces) == 1
    told, face = answer["faces"][0], Face(faces, 0)
    assert set(told) == {"box", "score", "landmarks", "quality"}
    np.testing.assert_allclose(list(told["box"].values()), face.box, atol=0.06)
    np.testing.assert_allclose(told["landmarks"], face.landmarks, atol=0.06)
    assert told["quality"] == pytest.approx(face.quality, abs=1e-3)


def test_what_is_not_wanted_is_left_out_and_what_is_wanted_is_there(live, analyzer):
    data = photo("people/obama/1.jpg")
    (told,) = ask(live, DETECT, data, landmarks=68, quality=False)["faces"]
    assert set(told) == {"box", "score", "landmarks", "landmarks68"}
    (face,) = analyzer.analyze(data, embed=False, quality=False, points68=True)
    np.testing.assert_allclose(told["landmarks68"], face.points68, atol=0.06)


def test_attributes_are_told_where_they_are_asked_for(people, analyzer):
    data = photo("people/obama/1.jpg")
    wish = "expression, age,gender"
    (face,) = analyzer.analyze(data, attributes=wish)
    for path, more in (
        (DETECT, {}),
        (EMBED, {}),
        (IDENTIFY, {"group": "presidents"}),
        (IDENTIFY, {"group": "presidents", "explain": True}),
    ):
        (told,) = ask(people, path, data, attributes=wish, **more)["faces"]
        assert told["attributes"] == face.attributes
        (told,) = ask(people, path, data, **more)["faces"]
        assert "attributes" not in told
    assert ask(people, DETECT, photo("groups/cf_016_8.jpg"), attributes="age", quality=False)


def test_all_attributes_are_as_the_document_says(live):
    schemas = live.client.get("/openapi.json").json()["components"]["schemas"]
    described = schemas["FaceAttributes"]["properties"]
    assert list(described) == list(ATTRIBUTES)
    (face,) = ask(live, DETECT, photo("people/obama/1.jpg"), attributes="all")["faces"]
    assert set(face["attributes"]) == set(OFFERED)
    for name, told in face["attributes"].items():
        if isinstance(told, dict):
            kind = next(each["$ref"] for each in described[name]["anyOf"] if "$ref" in each)
            assert set(told) == set(schemas[kind.rpartition("/")[2]]["properties"])


def test_options_of_detection_are_heeded(live):
    data = photo("groups/cf_016_8.jpg")
    sizes = [face["box"]["height"] for face in ask(live, DETECT, data)["faces"]]
    assert len(sizes) > 3
    assert len(ask(live, DETECT, data, max_faces=2)["faces"]) == 2
    large = ask(live, DETECT, data, min_face=round((min(sizes) + max(sizes)) / 2))["faces"]
    assert 0 < len(large) < len(sizes)
    assert ask(live, DETECT, data, score_threshold=1.0, second_look=False)["faces"] == []


def test_a_picture_without_faces_has_none(people):
    data = next(iter(sorted(shared("photos/noface").iterdir()))).read_bytes()
    for path in (DETECT, EMBED):
        assert ask(people, path, data)["faces"] == []
    for explain in (True, False):
        assert ask(people, IDENTIFY, data, group="presidents", explain=explain)["faces"] == []


def test_embeddings_are_those_of_the_library_to_the_last_bit(live):
    data = photo("people/obama/1.jpg")
    answer = ask(live, EMBED, data)
    assert answer["model"] == live.services.looker.analyzer.embedder_id
    (told,) = answer["faces"]
    (face,) = live.services.looker.analyzer.analyze(data)
    assert np.array_equal(np.array(told["embedding"], np.float32), face.embedding)


def test_pictures_come_in_every_way(live):
    data = photo("people/obama/1.jpg")
    wanted = ask(live, DETECT, data)["faces"]
    text = base64.b64encode(data).decode()
    ways = [
        {"content": data, "headers": {"Content-Type": "application/octet-stream"}},
        {"files": {"anything": ("me.jpg", data)}},
        {"json": {"image": text}},
        {"json": {"image": f"data:image/jpeg;base64,{text}"}},
    ]
    for way in ways:
        answer = live.client.post(DETECT, **way)
        assert answer.status_code == 200, answer.text
        assert answer.json()["faces"] == wanted


def test_a_picture_of_a_private_address_is_refused(live):
    for path in (DETECT, EMBED, IDENTIFY):
        answer = live.client.post(path, json={"url": f"{live.url}/health"})
        if path == IDENTIFY:
            assert problem_of(answer) in ((400, "url_refused"), (404, "group_unknown"))
        else:
            assert problem_of(answer) == (400, "url_refused")


def test_verify_answers_as_the_library_does(live):
    names = ("people/obama/1.jpg", "people/obama/2.jpg", "people/biden/1.jpg")
    one, two, other = (photo(name) for name in names)
    analyzer = live.services.looker.analyzer
    for second, same in ((two, True), (other, False)):
        answer = live.client.post(VERIFY, files={"a": ("a.jpg", one), "b": ("b.jpg", second)})
        told, found = answer.json(), verify(one, second, analyzer=analyzer)
        assert told["same"] is found.same is same
        assert told["probability"] == pytest.approx(found.probability, abs=1e-3)
        assert told["distance"] == pytest.approx(found.distance, abs=1e-3)
        assert told["a"]["width"] > 20
    strict = {"params": {"far": 1e-3}, "files": {"a": ("a.jpg", one), "b": ("b.jpg", two)}}
    told = live.client.post(VERIFY, **strict).json()
    assert told["threshold"] == pytest.approx(
        verify(one, two, analyzer=analyzer, far=1e-3).threshold, abs=1e-3
    )


def test_verify_needs_one_face_in_each(live):
    crowd = shared("photos/groups/cf_016_8.jpg")
    nobody = next(iter(sorted(shared("photos/noface").iterdir())))
    one = photo("people/obama/1.jpg")
    for path, code in ((crowd, "several_faces"), (nobody, "no_face")):
        files = {"a": ("me.jpg", one), "b": (path.name, path.read_bytes())}
        answer = live.client.post(VERIFY, files=files)
        assert problem_of(answer) == (422, code)
        assert path.name in answer.json()["error"]["message"]
    files = {"a": ("me.jpg", one), "b": ("crowd.jpg", crowd.read_bytes())}
    assert live.client.post(VERIFY, files=files, params={"largest": True}).status_code == 200


def test_identify_says_who_and_on_demand_why(people):
    data = photo("people/obama/2.jpg")
    answer = ask(people, IDENTIFY, data, group="presidents")
    assert answer["group"] == "presidents"
    (told,) = answer["faces"]
    assert set(told) == {"box", "person", "probability"}
    assert told["person"] == "obama"
    (told,) = ask(people, IDENTIFY, data, group="presidents", explain=True)["faces"]
    assert set(told) == {"box", "person", "probability", "score", "candidates", "why"}
    (found,) = people.services.gallery.identify(data, group="presidents")
    assert [each["person"] for each in told["candidates"]] == ["obama", "biden"]
    assert told["candidates"][0]["distance"] == pytest.approx(
        found.candidates[0].distance, abs=1e-3
    )
    assert told["candidates"][0]["best_distance"] < told["candidates"][1]["best_distance"]
    assert (told["why"]["rule"], told["why"]["runner_up"]) == ("named", "biden")
    assert told["why"]["reason"].startswith("near enough")
    # enrolled by their paths, which are told to nobody
    assert told["why"]["reference"] == told["candidates"][0]["reference"] == "1.jpg"
    (told,) = ask(people, IDENTIFY, data, group="presidents", explain=True, top=1)["faces"]
    assert len(told["candidates"]) == 1


def test_a_stranger_is_named_null_and_a_stricter_rate_makes_more_of_them(people):
    data = photo("people/kit_harington/1.jpg")
    for explain in (True, False):
        told = ask(people, IDENTIFY, data, group="presidents", explain=explain)["faces"]
        assert {face["person"] for face in told} == {None}
    rates = [
        ask(people, IDENTIFY, data, group="presidents", explain=True, far=far)["faces"][0]["why"]
        for far in (1e-3, 1e-2)
    ]
    assert rates[0]["threshold"] < rates[1]["threshold"]


def test_nobody_is_enrolled(people):
    people.services.gallery.create_group("empty")
    data = photo("people/obama/1.jpg")
    (told,) = ask(people, IDENTIFY, data, group="empty", explain=True)["faces"]
    assert (told["person"], told["probability"], told["candidates"]) == (None, 0, [])
    assert told["why"]["rule"] == "no_people"


def test_an_unknown_group_is_unknown(live):
    answer = live.client.post(IDENTIFY, content=b"x", headers=JPEG, params={"group": "nobody"})
    assert problem_of(answer) == (404, "group_unknown")


BAD_OPTIONS = [
    (DETECT, {"min_face": 3}),
    (DETECT, {"min_face": "small"}),
    (DETECT, {"max_faces": 0}),
    (DETECT, {"score_threshold": "nan"}),
    (DETECT, {"landmarks": 27}),
    (DETECT, {"minface": 30}),
    (IDENTIFY, {"top": 0}),
    (IDENTIFY, {"top": 101}),
    (IDENTIFY, {"group": ""}),
    (IDENTIFY, {"group": "x" * 201}),
    (IDENTIFY, {"far": 0.5}),
    (VERIFY, {"far": -1}),
    (EMBED, {"quality": "perhaps"}),
    (DETECT, {"attributes": "beauty"}),
    (EMBED, {"attributes": "age;gender"}),
    (IDENTIFY, {"attributes": "age," * 200}),
    (VERIFY, {"attributes": "age"}),
]


@pytest.mark.parametrize(("path", "options"), BAD_OPTIONS)
def test_options_that_make_no_sense_are_refused(live, path, options):
    answer = live.client.post(path, content=b"x", headers=JPEG, params=options)
    assert problem_of(answer) == (422, "request_invalid")
    assert next(iter(options)) in answer.json()["error"]["message"]


def test_a_rate_that_was_never_measured_is_refused(people):
    data = photo("people/obama/1.jpg")
    answer = people.client.post(
        IDENTIFY, content=data, headers=JPEG, params={"group": "presidents", "far": 1e-9}
    )
    assert problem_of(answer) == (400, "usage")
    assert problem_of(
        people.client.post(
            IDENTIFY, content=data, headers=JPEG, params={"group": "presidents\n\x00x"}
        )
    ) == (400, "usage")


BAD_BODIES = [
    ({"content": b"hello, I am a text", "headers": JPEG}, (400, "image_unreadable")),
    ({"content": b"", "headers": JPEG}, (400, "usage")),
    ({"content": b"\xff\xd8\xff\xe0" + b"x" * 100, "headers": JPEG}, (400, "image_unreadable")),
    ({"content": b"x", "headers": {"Content-Type": "text/plain"}}, (415, "content_refused")),
    ({"data": {"image": "x"}}, (415, "content_refused")),  # a form of the other kind
    ({"content": b"{", "headers": {"Content-Type": "application/json"}}, (400, "usage")),
    ({"json": []}, (400, "usage")),
    ({"json": {}}, (400, "usage")),
    ({"json": {"image": 7}}, (400, "usage")),
    ({"json": {"image": "%%%"}}, (400, "usage")),
    ({"json": {"image": "aGVsbG8="}}, (400, "image_unreadable")),
    ({"json": {"url": "file:///etc/passwd"}}, (400, "url_refused")),
    ({"json": {"image": "aGVsbG8=", "min_face": 30}}, (400, "usage")),
    ({"files": {"a": ("1", b"x"), "b": ("2", b"x")}}, (400, "usage")),
    ({"files": {"image": (None, b"x")}}, (400, "usage")),
    (
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        (400, "usage"),
    ),
    ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, (400, "usage")),
]


@pytest.mark.parametrize(("body", "expected"), BAD_BODIES)
def test_what_is_no_picture_is_refused(quick, body, expected):
    quick.services.gallery.create_group("default")
    for path in (DETECT, EMBED, IDENTIFY):
        assert problem_of(quick.client.post(path, **body)) == expected


def test_two_things_that_are_no_pictures_are_refused(quick):
    for body in (
        {"files": {"a": ("a", b"text")}},
        {"files": {name: (name, b"text") for name in "abc"}},
        {"json": {"a": {"image": "aGVsbG8="}}},
        {"json": {"image": "aGVsbG8="}},
    ):
        assert problem_of(quick.client.post(VERIFY, **body)) == (400, "usage")
    files = {"a": ("a", b"text"), "b": ("b", b"text")}
    assert problem_of(quick.client.post(VERIFY, files=files)) == (400, "image_unreadable")
    answer = quick.client.post(VERIFY, content=b"x", headers=JPEG)
    assert problem_of(answer) == (415, "content_refused")


def test_viewers_may_not_look_for_faces(quick):
    for path in ALL:
        answer = quick.client.post(path, content=b"x", headers=headers_of(quick, "viewer"))
        assert problem_of(answer) == (403, "role_missing")
        assert problem_of(quick.client.post(path, headers={"X-Api-Key": ""}))[0] == 401
    answer = quick.client.post(
        DETECT, content=b"x", headers={**JPEG, **headers_of(quick, "operator")}
    )
    assert problem_of(answer) == (400, "image_unreadable")


def test_a_busy_server_says_when_to_come_again(quick):
    inference, waiting = quick.services.inference, quick.services.settings.server.queue
    inference._pending += inference.turns + waiting
    try:
        answer = quick.client.post(DETECT, content=b"x", headers=JPEG)
    finally:
        inference._pending -= inference.turns + waiting
    assert problem_of(answer) == (503, "server_busy")
    assert int(answer.headers["retry-after"]) >= 1


# bodies without end


def memory_of_this_process() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "application/json", "multipart/form-data; boundary=b"]
)
def test_a_body_of_a_gigabyte_is_cut_off_while_it_comes(tmp_path, kind):
    part, sent = b"x" * 2**20, 0

    def endless():
        nonlocal sent
        if "multipart" in kind:
            yield b'--b\r\nContent-Disposition: form-data; name="x"; filename="x"\r\n\r\n'
        for _ in range(1024):
            yield part
            sent += len(part)

    server = {"max_body_bytes": 4 * 2**20}
    limits = {"max_image_bytes": 2 * 2**20}
    with quick_server(tmp_path, server=server, limits=limits) as quick:
        before = memory_of_this_process()
        with suppress(httpx.TransportError):  # it may be told while it still sends
            answer = quick.client.post(DETECT, content=endless(), headers={"Content-Type": kind})
            assert problem_of(answer)[0] == 413
        assert sent < 200 * 2**20
        assert memory_of_this_process() - before < 100 * 2**20
        answer = quick.client.post(
            DETECT, content=b"x" * (5 * 2**20), headers={"Content-Type": kind}
        )
        assert problem_of(answer)[0] in (400, 413)
        small = b"x" * (2 * 2**20 + 1)
        answer = quick.client.post(DETECT, content=iter([small]), headers=JPEG)
        assert problem_of(answer) == (413, "body_too_large")


def test_a_refusal_comes_at_once_though_the_client_waits(quick):
    """Nothing more is read of a body that was read: it would wait for the client to go."""
    head = (
        f"POST {DETECT} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {quick.key}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 6\r\n\r\nbroken"
    )
    host, port = quick.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        began = time.monotonic()
        connection.sendall(head.encode())
        answer = connection.recv(4096)
    assert b" 400 " in answer.splitlines()[0]
    assert time.monotonic() - began < 4  # less than draining would take


def test_pictures_larger_than_the_limits_are_refused(tmp_path, analyzer):
    limits = {"max_image_pixels": 10_000}
    with live_server(settings_in(tmp_path, limits=limits)) as live:
        answer = live.client.post(DETECT, content=photo("people/obama/1.jpg"), headers=JPEG)
        assert problem_of(answer) == (413, "image_too_large")


def test_the_answer_is_what_the_document_says(live):
    """Every field that is told is described, and the other way round."""
    document = live.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    data = photo("people/obama/1.jpg")
    (face,) = ask(live, DETECT, data, landmarks=68, attributes="age")["faces"]
    assert set(face) == set(schemas["DetectedFace"]["properties"])
    assert set(face["quality"]) == set(schemas["FaceQuality"]["properties"])
    body = document["paths"][DETECT]["post"]["requestBody"]
    assert set(body["content"]) == {
        "image/*",
        "application/octet-stream",
        "multipart/form-data",
        "application/json",
    }
    assert json.dumps(document).count("landmarks68") >= 1
