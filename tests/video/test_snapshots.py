from __future__ import annotations

import errno
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from vultus.errors import StorageError
from vultus.events.visit import Visit
from vultus.imaging.draw import KNOWN
from vultus.imaging.load import load
from vultus.video import snapshots as module
from vultus.video.snapshots import Snapshots, safe_name

NOON = datetime(2026, 3, 4, 12, tzinfo=timezone.utc)
BOX = (30.0, 40.0, 50.0, 60.0)


def visit(number: int = 1, sequence: int = 0, camera: str = "door", time=NOON) -> Visit:
    return Visit(
        f"visit-{number}", "enter", sequence, camera, None, "Ada", None, 0.9, time, time, time, 1.5,
        BOX,
    )  # fmt: skip


def image(width: int = 320, height: int = 240) -> np.ndarray:
    return np.full((height, width, 3), (90, 120, 150), np.uint8)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def age(folder: Path, name: str, days: float) -> None:
    """Let a visit's pictures be so old."""
    for path in folder.rglob(f"{name}*"):
        moment = path.stat().st_mtime - days * 86_400
        os.utime(path, (moment, moment))


def test_a_clean_and_an_annotated_picture(tmp_path):
    path = Snapshots(tmp_path).save(visit(), image(), BOX)
    assert path == tmp_path / "door/2026-03-04/visit-1-0.jpg"
    assert files(tmp_path) == [
        "door/2026-03-04/visit-1-0.jpg",
        "door/2026-03-04/visit-1-0_annotated.jpg",
    ]
    clean, annotated = load(path), load(path.with_name("visit-1-0_annotated.jpg"))
    assert np.abs(clean.astype(int) - (90, 120, 150)).max() < 4
    assert np.abs(annotated[41, 40:70].mean(axis=0) - KNOWN).max() < 40


def test_colours_are_not_swapped(tmp_path):
    red = np.full((64, 64, 3), (220, 20, 20), np.uint8)
    assert load(Snapshots(tmp_path).save(visit(), red, BOX))[5, 5, 0] > 200


def test_the_clean_picture_is_whole_and_the_annotated_one_small(tmp_path):
    path = Snapshots(tmp_path).save(visit(), image(2560, 1440), (1000, 1000, 200, 200))
    assert load(path).shape == (1440, 2560, 3)
    annotated = load(path.with_name("visit-1-0_annotated.jpg"))
    assert annotated.shape == (720, 1280, 3)
    assert np.abs(annotated[501, 510:590].mean(axis=0) - KNOWN).max() < 40  # the box moved along


