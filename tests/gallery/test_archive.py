from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.gallery.workers import record
from vultus.errors import ArchiveInvalid, StorageError
from vultus.gallery import archive
from vultus.gallery.archive import read_archive, write_archive

RECORDS = [
    record("ada", "1", crop=b"\x89PNG\r\n\x1a\n one"),
    record("bob", "2"),
    record("ada", "3 👩‍🚀\n"),
]


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "team.vultus"


@pytest.fixture
def written(path) -> Path:
    write_archive(path, "team", RECORDS)
    return path


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def rewrite(path: Path, **changed: bytes | None) -> None:
    """Write the archive again with other members; None leaves one out."""
    found = {name: changed.get(name.split(".")[0], data) for name, data in members(path).items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in found.items():
            if data is not None:
                opened.writestr(name, data)


def manifest(path: Path, face: dict[str, object] | None = None, **top: object) -> bytes:
    """The manifest with something changed, in its first face or at the top."""
    found = json.loads(members(path)["manifest.json"])
    found["faces"][0].update(face or {})
    return json.dumps({**found, **top}).encode()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npy_header(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def test_what_was_written_is_read_again(written):
    group, found = read_archive(written)
    assert group == "team"
    assert len(found) == 3
    for read, original in zip(found, RECORDS, strict=True):
        np.testing.assert_array_equal(read.embedding, original.embedding)
        for field in ("person", "model", "source", "digest", "box", "quality", "crop"):
            assert getattr(read, field) == getattr(original, field)


def test_an_empty_group(path):
    write_archive(path, "nobody", [])
    assert read_archive(path) == ("nobody", [])


def test_it_is_an_ordinary_zip_of_json_and_numpy(written):
    found = members(written)
    assert list(found) == ["manifest.json", "embeddings.npy", "crops/0.png"]
    assert json.loads(found["manifest.json"])["schema_version"] == archive.SCHEMA
    assert np.load(io.BytesIO(found["embeddings.npy"])).shape == (3, 128)


def test_an_archive_is_replaced_as_a_whole(written):
    write_archive(written, "team", RECORDS[:1])
    assert len(read_archive(written)[1]) == 1
    assert [found.name for found in written.parent.iterdir()] == [written.name]


def test_a_failed_export_leaves_the_old_archive(written, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        write_archive(written, "team", RECORDS[:1])
    assert len(read_archive(written)[1]) == 3
    assert [found.name for found in written.parent.iterdir()] == [written.name]


@pytest.mark.parametrize("place", ["missing/team.vultus", "file/team.vultus", "folder"])
def test_where_nothing_can_be_written(tmp_path, place):
    tmp_path.joinpath("file").touch()
    tmp_path.joinpath("folder").mkdir()
    with pytest.raises(StorageError, match="cannot be written"):
        write_archive(tmp_path / place, "team", RECORDS)
    assert {found.name for found in tmp_path.iterdir()} == {"file", "folder"}


# what is refused


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x05\x06" + bytes(18), b"PK\x03\x04"])
def test_a_file_that_is_no_archive(path, content):
    path.write_bytes(content)
    with pytest.raises(ArchiveInvalid, match=r"team\.vultus"):
        read_archive(path)


def test_a_missing_file_and_a_folder(tmp_path):
    for place in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ArchiveInvalid):
            read_archive(place)


def test_an_archive_of_a_newer_vultus(written):
    rewrite(written, manifest=manifest(written, schema_version=2))
    with pytest.raises(ArchiveInvalid, match="schema 2, known is 1") as caught:
        read_archive(written)
    assert "Upgrade" in caught.value.hint


MANIFESTS = {
    "missing": lambda _: None,
    "not json": lambda _: b"{",
    "not text": lambda _: b"\xff\xfe\xff",
    "a list": lambda _: b"[]",
    "nested deeply": lambda _: b"[" * 200_000,
    "no group": lambda path: b'{"schema_version": 1, "faces": []}',
    "unknown key": lambda path: manifest(path, colour="blue"),
    "schema of words": lambda path: manifest(path, schema_version="one"),
    "fewer faces": lambda path: manifest(path, faces=[]),
    "unknown key of a face": lambda path: manifest(path, {"colour": "blue"}),
    "a digest of another kind": lambda path: manifest(path, {"digest": "../../etc/passwd"}),
    "three numbers for a box": lambda path: manifest(path, {"box": [1, 2, 3]}),
    "a box without end": lambda path: manifest(path, {"box": [0, 0, 1, float("inf")]}),
    "a box of nothing": lambda path: manifest(path, {"box": [0, 0, 1, float("nan")]}),
    "quality over one": lambda path: manifest(path, {"quality": 2}),
    "quality of nothing": lambda path: manifest(path, {"quality": float("nan")}),
    "a time that is none": lambda path: manifest(path, {"enrolled_at": "yesterday"}),
    "a person that is a number": lambda path: manifest(path, {"person": 7}),
}


@pytest.mark.parametrize("make", MANIFESTS.values(), ids=MANIFESTS)
def test_a_wrong_manifest(written, make):
    rewrite(written, manifest=make(written))
    with pytest.raises(ArchiveInvalid, match=r"team\.vultus"):
        read_archive(written)


EMBEDDINGS = {
    "missing": None,
    "not numpy": b"hello",
    "empty": b"",
    "two rows for three faces": npy(np.zeros((2, 128), np.float32)),
    "doubles": npy(np.zeros((3, 128))),
    "flat": npy(np.zeros(384, np.float32)),
    "not a number": npy(np.full((3, 128), np.nan, np.float32)),
    "infinite": npy(np.full((3, 128), np.inf, np.float32)),
    "objects": npy(np.array([[None] * 128] * 3, object)),
    "more than there is memory": npy_header((10**12, 128)),
    "a header without numbers": npy_header((3, 128)),
    "negative": npy_header((-3, 128)),
    "an archive of arrays": b"PK\x05\x06" + bytes(18),
}


@pytest.mark.parametrize("data", EMBEDDINGS.values(), ids=EMBEDDINGS)
def test_wrong_embeddings(written, data):
    rewrite(written, embeddings=data)
    with pytest.raises(ArchiveInvalid, match="cannot be imported"):
        read_archive(written)


def test_a_pickle_in_the_embeddings_is_not_run(written, monkeypatch):
    monkeypatch.setattr("pickle.load", lambda *_a, **_k: pytest.fail("it was run"))
    rewrite(written, embeddings=npy(np.array([[{}] * 128] * 3, object)))
    with pytest.raises(ArchiveInvalid):
        read_archive(written)


def test_a_crop_that_is_missing(written):
    found = members(written)
    del found["crops/0.png"]
    with zipfile.ZipFile(written, "w") as opened:
        for name, data in found.items():
            opened.writestr(name, data)
    with pytest.raises(ArchiveInvalid, match="crops/0"):
        read_archive(written)


def test_a_crop_that_unpacks_to_far_more_than_a_face(written):
    found = members(written)
    found["crops/0.png"] = bytes(50_000_000)
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in found.items():
            opened.writestr(name, data)
    assert written.stat().st_size < 100_000
    with pytest.raises(ArchiveInvalid, match="larger than"):
        read_archive(written)


@pytest.mark.parametrize("name", ["manifest", "embeddings"])
def test_a_member_over_the_limit_is_refused(written, monkeypatch, name):
    monkeypatch.setattr(archive, "_MAX_ROW_BYTES", 1000)
    monkeypatch.setattr(archive, "_MAX_FACES", 8)
    rewrite(written, **{name: bytes(6000)})
    with pytest.raises(ArchiveInvalid, match=rf"{name}.* is larger than [45],\d+ bytes"):
        read_archive(written)


def test_an_archive_that_unpacks_to_too_much_is_refused(written, monkeypatch):
    monkeypatch.setattr(archive, "_MAX_TOTAL_BYTES", 1000)
    with pytest.raises(ArchiveInvalid, match="unpacks to more than 1,000 bytes"):
        read_archive(written)


def test_an_archive_that_unpacks_to_far_more_than_itself_is_refused(written, monkeypatch):
    monkeypatch.setattr(archive, "_SMALL_BYTES", 1000)
    assert read_archive(written)
    rewrite(written, manifest=bytes(10**6))
    with pytest.raises(ArchiveInvalid, match="unpacks to more than"):
        read_archive(written)


def test_what_is_wrong_with_a_manifest_is_told_without_what_is_in_it(written):
    manifest = members(written)["manifest.json"]
    rewrite(written, manifest=manifest.replace(b'"quality"', b'"charm"'))
    with pytest.raises(ArchiveInvalid, match=r"manifest\.json: faces\.0\.quality: Field required"):
        read_archive(written)


@pytest.mark.parametrize("length", [101.0, 3e38])
def test_embeddings_that_no_network_makes_are_refused(tmp_path, length):
    vector = np.zeros(128, np.float32)
    vector[0] = length
    archive.write_archive(tmp_path / "a.zip", "team", [record("ada", "1", embedding=vector)])
    with pytest.raises(ArchiveInvalid, match="do not fit"):
        read_archive(tmp_path / "a.zip")


def test_a_crop_that_is_no_png_is_refused(tmp_path):
    archive.write_archive(tmp_path / "a.zip", "team", [record("ada", "1", crop=b"GIF89a")])
    with pytest.raises(ArchiveInvalid, match="no PNG"):
        read_archive(tmp_path / "a.zip")


def test_members_that_nobody_asked_for_are_not_unpacked(written):
    with zipfile.ZipFile(written, "a") as opened:
        opened.writestr("../../outside.txt", "x")
        opened.writestr("/tmp/vultus-outside.txt", "x")  # noqa: S108
    assert len(read_archive(written)[1]) == 3
    assert [found.name for found in written.parent.iterdir()] == [written.name]


def test_an_encrypted_archive(written):
    data = bytearray(written.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(mark)
        while start >= 0:
            data[start + offset] |= 1
            start = data.find(mark, start + 1)
    written.write_bytes(data)
    with pytest.raises(ArchiveInvalid, match="encrypted"):
        read_archive(written)


@pytest.mark.parametrize("part", np.linspace(0.05, 0.98, 8))
def test_an_archive_cut_off(written, part):
    data = written.read_bytes()
    written.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(ArchiveInvalid):
        read_archive(written)


def test_a_damaged_archive_is_read_whole_or_refused(written):
    whole = written.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        broken = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            broken[place] = rng.integers(0, 256)
        written.write_bytes(broken)
        try:
            assert len(read_archive(written)[1]) == 3
        except ArchiveInvalid:
            refused += 1
    assert refused > 200
