"""Working through many tasks on several threads."""

from __future__ import annotations

import atexit
import gc
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

from vultus.errors import FaceError, ImageError, VultusError

Task = TypeVar("Task")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Result(Generic[Task, Answer]):
    """The answer for one task, or the error it ended with."""

    task: Task
    answer: Answer | None = None
    error: VultusError | None = None


def work_through(
    tasks: Sequence[Task], work: Callable[[Task], Answer], jobs: int
) -> Iterator[Result[Task, Answer]]:
    """Do the tasks on `jobs` threads; results come in the order of the tasks.

    What is wrong with one picture is its result; every other error ends the work.

    Few results wait at any time, so memory does not grow with the number of tasks. Closing the
    iterator, or Ctrl-C, leaves what has not begun undone.
    """

    def attempt(task: Task) -> Result[Task, Answer]:
        try:
            return Result(task, work(task))
        except (ImageError, FaceError) as error:
            return Result(task, error=error)

    if jobs == 1 or len(tasks) == 1:
        yield from map(attempt, tasks)
        return
    pool = ThreadPoolExecutor(jobs)
    waiting: deque[Future[Result[Task, Answer]]] = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(attempt, task))
            if len(waiting) > jobs + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def choose_jobs(asked: int, tasks: int) -> int:
    """How many pictures are worked on at once; 0 asks for one a core, at most eight."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(asked or min(cores or 1, 8), tasks))


@cache
def end_swiftly() -> None:
    """At the end of this program leave what it holds to the system, as a whole.

    Python would go through some hundred thousand objects once more: 50 ms.
    """
    atexit.register(gc.freeze)
