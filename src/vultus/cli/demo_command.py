"""`vultus demo`: the main job on real pictures, in a minute, without any of your own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.output import Format, Output
from vultus.errors import StorageError, UsageError

if TYPE_CHECKING:
    from vultus.gallery.gallery import Gallery
    from vultus.imaging.load import Image

_GROUP = "demo"


@dataclass(frozen=True)
class _Case:
    name: str
    image: Image


def demo(
    people: Annotated[
        Path | None, typer.Option("--people", help="A folder a person; with --photos.")
    ] = None,
    photos: Annotated[
        Path | None, typer.Option("--photos", help="Pictures to name people in.")
    ] = None,
    out_dir: Annotated[Path, typer.Option("--out", help="Where annotated pictures go.")] = Path(
        "vultus-demo"
    ),
    format: options.FormatOption = Format.human,
) -> None:
    """Enrol, find and name people: on a public-domain photograph, or on your own pictures.

    The photograph is NASA's of the astronaut Eileen Collins, which scikit-image carries.
    """
    if (people is None) != (photos is None):
        raise UsageError("--people and --photos go together.", "Give both, or none.")
    out = Output(format)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{out_dir} cannot be made: {error.strerror}.", "Choose another place with --out."
        ) from error
    gallery_file = out_dir / "vultus-demo.db"
    _remove_old(gallery_file)
    if people is not None and photos is not None:
        _run_on_own(people, photos, out_dir, gallery_file, format)
    else:
        _run_on_astronaut(out, out_dir, gallery_file)
    out.note(f"Annotated pictures and the gallery are in {out_dir.resolve()}")


def _remove_old(gallery: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        gallery.with_name(gallery.name + ending).unlink(missing_ok=True)


def _run_on_own(people: Path, photos: Path, out_dir: Path, gallery: Path, format: Format) -> None:
    from vultus.cli.enroll_command import enroll
    from vultus.cli.identify_command import identify

    try:
        enroll([people], group=_GROUP, gallery=str(gallery), format=format, largest=True)
    except typer.Exit:
        Output(format).note("Some pictures were not enrolled; going on with the others.")
    identify([photos], group=_GROUP, gallery=str(gallery), format=format, annotate=out_dir)


def _run_on_astronaut(out: Output, out_dir: Path, gallery: Path) -> None:
    from vultus.cli.demo_pictures import CollagePictures

    pictures = CollagePictures()
    with options.make_gallery(str(gallery)) as people:
        people.enroll("eileen_collins", [pictures.astronaut], group=_GROUP)
        out.note("Enrolled eileen_collins from one photograph. Now finding her again:")
        rows = []
        for name, image in pictures.cases():
            rows += _name_people(people, _Case(name, image), out_dir)
    out.table(rows, "Nothing was found.")


def _name_people(people: Gallery, case: _Case, out_dir: Path) -> list[dict[str, object]]:
    from vultus.cli.identify_command import marks_of
    from vultus.imaging.draw import draw_faces, save_picture

    start = time.perf_counter()
    found = people.identify(case.image, group=_GROUP)
    seconds = time.perf_counter() - start
    path = out_dir / f"{case.name}.jpg"
    save_picture(draw_faces(case.image, marks_of(found)), path)
    rows: list[dict[str, object]] = [
        {
            "picture": case.name,
            "person": one.person or "unknown",
            "probability": f"{one.probability:.3f}",
            "distance": f"{one.candidates[0].distance:.3f}",
            "face_px": round(float(one.face.box[2])),
            "ms": round(seconds * 1000),
            "annotated": str(path),
        }
        for one in found
    ]
    nobody: dict[str, object] = {
        "picture": case.name,
        "person": "(no face)",
        "probability": "",
        "distance": "",
        "face_px": "",
        "ms": round(seconds * 1000),
        "annotated": str(path),
    }
    return rows or [nobody]
