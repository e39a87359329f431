"""One run over many pictures: find them, work on several at once, answer each, sum up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from vultus.cli.annotate import Annotator
from vultus.cli.exit_codes import FAILED
from vultus.cli.output import Output
from vultus.imaging.folders import Picture, find_pictures
from vultus.work import choose_jobs, work_through

if TYPE_CHECKING:
    from vultus.imaging.draw import Mark
    from vultus.imaging.load import Image
    from vultus.settings import LimitSettings

Answer = TypeVar("Answer")


class PictureRun:
    """A command's way through the pictures that were named on its line."""

    def __init__(
        self, out: Output, paths: Sequence[Path], jobs: int, annotate: Path | None = None
    ) -> None:
        self._out = out
        self._found = find_pictures(paths)
        self._annotator = Annotator(annotate, self._found.pictures) if annotate else None
        self.jobs = choose_jobs(jobs, len(self._found.pictures))

    def go(
        self,
        title: str,
        limits: LimitSettings,
        work: Callable[[Image], Answer],
        answer: Callable[[str, Answer], Sequence[Mark]],
    ) -> None:
        """`work` on each picture, on several threads; `answer` here, in order, with its marks.

        Raises:
            typer.Exit: pictures failed; the others were answered all the same.
        """
        from vultus.imaging.load import load

        def load_and_work(picture: Picture) -> tuple[Image | None, Answer]:
            image = load(picture.path, limits)
            # a picture is kept only where it is drawn on
            return (image if self._annotator else None), work(image)

        pictures = self._found.pictures
        results = work_through(pictures, load_and_work, self.jobs)
        failed = 0
        for result in self._out.progress(results, len(pictures), title):
            source = str(result.task.path)
            if result.error is not None:
                failed += 1
                self._out.error(result.error, source)
            elif result.answer is not None:
                image, found = result.answer
                marks = answer(source, found)
                if self._annotator and image is not None:
                    self._annotator.write(result.task, image, marks)
        self._sum_up(failed)
        if failed:
            raise typer.Exit(FAILED)

    def _sum_up(self, failed: int) -> None:
        count, skipped = len(self._found.pictures), self._found.skipped
        parts = [f"{count} pictures"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{skipped} other files skipped"] if skipped else []
        if count > 1 or skipped:
            self._out.note(", ".join(parts))
        if self._annotator:
            self._out.note(
                f"{self._annotator.count} annotated pictures in {self._annotator.folder}"
            )
