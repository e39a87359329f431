"""A collection of photos as `cluster` and `sort` take it: all faces, no picture twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vultus.cli.folder_faces import describe_pictures, make_describer
from vultus.cli.output import Output
from vultus.errors import NothingToDo, UsageError, VultusError
from vultus.imaging.folders import find_pictures

if TYPE_CHECKING:
    from vultus.faces.analyzer import Analyzer
    from vultus.gallery.gallery import Gallery
    from vultus.learn.embeddings import FolderFaces


@dataclass(frozen=True)
class Photos:
    """pictures: those that could be used, each once; copies: how many more were the same, byte by
    byte; failed: how many could not be used."""

    analyzer: Analyzer
    pictures: list[FolderFaces]
    copies: int
    failed: int

    @property
    def by_digest(self) -> dict[str, Path]:
        """Where each picture lies."""
        return {picture.digest: picture.path for picture in self.pictures}


def list_photos(out: Output, paths: Sequence[Path], into: Path | None) -> list[Path]:
    """The pictures below the paths, without those that lie in `into`: they were put there.

    Raises:
        UsageError: a path does not exist. NothingToDo: there is no picture.
    """
    for path in paths:
        if not path.exists():
            raise UsageError(f"There is no {path}.", "Check the path.")
    found = find_pictures(paths)
    named = [picture.path for picture in found.pictures]
    if into is not None:
        below = into.resolve()
        named = [path for path in named if below not in path.resolve().parents]
        if not named:
            raise NothingToDo(
                f"All {len(found.pictures)} pictures lie in {into}, where they would be put.",
                "Name the folder of the originals.",
            )
    if found.skipped:
        out.note(f"{found.skipped} other files skipped")
    return named


def look_at_photos(
    out: Output, named: Sequence[Path], jobs: int, mirror: bool | None, *, cached: bool
) -> Photos:
    """Find and embed all faces; what cannot be used is reported."""
    from vultus.learn.clustering import distinct

    analyzer, at_once = make_describer(jobs, len(named), mirror)
    looked = describe_pictures(out, analyzer, named, at_once, cached=cached)
    failed = 0
    for each in looked:
        if each.faces is None:
            failed += 1
            out.error(each.error or VultusError("nothing was found"), str(each.path))
    pictures, copies = distinct(looked)
    if copies:
        out.note(f"{copies} pictures are there twice, byte by byte, and count once")
    return Photos(analyzer, pictures, copies, failed)


def gallery_of(analyzer: Analyzer, address: str | None, far: float | None) -> Gallery:
    """The gallery, with the Analyzer that is there already."""
    from vultus.gallery.gallery import Gallery

    return Gallery(address, settings=analyzer.settings, analyzer=analyzer, far=far)


def check_far(far: float | None) -> None:
    """A rate that was never measured fails before the work. Raises UsageError."""
    from vultus.gallery.calibration import Calibrator
    from vultus.models.catalogue import EMBEDDER

    Calibrator.of(EMBEDDER, far)
