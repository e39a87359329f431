"""`vultus align`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.folder_faces import make_describer
from vultus.cli.output import Format, Output
from vultus.errors import NothingToDo
from vultus.imaging.folders import find_pictures

if TYPE_CHECKING:
    from vultus.learn.aligning import AlignedPicture

_LISTED = 20  # skipped pictures named on the screen; the table has all


class How(str, Enum):
    """How faces are cut."""

    margin = "margin"
    aligned = "aligned"


def align(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of pictures.", show_default=False)
    ],
    out_folder: Annotated[
        Path, typer.Option("--out", "-o", help="Where the faces go.", show_default=False)
    ],
    size: Annotated[
        int, typer.Option("--size", min=16, max=2048, help="Side of the faces in pixels.")
    ] = 160,
    margin: Annotated[
        int | None,
        typer.Option(
            "--margin",
            min=0,
            max=1024,
            help="So many of these pixels lie beside the detector's box. [default: 32]",
            show_default=False,
        ),
    ] = None,
    how: Annotated[
        How,
        typer.Option("--how", help="margin: a square around the box; aligned: eyes level, too."),
    ] = How.margin,
    force: Annotated[
        bool, typer.Option("--force", help="Use a folder that holds something else.")
    ] = False,
    format: options.FormatOption = Format.human,
    jobs: options.JobsOption = 0,
) -> None:
    """Cut the face out of every picture of a folder; folders stay, what is done is not repeated.

    Of several faces the large one in the middle. alignment.csv in the folder says what became of
    each picture.

    Example: vultus align photos/ --out faces/ --size 160 --margin 32
    """
    out = Output(format)
    from vultus.learn.aligning import (
        AlignedFolder,
        align_pictures,
        check_places,
        choose_options,
    )

    chosen = choose_options(size, margin, how.value)
    check_places(folder, out_folder)
    pictures = find_pictures([folder]).pictures
    place = AlignedFolder(out_folder, chosen, force=force)
    analyzer, at_once = make_describer(jobs, len(pictures))
    done: list[AlignedPicture] = []
    results = align_pictures(analyzer, pictures, place, jobs=at_once)
    for found in out.progress(results, len(pictures), "Aligning"):
        done.append(found)
        if format is Format.json:
            out.data(_record(found, out_folder))
    _sum_up(out, done, out_folder)
    if not any(found.row.status == "aligned" for found in done):
        raise NothingToDo("No face was found.", f"{out_folder / 'alignment.csv'} says why.")


def _record(found: AlignedPicture, folder: Path) -> dict[str, object]:
    row = found.row
    return {
        "source": str(found.picture.path),
        "status": row.status,
        "face": str(folder / row.face) if row.face else None,
        "faces": row.faces,
        "reason": row.reason or None,
        "resumed": found.resumed,
    }


def _sum_up(out: Output, done: list[AlignedPicture], folder: Path) -> None:
    from vultus.learn.aligning import TABLE, counts

    skipped = [found for found in done if found.row.status != "aligned"]
    for found in skipped[:_LISTED]:
        out.note(f"skipped: {found.row.reason} [{found.row.status}]")
    if len(skipped) > _LISTED:
        out.note(f"... and {len(skipped) - _LISTED} more")
    before = sum(found.resumed for found in done)
    told = counts([found.row for found in done])
    parts = [f"{count} {status}" for status, count in told.items()]
    parts += [f"{before} of them done before"] if before else []
    out.note(f"{len(done)} pictures: {', '.join(parts)}. See {folder / TABLE}")
