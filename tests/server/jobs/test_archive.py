"""Zips of pictures: who they show, and everything that a zip may try."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from tests.server.jobs.zips import make_zip, photo, zip_bytes
from vultus.errors import (
    ArchiveInvalid,
    ImageTooLarge,
    ImageUnreadable,
    NothingToDo,
    UsageError,
)
from vultus.server.jobs import archive as module
from vultus.server.jobs.archive import open_pictures

LIMIT = 10_000


def opened(path, **options):
    return open_pictures(path, **{"max_bytes": LIMIT, "max_total": 100 * LIMIT, **options})


def people(path, **options):
    with opened(path, **options) as archive:
        return [(member.person, member.name) for member in archive.members]


def read_all(path, **options):
    with opened(path, **options) as archive:
        return [archive.read(member) for member in archive.members]


def test_a_folder_is_a_person_and_so_is_a_picture_named_after_one(tmp_path):
    files = {
        "bob/2.JPG": b"b2",
        "ada/1.png": b"a1",
        "bob/deeper/1.jpg": b"b1",
        "cyd.jpeg": b"c",
        "notes.txt": b"-",
        "ada/.hidden.png": b"-",
        ".git/x.png": b"-",
        "__MACOSX/ada/._1.png": b"-",
    }
    path = make_zip(tmp_path / "zip", files)
    assert people(path) == [
        ("ada", "ada/1.png"),
        ("bob", "bob/2.JPG"),
        ("bob", "bob/deeper/1.jpg"),
        ("cyd", "cyd.jpeg"),
    ]
    assert read_all(path) == [b"a1", b"b2", b"b1", b"c"]
    with opened(path) as archive:
        assert archive.skipped == 4


def test_a_folder_around_the_people_is_asked_about(tmp_path):
    path = make_zip(tmp_path / "zip", {"all/ada/1.png": b"1", "all/bob/1.png": b"2"})
    with pytest.raises(UsageError, match="around people") as asked:
        people(path)
    assert "ada" not in str(asked.value)
    assert people(path, skip_folders=1) == [("ada", "ada/1.png"), ("bob", "bob/1.png")]
    assert {person for person, _ in people(path, skip_folders=0)} == {"all"}
    assert people(path, skip_folders=9) == [("1", "1.png"), ("1", "1.png")]


def test_one_person_alone_needs_no_question(tmp_path):
    path = make_zip(tmp_path / "zip", {"ada/1.png": b"1", "ada/2.png": b"2"})
    assert {person for person, _ in people(path)} == {"ada"}


@pytest.mark.parametrize("flag", [True, False], ids=["said", "not said"])
def test_names_in_utf8_are_read_whether_they_say_so_or_not(tmp_path, flag):
    data = zip_bytes({"Zoe\u0308/1.png": b"1"})
    if not flag:
        for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            place = data.index(mark) + offset
            (flags,) = struct.unpack_from("<H", data, place)
            data = data[:place] + struct.pack("<H", flags & ~0x800) + data[place + 2 :]
    path = tmp_path / "zip"
    path.write_bytes(data)
    assert people(path) == [("Zoë", "Zoë/1.png")]


def test_a_name_in_an_old_code_page_is_kept_as_it_is(tmp_path):
    data = zip_bytes({"Jxrg/1.png": b"1"}).replace(b"Jxrg", b"J\x94rg")
    path = tmp_path / "zip"
    path.write_bytes(data)
    assert people(path) == [("Jörg", "Jörg/1.png")]


def test_windows_slashes_are_slashes(tmp_path):
    data = zip_bytes({"adax1.png": b"1"}).replace(b"adax1", b"ada\\1")
    path = tmp_path / "zip"
    path.write_bytes(data)
    assert people(path) == [("ada", "ada/1.png")]


@pytest.mark.parametrize(
    "name", ["../../etc/ada.png", "/etc/ada.png", "ada/../../1.png", "C:/ada/1.png", "a/..\\1.png"]
)
def test_names_that_lead_elsewhere_spoil_the_archive(tmp_path, name):
    path = make_zip(tmp_path / "zip", {"bob/1.png": b"1", name: b"1"})
    with pytest.raises(ArchiveInvalid, match="lead out of it"):
        people(path)


whole = zip_bytes({"ada/1.png": b"1" * 500, "bob/1.png": b"2" * 500})


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"PK\x05\x06", whole[:-10], whole[:60], b"\x89PNG\r\n\x1a\n" + b"x" * 500],
    ids=["empty", "text", "end only", "no end", "head only", "picture"],
)
def test_what_is_no_zip_is_told_so(tmp_path, data):
    path = tmp_path / "zip"
    path.write_bytes(data)
    with pytest.raises(ArchiveInvalid, match="no zip"):
        people(path)


def test_an_archive_without_pictures_is_nothing_to_do(tmp_path):
    with pytest.raises(NothingToDo, match="2 other files"):
        people(make_zip(tmp_path / "zip", {"a.txt": b"1", "b.exe": b"2", "folder/": b""}))
    with pytest.raises(NothingToDo):
        people(make_zip(tmp_path / "zip", {}))


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MOST_FILES", 3)
    with pytest.raises(ArchiveInvalid, match="more than 3 files"):
        people(make_zip(tmp_path / "zip", {f"{n}.png": b"1" for n in range(4)}))


def test_a_list_of_files_that_fills_the_memory_is_not_read(tmp_path, monkeypatch):
    path = make_zip(tmp_path / "zip", {f"{'x' * 100}{n}.png": b"1" for n in range(100)})
    monkeypatch.setattr(module, "_MOST_AT_ONCE", 10_000)
    with pytest.raises(ArchiveInvalid, match="no zip"):
        people(path)


def test_a_bomb_is_refused_by_what_it_announces(tmp_path):
    path = make_zip(tmp_path / "zip", {f"ada/{n}.png": b"\0" * LIMIT for n in range(3)})
    assert path.stat().st_size < 1000
    with pytest.raises(ArchiveInvalid, match="29,999 bytes when they are unpacked"):
        people(path, max_total=3 * LIMIT - 1)


def test_a_large_picture_in_it_is_refused_alone(tmp_path):
    path = make_zip(tmp_path / "zip", {"ada/1.png": b"\0" * (LIMIT + 1), "ada/2.png": b"2"})
    with opened(path) as archive:
        large, small = archive.members
        with pytest.raises(ImageTooLarge, match=r"ada/1.png has more than 10,000"):
            archive.read(large)
        assert archive.read(small) == b"2"


def test_a_member_that_has_more_than_it_announced_gives_no_more(tmp_path):
    data = bytearray(zip_bytes({"ada/1.png": b"\0" * LIMIT * 50}))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(mark) + offset, 100)
    path = tmp_path / "zip"
    path.write_bytes(data)
    with pytest.raises(ImageUnreadable, match=r"ada/1.png is damaged"):
        read_all(path)


def test_a_damaged_member_is_told_so(tmp_path):
    data = zip_bytes({"ada/1.png": photo("ada")})
    path = tmp_path / "zip"
    path.write_bytes(data[:60] + bytes(20) + data[80:])
    with pytest.raises(ImageUnreadable, match="is damaged in the archive"):
        read_all(path)


def test_an_encrypted_member_is_told_so(tmp_path):
    data = bytearray(zip_bytes({"ada/1.png": b"1"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path = tmp_path / "zip"
    path.write_bytes(data)
    with pytest.raises(ImageUnreadable, match="encrypted"):
        read_all(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_compressions_that_may_ask_for_much_memory_are_refused(tmp_path, method):
    path = make_zip(tmp_path / "zip", {"ada/1.png": b"1" * 100}, method)
    with pytest.raises(ImageUnreadable, match="compressed in a way"):
        read_all(path)


def test_a_plain_zip_is_read_from_its_end(tmp_path):
    buffer = io.BytesIO(b"in front of it")
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("ada/1.png", b"1")
        archive.comment = b"a comment"
    path = tmp_path / "zip"
    path.write_bytes(buffer.getvalue())
    assert read_all(path) == [b"1"]
