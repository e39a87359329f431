"""Export and import over the native API."""

from __future__ import annotations

import errno
import io
import re
import zipfile

import numpy as np
import pytest

from tests.fakes import picture
from tests.server.api.quick import enrol, path_of, problem_of
from vultus.gallery.store import FaceRecord
from vultus.models.catalogue import EMBEDDER
from vultus.server import uploads
from vultus.server.api.transfer import SentOnce

IMPORT = "/api/v1/import"


@pytest.fixture
def archive(quick):
    """The export of a group of two people; the group is gone."""
    enrol(quick, "a/b", "ada", keep_crops=True)
    enrol(quick, "a/b", "ada", shade=20)
    enrol(quick, "a/b", "bob")
    content = quick.client.get(path_of("a/b") + "/export").content
    quick.client.delete(path_of("a/b"))
    return content


def people_of(live):
    return {(each.group, each.name): each.faces for each in live.services.gallery.people()}


def test_an_export_is_a_file_that_is_told_once(quick):
    enrol(quick, "a/b", "ada")
    answer = quick.client.get(path_of("a/b") + "/export")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''a%2Fb.vultus.zip"
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert "manifest.json" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    (change,) = quick.services.gallery.audit.find(limit=1)
    assert (change.actor, change.action, change.subject) == ("settings", "group.export", "a/b")
    nowhere = quick.client.get(path_of("nowhere") + "/export")
    assert problem_of(nowhere) == (404, "group_unknown")


def test_what_was_exported_can_be_imported(quick, archive):
    answer = quick.client.post(IMPORT, content=archive)
    assert (answer.status_code, answer.json()) == (201, {"group": "a/b", "new_faces": 3})
    assert people_of(quick) == {("a/b", "ada"): 2, ("a/b", "bob"): 1}
    assert [face.crop is not None for face in quick.services.gallery.faces_of("ada", group="a/b")]
    (found,) = quick.services.gallery.identify(picture("ada", shade=5), group="a/b")
    assert found.person == "ada"
    again = quick.client.post(IMPORT, content=archive)
    assert again.json() == {"group": "a/b", "new_faces": 0}


def test_a_form_with_the_file_into_another_group(quick, archive):
    files = {"file": ("team.zip", archive, "application/zip")}
    answer = quick.client.post(IMPORT, files=files, data={"note": "x"}, params={"group": "team"})
    assert answer.json() == {"group": "team", "new_faces": 3}
    assert people_of(quick) == {("team", "ada"): 2, ("team", "bob"): 1}


def test_an_empty_group_goes_and_comes(quick):
    quick.client.post("/api/v1/groups", json={"name": "empty"})
    content = quick.client.get(path_of("empty") + "/export").content
    quick.client.delete(path_of("empty"))
    assert quick.client.post(IMPORT, content=content).json() == {"group": "empty", "new_faces": 0}
    assert problem_of(quick.client.post(IMPORT, content=content)) == (409, "group_exists")


def repacked(archive, **members):
    """The archive with other members; `manifest_json` stands for manifest.json."""
    buffer = io.BytesIO()
    changed = {name.replace("_", "."): data for name, data in members.items()}
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, changed.get(name, old.read(name)))
    return buffer.getvalue()


