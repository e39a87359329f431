"""Cameras over the native API: who may do what, and what is refused."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.events.sinks import wait_for
from tests.server.api.quick import headers_of, problem_of
from tests.server.cameras.films import CAMERAS
from tests.video.clips import write_sound
from tests.video.scenes import FilmSource, LiveFilm, Part
from vultus.imaging.load import load

DOOR = {"name": "door", "source": "rtsp://user:geheim@door/1", "group": "family"}


@pytest.fixture
def live(films, play):
    play(**{DOOR["source"]: lambda: LiveFilm([Part("ada")])})
    return films


def status_of(live, name="door"):
    return live.client.get(f"{CAMERAS}/{name}").json()["status"]


def wait_for_live(live, name="door"):
    wait_for(lambda: status_of(live, name)["state"] == "live")


def test_a_camera_from_its_adding_to_its_end(live):
    made = live.client.post(CAMERAS, json=DOOR)
    assert made.status_code == 201
    camera = made.json()
    assert camera["options"] == {**DOOR, "source": "rtsp://user:***@door/1"}
    assert camera["status"]["camera"] == camera["name"] == "door"
    wait_for(lambda: status_of(live)["present"] == ["ada"])
    assert [each["name"] for each in live.client.get(CAMERAS).json()["cameras"]] == ["door"]
    assert live.client.post(f"{CAMERAS}/door/stop").json()["status"]["state"] == "stopped"
    assert live.client.post(f"{CAMERAS}/door/start").json()["options"]["enabled"]
    wait_for_live(live)
    changed = live.client.put(f"{CAMERAS}/door", json={"source": DOOR["source"], "enabled": False})
    assert (changed.status_code, changed.json()["status"]["state"]) == (200, "stopped")
    assert "group" not in changed.json()["options"]
    removed = live.client.delete(f"{CAMERAS}/door")
    assert (removed.status_code, removed.content) == (204, b"")
    assert live.client.get(CAMERAS).json() == {"cameras": []}


def test_cameras_go_on_after_a_restart(film_server, play):
    play(**{DOOR["source"]: lambda: LiveFilm([Part("ada")])})
    with film_server() as live:
        live.client.post(CAMERAS, json=DOOR)
        live.client.post(CAMERAS, json={**DOOR, "name": "off", "enabled": False})
        wait_for(lambda: status_of(live)["present"] == ["ada"])
    with film_server() as live:
        wait_for(lambda: status_of(live)["present"] == ["ada"])
        assert status_of(live, "off")["state"] == "stopped"
        visits = live.client.get("/api/v1/visits").json()["visits"]
        assert [visit["open"] for visit in visits][-1] is False


def test_no_password_ever_leaves(live, caplog):
    secret = {**DOOR, "to": ["mqtt://u:geheim@127.0.0.1:1/x", "http://127.0.0.1:1/hook/geheim"]}
    answers = [live.client.post(CAMERAS, json=secret)]
    wait_for_live(live)
    told = live.client.get(f"{CAMERAS}/door").json()
    # what was shown comes back, and the camera is reached all the same
    answers += [live.client.put(f"{CAMERAS}/door", json=told["options"])]
    wait_for_live(live)
    answers += [
        live.client.get(CAMERAS),
        live.client.post(CAMERAS, json={**secret, "name": "yard", "source": "gopher://u:geheim@h"}),
        live.client.post(CAMERAS, json={**secret, "name": "yard", "to": ["ftp://u:geheim@h/x"]}),
        live.client.post(CAMERAS, json={**secret, "colour": "geheim"}),
        live.client.get("/api/v1/audit"),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 400, 400, 400, 200]
    assert [answer.text for answer in answers if "geheim" in answer.text] == []
    assert "geheim" not in caplog.text


# who may do it

OPERATOR = [
    ("GET", CAMERAS), ("GET", f"{CAMERAS}/door"), ("GET", f"{CAMERAS}/door/snapshot.jpg"),
    ("GET", f"{CAMERAS}/door/preview.mjpeg"),
]  # fmt: skip
ADMIN = [
    ("POST", CAMERAS), ("PUT", f"{CAMERAS}/door"), ("DELETE", f"{CAMERAS}/door"),
    ("POST", f"{CAMERAS}/door/start"), ("POST", f"{CAMERAS}/door/stop"),
]  # fmt: skip


def test_a_viewer_sees_no_camera_and_an_operator_changes_none(live):
    live.client.post(CAMERAS, json=DOOR)
    wait_for_live(live)
    viewer, operator = headers_of(live, "viewer"), headers_of(live, "operator")
    for method, path in OPERATOR + ADMIN:
        answer = live.client.request(method, path, headers=viewer, json=DOOR)
        assert problem_of(answer) == (403, "role_missing"), path
    for method, path in ADMIN:
        answer = live.client.request(method, path, headers=operator, json=DOOR)
        assert problem_of(answer) == (403, "role_missing"), path
    for method, path in OPERATOR[:3]:
        assert live.client.request(method, path, headers=operator).status_code == 200, path
    with live.client.stream("GET", OPERATOR[3][1], headers=operator) as answer:
        assert answer.status_code == 200


def test_nobody_without_a_key(live):
    for method, path in OPERATOR + ADMIN:
        answer = live.client.request(method, path, headers={"X-Api-Key": ""})
        assert problem_of(answer) == (401, "access_denied"), path


# what is refused


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"name": "a/b"}, 400, "usage"), ({"name": "a\x00"}, 400, "usage"),
        ({"name": ""}, 400, "usage"), ({"name": 5}, 400, "usage"), ({"name": None}, 400, "usage"),
        ({"source": None}, 400, "usage"), ({"source": "gopher://x"}, 400, "source_unknown"),
        ({"group": "nobody"}, 404, "group_unknown"), ({"zones": {"a": [[0, 0]]}}, 400, "usage"),
        ({"masks": 3}, 400, "usage"), ({"video": {"analysis_fps": -1}}, 400, "usage"),
        ({"video": {"fps": 1}}, 400, "usage"), ({"record": "/nowhere/x.mp4"}, 400, "usage"),
        ({"snapshots": "../.."}, 400, "usage"), ({"to": ["/nowhere/x.csv"]}, 400, "usage"),
        ({"colour": "red"}, 400, "usage"),
    ],
)  # fmt: skip
def test_a_camera_that_makes_no_sense(shared_server, change, status, code):
    answer = shared_server.client.post(CAMERAS, json={"name": "x", "source": "x.mp4", **change})
    assert problem_of(answer) == (status, code)
    field = next(iter(change))
    assert status == 404 or code == "source_unknown" or field in answer.json()["error"]["message"]
    assert shared_server.client.get(CAMERAS).json() == {"cameras": []}


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        (b"", "application/json", (400, "usage")),
        (b"{", "application/json", (400, "usage")),
        (b"[]", "application/json", (400, "usage")),
        (b"null", "application/json", (400, "usage")),
        (b'{"name": "x", "source": "x", "masks": NaN}', "application/json", (400, "usage")),
        (b'{"name": "\\ud800", "source": "x"}', "application/json", (400, "usage")),
        (b"[" * 5000, "application/json", (400, "usage")),
        (b"name=x", "application/x-www-form-urlencoded", (415, "content_refused")),
        (b" " * 2**20, "application/json", (413, "body_too_large")),
    ],
)
def test_bodies_that_are_no_camera(shared_server, content, kind, expected):
    headers = {"Content-Type": kind}
    answer = shared_server.client.post(CAMERAS, content=content, headers=headers)
    assert problem_of(answer) == expected


def test_two_cameras_with_one_name(live):
    assert live.client.post(CAMERAS, json=DOOR).status_code == 201
    assert problem_of(live.client.post(CAMERAS, json=DOOR)) == (409, "camera_exists")
    other = {**DOOR, "name": "yard", "source": "x"}
    assert problem_of(live.client.put(f"{CAMERAS}/door", json=other)) == (400, "usage")


@pytest.mark.parametrize("name", ["nobody", "a%2Fb", "%00", "..%2F..", "x" * 100, "%F0%9F", "ı"])
def test_unknown_cameras(shared_server, name):
    client = shared_server.client
    for method, path in OPERATOR[1:] + ADMIN[1:]:
        path = path.replace("door", name)  # noqa: PLW2901
        answer = client.request(method, path, json={"source": "x"})
        # bytes that are no text are refused before anybody looks
        expected = (422, "request_invalid") if name == "%F0%9F" else (404, "camera_unknown")
        assert problem_of(answer) == expected, path


@pytest.mark.parametrize(
    "query", ["width=63", "width=3841", "width=x", "fps=0", "fps=16", "fps=nan", "annotated=2"]
)
def test_previews_that_make_no_sense(shared_server, query):
    answer = shared_server.client.get(f"{CAMERAS}/door/preview.mjpeg?{query}")
    assert problem_of(answer) == (422, "request_invalid")


def test_a_source_that_is_no_video(live, tmp_path):
    sound, text = write_sound(tmp_path / "sound.mp4"), tmp_path / "text.mp4"
    text.write_text("no video")
    for name, path, code in (
        ("sound", sound, "no video"),
        ("text", text, "no video"),
        ("none", tmp_path / "none.mp4", "no file"),
    ):
        made = live.client.post(CAMERAS, json={"name": name, "source": str(path)})
        assert made.status_code == 201
        wait_for(lambda name=name: status_of(live, name)["state"] == "waiting")
        assert status_of(live, name)["error"], code
        down = live.client.get(f"{CAMERAS}/{name}/snapshot.jpg")
        assert problem_of(down) == (503, "camera_down")
        assert status_of(live, name)["error"] in down.json()["error"]["message"]
        assert int(down.headers["retry-after"]) > 0


# looking through it


def pictures(answer: httpx.Response, count: int) -> list[bytes]:
    """The first pictures of a preview, as a browser takes it apart."""
    data, found = b"", []
    for part in answer.iter_bytes():
        data += part
        while (at := data.find(b"\r\n\r\n")) >= 0:
            head = data[:at].decode()
            assert head.lstrip().startswith("--vultus-frame\r\nContent-Type: image/jpeg"), head
            length = int(head.rpartition("Content-Length: ")[2])
            if len(data) < at + 4 + length:
                break
            found.append(data[at + 4 : at + 4 + length])
            data = data[at + 4 + length :]
            if len(found) == count:
                return found
    return found


def test_a_preview_shows_what_goes_on(live):
    live.client.post(CAMERAS, json=DOOR)
    wait_for(lambda: status_of(live)["present"] == ["ada"])
    path = f"{CAMERAS}/door/preview.mjpeg"
    with live.client.stream("GET", path, params={"width": 160, "fps": 15}) as answer:
        assert answer.headers["content-type"].startswith("multipart/x-mixed-replace; boundary=")
        found = pictures(answer, 3)
    images = [load(each) for each in found]
    assert [image.shape for image in images] == [(90, 160, 3)] * 3
    assert len(set(found)) == 3
    peephole = live.services.cameras.peephole("door")
    wait_for(lambda: not peephole.is_looking)  # and nothing is encoded any more


def test_a_snapshot_with_and_without_boxes(live):
    live.client.post(CAMERAS, json=DOOR)
    wait_for(lambda: status_of(live)["present"] == ["ada"])

    def greens(**options):
        answer = live.client.get(f"{CAMERAS}/door/snapshot.jpg", params=options)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        image = load(answer.content).astype(int)
        assert image.shape == (180, 320, 3)
        return int(((image[..., 1] - image[..., 0] > 60) & (image[..., 1] > 100)).sum())

    assert greens(annotated=False) < 20 < 100 < greens()  # a known person's box is green


def test_too_many_viewers(live):
    live.client.post(CAMERAS, json=DOOR)
    wait_for_live(live)
    peephole = live.services.cameras.peephole("door")
    for _ in range(8):
        peephole.enter()
    answer = live.client.get(f"{CAMERAS}/door/preview.mjpeg")
    assert problem_of(answer) == (503, "server_busy")
    assert "retry-after" in answer.headers
    for _ in range(8):
        peephole.leave()


def test_a_preview_ends_with_its_camera(live):
    live.client.post(CAMERAS, json=DOOR)
    wait_for_live(live)
    with live.client.stream("GET", f"{CAMERAS}/door/preview.mjpeg") as answer:
        parts = answer.iter_bytes()
        assert next(parts)
        httpx.delete(f"{live.url}{CAMERAS}/door", headers={"X-Api-Key": live.key})
        assert b"".join(parts).endswith(b"--vultus-frame--\r\n")


def test_a_preview_ends_with_the_server(film_server, play):
    play(**{DOOR["source"]: lambda: LiveFilm([Part("ada")])})
    with httpx.Client(timeout=20) as client, film_server() as live:
        live.client.post(CAMERAS, json=DOOR)
        wait_for_live(live)
        request = client.build_request(
            "GET", f"{live.url}{CAMERAS}/door/preview.mjpeg", headers={"X-Api-Key": live.key}
        )
        answer = client.send(request, stream=True)
        assert len(pictures(answer, 1)) == 1
        # the server has ended, in order: `live_server` saw to that


def test_a_recording_is_previewed_and_ends(film_server, play):
    play(film=lambda: FilmSource([Part("ada")], 2.0, pace_s=0.02))
    with film_server() as live:
        live.client.post(CAMERAS, json={"name": "film", "source": "film", "group": "family"})
        wait_for(lambda: status_of(live, "film")["state"] == "running")
        assert live.client.get(f"{CAMERAS}/film/snapshot.jpg").status_code == 200
        wait_for(lambda: status_of(live, "film")["state"] == "ended")
        down = live.client.get(f"{CAMERAS}/film/preview.mjpeg")
        assert problem_of(down) == (503, "camera_down")
        assert "ended" in down.json()["error"]["message"]


def test_the_description_says_what_a_camera_has(shared_server):
    document = shared_server.client.get("/openapi.json").json()
    body = document["paths"][CAMERAS]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["required"] == ["name", "source"]
    assert "analysis_fps" in body["schema"]["properties"]["video"]["properties"]
    assert "$ref" not in json.dumps(body)
