"""`vultus visits ...`."""

from __future__ import annotations

import datetime
from typing import Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.output import Format, Output

app = typer.Typer(no_args_is_help=True, help="Past visits: who was before which camera, and when.")

Moment = Annotated[
    datetime.datetime | None, typer.Option(help="In the machine's zone.", show_default=False)
]


@app.command("list")
def list_visits(
    person: Annotated[
        str | None, typer.Argument(help="A person or a stranger.", show_default=False)
    ] = None,
    camera: Annotated[str | None, typer.Option("--camera", help="Only this camera.")] = None,
    since: Moment = None,
    until: Moment = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=100_000, help="At most so many, newest first.")
    ] = 100,
    group: Annotated[
        str | None, typer.Option("--group", "-g", help="Only this group.", show_default=False)
    ] = None,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """List past visits, the newest first."""
    from vultus.events.visit import utc_text
    from vultus.video.local_time import local_text

    settings = options.settings_for()
    with options.make_gallery(gallery, settings) as people:
        found = people.visits.find(
            group=group,
            person=person,
            camera=camera,
            since=None if since is None else since.astimezone(),
            until=None if until is None else until.astimezone(),
            limit=limit,
        )
    human = format is Format.human
    zone = settings.video.time_zone
    rows: list[dict[str, Any]] = [
        {
            "start": local_text(visit.start, zone) if human else utc_text(visit.start),
            "seconds": round((visit.end - visit.start).total_seconds(), 1),
            "camera": visit.camera,
            "person": visit.person,
            "stranger": visit.stranger,
            "probability": round(visit.probability, 4),
            "zone": visit.zone,
            "over": visit.type == "exit",
            "picture": visit.pictures[-1] if visit.pictures else None,
            "visit": visit.id,
        }
        for visit in found
    ]
    Output(format).table(rows, "There were no visits.")


@app.command()
def forget(
    older_days: Annotated[
        float,
        typer.Option("--older-days", min=0, help="Visits that ended so many days ago."),
    ],
    yes: options.YesOption = False,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Forget visits of a while ago, of known people too, with their events and pictures."""
    if not yes:
        typer.confirm(f"Forget all visits older than {older_days:g} days?", abort=True, err=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    with options.make_gallery(gallery) as people:
        count = people.forget_visits(before=now - datetime.timedelta(days=older_days))
    Output(format).data({"forgotten": count}, f"{count} visit{'' if count == 1 else 's'} forgotten")
