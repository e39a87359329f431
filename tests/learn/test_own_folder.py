from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from vultus.errors import StorageError, UsageError
from vultus.learn import own_folder, putting
from vultus.learn.own_folder import STATE, Wanted, opened


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    for place in ("a/1.jpg", "b/1.jpg", "b/2.jpg"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(place.encode() * 100)
    return folder


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def want(folder: str, path: Path) -> Wanted:
    return Wanted(folder, path, digest(path))


def carry(path: Path, wanted: list[Wanted], photos: Path, *, link: bool = False, stop: int = -1):
    """Carry out what is wanted; stop: as if the process were killed before this file."""
    sources = {digest(each): each for each in sorted(photos.rglob("*.jpg"))}
    with opened(path, "sort") as own:
        plan = own.plan(wanted, sources)
        done = []
        for number, (_, how) in enumerate(own.carry_out(plan, link)):
            done.append(how)
            if number == stop:
                raise KeyboardInterrupt
        return plan, done


def content(path: Path) -> dict[str, str]:
    """What lies in the folders, by place."""
    files = [each for each in path.rglob("*") if each.is_file() and each.name[0] != "."]
    return {each.relative_to(path).as_posix(): each.read_text()[:7] for each in files}


def test_pictures_of_one_name_lie_beside_each_other_and_originals_stay(tmp_path, photos):
    before = {path: path.stat().st_mtime_ns for path in photos.rglob("*.jpg")}
    out = tmp_path / "out"
    wanted = [want("ada", photos / "a/1.jpg"), want("ada", photos / "b/1.jpg")]
    _, done = carry(out, wanted, photos)
    assert content(out) == {"ada/1.jpg": "a/1.jpg", "ada/1-2.jpg": "b/1.jpg"}
    assert done == ["copy", "copy"]
    assert {path: path.stat().st_mtime_ns for path in photos.rglob("*.jpg")} == before
    assert (out / "ada/1.jpg").stat().st_mtime_ns == before[photos / "a/1.jpg"]
    again, _ = carry(out, wanted, photos)
    assert (len(again.new), again.kept, again.stale) == (0, 2, [])


def test_a_picture_that_belongs_elsewhere_now_moves(tmp_path, photos):
    out = tmp_path / "out"
    one, two = photos / "a/1.jpg", photos / "b/2.jpg"
    carry(out, [want("others", one), want("others", two)], photos)
    carry(out, [want("ada", one), want("others", two)], photos)
    assert content(out) == {"ada/1.jpg": "a/1.jpg", "others/2.jpg": "b/2.jpg"}
    carry(out, [want("ada", one), want("ada", two)], photos)
    assert not (out / "others").exists(), "an empty folder of ours goes"


def test_the_last_copy_of_a_lost_original_stays(tmp_path, photos):
    out = tmp_path / "out"
    one, two = photos / "a/1.jpg", photos / "b/2.jpg"
    carry(out, [want("ada", one), want("ada", two)], photos)
    two.unlink()
    carry(out, [want("bob", one)], photos)
    assert content(out) == {"bob/1.jpg": "a/1.jpg", "ada/2.jpg": "b/2.jpg"}


def test_what_others_put_or_changed_there_is_never_touched(tmp_path, photos):
    out = tmp_path / "out"
    one, two = photos / "a/1.jpg", photos / "b/2.jpg"
    carry(out, [want("ada", one)], photos)
    (out / "ada/2.JPG").write_text("foreign")
    (out / "ada/1.jpg").write_text("edited!")
    carry(out, [want("bob", one), want("ada", two)], photos)
    assert content(out) == {
        "ada/1.jpg": "edited!",
        "ada/2.JPG": "foreign",
        "ada/2-2.jpg": "b/2.jpg",
        "bob/1.jpg": "a/1.jpg",
    }


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path, photos):
    out = tmp_path / "out"
    one = photos / "a/1.jpg"
    with opened(out, "sort") as own:
        plan = own.plan([want("ada", one)], {digest(one): one})
        (out / "ada").mkdir()
        (out / "ada/1.jpg").write_text("foreign")
        list(own.carry_out(plan, False))
    assert content(out) == {"ada/1.jpg": "foreign", "ada/1-2.jpg": "a/1.jpg"}
    plan, _ = carry(out, [want("ada", one)], photos)
    assert (plan.new, plan.kept) == ([], 1)


@pytest.mark.parametrize("saved", [True, False])
def test_what_was_interrupted_goes_on(tmp_path, photos, monkeypatch, saved):
    out = tmp_path / "out"
    wanted = [want("ada", path) for path in sorted(photos.rglob("*.jpg"))]
    if saved:
        with pytest.raises(KeyboardInterrupt):
            carry(out, wanted, photos, stop=0)
    else:  # killed: nothing is written any more
        save, calls = own_folder.OwnFolder.save, []

        def once(self):
            calls.append(1)
            return save(self) if len(calls) == 1 else None

        monkeypatch.setattr(own_folder.OwnFolder, "save", once)
        with pytest.raises(KeyboardInterrupt):
            carry(out, wanted, photos, stop=0)
        monkeypatch.undo()
        (out / "ada" / ".vultus-0123456789abcdef.part").write_text("half a pict")
    assert len(content(out)) == 1
    plan, _ = carry(out, wanted, photos)
    assert (plan.kept, len(plan.new)) == (1, 2)
    assert sorted(content(out).values()) == ["a/1.jpg", "b/1.jpg", "b/2.jpg"]
    assert not list(out.rglob("*.part"))


