"""Jobs at work: one after the other, cancelled, stopped, killed and begun again."""

from __future__ import annotations

import logging
from threading import Event

import pytest

from tests.server.jobs.waiting import ended, submit, wait_until
from vultus.errors import GalleryBusy, JobUnknown, NoFace, ServerBusy, StorageError
from vultus.gallery.audit import note
from vultus.server.jobs import runner as module


class Gate:
    """Work that goes on, step by step, while it is let."""

    def __init__(self) -> None:
        self.begun = Event()
        self.go_on = Event()
        self.tasks = []

    def __call__(self, task):
        self.tasks.append(task)
        task.progress(1)
        self.begun.set()
        while not self.go_on.wait(0.005):
            task.check()
        return {"text": task.upload.read_text()}


def test_a_job_is_done_and_its_files_are_gone(runners):
    runner = runners.start(Gate())
    runner._kinds["kind"].work.go_on.set()
    job = submit(runner, b"hello", secret="hush")  # noqa: S106
    done = ended(runner, job)
    assert (done.state, done.done, done.total) == ("succeeded", 1, 3)
    assert runner.store.result(job) == {"text": "hello"}
    assert done.request == {"group": "friends", "secret": None}
    wait_until(lambda: list(runners.folder.iterdir()) == [])


def test_uploads_are_for_the_owner_alone(runners):
    runner = runners.start(Gate(), begin=False)
    upload = runner.receive()
    assert upload.path.stat().st_mode & 0o077 == 0
    runner.release(upload)
    assert list(runners.folder.iterdir()) == []


def test_progress_is_told_while_it_runs(runners):
    gate = Gate()
    runner = runners.start(gate)
    job = submit(runner)
    assert gate.begun.wait(20)
    now = runner.get(job)
    assert (now.state, now.done, now.total, now.cancelling) == ("running", 1, 3, False)
    assert runner.find(state="running") == [now]
    gate.go_on.set()
    ended(runner, job)


def test_work_is_done_in_the_name_of_the_key_that_asked(runners):
    def work(task):
        with runners.database.write() as connection:
            note(connection, "face.enrol")
        return {}

    runner = runners.start(work)
    ended(runner, submit(runner))
    with runners.database.read() as connection:
        actors = connection.exec_driver_sql("SELECT actor FROM audit").scalars().all()
    assert actors == ["kiosk"]


def test_one_lane_does_one_job_after_the_other_in_order(runners):
    order = []
    gate = Gate()

    def work(task):
        order.append(task.record.id)
        return gate(task)

    runner = runners.start(work)
    jobs = [submit(runner) for _ in range(3)]
    assert gate.begun.wait(20)
    assert [runner.get(job).state for job in jobs] == ["running", "queued", "queued"]
    gate.go_on.set()
    for job in jobs:
        ended(runner, job)
    assert order == jobs


def test_a_job_that_waits_is_cancelled_at_once(runners):
    gate = Gate()
    runner = runners.start(gate)
    first, second = submit(runner), submit(runner)
    assert gate.begun.wait(20)
    assert runner.cancel(second).state == "cancelled"
    gate.go_on.set()
    ended(runner, first)
    assert len(gate.tasks) == 1
    assert runner.cancel(first).state == "succeeded"
    with pytest.raises(JobUnknown):
        runner.cancel("nobody")


def test_a_job_that_runs_ends_soon_and_tells_what_was_done(runners):
    begun = Event()

    def work(task):
        begun.set()
        try:
            while True:
                task.check()
        except module.JobCancelled as cancelled:
            raise module.JobCancelled({"so": "far"}) from cancelled

    runner = runners.start(work)
    job = submit(runner)
    assert begun.wait(20)
    assert runner.cancel(job).state in ("running", "cancelled")
    assert ended(runner, job).state == "cancelled"
    assert runner.store.result(job) == {"so": "far"}


def test_a_job_that_fails_says_why_and_the_next_one_is_done(runners, caplog):
    def work(task):
        if "broken" in task.record.request:
            raise ZeroDivisionError
        if "faceless" in task.record.request:
            raise NoFace("bob.jpg shows no face.", "Send another.")
        return {}

    runner = runners.start(work)
    with caplog.at_level(logging.INFO, "vultus.server"):
        faceless = ended(runner, submit(runner, faceless=True))
        broken = ended(runner, submit(runner, broken=True))
    assert faceless.state == broken.state == "failed"
    assert faceless.error == {
        "code": "no_face",
        "message": "bob.jpg shows no face. Send another.",
    }
    assert broken.error["code"] == "internal_error"
    assert "ZeroDivision" not in broken.error["message"]
    assert "bob" not in caplog.text  # names are for the one who asked, not for the log
    assert "ZeroDivisionError" in caplog.text
    assert ended(runner, submit(runner)).state == "succeeded"


def test_a_server_that_stops_leaves_its_jobs_to_the_next_one(runners):
    gate = Gate()
    runner = runners.start(gate)
    jobs = [submit(runner) for _ in range(2)]
    assert gate.begun.wait(20)
    runners.stop()
    assert [runner.store.get(job).state for job in jobs] == ["queued", "queued"]
    assert len(list(runners.folder.iterdir())) == 2
    gate.go_on.set()
    again = runners.start(gate)
    assert [ended(again, job).state for job in jobs] == ["succeeded", "succeeded"]


def test_what_was_accepted_is_done_after_a_kill(runners):
    gate = Gate()
    killed = runners.start(gate, begin=False)
    jobs = [submit(killed) for _ in range(2)]
    killed.store.begin(jobs[0])  # it ran
    half = killed.receive()  # it was being sent
    half.path.write_bytes(b"half")
    (runners.folder / "import-1.zip").write_bytes(b"of somebody else")
    gate.go_on.set()
    again = runners.start(gate)
    assert [ended(again, job).state for job in jobs] == ["succeeded", "succeeded"]
    wait_until(lambda: [path.name for path in runners.folder.iterdir()] == ["import-1.zip"])