BROKEN = {
    "nothing": lambda archive: b"",
    "no zip": lambda archive: b"PK\x03\x04" + b"x" * 5000,
    "cut off": lambda archive: archive[: len(archive) // 2],
    "another zip": lambda archive: repacked(archive, manifest_json=b"{}"),
    "a pickle": lambda archive: repacked(archive, embeddings_npy=b"\x80\x04K\x01."),
    "a bomb": lambda archive: repacked(archive, embeddings_npy=bytes(70_000_000)),
    "a deep manifest": lambda archive: repacked(archive, manifest_json=b"[" * 10**6),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_what_is_no_export_brings_nobody(quick, archive, broken):
    content = broken(archive)
    for options in ({"content": content}, {"files": {"file": ("a.zip", content)}}):
        answer = quick.client.post(IMPORT, **options)
        assert problem_of(answer) == (400, "archive_invalid")
        message = answer.json()["error"]["message"]
        assert message.startswith("The archive cannot be imported")
        assert not re.search(r"/\w+/|\.vultus\.zip|\n", message)  # where it lay
    assert people_of(quick) == {}


def test_no_message_tells_who_is_in_a_broken_archive(quick, archive):
    manifest = zipfile.ZipFile(io.BytesIO(archive)).read("manifest.json")
    broken = repacked(archive, manifest_json=manifest.replace(b'"quality":', b'"charm":'))
    answer = quick.client.post(IMPORT, content=broken)
    assert problem_of(answer) == (400, "archive_invalid")
    assert "faces.0.quality" in answer.text
    assert "ada" not in answer.text


def test_forms_that_hold_no_archive(quick, archive):
    forms = (
        {"data": {"a": "b"}, "files": {"c": (None, b"d")}},
        {"files": [("file", ("a.zip", archive)), ("file", ("b.zip", archive))]},
        {"content": b"--x\r\nhalf", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": archive, "headers": {"Content-Type": "multipart/form-data"}},
    )
    for options in forms:
        assert problem_of(quick.client.post(IMPORT, **options)) == (400, "usage")
    for name in ("", "a\nb", "x" * 201):
        refused = quick.client.post(IMPORT, content=archive, params={"group": name})
        assert problem_of(refused) in {(400, "usage"), (422, "request_invalid")}
    assert people_of(quick) == {}


def test_all_of_it_or_nothing(quick, archive):
    enrol(quick, "team", "eve", "bob")  # the archive says that this picture is bob's
    answer = quick.client.post(IMPORT, content=archive, params={"group": "team"})
    assert problem_of(answer) == (409, "face_exists")
    assert people_of(quick) == {("team", "eve"): 1}


def test_faces_of_a_model_that_is_not_known_here(quick, archive):
    manifest = zipfile.ZipFile(io.BytesIO(archive)).read("manifest.json")
    foreign = repacked(archive, manifest_json=manifest.replace(EMBEDDER.encode(), b"other-1"))
    answer = quick.client.post(IMPORT, content=foreign)
    assert problem_of(answer) == (409, "model_mismatch")
    assert answer.json()["error"]["message"].startswith("The archive holds faces of a model")


def test_more_than_the_limit_is_cut_off(quick, monkeypatch, archive):
    settings = quick.services.settings
    server = settings.server.model_copy(update={"max_upload_bytes": 2000})
    small = settings.model_copy(update={"server": server})
    monkeypatch.setattr(quick.services, "settings", small)
    endless = (b"x" * 1000 for _ in range(100))
    for options in (
        {"content": b"x" * 3000},
        {"content": endless},
        {"files": {"file": ("a.zip", b"x" * 3000)}},
    ):
        assert problem_of(quick.client.post(IMPORT, **options)) == (413, "body_too_large")


def test_an_upload_that_the_disk_cannot_hold(quick, monkeypatch, archive):
    async def full(request, limit):
        yield archive[:10]
        raise OSError(errno.ENOSPC, "No space left on device", "/secret/place")

    monkeypatch.setattr(uploads, "parts_of", full)
    answer = quick.client.post(IMPORT, content=archive)
    assert problem_of(answer) == (507, "storage_failed")
    assert "/secret" not in answer.text


def test_an_export_that_the_disk_cannot_hold(quick, monkeypatch):
    enrol(quick, "team", "ada")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    answer = quick.client.get(path_of("team") + "/export")
    assert problem_of(answer) == (507, "storage_failed")
    assert str(quick.services.uploads) not in answer.text


def test_a_client_that_goes_away_leaves_no_file_behind(quick):
    """The folder of uploads is looked at by the fixture, when the server had time to notice."""
    dice = np.random.default_rng(1)
    records = [
        FaceRecord(
            "ada", EMBEDDER, dice.random(128, np.float32), f"{number}.jpg", f"{number:064x}",
            (0, 0, 50, 50), 0.5, crop=dice.bytes(10**5),
        )
        for number in range(80)
    ]  # fmt: skip
    quick.services.gallery._store.add_faces("large", records)
    path = path_of("large") + "/export"
    with quick.client.stream("GET", path) as answer:
        next(answer.iter_raw(100))
    for _ in range(100):
        if not list(quick.services.uploads.iterdir()):
            break
        quick.client.get("/health")
    assert problem_of(quick.client.get(path_of("nowhere"))) == (404, "group_unknown")


def test_a_file_that_is_sent_once_goes_also_when_sending_breaks(tmp_path):
    import asyncio

    path = tmp_path / "a.zip"
    path.write_bytes(b"x" * 10**6)

    async def receive():
        await asyncio.sleep(3600)

    async def send(message):
        if message["type"] == "http.response.body":
            raise OSError("gone")

    scope = {"type": "http", "asgi": {"spec_version": "2.3"}, "method": "GET"}
    with pytest.raises(Exception):  # noqa: B017 - whatever the framework makes of it
        asyncio.run(SentOnce(path, "a.zip")(scope, receive, send))
    assert not path.exists()
