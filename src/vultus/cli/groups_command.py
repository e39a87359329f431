"""`vultus groups ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vultus.cli import options
from vultus.cli.output import Format, Output

app = typer.Typer(no_args_is_help=True, help="The groups of a gallery, and their export.")

Name = Annotated[str, typer.Argument(help="The group's name.", show_default=False)]


@app.command("list")
def list_groups(
    gallery: options.GalleryOption = None, format: options.FormatOption = Format.human
) -> None:
    """List groups with the number of their people and faces."""
    with options.make_gallery(gallery) as people:
        rows = [
            {
                "group": group.name,
                "people": group.people,
                "faces": group.faces,
                "threshold": group.threshold.distance if group.threshold else None,
                "far": group.threshold.far if group.threshold else None,
            }
            for group in people.groups()
        ]
    Output(format).table(rows, "There are no groups.")


@app.command()
def create(
    name: Name,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Make an empty group."""
    with options.make_gallery(gallery) as people:
        people.create_group(name)
    Output(format).data({"group": name}, f"{name} is made")


@app.command()
def rename(
    name: Name,
    new_name: Annotated[str, typer.Argument(help="The new name.", show_default=False)],
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Give a group another name."""
    with options.make_gallery(gallery) as people:
        people.rename_group(name, new_name)
    Output(format).data({"group": new_name}, f"{name} is now {new_name}")


@app.command()
def remove(
    name: Name,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
    yes: options.YesOption = False,
) -> None:
    """Remove a group with all its people."""
    with options.make_gallery(gallery) as people:
        count = len(people.people(name))
        if not yes:
            typer.confirm(f"Remove {name} with {count} people?", abort=True, err=True)
        people.remove_group(name)
    Output(format).data({"group": name, "removed_people": count}, f"{name} is removed")


@app.command("export")
def export_group(
    name: Name,
    file: Annotated[Path, typer.Argument(help="Where to, for example friends.vultus.zip.")],
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Write a group to one file. It holds biometric data: keep it as you would keep keys."""
    with options.make_gallery(gallery) as people:
        count = people.export_group(name, file)
    Output(format).data(
        {"group": name, "faces": count, "file": str(file)}, f"{count} faces of {name} in {file}"
    )


@app.command("import")
def import_group(
    file: Annotated[Path, typer.Argument(help="What `groups export` wrote.", show_default=False)],
    group: Annotated[
        str | None,
        typer.Option("--group", "-g", help="Into this group. [default: the exported one]"),
    ] = None,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Read a group from a file; faces that are there already are left alone."""
    with options.make_gallery(gallery) as people:
        name, count = people.import_group(file, group=group)
    Output(format).data({"group": name, "new_faces": count}, f"{count} new faces in {name}")