def test_days_are_utc(tmp_path):
    late = datetime(2026, 3, 4, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert Snapshots(tmp_path).save(visit(time=late), image(), BOX).parent.name == "2026-03-05"


def test_another_sequence_is_another_picture_and_the_same_one_is_replaced(tmp_path):
    shots = Snapshots(tmp_path)
    first = shots.save(visit(), image(), BOX)
    assert shots.save(visit(sequence=1), image(), BOX) != first
    assert shots.save(visit(), image(64, 48), BOX) == first
    assert load(first).shape == (48, 64, 3)
    assert len(files(tmp_path)) == 4


@pytest.mark.parametrize(
    "camera", ["../../etc", "/etc", "..", ".", "", "a/b", "C:\\x", "a\0b", "con"]
)
def test_no_camera_leads_out_of_the_folder(tmp_path, camera):
    folder = tmp_path / "shots"
    path = Snapshots(folder).save(visit(camera=camera), image(), BOX)
    assert path.resolve().relative_to(folder.resolve()).parts[1] == "2026-03-04"
    assert [each.name for each in tmp_path.iterdir()] == ["shots"]


@pytest.mark.parametrize("name", ["door", "Front door", "Tür (2)", "李", "O'Brien, Jr.x", "a.b"])
def test_good_names_stay(name):
    assert safe_name(name) == name


def test_names_that_had_to_change_stay_different_and_keep_their_ending():
    assert len({safe_name(name) for name in ["a/b", "a\\b", "a_b", "a:b", " a_b"]}) == 5
    assert safe_name("a/b.jpg").endswith(".jpg")
    assert len(safe_name("李" * 300).encode()) < 200
    assert safe_name("a" * 300) != safe_name("a" * 301)


def test_forgetting_visits_leaves_the_others(tmp_path):
    shots = Snapshots(tmp_path)
    for number in (1, 2, 12):
        for sequence in (0, 1):
            shots.save(visit(number, sequence), image(), BOX)
    assert shots.forget(["visit-1", "visit-7"]) == 4
    assert {name.split("/")[-1][:8] for name in files(tmp_path)} == {"visit-2-", "visit-12"}
    assert Snapshots(tmp_path).forget(["visit-2", "visit-12"]) == 8  # saved before the start
    assert not files(tmp_path)
    assert not list((tmp_path / "door").iterdir())  # empty days go, too


def test_what_is_too_old_goes(tmp_path):
    shots = Snapshots(tmp_path, days=7)
    for number in (1, 2):
        shots.save(visit(number), image(), BOX)
    age(tmp_path, "visit-1", 8)
    assert Snapshots(tmp_path, days=7).clean(datetime.now(timezone.utc)) == 2
    assert all("visit-2" in name for name in files(tmp_path))
    later = datetime.now(timezone.utc) + timedelta(days=7, minutes=1)
    assert shots.clean(later) == 2
    assert not files(tmp_path)


def test_an_old_video_watched_today_keeps_its_pictures(tmp_path):
    shots = Snapshots(tmp_path, days=7)
    shots.save(visit(time=NOON - timedelta(days=900)), image(), BOX)
    assert shots.clean(datetime.now(timezone.utc)) == 0


def test_beyond_the_size_the_oldest_go(tmp_path):
    for number in range(5):
        Snapshots(tmp_path).save(visit(number), image(), BOX)
        age(tmp_path, f"visit-{number}-", 5 - number)
    pair = sum(path.stat().st_size for path in tmp_path.rglob("visit-4-*"))
    shots = Snapshots(tmp_path, megabytes=2.5 * pair / 1e6)
    assert shots.clean(datetime.now(timezone.utc)) == 6
    assert {name.split("/")[-1][:7] for name in files(tmp_path)} == {"visit-3", "visit-4"}
    shots.save(visit(5), image(), BOX)
    assert shots.clean(datetime.now(timezone.utc)) == 2
    assert {name.split("/")[-1][:7] for name in files(tmp_path)} == {"visit-4", "visit-5"}


def test_files_of_others_are_never_touched(tmp_path):
    others = ["notes.jpg", "door/plan.jpg", "door/2026-03-04/readme.txt", "door/x/visit-1-0.jpg"]
    for name in others:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        age(tmp_path, path.name, 99)
    Snapshots(tmp_path).save(visit(), image(), BOX)
    Snapshots(tmp_path, days=1, megabytes=0.00001).clean(datetime.now(timezone.utc))
    Snapshots(tmp_path).forget(["visit-1"])
    assert files(tmp_path) == sorted(others)


def test_the_folder_is_looked_through_once_an_hour_only(tmp_path, monkeypatch):
    looks = []
    find = module._find_pictures
    monkeypatch.setattr(module, "_find_pictures", lambda *a: looks.append(1) or find(*a))
    shots, now = Snapshots(tmp_path, days=7), datetime.now(timezone.utc)
    for minute in range(130):
        shots.clean(now + timedelta(minutes=minute))
    assert len(looks) == 3
    Snapshots(tmp_path).clean(now)  # keeps everything
    assert len(looks) == 3


def test_what_a_crash_left_half_written_goes(tmp_path):
    path = Snapshots(tmp_path).save(visit(), image(), BOX)
    left, fresh = path.with_name("v-1.jpg.part"), path.with_name("v-2.jpg.part")
    for part in (left, fresh):
        part.write_bytes(b"x")
    age(tmp_path, left.name, 1)
    Snapshots(tmp_path, days=7).clean(datetime.now(timezone.utc))
    assert (left.exists(), fresh.exists()) == (False, True)


def test_a_picture_that_somebody_deleted_is_no_error(tmp_path):
    shots = Snapshots(tmp_path)
    shots.save(visit(), image(), BOX).unlink()
    shots.forget(["visit-1"])
    assert not files(tmp_path)


def test_a_full_disk_is_told_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    shots = Snapshots(tmp_path)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="No space left"):
            shots.save(visit(), image(), BOX)
    assert not files(tmp_path)
    assert shots.save(visit(), image(), BOX).exists()  # and goes on when there is room


def test_a_place_that_is_no_folder_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be written"):
        Snapshots(tmp_path / "file").save(visit(), image(), BOX)


def test_what_cannot_be_deleted_is_told_and_the_rest_goes(tmp_path, monkeypatch):
    shots = Snapshots(tmp_path)
    kept = shots.save(visit(), image(), BOX)
    unlink = Path.unlink

    def refuse(path, missing_ok=False):
        if path == kept:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(StorageError, match="cannot be deleted: Permission denied"):
        shots.forget(["visit-1"])
    assert files(tmp_path) == ["door/2026-03-04/visit-1-0.jpg"]
