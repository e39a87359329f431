"""Jobs over the native API: bulk enrolment, progress, results, and everything refused."""

from __future__ import annotations

import re
from threading import Event

import pytest

from tests.server.api.quick import PNG, headers_of, path_of, problem_of, quick_server
from tests.server.jobs.waiting import wait_until
from tests.server.jobs.zips import photo, zip_bytes
from vultus.gallery.audit import AuditRecord

ZIP = {"Content-Type": "application/zip"}
TEAM = path_of("team", None, "enrolments")
FILES = {"ada/1.png": photo("ada"), "ada/2.png": photo("ada", shade=9), "bob.png": photo("bob")}


def submit(live, files=FILES, path=TEAM, **options):
    answer = live.client.post(path, content=zip_bytes(files), headers=ZIP, params=options)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
    return job


def ended(live, job):
    path = f"/api/v1/jobs/{job['id']}"
    wait_until(lambda: live.client.get(path).json()["state"] not in ("queued", "running"))
    wait_until(lambda: not list(live.services.uploads.iterdir()))
    return live.client.get(path).json()


def result_of(live, job):
    answer = live.client.get(f"/api/v1/jobs/{job['id']}/result")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def held(quick, monkeypatch):
    """Jobs wait with their first picture until this is set."""
    go_on = Event()
    work = quick.services.jobs.enrolment
    real = work._enrol

    def enrol(*args):
        assert go_on.wait(20)
        return real(*args)

    monkeypatch.setattr(work, "_enrol", enrol)
    yield go_on
    go_on.set()
    wait_until(lambda: not list(quick.services.uploads.iterdir()))


def test_many_people_are_enrolled_with_one_request(quick):
    job = submit(quick)
    assert (job["kind"], job["owner"], job["group"], job["total"]) == (
        "enrolment",
        "settings",
        "team",
        3,
    )
    done = ended(quick, job)
    assert (done["state"], done["done"], done["total"]) == ("succeeded", 3, 3)
    assert done["ended_at"] >= done["started_at"] >= done["created_at"]
    result = result_of(quick, job)
    assert (result["group"], result["enrolled"], result["failed"]) == ("team", 3, 0)
    assert [(each["source"], each["person"], each["new"]) for each in result["pictures"]] == [
        ("ada/1.png", "ada", True),
        ("ada/2.png", "ada", True),
        ("bob.png", "bob", True),
    ]
    people = quick.client.get(path_of("team", None, "people")).json()["people"]
    assert [(person["name"], person["face_count"]) for person in people] == [("ada", 2), ("bob", 1)]
    answer = quick.client.post(
        "/api/v1/identify?group=team", content=photo("bob", "ada", shade=3), headers=PNG
    )
    assert sorted(face["person"] for face in answer.json()["faces"]) == ["ada", "bob"]


def test_every_enrolment_is_in_the_audit_under_the_key(quick):
    key = headers_of(quick, "operator")
    answer = quick.client.post(TEAM, content=zip_bytes(FILES), headers={**ZIP, **key})
    ended(quick, answer.json())
    changes = quick.services.gallery.audit.find(limit=3)
    assert {(each.action, each.actor) for each in changes} == {
        ("face.enrol", answer.json()["owner"])
    }
    assert isinstance(changes[0], AuditRecord)
    assert answer.json()["owner"].startswith("operator")


def test_pictures_that_cannot_be_enrolled_are_told_one_by_one(quick):
    job = submit(quick, {"ada/1.png": photo("ada", "bob"), "bob/1.png": b"text", "x/1.txt": b"-"})
    assert ended(quick, job)["state"] == "succeeded"
    result = result_of(quick, job)
    codes = [each["error"]["code"] for each in result["pictures"]]
    assert codes == ["several_faces", "image_unreadable"]
    assert (result["failed"], result["skipped"]) == (2, 1)
    job = submit(quick, {"ada/1.png": photo("ada", "bob")}, largest=True)
    ended(quick, job)
    assert result_of(quick, job)["enrolled"] == 1


def test_a_folder_around_the_people_is_asked_about(quick):
    files = {"all/ada/1.png": photo("ada"), "all/bob/1.png": photo("bob")}
    answer = quick.client.post(TEAM, content=zip_bytes(files), headers=ZIP)
    assert problem_of(answer) == (400, "usage")
    assert "skip_folders=1" in answer.json()["error"]["message"]
    job = submit(quick, files, skip_folders=1)
    ended(quick, job)
    assert [each["person"] for each in result_of(quick, job)["pictures"]] == ["ada", "bob"]


