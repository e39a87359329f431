"""Videos over the native API: sent, linked and live, and what is none."""

from __future__ import annotations

import shutil
from functools import partial

import pytest

from tests.fakes import picture, png
from tests.server.api.quick import headers_of, problem_of
from tests.server.api.test_jobs import ended, result_of
from tests.server.live import live_server, settings_in
from tests.shared import shared
from tests.video.scenes import LiveFilm, Part, enroll, film, scene_analyzer
from tests.video.sources.web import WebServer
from tests.video.told import TWO
from vultus.events.visit import Visit
from vultus.faces.attributes.describing import OFFERED
from vultus.server import services as services_module
from vultus.video import session
from vultus.video.sources.live import LiveReader

VIDEOS = "/api/v1/videos"
MP4 = {"Content-Type": "video/mp4"}


@pytest.fixture(scope="module")
def cinema(tmp_path_factory):
    """A server that sees the people of films, knows ada and bob, and may fetch from here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services_module, "Analyzer", scene_analyzer)
        settings = settings_in(tmp_path_factory.mktemp("cinema"), allow_private_urls=True)
        with live_server(settings) as server:
            enroll(server.services.gallery, "ada", "bob")
            yield server


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Four seconds: ada from 0.5 to 2, a stranger from 1 to 3."""
    return film(tmp_path_factory.mktemp("film") / "yard.mp4", TWO, 4)


def watch(live, content, headers=MP4, **options):
    answer = live.client.post(VIDEOS, content=content, headers=headers, params=options)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/v1/jobs/{answer.json()['id']}"
    return answer.json()


def people(result):
    return [each["person"] or each["stranger"] for each in result["people"]]


def test_a_video_that_is_sent_tells_who_was_there(cinema, clip):
    job = watch(cinema, clip.read_bytes(), group="family")
    assert (job["kind"], job["group"], job["total"]) == ("video", "family", 80)
    done = ended(cinema, job)
    assert (done["state"], done["done"], done["total"]) == ("succeeded", 80, 80)
    result = result_of(cinema, job)
    assert people(result) == ["ada", "unknown-0001"]
    (visit,) = result["people"][0]["visits"]
    assert (visit["start_s"], visit["end_s"]) == pytest.approx((0.5, 1.9))
    events = {
        each["visit"]: Visit.from_dict(
            {name: value for name, value in each.items() if name not in ("start_s", "end_s")}
        )
        for each in result["visits"]
    }
    assert events[visit["visit"]].person == "ada"
    assert result["counts"]["frames"] > 10
    assert "attributes" not in result
    assert cinema.services.gallery.visits.find() == []


def test_options_are_heeded(cinema, clip):
    options = {
        "group": "family",
        "attributes": True,
        "remember": True,
        "camera": "Hof",
        "started_at": "2026-11-21T09:30:00+01:00",
    }
    job = watch(cinema, iter([clip.read_bytes()]), **options)
    ended(cinema, job)
    result = result_of(cinema, job)
    assert [set(each["attributes"]) for each in result["attributes"]] == [set(OFFERED)] * 4
    assert result["visits"][0]["start"] == "2026-11-21T08:30:00.500000Z"
    visits = cinema.client.get("/api/v1/visits", params={"camera": "Hof"}).json()["visits"]
    assert {visit["person"] or visit["stranger"] for visit in visits} == {"ada", "unknown-0001"}
    cinema.services.gallery.forget_stranger("unknown-0001", group="family")


def test_a_video_comes_in_a_form_or_without_saying_what_it_is(cinema, clip):
    data = clip.read_bytes()
    answer = cinema.client.post(VIDEOS, files={"film": ("yard.mp4", data, "video/mp4")})
    assert answer.status_code == 202
    assert ended(cinema, answer.json())["done"] == 80
    job = watch(cinema, data, {"Content-Type": "application/octet-stream"})
    assert ended(cinema, job)["state"] == "succeeded"
    assert people(result_of(cinema, job)) == ["unknown-0001", "unknown-0002"]  # nobody is asked for


def test_a_link_to_a_file_is_fetched(cinema, clip, tmp_path):
    folder = tmp_path / "web"
    folder.mkdir()
    shutil.copy(clip, folder / "yard.mp4")
    with WebServer(folder) as web:
        answer = cinema.client.post(
            VIDEOS, json={"url": web.address("yard.mp4")}, params={"group": "family"}
        )
        assert answer.status_code == 202
        assert ended(cinema, answer.json())["state"] == "succeeded"
        assert people(result_of(cinema, answer.json())) == ["ada", "unknown-0001"]
        answer = cinema.client.post(VIDEOS, json={"url": web.address("page")})
        failed = ended(cinema, answer.json())
        assert (failed["state"], failed["error"]["code"]) == ("failed", "source_not_video")


def test_something_live_is_watched_for_so_long(cinema, monkeypatch):
    def open_source(address, own, **_):
        return LiveReader("camera", partial(LiveFilm, [Part("ada")]), own.video, patient=True)

    monkeypatch.setattr(session, "open_source", open_source)
    link = {"url": "rtsp://u:geheim@127.0.0.1/door"}
    answer = cinema.client.post(VIDEOS, json=link)
    assert problem_of(answer) == (400, "usage")
    assert "seconds=60" in answer.json()["error"]["message"]
    answer = cinema.client.post(VIDEOS, json=link, params={"seconds": 1, "group": "family"})
    job = ended(cinema, answer.json())
    assert job["state"] == "succeeded"
    assert people(result_of(cinema, answer.json())) == ["ada"]
    kept = cinema.services.jobs.get(job["id"]).request
    assert "geheim" not in str(kept)


