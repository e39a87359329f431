"""A job outlives its server: killed in the middle, or told to stop."""

from __future__ import annotations

import time

import httpx
import pytest
from benchmarks.server_process import KEY, ServerProcess

from tests.server.jobs.zips import zip_bytes
from tests.shared import LfwArchive, shared
from vultus.gallery.gallery import Gallery
from vultus.settings import Settings

MANY = 24


@pytest.fixture(scope="module")
def portraits() -> dict[str, bytes]:
    """Pictures of different people, named after them."""
    import io
    import tarfile

    from PIL import Image

    with tarfile.open(shared("lfw-grey.tar")) as archive:
        names = sorted(name for name in archive.getnames() if name.endswith("_0001.jpg"))[:MANY]
    files = {}
    with LfwArchive() as photos:
        for name in names:
            buffer = io.BytesIO()
            Image.fromarray(photos.photo(name)).save(buffer, "JPEG")
            files[name.rpartition("/")[2]] = buffer.getvalue()
    return files


def client_of(server: ServerProcess) -> httpx.Client:
    return httpx.Client(
        base_url=f"http://127.0.0.1:{server.port}", headers={"X-Api-Key": KEY}, timeout=30
    )


def job_when(client: httpx.Client, path: str, is_so) -> dict:
    deadline = time.monotonic() + 60
    while True:
        job = client.get(path).json()
        if is_so(job):
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.02)


def test_a_bulk_enrolment_is_finished_by_the_servers_to_come(tmp_path, portraits):
    with ServerProcess(tmp_path) as first:
        first.wait_until("/ready")
        with client_of(first) as client:
            answer = client.post(
                "/api/v1/groups/team/enrolments",
                params={"largest": True},
                content=zip_bytes(portraits),
                headers={"Content-Type": "application/zip"},
            )
            assert answer.status_code == 202
            job = answer.headers["location"]
            before = job_when(client, job, lambda told: told["done"] >= 3)
        first.kill()
    assert before["done"] < MANY
    with ServerProcess(tmp_path) as second:
        second.wait_until("/ready")
        with client_of(second) as client:
            again = job_when(client, job, lambda told: told["done"] > before["done"] + 2)
            assert again["state"] == "running"
        second.stop()  # the picture at work is finished, the job waits
    assert second.status == 0
    with ServerProcess(tmp_path) as third:
        third.wait_until("/ready")
        with client_of(third) as client:
            done = job_when(client, job, lambda told: told["state"] not in ("queued", "running"))
            assert (done["state"], done["done"]) == ("succeeded", MANY)
            result = client.get(f"{job}/result").json()
    assert result["enrolled"] + result["known"] + result["failed"] == MANY
    assert result["known"] <= 1  # enrolled, and killed before that was noted
    assert list((tmp_path / "uploads").iterdir()) == []
    with Gallery(settings=Settings(gallery=str(tmp_path / "people.db"))) as gallery:
        there = {person.name: person.faces for person in gallery.people("team")}
        assert len(there) == result["enrolled"] + result["known"]
        assert set(there.values()) == {1}  # nobody twice