def test_a_zip_comes_in_a_form_too(quick):
    answer = quick.client.post(TEAM, files={"file": ("people.zip", zip_bytes(FILES))})
    assert answer.status_code == 202
    assert ended(quick, answer.json())["done"] == 3


def test_a_group_may_have_any_name_in_the_path(quick):
    job = submit(quick, path=path_of("a/b ü", None, "enrolments"))
    assert job["group"] == "a/b ü"
    ended(quick, job)
    assert quick.services.gallery.group("a/b ü").people == 2


# while it runs


def test_progress_and_cancelling(quick, held):
    jobs = [submit(quick), submit(quick, {"cyd.png": photo("cyd")})]
    wait_until(lambda: quick.services.jobs.get(jobs[0]["id"]).state == "running")
    path = f"/api/v1/jobs/{jobs[0]['id']}"
    assert quick.client.get(path).json()["done"] == 0
    answer = quick.client.get(f"{path}/result")
    assert problem_of(answer) == (409, "job_unfinished")
    assert problem_of(quick.client.delete(path)) == (409, "job_unfinished")
    listed = quick.client.get("/api/v1/jobs", params={"limit": 2}).json()["jobs"]
    assert [(job["id"], job["state"]) for job in listed] == [
        (jobs[1]["id"], "queued"),
        (jobs[0]["id"], "running"),
    ]
    second = quick.client.post(f"/api/v1/jobs/{jobs[1]['id']}/cancel").json()
    assert second["state"] == "cancelled"
    assert quick.client.post(f"{path}/cancel").json()["cancelling"] is True
    held.set()
    first = ended(quick, jobs[0])
    assert (first["state"], first["done"]) == ("cancelled", 1)
    assert result_of(quick, jobs[0])["enrolled"] == 1
    assert [person.name for person in quick.services.gallery.people("team")] == ["ada"]
    answer = quick.client.get(f"/api/v1/jobs/{jobs[1]['id']}/result")
    assert problem_of(answer) == (409, "job_unfinished")


def test_a_job_that_has_ended_can_be_forgotten(quick):
    job = submit(quick)
    ended(quick, job)
    path = f"/api/v1/jobs/{job['id']}"
    assert quick.client.post(f"{path}/cancel").json()["state"] == "succeeded"
    assert quick.client.delete(path).status_code == 204
    for answer in (
        quick.client.get(path),
        quick.client.get(f"{path}/result"),
        quick.client.post(f"{path}/cancel"),
        quick.client.delete(path),
        quick.client.get("/api/v1/jobs", params={"before": job["id"]}),
    ):
        assert problem_of(answer) == (404, "job_unknown")


def test_jobs_are_listed_page_by_page(quick):
    jobs = [submit(quick)["id"] for _ in range(3)]
    wait_until(lambda: not list(quick.services.uploads.iterdir()))
    first = quick.client.get("/api/v1/jobs", params={"limit": 2}).json()
    assert [job["id"] for job in first["jobs"]] == [jobs[2], jobs[1]]
    more = {"limit": 1, "before": first["next"]}
    assert quick.client.get("/api/v1/jobs", params=more).json()["jobs"][0]["id"] == jobs[0]
    states = quick.client.get("/api/v1/jobs", params={"state": "failed", "limit": 3}).json()
    assert jobs[0] not in [job["id"] for job in states["jobs"]]
    for options in ({"state": "lost"}, {"limit": 0}, {"before": "x" * 37}):
        answer = quick.client.get("/api/v1/jobs", params=options)
        assert problem_of(answer) == (422, "request_invalid")


def test_a_job_goes_on_after_a_restart(tmp_path):
    with quick_server(tmp_path) as first:
        go_on, begun = Event(), Event()
        work = first.services.jobs.enrolment
        real = work._enrol

        def enrol(*args):
            begun.set()
            assert go_on.wait(20)
            return real(*args)

        work._enrol = enrol
        job = submit(first)
        assert begun.wait(20)
        first.services.stopping.set()  # the picture at work is finished, no other is begun
        go_on.set()
    assert len(list((tmp_path / "uploads").iterdir())) == 2
    with quick_server(tmp_path) as second:
        done = ended(second, job)
        assert (done["state"], done["done"]) == ("succeeded", 3)
        result = result_of(second, job)
        assert [each["new"] for each in result["pictures"]] == [True] * 3


