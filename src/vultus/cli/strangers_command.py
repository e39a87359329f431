"""`vultus strangers ...`."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from typing import Annotated

import typer

from vultus.cli import options
from vultus.cli.output import Format, Output
from vultus.errors import UsageError

app = typer.Typer(
    no_args_is_help=True,
    help="Those whom `vultus watch` saw and nobody knows: list, ignore, forget. "
    "`vultus people name` names one.",
)

Label = Annotated[str, typer.Argument(help="Such as unknown-0001.", show_default=False)]


@app.command("list")
def list_strangers(
    group: Annotated[
        str | None, typer.Option("--group", "-g", help="Only this group.", show_default=False)
    ] = None,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """List strangers with the number of their visits and when they were last seen."""
    with options.make_gallery(gallery) as people:
        rows = [asdict(stranger) for stranger in people.strangers.strangers(group)]
    for row in rows:
        row["stranger"] = row.pop("label")
    first = ("stranger", "group")
    Output(format).table(
        [{**{k: row[k] for k in first}, **row} for row in rows], "There are no strangers."
    )


@app.command()
def ignore(
    label: Label,
    again: Annotated[bool, typer.Option("--not", help="Announce this stranger again.")] = False,
    group: options.GroupOption = "default",
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Announce no more visits of a stranger: the neighbour, the postman."""
    with options.make_gallery(gallery) as people:
        people.strangers.ignore(group, label, ignored=not again)
    Output(format).data(
        {"stranger": label, "group": group, "ignored": not again},
        f"{label} is {'announced again' if again else 'ignored'}",
    )


@app.command()
def forget(
    label: Annotated[
        str | None, typer.Argument(help="Such as unknown-0001.", show_default=False)
    ] = None,
    unseen_days: Annotated[
        float | None,
        typer.Option("--unseen-days", min=0, help="All who were not seen for so many days."),
    ] = None,
    group: options.GroupOption = "default",
    yes: options.YesOption = False,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Forget a stranger, or all who were not seen for a while, with visits and pictures."""
    if (label is None) == (unseen_days is None):
        raise UsageError("Whom to forget?", "Name a stranger, or give --unseen-days.")
    what = label or f"all strangers of {group!r} not seen for {unseen_days:g} days"
    if not yes:
        typer.confirm(f"Forget {what} for ever?", abort=True, err=True)
    count = 1
    with options.make_gallery(gallery) as people:
        if label is not None:
            people.forget_stranger(label, group=group)
        elif unseen_days is not None:
            now = datetime.datetime.now(datetime.timezone.utc)
            since = now - datetime.timedelta(days=unseen_days)
            count = people.forget_strangers(unseen_since=since, group=group)
    Output(format).data(
        {"group": group, "forgotten": count},
        f"{count} stranger{'' if count == 1 else 's'} forgotten",
    )
