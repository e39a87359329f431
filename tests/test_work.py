from __future__ import annotations

import threading

import pytest

from vultus.errors import ImageUnreadable
from vultus.work import choose_jobs, work_through


@pytest.mark.parametrize("jobs", [1, 3])
def test_answers_come_in_order_and_errors_of_pictures_are_answers(jobs):
    def work(task: int) -> int:
        if task == 3:
            raise ImageUnreadable("broken")
        return task * task

    found = list(work_through(range(8), work, jobs))
    assert [one.task for one in found] == list(range(8))
    assert [one.answer for one in found] == [0, 1, 4, None, 16, 25, 36, 49]
    assert isinstance(found[3].error, ImageUnreadable)


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_other_error_ends_the_work(jobs):
    def work(task: int) -> int:
        return 1 // (task - 2)

    with pytest.raises(ZeroDivisionError):
        list(work_through(range(8), work, jobs))


def test_what_has_not_begun_is_left_when_nobody_wants_it():
    done: list[int] = []
    lock = threading.Lock()

    def work(task: int) -> int:
        with lock:
            done.append(task)
        return task

    results = work_through(range(1000), work, 2)
    next(results)
    results.close()
    assert len(done) < 20


def test_jobs_are_no_more_than_tasks():
    assert choose_jobs(5, 3) == 3
    assert choose_jobs(2, 100) == 2
    assert 1 <= choose_jobs(0, 100) <= 8
    assert choose_jobs(0, 0) == 1
