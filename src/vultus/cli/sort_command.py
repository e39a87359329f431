"""`vultus sort`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.exit_codes import FAILED
from vultus.cli.folder_faces import CacheOption
from vultus.cli.output import Format, Output
from vultus.cli.photos import Photos, check_far, gallery_of, list_photos, look_at_photos

if TYPE_CHECKING:
    from vultus.gallery.calibration import Calibrator
    from vultus.learn.own_folder import OwnFolder, Plan
    from vultus.learn.sorting import Sorting


@dataclass(frozen=True)
class _Known:
    """Who the gallery says the faces are: a person or None, a face, a picture."""

    persons: list[list[str | None]]
    calibrator: Calibrator


def sort(
    paths: options.Paths,
    into: Annotated[
        Path,
        typer.Option("--into", help="Where the folders go: empty, or made by us before."),
    ],
    group: Annotated[
        str | None,
        typer.Option("--group", "-g", help="Name the people of this group.", show_default=False),
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", help="Links instead of copies, where they can be.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing, tell what would be.")
    ] = False,
    min_pictures: Annotated[
        int,
        typer.Option("--min-pictures", min=2, help="Fewer pictures make no folder of a person."),
    ] = 2,
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
    far: options.FarOption = None,
    mirror: options.MirrorOption = None,
    jobs: options.JobsOption = 0,
    cache: CacheOption = True,
) -> None:
    """Put photos into a folder a person: known people by name, the others by cluster.

    Originals are only read. Run it again when there are new photos.

    Example: vultus sort photos/ --into sorted/ --group friends
    """
    out = Output(format)
    check_far(far)
    _check_group(group, gallery)
    from vultus.learn.own_folder import opened

    named = list_photos(out, paths, into)
    with opened(into, "sort", dry=dry_run) as own:
        photos = look_at_photos(out, named, jobs, mirror, cached=cache)
        known = _identify(photos, group, gallery, far)
        from vultus.learn.sorting import sort_pictures

        sorting = sort_pictures(
            photos.pictures,
            known.persons,
            known.calibrator,
            own.state,
            min_pictures=min_pictures,
        )
        plan = own.plan(sorting.wanted, photos.by_digest)
        kinds = Counter[str]() if dry_run else _carry_out(out, own, plan, link)
    _answer(out, _record(into, photos, sorting, plan, kinds, dry_run))
    if photos.failed:
        raise typer.Exit(FAILED)


def _check_group(group: str | None, address: str | None) -> None:
    """An unknown group fails before the work."""
    if group is not None:
        with options.make_gallery(address) as people:
            people.require_group(group)


def _identify(photos: Photos, group: str | None, address: str | None, far: float | None) -> _Known:
    with gallery_of(photos.analyzer, address, far) as people:
        persons: list[list[str | None]] = []
        for picture in photos.pictures:
            count = 0 if picture.faces is None else len(picture.faces)
            if group is None or picture.faces is None or not count:
                persons.append([None] * count)
                continue
            found = people.identify_faces(picture.faces, group=group, top=1)
            persons.append([one.person for one in found])
        return _Known(persons, people.calibrator)


def _carry_out(out: Output, own: OwnFolder, plan: Plan, link: bool) -> Counter[str]:
    done = own.carry_out(plan, link)
    return Counter(how for _, how in out.progress(done, len(plan.new), "Writing"))


def _record(
    into: Path, photos: Photos, sorting: Sorting, plan: Plan, kinds: Counter[str], dry_run: bool
) -> dict[str, Any]:
    new = Counter(wanted.folder for wanted, _ in plan.new)
    record: dict[str, Any] = {
        "into": str(into),
        "dry_run": dry_run,
        "pictures": len(photos.pictures),
        "copies": photos.copies,
        "failed": photos.failed,
        "folders": [
            {
                "folder": each.name,
                "person": each.person,
                "pictures": each.pictures,
                "new": new[each.name],
            }
            for each in sorting.folders
        ],
        "new": len(plan.new),
        "kept": plan.kept,
        "removed": len(plan.stale),
        "how": dict(sorted(kinds.items())),
    }
    if dry_run:
        record["placements"] = [
            {"source": str(wanted.source), "to": place} for wanted, place in plan.new
        ]
    return record


def _answer(out: Output, record: dict[str, Any]) -> None:
    if out.format is Format.json:
        out.data(record)
        return
    out.table(record["folders"], "There is nothing to sort.")
    how = ", ".join(f"{count} by {kind}" for kind, count in record["how"].items())
    parts = [f"{record['pictures']} pictures", f"{record['new']} new files"]
    parts[-1] += f" ({how})" if how else ""
    parts += [f"{record['kept']} were there"] if record["kept"] else []
    parts += [f"{record['removed']} moved to another folder"] if record["removed"] else []
    parts += [f"{record['failed']} failed"] if record["failed"] else []
    would = "would be " if record["dry_run"] else ""
    out.data(record, f"{', '.join(parts)}; {would}in {record['into']}")