def test_a_real_video_names_whom_it_shows(live):
    """Lin-Manuel Miranda is in it, as the command line finds him too."""
    clip = shared("videos/hamilton_short.mp4")
    for name in ("lin_manuel_miranda", "alex_lacamoire"):
        for path in sorted(shared(f"photos/people/{name}").iterdir()):
            if path.suffix == ".jpg":
                live.services.gallery.enroll(name, path, group="stage", largest=True)
    job = watch(live, clip.read_bytes(), group="stage")
    # requests are answered between two frames
    photo = shared("photos/people/obama/1.jpg").read_bytes()
    for _ in range(3):
        answer = live.client.post(
            "/api/v1/detect", content=photo, headers={"Content-Type": "image/jpeg"}
        )
        assert answer.status_code == 200
    assert ended(live, job)["state"] == "succeeded"
    result = result_of(live, job)
    assert result["seconds"] == pytest.approx(9.2, abs=0.1)
    named = {each["person"] for each in result["people"] if each["person"]}
    assert named <= {"lin_manuel_miranda", "alex_lacamoire"}
    assert len(result["people"]) >= 2
    for each in result["people"]:
        for visit in each["visits"]:
            assert 0 <= visit["start_s"] <= visit["end_s"] <= 9.3


# refused

FILE = "/etc/hostname"
BAD = [
    ({"content": b"hello, I am a text", "headers": MP4}, (400, "source_not_video")),
    ({"content": b"", "headers": MP4}, (400, "source_not_video")),
    ({"content": png(picture("ada")), "headers": MP4}, (400, "source_not_video")),
    (
        {"content": f"#EXTM3U\n#EXTINF:1,\nfile://{FILE}\n".encode(), "headers": MP4},
        (400, "source_not_video"),
    ),
    (
        {"content": f"ffconcat version 1.0\nfile {FILE}\n".encode(), "headers": MP4},
        (400, "source_not_video"),
    ),
    ({"content": b"x", "headers": {"Content-Type": "image/png"}}, (415, "content_refused")),
    ({"content": b"{", "headers": {"Content-Type": "application/json"}}, (400, "usage")),
    ({"files": {"file": (None, b"x")}}, (400, "usage")),
    ({"json": {}}, (422, "request_invalid")),
    ({"json": []}, (422, "request_invalid")),
    ({"json": {"url": 7}}, (422, "request_invalid")),
    ({"json": {"url": "http://host/x", "seconds": 7}}, (422, "request_invalid")),
    ({"json": {"url": f"file://{FILE}"}}, (400, "url_refused")),
    ({"json": {"url": FILE}}, (400, "url_refused")),
    ({"json": {"url": "0"}}, (400, "url_refused")),
    ({"json": {"url": "picamera:"}}, (400, "url_refused")),
    ({"json": {"url": "rtsp://"}}, (400, "url_refused")),
    ({"json": {"url": "rtsp://127.0.0.1/door"}, "params": {"seconds": 1}}, (400, "url_refused")),
    ({"json": {"url": "rtsp://[::1]/door"}, "params": {"seconds": 1}}, (400, "url_refused")),
    ({"content": b"x", "headers": MP4, "params": {"group": "nobody"}}, (404, "group_unknown")),
    ({"content": b"x", "params": {"seconds": 0}}, (422, "request_invalid")),
    ({"content": b"x", "params": {"seconds": 1e9}}, (422, "request_invalid")),
    ({"content": b"x", "params": {"started_at": "yesterday"}}, (422, "request_invalid")),
    ({"content": b"x", "params": {"started_at": "9999-12-31T23:59:59"}}, (422, "request_invalid")),
    ({"content": b"x", "params": {"started_at": "0001-01-01T00:00:00"}}, (422, "request_invalid")),
    ({"content": b"x", "params": {"camera": "x" * 101}}, (422, "request_invalid")),
    ({"content": b"x", "params": {"fps": 5}}, (422, "request_invalid")),
    ({"content": b"x", "params": {"camera": "a\nb"}}, (400, "usage")),
]


@pytest.mark.parametrize(("body", "expected"), BAD)
def test_what_is_no_video_is_refused(quick, body, expected):
    answer = quick.client.post(VIDEOS, **body)
    assert problem_of(answer) == expected
    assert "uploads" not in answer.text
    assert quick.client.get("/api/v1/jobs").json()["jobs"] == []
    assert list(quick.services.uploads.iterdir()) == []


def test_a_private_file_is_refused_in_the_job(quick):
    answer = quick.client.post(VIDEOS, json={"url": f"{quick.url}/health"})
    assert answer.status_code == 202
    failed = ended(quick, answer.json())
    assert (failed["state"], failed["error"]["code"]) == ("failed", "url_refused")
    quick.client.delete(f"/api/v1/jobs/{failed['id']}")


def test_viewers_may_not_look_through_videos(quick):
    answer = quick.client.post(VIDEOS, content=b"x", headers=headers_of(quick, "viewer"))
    assert problem_of(answer) == (403, "role_missing")