def test_what_is_being_sent_while_the_server_begins_is_not_swept_away(runners, monkeypatch):
    runner = runners.start(Gate(), begin=False)
    upload = runner.receive()
    runner.start()
    assert runner._recovered.wait(20)
    assert upload.path.exists()
    runner.release(upload)


def test_a_busy_database_is_waited_for(runners, monkeypatch):
    monkeypatch.setattr(module, "_RETRY_S", 0.01)
    times = []

    def work(task):
        times.append(1)
        if len(times) < 3:
            raise GalleryBusy("locked")
        return {}

    runner = runners.start(work)
    job = submit(runner)
    assert ended(runner, job).state == "succeeded"
    assert len(times) == 3


def test_what_a_job_waits_for_is_told(runners, monkeypatch):
    """And where it stands; it goes on by itself, after a restart of the server too."""
    monkeypatch.setattr(module, "_RETRY_S", 0.01)
    full = Event()
    full.set()

    def work(task):
        task.progress(2)
        if full.is_set():
            raise StorageError("The gallery cannot be written: disk full.", "Free some space.")
        return {"all": "done"}

    waits_for = (StorageError,)
    runner = runners.start(work, waits_for=waits_for)
    job = submit(runner)
    error = {
        "code": "storage_failed",
        "message": "The gallery cannot be written: disk full. Free some space.",
    }
    wait_until(lambda: runner.get(job).error == error)
    wait_until(lambda: runner.find()[0].error == error)
    assert (runner.get(job).is_open, runner.get(job).done, runner.get(job).total) == (True, 2, 3)
    runners.stop()
    again = runners.start(work, waits_for=waits_for)
    wait_until(lambda: again.get(job).error == error)
    full.clear()
    assert (ended(again, job).state, again.get(job).error) == ("succeeded", None)
    assert again.store.result(job) == {"all": "done"}


def test_what_a_kind_of_job_does_not_wait_for_ends_it(runners):
    def work(task):
        raise StorageError("The disk is full.")

    runner = runners.start(work)
    assert ended(runner, submit(runner)).error["code"] == "storage_failed"


def test_a_folder_that_is_not_there_for_a_while_ends_no_lane(runners, monkeypatch):
    monkeypatch.setattr(module, "_RETRY_S", 0.01)
    gate = Gate()
    gate.go_on.set()
    runner = runners.start(gate, begin=False)
    job = submit(runner)
    path, tries = runner._path, []

    def stubborn(*args):
        tries.append(1)
        if len(tries) < 4:
            raise OSError(28, "No space left on device")
        return path(*args)

    monkeypatch.setattr(runner, "_path", stubborn)
    runner.start()
    assert ended(runner, job).state == "succeeded"


def test_a_job_that_waits_for_a_busy_database_can_be_cancelled(runners):
    tried = Event()

    def work(task):
        tried.set()
        raise GalleryBusy("locked")

    runner = runners.start(work)
    job = submit(runner)
    assert tried.wait(20)
    wait_until(lambda: job not in runner._active)
    assert runner.cancel(job).state == "cancelled"
    assert list(runners.folder.iterdir()) == []


def test_an_end_that_cannot_be_written_is_written_later(runners, monkeypatch):
    monkeypatch.setattr(module, "_RETRY_S", 0.01)
    runner = runners.start(Gate(), begin=False)
    finish, tries = runner.store.finish, []

    def stubborn(*args, **values):
        tries.append(1)
        if len(tries) < 3:
            raise GalleryBusy("locked")
        finish(*args, **values)

    monkeypatch.setattr(runner.store, "finish", stubborn)
    runner._kinds["kind"].work.go_on.set()
    runner.start()
    assert ended(runner, submit(runner)).state == "succeeded"
    assert len(tries) == 3


def test_a_beginning_that_cannot_be_written_is_tried_again(runners, monkeypatch):
    monkeypatch.setattr(module, "_RETRY_S", 0.01)
    runner = runners.start(Gate(), begin=False)
    recover, begin, tries = runner.store.recover, runner.store.begin, []

    def stubborn(call):
        def tried(*args):
            tries.append(1)
            if len(tries) in (1, 3):
                raise GalleryBusy("locked")
            return call(*args)

        return tried

    monkeypatch.setattr(runner.store, "recover", stubborn(recover))
    monkeypatch.setattr(runner.store, "begin", stubborn(begin))
    runner._kinds["kind"].work.go_on.set()
    runner.start()
    assert ended(runner, submit(runner)).state == "succeeded"
    assert len(tries) >= 4  # found again by the recovery, it may begin twice, to no effect


def test_too_much_that_waits_is_refused(runners):
    runner = runners.start(Gate(), begin=False, most_bytes=10)
    job = submit(runner, b"x" * 10)
    with pytest.raises(ServerBusy, match="Too much waits"):
        runner.receive()
    runner.cancel(job)
    runner.release(runner.receive())


def test_jobs_that_ended_long_ago_are_forgotten(runners):
    gate = Gate()
    gate.go_on.set()
    runner = runners.start(gate)
    job = submit(runner)
    ended(runner, job)
    runners.stop()
    later = runners.start(gate, keep_days=0)
    wait_until(lambda: later.find() == [])


def test_two_jobs_run_at_once_where_there_are_two_threads(runners):
    gate = Gate()
    runner = runners.start(gate, threads=2)
    jobs = [submit(runner) for _ in range(2)]
    wait_until(lambda: len(gate.tasks) == 2)
    gate.go_on.set()
    assert {ended(runner, job).state for job in jobs} == {"succeeded"}
