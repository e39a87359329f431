"""Looking at the one face of each of many pictures, on several threads, some pictures at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from vultus.cli import options
from vultus.cli.output import Output
from vultus.work import choose_jobs, work_through

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vultus.errors import VultusError
    from vultus.faces.analyzer import Analyzer
    from vultus.learn.cutting import CutFaces

Answer = TypeVar("Answer")

_AT_ONCE = 16  # pictures of which the networks see the faces in one run


@dataclass(frozen=True)
class Looked(Generic[Answer]):
    """Some pictures: the place of the first among all, their faces, and what was made of them.

    answer: None where none of them has a face.
    """

    first: int
    cut: CutFaces
    answer: Answer | None


def make_looker(jobs: int, pictures: int) -> tuple[Analyzer, int]:
    """An Analyzer with its models loaded, and how many threads there will be."""
    import cv2

    at_once = choose_jobs(jobs, -(-pictures // _AT_ONCE))
    if at_once > 1:
        cv2.setNumThreads(1)  # the pictures share the cores
    analyzer = options.make_analyzer(options.settings_for(at_once))
    analyzer.warm_up(embed=False, attributes=("age", "expression"))
    return analyzer, at_once


def look_at_faces(
    out: Output,
    paths: Sequence[Path],
    at_once: int,
    cut: Callable[[Sequence[Path]], CutFaces],
    make: Callable[[NDArray[np.uint8]], Answer],
) -> Iterator[Looked[Answer]]:
    """`cut` the faces out of all pictures, some at a time, and `make` something of their chips."""

    def work(first: int) -> Looked[Answer]:
        faces = cut(paths[first : first + _AT_ONCE])
        return Looked(first, faces, make(faces.chips) if len(faces.chips) else None)

    starts = range(0, len(paths), _AT_ONCE)
    for result in out.progress(
        work_through(starts, work, at_once), len(starts), "Looking at faces"
    ):
        if result.answer is None:
            raise result.error or RuntimeError("no answer")
        yield result.answer


def tell_left_out(out: Output, paths: Sequence[Path], errors: dict[int, VultusError]) -> None:
    """Name the pictures that could not be used."""
    for row, error in errors.items():
        out.note(f"{paths[row]}: left out: {error.message} [{error.code}]")


def left_out_records(paths: Sequence[Path], errors: dict[int, VultusError]) -> list[dict[str, str]]:
    """The same as data."""
    return [{"source": str(paths[row]), "code": error.code} for row, error in errors.items()]
