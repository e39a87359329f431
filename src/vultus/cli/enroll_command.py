"""`vultus enroll`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.enrolling import Enrolling
from vultus.cli.exit_codes import FAILED
from vultus.cli.output import Format, Output
from vultus.errors import UsageError
from vultus.imaging.folders import find_pictures
from vultus.work import choose_jobs, work_through

if TYPE_CHECKING:
    from vultus.gallery.enrolment import PreparedFace


@dataclass(frozen=True)
class _Task:
    path: Path
    person: str


def enroll(
    paths: options.Paths,
    group: options.GroupOption = "default",
    name: Annotated[
        str | None,
        typer.Option("--name", "-n", help="Who all these pictures show.", show_default=False),
    ] = None,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
    largest: options.LargestOption = False,
    keep_crops: Annotated[
        bool, typer.Option("--keep-crops", help="Store the aligned faces too.")
    ] = False,
    mirror: options.MirrorOption = None,
    jobs: options.JobsOption = 0,
) -> None:
    """Enrol people: a folder a person, one picture a person named after it, or --name.

    Examples: vultus enroll photos/people --group friends
    vultus enroll --name obama 1.jpg 2.jpg
    """
    out = Output(format)
    from vultus.gallery.rows import check_name

    check_name(group, "group")
    if name is not None:
        check_name(name, "person")
    tasks, skipped = _plan(paths, name)
    at_once = choose_jobs(jobs, len(tasks))
    settings = options.settings_for(at_once)
    with options.make_gallery(gallery, settings, mirror=mirror) as people:

        def prepare(task: _Task) -> PreparedFace:
            return people.prepare(task.person, task.path, largest=largest, keep_crop=keep_crops)

        enrolling = Enrolling(out, people, group)
        results = work_through(tasks, prepare, at_once)
        for result in out.progress(results, len(tasks), "Enrolling"):
            task = result.task
            enrolling.answer(str(task.path), task.person, result.answer, result.error)
    enrolling.sum_up(skipped)
    if enrolling.counts["failed"]:
        raise typer.Exit(FAILED)


def _plan(paths: Sequence[Path], name: str | None) -> tuple[list[_Task], int]:
    """Which picture shows whom, and how many files are no pictures."""
    found = find_pictures(paths)
    if name is not None and any(len(picture.place.parts) > 1 for picture in found.pictures):
        raise UsageError(
            "The folder holds a folder a person, and --name is one name.",
            "Leave --name out, or name the person's own folder.",
        )
    tasks = [_Task(picture.path, name or picture.person) for picture in found.pictures]
    return tasks, found.skipped
