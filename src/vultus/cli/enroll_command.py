"""`vultus enroll`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.exit_codes import FAILED
from vultus.cli.output import Format, Output
from vultus.cli.work import choose_jobs, work_through
from vultus.errors import UsageError, VultusError
from vultus.imaging.folders import find_pictures

if TYPE_CHECKING:
    from vultus.gallery.enrolment import Enrolment, PreparedFace
    from vultus.gallery.gallery import Gallery


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
    counts: Counter[str] = Counter()
    with options.make_gallery(gallery, settings, mirror=mirror) as people:

        def prepare(task: _Task) -> PreparedFace:
            return people.prepare(task.person, task.path, largest=largest, keep_crop=keep_crops)

        results = work_through(tasks, prepare, at_once)
        for result in out.progress(results, len(tasks), "Enrolling"):
            counts[_finish(out, people, group, result.task, result.answer, result.error)] += 1
    _sum_up(out, counts, group, skipped)
    if counts["failed"]:
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


def _finish(
    out: Output,
    people: Gallery,
    group: str,
    task: _Task,
    prepared: PreparedFace | None,
    error: VultusError | None,
) -> str:
    """Write one face and answer for it: new, known or failed."""
    from vultus.errors import FaceExists

    source = str(task.path)
    if error is not None or prepared is None:
        out.error(error or VultusError("nothing was found"), source)
        return "failed"
    try:
        done = people.add(prepared, group=group)
    except (FaceExists, UsageError) as refused:
        out.error(refused, source)
        return "failed"
    out.data(_record(done), _line(done))
    return "new" if done.new else "known"


def _record(done: Enrolment) -> dict[str, object]:
    from vultus.cli.records import rounded

    record: dict[str, object] = rounded(asdict(done))
    return record


def _line(done: Enrolment) -> str:
    if not done.new:
        return f"{done.person}: {done.source} was enrolled before"
    warnings = f" (poor: {'; '.join(done.warnings)})" if done.warnings else ""
    return f"{done.person}: {done.source}, quality {done.quality:.2f}{warnings}"


def _sum_up(out: Output, counts: Counter[str], group: str, skipped: int) -> None:
    parts = [f"{counts['new']} faces enrolled into {group!r}"]
    parts += [f"{counts['known']} were there before"] if counts["known"] else []
    parts += [f"{counts['failed']} failed"] if counts["failed"] else []
    parts += [f"{skipped} other files skipped"] if skipped else []
    out.note(", ".join(parts))