# refused


BAD = {
    "text": (b"hello", (400, "archive_invalid")),
    "empty": (b"", (400, "archive_invalid")),
    "picture": (photo("ada"), (400, "archive_invalid")),
    "cut off": (zip_bytes(FILES)[:-30], (400, "archive_invalid")),
    "no pictures": (zip_bytes({"notes.txt": b"-"}), (422, "nothing_to_do")),
    "path tricks": (zip_bytes({"../../ada.png": photo("ada")}), (400, "archive_invalid")),
    "absolute": (zip_bytes({"/etc/ada.png": photo("ada")}), (400, "archive_invalid")),
}


@pytest.mark.parametrize(("data", "expected"), BAD.values(), ids=BAD.keys())
def test_what_is_no_archive_of_pictures_is_refused(quick, data, expected):
    before = len(quick.services.jobs.find(limit=1000))
    answer = quick.client.post(TEAM, content=data, headers=ZIP)
    assert problem_of(answer) == expected
    assert not re.search("uploads|job-", answer.text)
    assert len(quick.services.jobs.find(limit=1000)) == before
    assert list(quick.services.uploads.iterdir()) == []


def test_other_bodies_are_refused(quick):
    for way, expected in (
        ({"json": {"url": "http://host"}}, (415, "content_refused")),
        ({"content": b"x", "headers": {"Content-Type": "image/png"}}, (415, "content_refused")),
        ({"files": {"file": (None, b"x")}}, (400, "usage")),
        ({"files": {"a": ("a", b"x"), "b": ("b", b"x")}}, (400, "usage")),
    ):
        assert problem_of(quick.client.post(TEAM, **way)) == expected
    assert list(quick.services.uploads.iterdir()) == []


def test_a_bomb_and_an_upload_that_is_too_large_are_refused(tmp_path):
    with quick_server(tmp_path, server={"max_upload_bytes": 20_000}) as quick:
        bomb = zip_bytes({f"ada/{n}.png": bytes(10_000) for n in range(5)})
        assert len(bomb) < 2000
        answer = quick.client.post(TEAM, content=bomb, headers=ZIP)
        assert problem_of(answer) == (400, "archive_invalid")
        for content in (b"x" * 20_001, iter([b"x" * 20_001])):
            answer = quick.client.post(TEAM, content=content, headers=ZIP)
            assert problem_of(answer) == (413, "body_too_large")
        assert list(quick.services.uploads.iterdir()) == []


@pytest.mark.parametrize(
    ("group", "options"),
    [("x" * 201, {}), ("team", {"skip_folders": -1}), ("team", {"largest": "perhaps"})],
)
def test_options_that_make_no_sense_are_refused(quick, group, options):
    path = path_of(group, None, "enrolments")
    answer = quick.client.post(path, content=zip_bytes(FILES), headers=ZIP, params=options)
    assert problem_of(answer) == (422, "request_invalid")


def test_too_many_jobs_are_told_to_come_later(quick, monkeypatch):
    monkeypatch.setattr(quick.services.jobs.store, "_most", 0)
    answer = quick.client.post(TEAM, content=zip_bytes(FILES), headers=ZIP)
    assert problem_of(answer) == (503, "server_busy")
    assert int(answer.headers["retry-after"]) > 1
    assert list(quick.services.uploads.iterdir()) == []


def test_a_full_disk_is_told_and_nothing_stays(quick, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vultus.server.jobs.runner.os.fsync", full)
    answer = quick.client.post(TEAM, content=zip_bytes(FILES), headers=ZIP)
    assert problem_of(answer) == (507, "storage_failed")
    assert list(quick.services.uploads.iterdir()) == []


def test_viewers_have_no_jobs(quick):
    key = headers_of(quick, "viewer")
    for method, path in (
        ("POST", TEAM),
        ("GET", "/api/v1/jobs"),
        ("GET", "/api/v1/jobs/1"),
        ("GET", "/api/v1/jobs/1/result"),
        ("POST", "/api/v1/jobs/1/cancel"),
        ("DELETE", "/api/v1/jobs/1"),
        ("POST", "/api/v1/videos"),
    ):
        answer = quick.client.request(method, path, headers=key, content=b"x")
        assert problem_of(answer) == (403, "role_missing")