def test_something_else_where_a_file_was_meant_to_be_is_not_taken_for_it(tmp_path, photos):
    out = tmp_path / "out"
    one = photos / "a/1.jpg"
    out.mkdir()
    meant = {"ada/1.jpg": {"key": digest(one)}}
    (out / STATE).write_text(json.dumps({"kind": "sort", "files": meant}))
    (out / "ada").mkdir()
    (out / "ada/1.jpg").write_text("foreign")
    carry(out, [want("ada", one)], photos)
    carry(out, [want("bob", one)], photos)
    assert content(out) == {"ada/1.jpg": "foreign", "bob/1.jpg": "a/1.jpg"}


def test_links_are_hard_where_they_can_be(tmp_path, photos):
    out = tmp_path / "out"
    one = photos / "a/1.jpg"
    _, done = carry(out, [want("ada", one)], photos, link=True)
    assert done == ["hard link"]
    assert (out / "ada/1.jpg").samefile(one)
    carry(out, [want("bob", one)], photos, link=True)
    assert one.exists()
    assert content(out) == {"bob/1.jpg": "a/1.jpg"}


@pytest.mark.parametrize("symbolic", [True, False])
def test_links_that_cannot_be_made_become_others_or_copies(tmp_path, photos, monkeypatch, symbolic):
    def refuse(*_: object, **__: object) -> None:
        raise OSError("cross-device")

    monkeypatch.setattr(putting.os, "link", refuse)
    if not symbolic:
        monkeypatch.setattr(putting.os, "symlink", refuse)
    out = tmp_path / "out"
    one = photos / "a/1.jpg"
    _, done = carry(out, [want("ada", one)], photos, link=True)
    assert done == ["symbolic link" if symbolic else "copy"]
    assert (out / "ada/1.jpg").is_symlink() == symbolic
    assert content(out) == {"ada/1.jpg": "a/1.jpg"}
    (out / "bob").mkdir()
    (out / "bob/1.jpg").write_text("foreign")  # nor without hard links is anything overwritten
    carry(out, [want("bob", one)], photos)
    assert content(out) == {"bob/1.jpg": "foreign", "bob/1-2.jpg": "a/1.jpg"}
    assert one.exists()


def test_folders_that_are_not_ours_are_refused(tmp_path, photos):
    file = tmp_path / "file"
    file.touch()
    for path, message in ((file, "no folder"), (photos, "something else")):
        with pytest.raises(UsageError, match=message), opened(path, "sort"):
            pass
    carry(tmp_path / "out", [], photos)
    with (
        pytest.raises(UsageError, match="made by `vultus sort`"),
        opened(tmp_path / "out", "cluster"),
    ):
        pass


@pytest.mark.parametrize(
    "place", ["../x.jpg", "/etc/passwd", "a/../../x", "a/b/c", "a", ".ssh/x", "a/.x", "a\\b/c"]
)
def test_a_state_that_leads_out_of_the_folder_is_refused(tmp_path, place):
    (tmp_path / STATE).write_text(
        json.dumps({"kind": "sort", "files": {place: {"key": "0", "done": True}}})
    )
    with pytest.raises(StorageError, match="cannot be read"), opened(tmp_path, "sort"):
        pass


@pytest.mark.parametrize("folder", ["..", "a/b", ".x", ""])
def test_folders_of_a_state_are_plain_names(tmp_path, folder):
    for field in ({"people": {"ada": folder}}, {"clusters": {folder: []}}):
        (tmp_path / STATE).write_text(json.dumps({"kind": "sort", **field}))
        with pytest.raises(StorageError), opened(tmp_path, "sort"):
            pass


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "sort", "format": 2}', "\0"])
def test_a_damaged_state_is_never_guessed_at(tmp_path, text):
    (tmp_path / STATE).write_text(text)
    with pytest.raises(StorageError, match="cannot be read"), opened(tmp_path, "sort"):
        pass
    assert (tmp_path / STATE).read_text() == text


def test_nothing_is_written_through_a_link(tmp_path, photos):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    one = photos / "a/1.jpg"
    carry(out, [], photos)
    (out / "ada").symlink_to(elsewhere)
    with pytest.raises(StorageError, match="is a link"):
        carry(out, [want("ada", one)], photos)
    assert not list(elsewhere.iterdir())


def test_two_processes_do_not_work_on_one_folder(tmp_path):
    again = opened(tmp_path / "out", "sort")
    with (
        opened(tmp_path / "out", "sort"),
        pytest.raises(StorageError, match="Another process"),
        again,
    ):
        pass


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path, photos):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(StorageError, match="cannot be written"):
        carry(tmp_path / "locked" / "out", [], photos)


def test_a_full_disk_says_so_and_keeps_what_is_done(tmp_path, photos, monkeypatch):
    out = tmp_path / "out"
    wanted = [want("ada", path) for path in sorted(photos.rglob("*.jpg"))]
    copy, calls = putting._copy, []

    def fail(source, part):
        calls.append(1)
        if len(calls) == 2:
            part.write_bytes(b"half")
            raise OSError(28, "No space left on device", str(part))
        copy(source, part)

    monkeypatch.setattr(putting, "_copy", fail)
    with pytest.raises(StorageError, match="No space left"):
        carry(out, wanted, photos)
    assert len(content(out)) == 1
    assert not list(out.rglob("*.part"))
    monkeypatch.undo()
    plan, _ = carry(out, wanted, photos)
    assert (plan.kept, len(content(out))) == (1, 3)


def test_dry_makes_nothing(tmp_path, photos):
    with opened(tmp_path / "out", "sort", dry=True) as own:
        plan = own.plan([want("ada", photos / "a/1.jpg")], {})
    assert [place for _, place in plan.new] == ["ada/1.jpg"]
    assert not (tmp_path / "out").exists()
