"""`vultus import ...`: people known to other programs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.enrolling import OUTCOMES, Enrolling
from vultus.cli.exit_codes import FAILED
from vultus.cli.output import Format, Output
from vultus.work import choose_jobs, work_through

if TYPE_CHECKING:
    from vultus.gallery.enrolment import PreparedFace
    from vultus.migrate.people import PersonPicture, Plan, Skipped

app = typer.Typer(no_args_is_help=True, help="Take over people that other programs know.")

_MOST_ROWS = 50
_AT_ONCE = 500  # encodings a transaction: each waits for the disk

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Do everything but write; say what would be enrolled.")
]
Folder = Annotated[Path, typer.Argument(help="The folder.", show_default=False)]


@app.command()
def encodings(
    file: Annotated[Path, typer.Argument(help="Pickle, .npy, .npz or .json.", show_default=False)],
    group: options.GroupOption = "default",
    names: Annotated[
        Path | None,
        typer.Option(
            "--names",
            help="Names in the order of encodings that have none: a line each, JSON or .npy.",
            show_default=False,
        ),
    ] = None,
    dry_run: DryRunOption = False,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Take over encodings of face_recognition or dlib: names with 128 numbers each.

    Pickles are read without running them; only lists, dicts, text, numbers and arrays are taken.

    Examples: vultus import encodings encodings.pickle --group friends
    vultus import encodings faces.npy --names names.txt
    """
    from vultus.gallery.rows import check_name
    from vultus.migrate.encodings import read_encodings

    out = Output(format)
    check_name(group, "group")
    entries = read_encodings(file, names)
    with options.make_gallery(gallery) as people:
        enrolling = Enrolling(out, people, group, dry=dry_run)
        starts = range(0, len(entries), _AT_ONCE)
        for start in out.progress(starts, len(starts), "Importing"):
            enrolling.answer_all(entries[start : start + _AT_ONCE])
    _end(out, enrolling, [])


@app.command()
def folder(
    directory: Folder,
    group: options.GroupOption = "default",
    numbered: Annotated[
        bool,
        typer.Option("--numbered", help="obama-2.jpg is another picture of obama."),
    ] = False,
    largest: options.LargestOption = False,
    dry_run: DryRunOption = False,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
    mirror: options.MirrorOption = None,
    jobs: options.JobsOption = 0,
) -> None:
    """Take over the folder of known people of face_recognition's tools, or a folder a person.

    Example: vultus import folder known_people --group friends
    """
    from vultus.migrate.people import plan_folder

    plan = plan_folder(directory, numbered=numbered)
    _enrol(plan, group, largest, dry_run, gallery, format, mirror, jobs)


@app.command()
def compreface(
    path: Annotated[
        Path,
        typer.Argument(
            help="A folder a subject, or the API's list of examples (.json).", show_default=False
        ),
    ],
    group: options.GroupOption = "default",
    largest: options.LargestOption = False,
    dry_run: DryRunOption = False,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
    mirror: options.MirrorOption = None,
    jobs: options.JobsOption = 0,
) -> None:
    """Take over the pictures of a CompreFace face collection.

    Its embeddings are of other networks and cannot be converted; docs/migrating.md says how to
    fetch the pictures.
    """
    from vultus.migrate.compreface import plan_compreface

    plan = plan_compreface(path)
    _enrol(plan, group, largest, dry_run, gallery, format, mirror, jobs)


@app.command("double-take")
def double_take(
    directory: Folder,
    group: options.GroupOption = "default",
    largest: options.LargestOption = False,
    dry_run: DryRunOption = False,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
    mirror: options.MirrorOption = None,
    jobs: options.JobsOption = 0,
) -> None:
    """Take over the people trained in Double Take: its storage folder, with train/NAME/*.jpg."""
    from vultus.migrate.cameras import plan_double_take

    plan = plan_double_take(directory)
    _enrol(plan, group, largest, dry_run, gallery, format, mirror, jobs)


@app.command()
def frigate(
    directory: Folder,
    group: options.GroupOption = "default",
    largest: options.LargestOption = False,
    dry_run: DryRunOption = False,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
    mirror: options.MirrorOption = None,
    jobs: options.JobsOption = 0,
) -> None:
    """Take over Frigate's face library: clips/faces/NAME/*.webp, without `train`."""
    from vultus.migrate.cameras import plan_frigate

    plan = plan_frigate(directory)
    _enrol(plan, group, largest, dry_run, gallery, format, mirror, jobs)


def _enrol(
    plan: Plan,
    group: str,
    largest: bool,
    dry: bool,
    gallery: str | None,
    format: Format,
    mirror: bool | None,
    jobs: int,
) -> None:
    """Enrol the pictures of a plan, as `vultus enroll` does, and say what is left out."""
    from vultus.gallery.rows import check_name

    out = Output(format)
    check_name(group, "group")
    _tell_skipped(out, plan.skipped)
    for note in plan.notes:
        out.note(note)
    at_once = choose_jobs(jobs, len(plan.pictures))
    with options.make_gallery(gallery, options.settings_for(at_once), mirror=mirror) as people:

        def prepare(picture: PersonPicture) -> PreparedFace:
            return people.prepare(picture.person, picture.path, largest=largest)

        enrolling = Enrolling(out, people, group, dry=dry)
        results = work_through(plan.pictures, prepare, at_once)
        for result in out.progress(results, len(plan.pictures), "Importing"):
            picture = result.task
            enrolling.answer(str(picture.path), picture.person, result.answer, result.error)
    _end(out, enrolling, plan.skipped)


def _tell_skipped(out: Output, skipped: Iterable[Skipped]) -> None:
    for item in skipped:
        record = {"source": str(item.path), "skipped": item.reason, "files": item.count}
        out.data(record, f"skipped: {item.path}: {item.reason} ({item.count})")


def _end(out: Output, enrolling: Enrolling, skipped: Iterable[Skipped]) -> None:
    """The table of people, the sums, and the status."""
    from vultus.cli.tables import table_lines

    rows = [
        [person, *(counts[outcome] or None for outcome in OUTCOMES)]
        for person, counts in sorted(enrolling.people.items())
    ]
    if out.format is Format.human:
        for line in table_lines(["person", *OUTCOMES], rows[:_MOST_ROWS]):
            out.note(line)
        if len(rows) > _MOST_ROWS:
            out.note(f"and {len(rows) - _MOST_ROWS} more people")
    enrolling.sum_up(sum(item.count for item in skipped))
    if enrolling.counts["failed"]:
        raise typer.Exit(FAILED)
