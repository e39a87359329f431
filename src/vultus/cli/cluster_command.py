"""`vultus cluster`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vultus.cli import options
from vultus.cli.cluster_strangers import cluster_strangers
from vultus.cli.exit_codes import FAILED
from vultus.cli.folder_faces import CacheOption
from vultus.cli.output import Format, Output
from vultus.cli.photos import Photos, check_far, gallery_of, list_photos, look_at_photos
from vultus.errors import NothingToDo, StorageError, UsageError

if TYPE_CHECKING:
    from vultus.learn.cluster_people import EnrolledCluster
    from vultus.learn.clustering import Clusters, FoundFace

_SHEET_ENDINGS = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class _Goals:
    """What becomes of the clusters."""

    into: Path | None
    crops: bool
    link: bool
    sheet: Path | None
    enroll: str | None


def cluster(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Pictures, or folders of them.", show_default=False),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option("--into", help="Write a folder a person here.", show_default=False),
    ] = None,
    crops: Annotated[
        bool, typer.Option("--crops", help="With --into: the faces, not the whole pictures.")
    ] = False,
    link: Annotated[
        bool, typer.Option("--link", help="With --into: links where they can be, not copies.")
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", help="Write a picture with a row a person.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a sheet that is there.")] = False,
    enroll: Annotated[
        str | None,
        typer.Option("--enroll", help="Enrol them as people of this group.", show_default=False),
    ] = None,
    min_pictures: Annotated[
        int, typer.Option("--min-pictures", min=2, help="Fewer pictures make no cluster.")
    ] = 2,
    strangers: Annotated[
        bool, typer.Option("--strangers", help="The strangers of --group instead of pictures.")
    ] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="With --strangers: make each cluster one stranger.")
    ] = False,
    group: options.GroupOption = "default",
    gallery: options.GalleryOption = None,
    format: options.FormatOption = Format.human,
    far: options.FarOption = None,
    mirror: options.MirrorOption = None,
    jobs: options.JobsOption = 0,
    cache: CacheOption = True,
    yes: options.YesOption = False,
) -> None:
    """Group the faces of pictures by person, where nobody says who anybody is.

    Example: vultus cluster photos/ --sheet people.jpg --into people/
    """
    out = Output(format)
    goals = _Goals(into, crops, link, sheet, enroll)
    if strangers:
        if paths or goals != _Goals(None, False, False, None, None):
            raise UsageError(
                "Strangers have no pictures to write.",
                "Leave out paths, --into, --crops, --link, --sheet and --enroll.",
            )
        cluster_strangers(out, group, gallery, far, merge=merge, yes=yes)
        return
    if not paths or merge:
        raise UsageError(
            "--merge is for --strangers." if paths else "There is nothing to cluster.",
            "Name pictures or folders, or give --strangers.",
        )
    _check(goals, force)
    check_far(far)
    photos = look_at_photos(out, list_photos(out, paths, into), jobs, mirror, cached=cache)
    found = _find(photos, far, min_pictures)
    enrolled = _reach(out, goals, photos, found, gallery)
    _answer(out, photos, found, enrolled)
    if photos.failed:
        raise typer.Exit(FAILED)


def _check(goals: _Goals, force: bool) -> None:
    """What would only show after minutes of work is said before."""
    from vultus.gallery.rows import check_name
    from vultus.learn.own_folder import opened

    if goals.into is None and (goals.crops or goals.link):
        raise UsageError("--crops and --link say how --into writes.", "Give --into, too.")
    if goals.crops and goals.link:
        raise UsageError("A crop cannot be a link.", "Leave out --crops or --link.")
    if goals.sheet is not None:
        _check_sheet(goals.sheet, force)
    if goals.enroll is not None:
        check_name(goals.enroll, "group")
    if goals.into is not None:
        with opened(goals.into, "cluster", dry=True):
            pass


def _check_sheet(path: Path, force: bool) -> None:
    if path.suffix.lower() not in _SHEET_ENDINGS:
        raise UsageError(f"{path} is no name for a sheet.", "End it with .jpg or .png.")
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", "Name a file, such as people.jpg.")
    if not path.parent.is_dir():
        raise StorageError(f"There is no folder {path.parent}.", "Make it first.")
    if path.exists() and not force:
        raise UsageError(f"{path} is there already.", "Choose another name, or give --force.")


def _find(photos: Photos, far: float | None, min_pictures: int) -> Clusters:
    from vultus.gallery.calibration import Calibrator
    from vultus.learn.clustering import cluster_faces, faces_of

    faces = faces_of(photos.pictures)
    if not faces:
        count = len(photos.pictures)
        raise NothingToDo(
            f"There is no face in {count} picture{'' if count == 1 else 's'}.",
            "Name pictures of people; `vultus detect` shows what is found.",
        )
    calibrator = Calibrator.of(photos.analyzer.embedder_id, far)
    return cluster_faces(faces, calibrator, min_pictures=min_pictures)


def _reach(
    out: Output, goals: _Goals, photos: Photos, found: Clusters, gallery: str | None
) -> list[EnrolledCluster]:
    """Write what was asked for; who the clusters are in the gallery, if they were enrolled."""
    from vultus.learn.cluster_people import enrol_clusters, person_name
    from vultus.learn.cluster_pictures import draw_clusters

    enrolled: list[EnrolledCluster] = []
    if goals.enroll is not None:
        with gallery_of(photos.analyzer, gallery, None) as people:
            enrolled = enrol_clusters(people, goals.enroll, found.groups)
        _tell_enrolled(out, goals.enroll, enrolled)
    names = [each.person for each in enrolled] or [
        person_name(number) for number in range(1, len(found.groups) + 1)
    ]
    if goals.into is not None:
        _write_folders(out, goals, photos, found, names)
    if goals.sheet is not None:
        draw_clusters(found.groups, names, goals.sheet, photos.analyzer.settings.limits)
        out.note(f"Contact sheet in {goals.sheet}")
    return enrolled


def _tell_enrolled(out: Output, group: str, enrolled: Sequence[EnrolledCluster]) -> None:
    counts = Counter(one.new for each in enrolled for one in each.done)
    others = sum(each.others for each in enrolled)
    parts = [f"{counts[True]} faces enrolled into {group!r}"]
    parts += [f"{counts[False]} were there before"] if counts[False] else []
    parts += [f"{others} are somebody else there and were left alone"] if others else []
    out.note(", ".join(parts))


def _write_folders(
    out: Output, goals: _Goals, photos: Photos, found: Clusters, names: Sequence[str]
) -> None:
    from vultus.learn.cluster_pictures import wanted_of
    from vultus.learn.folder_names import folder_name
    from vultus.learn.own_folder import opened

    if goals.into is None:
        return
    folders: list[str] = []
    for name in names:
        folders.append(folder_name(name, folders))
    limits = photos.analyzer.settings.limits
    wanted = wanted_of(found.groups, folders, limits if goals.crops else None)
    with opened(goals.into, "cluster") as own:
        plan = own.plan(wanted, photos.by_digest)
        done = own.carry_out(plan, goals.link)
        kinds = Counter(how for _, how in out.progress(done, len(plan.new), "Writing"))
    said = [
        f"{count} cut out" if how == "crop" else f"{count} by {how}"
        for how, count in sorted(kinds.items())
    ]
    what = "faces" if goals.crops else "pictures"
    out.note(f"{len(wanted)} {what} in {goals.into}: {', '.join(said) or 'nothing new'}")


def _answer(
    out: Output, photos: Photos, found: Clusters, enrolled: Sequence[EnrolledCluster]
) -> None:
    from vultus.learn.cluster_people import person_name

    persons: list[str | None] = [each.person for each in enrolled]
    persons = persons or [None] * len(found.groups)
    rows = []
    for number, (faces, person) in enumerate(zip(found.groups, persons, strict=True), start=1):
        record = _record(person_name(number), faces)
        if person is not None:
            record = {"cluster": record.pop("cluster"), "person": person, **record}
        rows.append(record)
    if out.format is Format.json:
        for record in rows:
            out.data(record)
        if found.alone:
            out.data(_record(None, found.alone))
    else:
        keys = ("cluster", "person", "faces", "pictures")
        table = [{key: row[key] for key in keys if key in row} for row in rows]
        for row, full in zip(table, rows, strict=True):
            row["faces"] = len(full["faces"])
            row["first"] = full["faces"][0]["source"]
        out.table(table, "Nobody is in two pictures.")
    _sum_up(out, photos, found)


def _record(name: str | None, faces: Sequence[FoundFace]) -> dict[str, Any]:
    from vultus.cli.records import box_record, rounded

    listed = [
        {
            "source": str(face.path),
            "face": face.index,
            "box": box_record(face.face),
            "quality": rounded(face.rating),
        }
        for face in faces
    ]
    pictures = len({face.picture for face in faces})
    return {"cluster": name, "pictures": pictures, "faces": listed}


def _sum_up(out: Output, photos: Photos, found: Clusters) -> None:
    grouped = sum(len(faces) for faces in found.groups)
    summary = {
        "pictures": len(photos.pictures),
        "copies": photos.copies,
        "failed": photos.failed,
        "faces": grouped + len(found.alone),
        "clusters": len(found.groups),
        "alone": len(found.alone),
    }
    out.data(
        {"summary": summary},
        f"{summary['faces']} faces in {summary['pictures']} pictures: {summary['clusters']} people "
        f"with {grouped} faces, {summary['alone']} faces alone",
    )
