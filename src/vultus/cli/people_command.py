"""`vultus people ...`."""

from __future__ import annotations

from typing import Annotated

import typer

from vultus.cli import options
from vultus.cli.output import Format, Output

app = typer.Typer(no_args_is_help=True, help="The people of a gallery: list, correct, remove.")

Name = Annotated[str, typer.Argument(help="The person's name.", show_default=False)]


@app.command("list")
def list_people(
    group: Annotated[
        str | None, typer.Option("--group", "-g", help="Only this group.", show_default=False)
    ] = None,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """List people with the number of their faces."""
    with options.make_gallery(gallery) as people:
        rows = [
            {
                "group": person.group,
                "person": person.name,
                "faces": person.faces,
                "enrolled_at": person.enrolled_at,
            }
            for person in people.people(group)
        ]
    Output(format).table(rows, "Nobody is enrolled.")


@app.command()
def show(
    name: Name,
    group: options.GroupOption = "default",
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Show the enrolled faces of a person: picture, quality, number for `remove-face`."""
    with options.make_gallery(gallery) as people:
        rows = [
            {
                "face": face.id,
                "source": face.source,
                "quality": round(face.quality, 3),
                "face_px": round(face.box[2]),
                "model": face.model,
                "crop": face.crop is not None,
            }
            for face in people.faces_of(name, group=group)
        ]
    Output(format).table(rows, f"{name} has no faces.")


@app.command()
def rename(
    name: Name,
    new_name: Annotated[str, typer.Argument(help="The new name.", show_default=False)],
    group: options.GroupOption = "default",
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Give a person another name."""
    with options.make_gallery(gallery) as people:
        people.rename(name, new_name, group=group)
    Output(format).data({"group": group, "person": new_name}, f"{name} is now {new_name}")


@app.command()
def move(
    name: Name,
    new_group: Annotated[str, typer.Argument(help="Where to; made if need be.")],
    group: options.GroupOption = "default",
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Move a person to another group."""
    with options.make_gallery(gallery) as people:
        people.move(name, new_group, group=group)
    Output(format).data({"group": new_group, "person": name}, f"{name} is now in {new_group}")


@app.command()
def merge(
    name: Name,
    into: Annotated[str, typer.Argument(help="Who gets the faces.", show_default=False)],
    group: options.GroupOption = "default",
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Give all faces of one person to another: they are the same."""
    with options.make_gallery(gallery) as people:
        people.merge(name, into, group=group)
        count = len(people.faces_of(into, group=group))
    Output(format).data(
        {"group": group, "person": into, "faces": count}, f"{into} now has {count} faces"
    )


@app.command()
def remove(
    name: Name,
    group: options.GroupOption = "default",
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
    yes: options.YesOption = False,
) -> None:
    """Remove a person with all faces."""
    with options.make_gallery(gallery) as people:
        count = len(people.faces_of(name, group=group))
        if not yes:
            typer.confirm(f"Remove {name} with {count} faces from {group}?", abort=True, err=True)
        people.remove(name, group=group)
    Output(format).data(
        {"group": group, "person": name, "removed_faces": count}, f"{name} is removed"
    )


@app.command("remove-face")
def remove_face(
    face: Annotated[int, typer.Argument(help="Its number in `people show`.", show_default=False)],
    group: options.GroupOption = "default",
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Remove one enrolled face."""
    with options.make_gallery(gallery) as people:
        people.remove_face(face, group=group)
    Output(format).data({"group": group, "face": face}, f"face {face} is removed")


@app.command("name")
def name_stranger(
    stranger: Annotated[
        str, typer.Argument(help="A stranger, such as unknown-0001.", show_default=False)
    ],
    name: Name,
    group: options.GroupOption = "default",
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
) -> None:
    """Name a stranger of `vultus watch`, or say that it is somebody known; past visits follow."""
    with options.make_gallery(gallery) as people:
        visits = people.name_stranger(stranger, name, group=group)
    Output(format).data(
        {"stranger": stranger, "person": name, "group": group, "visits": visits},
        f"{stranger} is {name} now, with {visits} past visit{'' if visits == 1 else 's'}",
    )
