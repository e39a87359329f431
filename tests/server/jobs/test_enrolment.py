"""Bulk enrolment: every picture has its answer, and a crash makes none be done twice."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from threading import Event

import pytest

from tests.fakes import fake_analyzer
from tests.server.jobs.zips import make_zip, photo
from vultus.errors import GalleryBusy, GalleryReadOnly, NothingToDo, StorageError
from vultus.gallery.database import Database
from vultus.gallery.gallery import Gallery
from vultus.server.jobs.enrolment import BulkEnrolment, EnrolmentWish
from vultus.server.jobs.journal import Journal
from vultus.server.jobs.runner import JobCancelled, JobStopped, Task
from vultus.server.jobs.store import JobStore
from vultus.server.looking import Looker
from vultus.server.metrics import Metrics
from vultus.settings import Settings
from vultus.video.budget import Budget

FILES = {
    "ada/1.png": photo("ada"),
    "ada/2.png": photo("ada", shade=10),
    "bob/1.png": photo("bob"),
    "cyd.png": photo("cyd"),
}


class Bench:
    """A gallery of coloured squares, and one upload that may be worked on several times."""

    def __init__(self, folder) -> None:
        settings = Settings(gallery=str(folder / "people.db"), limits={"max_image_bytes": 20_000})
        self.gallery = Gallery(settings=settings, analyzer=fake_analyzer(settings))
        looker = Looker(self.gallery.analyzer, Metrics())
        self.work = BulkEnrolment(settings, self.gallery, looker, Budget(1))
        self.upload = folder / "upload.zip"
        self.journal = Journal(folder / "journal")
        self.database = Database(settings.gallery)
        with self.database.write(create=True):
            pass
        self.store = JobStore(self.database)

    def task(self, files=None, **options) -> Task:
        if files is not None:
            make_zip(self.upload, files)
        wish = {"group": "friends", **options}
        number = len(self.store.find())
        record = self.store.add(f"job-{number}", "enrolment", "kiosk", wish)
        return Task(record, self.upload, self.journal, Event())

    def sources(self) -> list[str]:
        people = self.gallery.people("friends")
        faces = [self.gallery.faces_of(person.name, group="friends") for person in people]
        return sorted(face.source for each in faces for face in each)


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.gallery.close()
    made.database.close()


def test_every_picture_is_enrolled_and_told_of(bench):
    task = bench.task(FILES | {"notes.txt": b"-"})
    answer = bench.work(task)
    assert (task.done, task.total) == (4, 4)
    assert answer["pictures"][0] == {
        "source": "ada/1.png",
        "person": "ada",
        "new": True,
        "quality": pytest.approx(answer["pictures"][0]["quality"]),
        "warnings": answer["pictures"][0]["warnings"],
    }
    counts = {name: answer[name] for name in ("group", "enrolled", "known", "failed", "skipped")}
    assert counts == {"group": "friends", "enrolled": 4, "known": 0, "failed": 0, "skipped": 1}
    assert bench.sources() == sorted(FILES)
    assert bench.work.count(bench.upload, EnrolmentWish("friends")) == 4


def test_the_same_again_changes_nothing(bench, tmp_path):
    bench.work(bench.task(FILES))
    bench.journal = Journal(tmp_path / "another")
    answer = bench.work(bench.task(FILES))
    assert (answer["enrolled"], answer["known"]) == (0, 4)
    assert bench.sources() == sorted(FILES)


def test_a_picture_that_cannot_be_enrolled_stops_no_other(bench):
    files = {
        "ada/1.png": photo("ada"),
        "ada/2.png": photo("ada", "bob"),
        "ada/3.png": photo(),
        "ada/4.png": b"text",
        "ada/5.png": b"\0" * 20_001,
        "bob/1.png": photo("ada"),
        "x" * 201 + "/1.png": photo("cyd"),
        "dan/1.png": photo("dan"),
    }
    answer = bench.work(bench.task(files))
    codes = [each.get("error", {}).get("code") for each in answer["pictures"]]
    assert codes == [
        None,
        "several_faces",
        "no_face",
        "image_unreadable",
        "image_too_large",
        "face_exists",
        None,
        "usage",
    ]
    assert (answer["enrolled"], answer["failed"]) == (2, 6)
    assert bench.sources() == ["ada/1.png", "dan/1.png"]


def test_options_are_heeded(bench):
    files = {"all/ada/1.png": photo("bob", "ada"), "all/bob/1.png": photo("bob", shade=9)}
    answer = bench.work(bench.task(files, largest=True, keep_crops=True, skip_folders=1))
    assert [each["person"] for each in answer["pictures"]] == ["ada", "bob"]
    (face,) = bench.gallery.faces_of("ada", group="friends")
    assert face.crop is not None


def test_an_upload_without_pictures_is_refused_before_there_is_a_job(bench):
    make_zip(bench.upload, {"notes.txt": b"-"})
    with pytest.raises(NothingToDo):
        bench.work.count(bench.upload, EnrolmentWish("friends"))


def interrupt(bench, task, after, how):
    """Let it break off with the `after`-th picture."""
    add, added = bench.gallery.add, []

    def counted(face, *, group):
        done = add(face, group=group)
        added.append(face)
        if len(added) == after:
            how(task)
        return done

    bench.gallery.add = counted
    try:
        return bench.work(task)
    finally:
        bench.gallery.add = add


def test_a_stopped_job_goes_on_where_it_was(bench, monkeypatch):
    with pytest.raises(JobStopped):
        interrupt(bench, bench.task(FILES), 2, lambda task: task.stopping.set())
    assert bench.sources() == ["ada/1.png", "ada/2.png"]
    read = []
    monkeypatch.setattr(
        "vultus.server.jobs.archive.PictureArchive.read",
        lambda self, member: read.append(member.name) or FILES[member.name],
    )
    answer = bench.work(bench.task())
    assert read == ["bob/1.png", "cyd.png"]
    assert (answer["enrolled"], len(answer["pictures"])) == (4, 4)


def test_a_cancelled_job_tells_what_it_did(bench):
    with pytest.raises(JobCancelled) as cancelled:
        interrupt(bench, bench.task(FILES), 3, lambda task: task.cancelled.set())
    assert cancelled.value.result["enrolled"] == 3
    assert len(bench.sources()) == 3


class Killed(BaseException):
    """Stands for the end of the process: nothing is written after it."""


def kill(_task):
    raise Killed


def test_a_killed_job_enrols_nobody_twice(bench):
    with pytest.raises(Killed):
        interrupt(bench, bench.task(FILES), 2, kill)
    assert bench.sources() == ["ada/1.png", "ada/2.png"]
    answer = bench.work(bench.task())
    assert bench.sources() == sorted(FILES)
    # the second was enrolled, and the process ended before it could note so
    assert [each["new"] for each in answer["pictures"]] == [True, False, True, True]


def test_a_picture_that_ends_the_server_again_and_again_is_left_alone(bench):
    decode, tries = bench.gallery.analyzer.detector.detect, []

    def deadly(image, search):
        tries.append(1)
        raise Killed

    bench.gallery.analyzer.detector.detect = deadly
    task = bench.task({"ada/1.png": photo("ada"), "bob/1.png": photo("bob")})
    for _ in range(3):
        with pytest.raises(Killed):
            bench.work(task)
    bench.gallery.analyzer.detector.detect = decode
    answer = bench.work(bench.task())
    assert len(tries) == 3
    assert answer["pictures"][0]["error"]["code"] == "internal_error"
    assert bench.sources() == ["bob/1.png"]


@pytest.mark.parametrize("error", [GalleryBusy, StorageError, GalleryReadOnly])
def test_a_database_that_cannot_be_written_is_no_fault_of_the_picture(bench, error):
    def broken(_face, *, group):
        raise error("full, or locked")

    add, bench.gallery.add = bench.gallery.add, broken
    task = bench.task({"ada/1.png": photo("ada")})
    for _ in range(5):
        with pytest.raises(error):
            bench.work(task)
    bench.gallery.add = add
    assert bench.work(bench.task())["enrolled"] == 1


class FullDisk:
    """Takes a journal of so many bytes, and of the next ones what fits: as a full disk does."""

    def __init__(self, monkeypatch) -> None:
        self.room = 0
        opened, disk = Path.open, self

        class Limited(io.FileIO):
            def write(self, data):
                fits = bytes(data)[: max(0, disk.room - os.fstat(self.fileno()).st_size)]
                if not fits:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return super().write(fits)

        def limited(path, mode="r", *args, **kwargs):
            if path.name == "journal" and mode == "ab":
                return io.BufferedWriter(Limited(path, "ab"))
            return opened(path, mode, *args, **kwargs)

        monkeypatch.setattr(Path, "open", limited)


def test_a_disk_that_is_full_at_any_moment_breaks_nothing(bench, monkeypatch, tmp_path):
    """Whatever the journal could still take: everybody is enrolled once, and nobody is blamed."""
    task, full = bench.task(FILES), 0
    disk = FullDisk(monkeypatch)
    for _ in range(200):
        disk.room += 37
        try:
            answer = bench.work(task)
        except StorageError as error:
            assert str(tmp_path) not in str(error)
            assert "space" in str(error)
            full += 1
            continue
        break
    assert full > 10
    assert [each.get("error") for each in answer["pictures"]] == [None] * 4
    assert answer["enrolled"] + answer["known"] == 4
    assert bench.sources() == sorted(FILES)


def test_others_get_their_turn_between_two_pictures(bench):
    taken = []

    class Counting(Budget):
        def turn(self):
            taken.append(1)
            return super().turn()

    bench.work._budget = Counting(1)
    bench.work(bench.task(FILES))
    assert len(taken) == 4
