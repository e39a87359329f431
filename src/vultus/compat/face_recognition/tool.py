"""What the two command line tools share: pictures of a folder, threads, ends of a command."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import click

from vultus.compat.face_recognition.engine import one_thread_a_network
from vultus.errors import ImageError, VultusError
from vultus.work import end_swiftly, work_through

Seen = TypeVar("Seen")
Answer = TypeVar("Answer")

# As the original matches: anywhere in the name, so that `a.jpg.png` and `a.jpg.old` are read, too.
_PICTURE = re.compile(r".*\.(jpe?g|png)", re.IGNORECASE)
ALL_CORES = -1
_TOGETHER = 4  # pictures; eight faces in one run of the network take a seventh less time


class Tool(click.Command):
    """Ends with status 1 where the original ends with a traceback, and says why in a line."""

    encodes = False  # whether it makes encodings

    def invoke(self, ctx: click.Context) -> Any:
        end_swiftly()
        if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may hold any bytes
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            # `--cpus` is the number of pictures at once
            with one_thread_a_network(encodings=self.encodes):
                return super().invoke(ctx)
        except BrokenPipeError:  # `face_recognition ... | head`: click's own business
            raise
        except (VultusError, OSError, ValueError) as error:
            code = f" [{error.code}]" if isinstance(error, VultusError) else ""
            sys.stderr.write(f"error: {error}{code}\n")
            ctx.exit(1)


def say(line: str) -> None:
    """A line of data, at once: a program may be waiting for it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def image_files_in_folder(folder: str) -> list[str]:
    """Paths of the pictures right in a folder, in the order in which the system lists them.

    Raises:
        OSError: there is no such folder.
    """
    with os.scandir(folder) as entries:
        return [entry.path for entry in entries if _PICTURE.match(entry.name)]


def threads_for(cpus: int) -> int:
    """How many pictures are worked on at once.

    Raises:
        ValueError: neither a number from 1 on nor -1, all cores.
    """
    if cpus == ALL_CORES:
        mine = getattr(os, "sched_getaffinity", None)
        return len(mine(0)) if mine else os.cpu_count() or 1
    if cpus < 1:
        raise ValueError(f"The number of cores must be 1 or more, or -1 for all; it is {cpus}.")
    return cpus


def _naming(path: str, error: Exception) -> Exception:
    """The error with the picture in its message: of what is broken inside, Pillow names no file."""
    if path in str(error):
        return error
    if isinstance(error, VultusError):
        return type(error)(f"{path}: {error.message}", error.hint)
    return (OSError if isinstance(error, OSError) else ValueError)(f"{path}: {error}")


def _groups(paths: Sequence[str], threads: int) -> list[Sequence[str]]:
    """Some paths each, fewer towards the end, where a thread would wait for the others."""
    groups, first = [], 0
    while first < len(paths):
        share = -(-(len(paths) - first) // (2 * threads))
        groups.append(paths[first : first + min(share, _TOGETHER)])
        first += len(groups[-1])
    return groups


def for_each(
    paths: Sequence[str],
    look: Callable[[str], Seen],
    finish: Callable[[list[Seen]], list[Answer]],
    answer: Callable[[str, Answer], None],
    cpus: int,
) -> None:
    """`look` at each picture and `finish` a few at once, on several threads; `answer` here, in
    the order of the pictures.

    Raises:
        OSError, ValueError, ImageTooLarge: a picture cannot be read, which is named. Those before
        it were answered. ValueError: no such number of cores.
    """

    def work(group: Sequence[str]) -> tuple[list[Answer], Exception | None]:
        seen: list[Seen] = []
        for path in group:
            try:
                seen.append(look(path))
            except (OSError, ValueError, ImageError) as error:
                return finish(seen), _naming(path, error)
        return finish(seen), None

    threads = threads_for(cpus)
    for result in work_through(_groups(paths, threads), work, threads):
        if result.answer is None:
            raise cast("Exception", result.error)
        answers, error = result.answer
        for path, one in zip(result.task, answers, strict=False):
            answer(path, one)
        if error is not None:
            raise error
