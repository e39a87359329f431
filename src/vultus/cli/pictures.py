"""Which pictures a command works on, and working through them on several threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from vultus.errors import FaceError, ImageError, NothingToDo, VultusError

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_NAMES = "jpg jpeg jpe jfif png webp bmp gif tif tiff ppm pgm pbm jp2 avif"
ENDINGS = frozenset(f".{name}" for name in _NAMES.split())


@dataclass(frozen=True)
class Picture:
    """A file to work on; `place` is its path below the folder that was named."""

    path: Path
    place: Path


@dataclass
class Found:
    """What walking the named paths gave; `skipped` files are no pictures by their name."""

    pictures: list[Picture] = field(default_factory=list)
    skipped: int = 0


def find_pictures(paths: Sequence[Path]) -> Found:
    """All pictures below the paths, sorted; a file that is named itself is always taken.

    Raises:
        NothingToDo: there are none.
    """
    found = Found()
    for path in paths:
        if path.is_dir():
            _walk(path, found)
        else:
            found.pictures.append(Picture(path, Path(path.name)))
    if not found.pictures:
        names = ", ".join(str(path) for path in paths)
        raise NothingToDo(
            f"There is no picture in {names} ({found.skipped} other files).",
            f"Pictures end with {' '.join(sorted(ENDINGS))}.",
        )
    return found


def _walk(folder: Path, found: Found) -> None:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(root) / name
            if name.startswith(".") or path.suffix.lower() not in ENDINGS:
                found.skipped += 1
            else:
                found.pictures.append(Picture(path, path.relative_to(folder)))


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
