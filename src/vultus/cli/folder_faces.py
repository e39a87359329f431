"""Looking at all faces of many pictures, with the cache of what was seen before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli import options
from vultus.cli.output import Output
from vultus.work import choose_jobs

if TYPE_CHECKING:
    from vultus.faces.analyzer import Analyzer
    from vultus.learn.embeddings import FolderFaces

CacheOption = Annotated[
    bool,
    typer.Option(
        "--cache/--no-cache",
        help="Keep embeddings of pictures in the cache folder for the next run.",
    ),
]


def make_describer(jobs: int, pictures: int, mirror: bool | None = None) -> tuple[Analyzer, int]:
    """An Analyzer for so many pictures, and how many threads there will be."""
    import cv2

    at_once = choose_jobs(jobs, pictures)
    if at_once > 1:
        cv2.setNumThreads(1)  # the pictures share the cores
    return options.make_analyzer(options.settings_for(at_once), mirror=mirror), at_once


def describe_pictures(
    out: Output, analyzer: Analyzer, paths: Sequence[Path], at_once: int, *, cached: bool
) -> list[FolderFaces]:
    """The faces of all pictures, in their order, with a bar for whoever waits."""
    from vultus.learn.embedding_cache import EmbeddingCache
    from vultus.learn.embeddings import embed_pictures

    cache = EmbeddingCache.of(analyzer) if cached else None
    try:
        looked = embed_pictures(analyzer, paths, cache=cache, jobs=at_once)
        return list(out.progress(looked, len(paths), "Looking at faces"))
    finally:
        if cache is not None:
            cache.close()


def tell_unreadable(out: Output, looked: Sequence[FolderFaces]) -> None:
    """Say which pictures cannot be used, and why."""
    for one in looked:
        if one.error is not None:
            out.note(f"left out: {one.error.message} [{one.error.code}]")
